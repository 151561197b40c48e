//! `FROM`, `ARG` and `RUN`: what decides about stages and runs programs.

use super::super::diagnostic::Diagnostic;
use super::super::heredoc::Heredoc;
use super::super::parser::{Arguments, Node, Word};
use super::{Argument, Command, From, Run, Typist};

fn is_stage_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.')
        })
}

impl Typist<'_> {
    pub(super) fn from(&self, node: Node) -> Result<From, Diagnostic> {
        let platform = self.flags(&node, &["platform"])?.value("platform")?;
        let Arguments::Words(words) = &node.arguments else {
            return Err(self.missing(&node, "the name of an image"));
        };
        let (image, name) = match &words[..] {
            [image] => (image, None),
            [image, keyword, name] if keyword.text.eq_ignore_ascii_case("as") => {
                (image, Some(self.stage_name(name)?))
            }
            [_, extra, ..] => {
                let reason = format!("FROM does not understand {:?}", extra.text);
                let complaint = self.source.complain(extra.span, reason);
                return Err(complaint.hint("write FROM image, or FROM image AS name"));
            }
            [] => return Err(self.missing(&node, "the name of an image")),
        };
        Ok(From {
            image: image.clone(),
            platform,
            name,
        })
    }

    fn stage_name(&self, word: &Word) -> Result<Word, Diagnostic> {
        let name = word.text.to_lowercase();
        if !is_stage_name(&name) {
            let reason = format!("{:?} is no name for a stage", word.text);
            let complaint = self.source.complain(word.span, reason);
            return Err(complaint.hint("a letter comes first; then letters, digits, - _ ."));
        }
        Ok(Word {
            text: name,
            span: word.span,
        })
    }

    pub(super) fn argument_list(&self, node: Node) -> Result<Vec<Argument>, Diagnostic> {
        self.no_flags(&node)?;
        let Arguments::Words(words) = &node.arguments else {
            return Err(self.missing(&node, "a name"));
        };
        let arguments = words.iter().map(|word| {
            let (name, default) = match word.text.split_once('=') {
                Some((name, default)) => (name, Some(default)),
                None => (&word.text[..], None),
            };
            if name.is_empty() || name.contains(['"', '\'', '$', '\\']) {
                let reason = format!("{name:?} is no name for a build argument");
                return Err(self.source.complain(word.span, reason));
            }
            let part = |text: &str| Word {
                text: text.to_owned(),
                span: word.span,
            };
            Ok(Argument {
                name: part(name),
                default: default.map(part),
            })
        });
        arguments.collect()
    }

    /// The command of `RUN`, `CMD` and `ENTRYPOINT`.
    fn command_of(&self, node: &Node) -> Result<Command, Diagnostic> {
        match &node.arguments {
            Arguments::Json(words) => Ok(Command::Exec(
                words.iter().map(|word| word.text.clone()).collect(),
            )),
            Arguments::Text(word) => Ok(Command::Shell(word.text.clone())),
            _ => Err(self.missing(node, "a command")),
        }
    }

    pub(super) fn command(&self, node: Node) -> Result<Command, Diagnostic> {
        self.no_flags(&node)?;
        self.command_of(&node)
    }

    pub(super) fn run(&self, node: Node) -> Result<Run, Diagnostic> {
        let mut flags = self.flags(&node, &["mount", "network", "security"])?;
        let mounts = flags.values("mount")?;
        let mounts = mounts.iter().map(|word| self.mount(word));
        let mounts = mounts.collect::<Result<_, _>>()?;
        let (network, security) = (flags.value("network")?, flags.value("security")?);
        let command = self.command_of(&node)?;
        if command == Command::Exec(Vec::new()) {
            return Err(self.missing(&node, "a command"));
        }
        Ok(Run {
            command,
            mounts,
            network,
            security,
            heredocs: node.heredocs,
        })
    }
}

impl Run {
    /// The one here-document that is the whole command, if it is so.
    #[must_use]
    pub fn script(&self) -> Option<&Heredoc> {
        let Command::Shell(text) = &self.command else {
            return None;
        };
        let [document] = &self.heredocs[..] else {
            return None;
        };
        Heredoc::opened_by(text).map(|_| document)
    }

    /// The text for the shell: the command with its here-documents written out again, or the
    /// document itself where it is the whole command.
    #[must_use]
    pub fn shell_text(&self) -> Option<String> {
        let Command::Shell(text) = &self.command else {
            return None;
        };
        if let Some(document) = self.script() {
            return Some(document.body());
        }
        let mut whole = text.clone();
        for document in &self.heredocs {
            whole.push('\n');
            whole.push_str(&document.content);
            whole.push_str(&document.name);
        }
        Some(whole)
    }
}
