//! Lines to instructions with arguments in the form that their name asks for, nothing more:
//! whether a flag exists or a port is a number is [`super::instruction`]'s business.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Source, Span};
use super::heredoc::Heredoc;
use super::lexer::{Directives, Lexer, LogicalLine};
use super::words::{self, Cut};

/// Instructions by name.
pub const NAMES: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// A piece of text and where it stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Word {
    /// The text.
    pub text: String,
    /// Its place.
    pub span: Span,
}

/// An instruction by form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its name in upper case.
    pub name: String,
    /// Where the name stands.
    pub name_span: Span,
    /// Where the whole instruction stands.
    pub span: Span,
    /// First line, from 1.
    pub line: u32,
    /// Last line, here-documents included.
    pub last_line: u32,
    /// The instruction on one line, as written.
    pub text: String,
    /// An empty line stands within it.
    pub has_empty_continuation: bool,
    /// Flags.
    pub flags: Vec<Word>,
    /// Arguments.
    pub arguments: Arguments,
    /// Here-documents, in order.
    pub heredocs: Vec<Heredoc>,
}

/// Arguments of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arguments {
    /// None.
    None,
    /// Words parted by white space.
    Words(Vec<Word>),
    /// A JSON array of strings.
    Json(Vec<Word>),
    /// Everything, as one text.
    Text(Word),
    /// `name=value` pairs, or one pair in the old form `name value`.
    Pairs(Vec<Pair>),
    /// A word, and what it makes of the rest (`HEALTHCHECK`).
    Typed(Word, Box<Arguments>),
    /// Another instruction (`ONBUILD`).
    Nested(Box<Node>),
    /// The name is unknown; nobody knows.
    Unknown,
}

/// A name and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The name.
    pub name: Word,
    /// The value, quotes kept.
    pub value: Word,
    /// Written as `name value`.
    pub is_legacy: bool,
}

/// A Dockerfile by form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Its directives.
    pub directives: Directives,
    /// Its instructions.
    pub nodes: Vec<Node>,
    /// What is wrong with lines that have no node.
    pub complaints: Vec<Diagnostic>,
}

/// Reads a Dockerfile's form. What is wrong is collected, so that a person sees all of it.
#[must_use]
pub fn tree(text: &str) -> Tree {
    let source = Source::new(text);
    let mut found = Tree {
        directives: Directives::default(),
        nodes: Vec::new(),
        complaints: Vec::new(),
    };
    let mut lexer = match Lexer::new(&source, text) {
        Ok(lexer) => lexer,
        Err(complaint) => {
            found.complaints.push(complaint);
            return found;
        }
    };
    found.directives = lexer.directives().clone();
    while let Some(line) = lexer.next_line() {
        if line.text.trim().is_empty() {
            continue;
        }
        match statement(&source, &mut lexer, &line) {
            Ok(node) => found.nodes.push(node),
            Err(complaint) => found.complaints.push(complaint),
        }
    }
    if found.nodes.is_empty() && found.complaints.is_empty() {
        let complaint = source.complain(Span::default(), "the Dockerfile has no instructions");
        found
            .complaints
            .push(complaint.hint("begin with FROM and the name of an image"));
    }
    found
}

fn statement(
    source: &Source<'_>,
    lexer: &mut Lexer<'_>,
    line: &LogicalLine,
) -> Result<Node, Diagnostic> {
    let parsed = Reader {
        source,
        line,
        escape: lexer.directives().escape,
    }
    .node(0..line.text.len());
    // An error must not leave a here-document to be read as instructions.
    let opens = match &parsed {
        Ok(node) => node.takes_heredocs(),
        Err(_) => true,
    };
    let mut heredocs = Vec::new();
    for mut document in Heredoc::opened_on(&line.text).into_iter().filter(|_| opens) {
        let Some(content) = lexer.heredoc(&document.name, document.strips_tabs) else {
            let reason = format!("the here-document <<{} is never closed", document.name);
            let complaint = source.complain(line.whole(), reason);
            return Err(complaint.hint(format!("a line with only {} ends it", document.name)));
        };
        document.content = content;
        heredocs.push(document);
    }
    let mut node = parsed?;
    node.last_line = lexer.line_number().max(line.last_line);
    if let Arguments::Nested(inner) = &mut node.arguments {
        inner.last_line = node.last_line;
        inner.heredocs.clone_from(&heredocs);
    }
    node.heredocs = heredocs;
    Ok(node)
}

impl Node {
    fn takes_heredocs(&self) -> bool {
        match &self.arguments {
            Arguments::Nested(inner) => inner.takes_heredocs(),
            Arguments::Json(_) => false,
            _ => matches!(&self.name[..], "ADD" | "COPY" | "RUN"),
        }
    }
}

/// Reads parts of one line.
#[derive(Debug, Clone, Copy)]
struct Reader<'a> {
    source: &'a Source<'a>,
    line: &'a LogicalLine,
    escape: char,
}

