//! Words with quotes, escapes and variables, as a Dockerfile means them: close to a shell, with
//! `${x}`, `${x:-y}`, `${x:+y}`, `${x:?y}` (and without the colon), `${x#p}`, `${x##p}`,
//! `${x%p}`, `${x%%p}`, `${x/p/r}`, `${x//p/r}`. No command substitution, ever.
//!
//! Text that grows out of all proportion (variables of variables) is refused, not made.

mod pattern;
mod scan;

use std::collections::{BTreeMap, BTreeSet};

use scan::{Mode, Scanner};

/// Bytes that one word may become.
pub const MOST_BYTES: usize = 1 << 20;
/// Levels of `${a:-${b:-…}}`.
const DEEPEST: usize = 64;

/// Values by name.
pub type Variables = BTreeMap<String, String>;

/// Why a word cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpandError {
    /// A quote is not closed.
    #[error("a {0} quote is not closed")]
    OpenQuote(&'static str),
    /// `${` without `}`.
    #[error("missing }} after ${{")]
    OpenBrace,
    /// `${x/p` without the second `/`.
    #[error("missing / in ${{{0}/pattern/replacement}}")]
    OpenPattern(String),
    /// `${}`, `${:x}` and their like.
    #[error("bad substitution: a name must follow ${{")]
    NoName,
    /// A modifier that no shell has, or that Dockerfiles lack.
    #[error("unsupported modifier {modifier:?} in ${{{name}…}}")]
    Modifier {
        /// The variable.
        name: String,
        /// What follows it.
        modifier: String,
    },
    /// `${x?message}` of a variable without value.
    #[error("{name}: {message}")]
    Required {
        /// The variable.
        name: String,
        /// The author's message, or a general one.
        message: String,
    },
    /// A pattern with a backslash before something that needs none.
    #[error("invalid escape \\{0} in a pattern; only \\* \\? \\\\ \\/ and \\}} mean something")]
    Pattern(char),
    /// Nested too deeply.
    #[error("substitutions are nested more than {DEEPEST} deep")]
    TooDeep,
    /// Too long.
    #[error("the expanded text is longer than {MOST_BYTES} bytes")]
    TooLong,
}

/// A word after expansion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expanded {
    /// The text.
    pub text: String,
    /// Variables in it that have no value.
    pub unset: BTreeSet<String>,
}

/// Expands words by these variables.
#[derive(Debug, Clone, Copy)]
pub struct Expander<'a> {
    escape: char,
    variables: &'a Variables,
}

impl<'a> Expander<'a> {
    /// With the file's escape character.
    #[must_use]
    pub fn new(escape: char, variables: &'a Variables) -> Self {
        Self { escape, variables }
    }

    /// One word; white space in values does not part it.
    ///
    /// # Errors
    /// As [`ExpandError`] says.
    pub fn word(&self, text: &str) -> Result<Expanded, ExpandError> {
        let mut scanner = Scanner::new(text, self.variables, Mode::word(self.escape));
        let text = scanner.whole()?.text;
        Ok(Expanded {
            text,
            unset: scanner.unset,
        })
    }

    /// As many words as white space outside quotes makes of it after expansion.
    ///
    /// # Errors
    /// As [`ExpandError`] says.
    pub fn words(&self, text: &str) -> Result<Vec<String>, ExpandError> {
        let mut scanner = Scanner::new(text, self.variables, Mode::word(self.escape));
        Ok(scanner.whole()?.into_words())
    }

    /// The content of a here-document: variables and backslashes count, quotes do not.
    ///
    /// # Errors
    /// As [`ExpandError`] says.
    pub fn content(&self, text: &str) -> Result<String, ExpandError> {
        let mut scanner = Scanner::new(text, self.variables, Mode::content());
        Ok(scanner.whole()?.text)
    }
}

/// A text without its quotes and escapes, variables left alone; `None` if a quote is not closed.
pub(super) fn unquote(text: &str) -> Option<String> {
    let none = Variables::new();
    let mode = Mode {
        keep_unset: true,
        ..Mode::word('\\')
    };
    let mut scanner = Scanner::new(text, &none, mode);
    scanner.whole().ok().map(|piece| piece.text)
}

/// The words of a line as they are, quotes, escapes and variables kept.
pub(super) fn raw_words(text: &str) -> Vec<String> {
    let none = Variables::new();
    let mut scanner = Scanner::new(text, &none, Mode::raw());
    scanner
        .whole()
        .map(scan::Piece::into_words)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
