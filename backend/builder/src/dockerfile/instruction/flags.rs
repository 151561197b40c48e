//! Flags: `--name=value` and `--name`, known by name, at most once unless they may repeat.

use super::super::diagnostic::Diagnostic;
use super::super::name::nearest;
use super::super::parser::{Node, Word};
use super::Typist;

/// The flags of one instruction, taken one by one.
#[derive(Debug)]
pub(super) struct Flags<'a> {
    typist: Typist<'a>,
    flags: Vec<Flag>,
}

#[derive(Debug)]
struct Flag {
    name: String,
    value: Option<Word>,
    whole: Word,
}

impl<'a> Typist<'a> {
    /// The flags of a node, each of them one of `known`.
    pub(super) fn flags(&self, node: &Node, known: &[&str]) -> Result<Flags<'a>, Diagnostic> {
        let mut flags = Vec::with_capacity(node.flags.len());
        for word in &node.flags {
            let text = word.text.strip_prefix("--").unwrap_or(&word.text);
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (text, None),
            };
            if !known.contains(&name) {
                let reason = format!("{} has no flag --{name}", node.name);
                let complaint = self.source.complain(word.span, reason);
                let hint = match (nearest(name, known), known.is_empty()) {
                    (Some(meant), _) => format!("did you mean --{meant}?"),
                    (None, true) => format!("{} takes no flags", node.name),
                    (None, false) => format!("it has --{}", known.join(", --")),
                };
                return Err(complaint.hint(hint));
            }
            flags.push(Flag {
                name: name.to_owned(),
                value: value.map(|value| Word {
                    text: value.to_owned(),
                    span: word.span,
                }),
                whole: word.clone(),
            });
        }
        Ok(Flags {
            typist: *self,
            flags,
        })
    }
}

impl Flags<'_> {
    fn take(&mut self, name: &str) -> Result<Option<Flag>, Diagnostic> {
        let found = self.flags.iter().position(|flag| flag.name == name);
        let found = found.map(|index| self.flags.remove(index));
        if let Some(again) = self.flags.iter().find(|flag| flag.name == name) {
            let reason = format!("--{name} is given twice");
            return Err(self.typist.source.complain(again.whole.span, reason));
        }
        Ok(found)
    }

    /// The value of a flag that may stand once.
    pub(super) fn value(&mut self, name: &str) -> Result<Option<Word>, Diagnostic> {
        let Some(flag) = self.take(name)? else {
            return Ok(None);
        };
        match flag.value {
            Some(value) => Ok(Some(value)),
            None => Err(self.no_value(&flag)),
        }
    }

    /// The values of a flag that may repeat.
    pub(super) fn values(&mut self, name: &str) -> Result<Vec<Word>, Diagnostic> {
        let (found, rest) = std::mem::take(&mut self.flags)
            .into_iter()
            .partition(|flag| flag.name == name);
        self.flags = rest;
        let found: Vec<Flag> = found;
        found
            .into_iter()
            .map(|flag| flag.value.clone().ok_or_else(|| self.no_value(&flag)))
            .collect()
    }

    /// A flag that is true or false; alone it is true.
    pub(super) fn boolean(&mut self, name: &str) -> Result<Option<bool>, Diagnostic> {
        let Some(flag) = self.take(name)? else {
            return Ok(None);
        };
        match flag.value.as_ref().map(|value| &value.text[..]) {
            None | Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(other) => {
                let reason = format!("--{name} can be true or false, not {other:?}");
                Err(self.typist.source.complain(flag.whole.span, reason))
            }
        }
    }

    fn no_value(&self, flag: &Flag) -> Diagnostic {
        let reason = format!("--{} needs a value", flag.name);
        let complaint = self.typist.source.complain(flag.whole.span, reason);
        complaint.hint(format!("write --{}=value", flag.name))
    }
}
