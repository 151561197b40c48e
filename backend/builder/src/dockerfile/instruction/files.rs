//! `COPY` and `ADD`.

use super::super::diagnostic::Diagnostic;
use super::super::heredoc::Heredoc;
use super::super::parser::{Arguments, Node, Word};
use super::{Copy, CopySource, Typist};

const COPY_FLAGS: [&str; 6] = ["from", "chown", "chmod", "link", "parents", "exclude"];
const ADD_FLAGS: [&str; 7] = [
    "chown",
    "chmod",
    "link",
    "exclude",
    "checksum",
    "unpack",
    "keep-git-dir",
];

impl Typist<'_> {
    pub(super) fn copy(&self, node: Node) -> Result<Copy, Diagnostic> {
        let is_add = node.name == "ADD";
        let known: &[&str] = if is_add { &ADD_FLAGS } else { &COPY_FLAGS };
        let mut flags = self.flags(&node, known)?;
        let words = match &node.arguments {
            Arguments::Words(words) | Arguments::Json(words) => &words[..],
            _ => &[],
        };
        let Some((destination, sources)) = words.split_last().filter(|(_, s)| !s.is_empty()) else {
            let complaint = self.missing(&node, "at least one source and a destination");
            return Err(complaint.hint(format!("write {} source destination", node.name)));
        };
        if destination.text.is_empty() {
            return Err(self
                .source
                .complain(destination.span, "the destination is empty"));
        }
        if !node.heredocs.is_empty() && Heredoc::opened_by(&destination.text).is_some() {
            let reason = "a here-document cannot be the destination";
            return Err(self.source.complain(destination.span, reason));
        }
        Ok(Copy {
            is_add,
            sources: sources_of(sources, &node.heredocs),
            destination: destination.clone(),
            from: flags.value("from")?,
            chown: flags.value("chown")?,
            chmod: flags.value("chmod")?,
            link: flags.boolean("link")?.unwrap_or(false),
            parents: flags.boolean("parents")?.unwrap_or(false),
            exclude: flags.values("exclude")?,
            checksum: flags.value("checksum")?,
            unpack: flags.boolean("unpack")?,
            keep_git_dir: flags.boolean("keep-git-dir")?.unwrap_or(false),
        })
    }
}

/// Words that open a here-document take the next one; the rest are paths.
fn sources_of(words: &[Word], heredocs: &[Heredoc]) -> Vec<CopySource> {
    let mut documents = heredocs.iter();
    let mut source = |word: &Word| {
        let opened = Heredoc::opened_by(&word.text).and_then(|_| documents.next());
        match opened {
            Some(document) => CopySource::Inline(document.clone()),
            None => CopySource::Path(word.clone()),
        }
    };
    words.iter().map(&mut source).collect()
}
