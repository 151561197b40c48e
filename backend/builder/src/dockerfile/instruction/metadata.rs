//! Instructions that only change the image's configuration.

use super::super::diagnostic::Diagnostic;
use super::super::parser::{Arguments, Node, Pair, Word};
use super::Typist;

impl Typist<'_> {
    pub(super) fn pairs(&self, node: Node) -> Result<Vec<Pair>, Diagnostic> {
        self.no_flags(&node)?;
        let Arguments::Pairs(pairs) = &node.arguments else {
            return Err(self.missing(&node, "name=value"));
        };
        if let Some(nameless) = pairs.iter().find(|pair| pair.name.text.is_empty()) {
            let reason = format!("a name is missing before = in {}", node.name);
            return Err(self.source.complain(nameless.value.span, reason));
        }
        Ok(pairs.clone())
    }

    pub(super) fn word_list(&self, node: Node) -> Result<Vec<Word>, Diagnostic> {
        self.no_flags(&node)?;
        match node.arguments {
            Arguments::Words(words) | Arguments::Json(words) if !words.is_empty() => Ok(words),
            _ => Err(self.missing(&node, "at least one argument")),
        }
    }

    pub(super) fn volumes(&self, node: Node) -> Result<Vec<Word>, Diagnostic> {
        let words = self.word_list(node)?;
        match words.iter().find(|word| word.text.is_empty()) {
            Some(empty) => Err(self.source.complain(empty.span, "a volume's path is empty")),
            None => Ok(words),
        }
    }

    pub(super) fn text(&self, node: Node) -> Result<Word, Diagnostic> {
        self.no_flags(&node)?;
        match node.arguments {
            Arguments::Text(word) => Ok(word),
            _ => Err(self.missing(&node, "an argument")),
        }
    }

    pub(super) fn shell(&self, node: Node) -> Result<Vec<String>, Diagnostic> {
        self.no_flags(&node)?;
        match node.arguments {
            Arguments::Json(words) if !words.is_empty() => {
                Ok(words.into_iter().map(|word| word.text).collect())
            }
            _ => {
                let complaint = self.missing(&node, "a JSON array");
                Err(complaint.hint("write SHELL [\"/bin/bash\", \"-c\"]"))
            }
        }
    }
}