impl Reader<'_> {
    fn word(&self, cut: Cut) -> Word {
        Word {
            text: cut.text,
            span: self.line.span(cut.range),
        }
    }

    fn slice(&self, range: Range<usize>) -> Word {
        Word {
            text: self.line.text[range.clone()].to_owned(),
            span: self.line.span(range),
        }
    }

    fn words(&self, cuts: Vec<Cut>) -> Vec<Word> {
        cuts.into_iter().map(|cut| self.word(cut)).collect()
    }

    fn node(&self, range: Range<usize>) -> Result<Node, Diagnostic> {
        let text = &self.line.text;
        let range = words::trim(text, range);
        let command = words::command(text, range.clone());
        let name = command.name.text.to_uppercase();
        let arguments = self.arguments(&name, command.rest)?;
        Ok(Node {
            name,
            name_span: self.line.span(command.name.range),
            span: self.line.span(range.clone()),
            line: self.line.first_line,
            last_line: self.line.last_line,
            text: text[range].to_owned(),
            has_empty_continuation: self.line.has_empty_continuation,
            flags: self.words(command.flags),
            arguments,
            heredocs: Vec::new(),
        })
    }

    fn arguments(&self, name: &str, rest: Range<usize>) -> Result<Arguments, Diagnostic> {
        let text = &self.line.text;
        if !NAMES.contains(&name) {
            return Ok(Arguments::Unknown);
        }
        if rest.is_empty() {
            return Ok(Arguments::None);
        }
        match name {
            "ADD" | "COPY" | "VOLUME" => Ok(match self.json(rest.clone())? {
                Some(words) => Arguments::Json(words),
                None => Arguments::Words(self.words(words::plain(text, rest))),
            }),
            "CMD" | "ENTRYPOINT" | "RUN" | "SHELL" => self.json_or_text(rest),
            "EXPOSE" | "FROM" => Ok(Arguments::Words(self.words(words::plain(text, rest)))),
            "ARG" => {
                let cuts = words::quoted(text, rest, self.escape);
                Ok(Arguments::Words(self.words(cuts)))
            }
            "ENV" | "LABEL" => self.pairs(name, rest),
            "HEALTHCHECK" => {
                let (kind, rest) = words::first(text, rest);
                let rest = match rest.is_empty() {
                    true => Arguments::None,
                    false => self.json_or_text(rest)?,
                };
                Ok(Arguments::Typed(self.word(kind), Box::new(rest)))
            }
            "ONBUILD" => self.nested(rest),
            _ => Ok(Arguments::Text(self.slice(rest))),
        }
    }

    fn nested(&self, rest: Range<usize>) -> Result<Arguments, Diagnostic> {
        let (inner, _) = words::first(&self.line.text, rest.clone());
        // Stops a line of a thousand ONBUILDs from becoming a thousand levels.
        if matches!(
            &inner.text.to_uppercase()[..],
            "ONBUILD" | "FROM" | "MAINTAINER"
        ) {
            let reason = format!("{} cannot be a trigger", inner.text.to_uppercase());
            return Err(self.source.complain(self.line.span(inner.range), reason));
        }
        Ok(Arguments::Nested(Box::new(self.node(rest)?)))
    }

    fn json_or_text(&self, rest: Range<usize>) -> Result<Arguments, Diagnostic> {
        Ok(match self.json(rest.clone())? {
            Some(words) => Arguments::Json(words),
            None => Arguments::Text(self.slice(rest)),
        })
    }

    /// The strings of a JSON array; `None` if it is no JSON array, which makes it the shell form.
    fn json(&self, range: Range<usize>) -> Result<Option<Vec<Word>>, Diagnostic> {
        let text = &self.line.text[range.clone()];
        if !text.starts_with('[') {
            return Ok(None);
        }
        let Ok(values) = serde_json::from_str::<Vec<serde_json::Value>>(text) else {
            return Ok(None);
        };
        let span = self.line.span(range);
        let strings = values.into_iter().map(|value| match value {
            serde_json::Value::String(text) => Ok(Word { text, span }),
            other => {
                let reason = format!("a JSON array here holds strings only, and this is {other}");
                Err(self.source.complain(span, reason))
            }
        });
        strings.collect::<Result<_, _>>().map(Some)
    }

    fn pairs(&self, name: &str, rest: Range<usize>) -> Result<Arguments, Diagnostic> {
        let text = &self.line.text;
        let cuts = words::quoted(text, rest.clone(), self.escape);
        let Some(first) = cuts.first() else {
            return Ok(Arguments::None);
        };
        if !first.text.contains('=') {
            let (key, value) = words::first(text, rest);
            if value.is_empty() {
                let reason = format!("{name} {} has no value", key.text);
                let complaint = self.source.complain(self.line.span(key.range), reason);
                return Err(complaint.hint(format!("write {name} {}=value", key.text)));
            }
            return Ok(Arguments::Pairs(vec![Pair {
                name: self.word(key),
                value: self.slice(value),
                is_legacy: true,
            }]));
        }
        let mut pairs = Vec::with_capacity(cuts.len());
        for cut in cuts {
            let Some((key, value)) = cut.text.split_once('=') else {
                let reason = format!("{:?} has no =", cut.text);
                let complaint = self.source.complain(self.line.span(cut.range), reason);
                return Err(complaint.hint("write name=value; quote a value that has spaces"));
            };
            let split = cut.range.start + key.len();
            pairs.push(Pair {
                name: Word {
                    text: key.to_owned(),
                    span: self.line.span(cut.range.start..split),
                },
                value: Word {
                    text: value.to_owned(),
                    span: self.line.span(split + 1..cut.range.end),
                },
                is_legacy: false,
            });
        }
        Ok(Arguments::Pairs(pairs))
    }
}
