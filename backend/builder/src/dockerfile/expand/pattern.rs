//! Patterns of `${x#p}`, `${x%p}` and `${x/p/r}`: `*`, `?` and characters.

use regex::{NoExpand, Regex};

use super::ExpandError;

/// A pattern in pieces.
#[derive(Debug)]
pub(super) struct Pattern(Vec<Token>);

#[derive(Debug, Clone, Copy)]
enum Token {
    Any,
    One,
    Char(char),
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, ExpandError> {
        let mut tokens = Vec::new();
        let mut chars = text.chars();
        while let Some(c) = chars.next() {
            tokens.push(match c {
                '*' => Token::Any,
                '?' => Token::One,
                '\\' => match chars.next() {
                    Some(c @ ('*' | '?' | '\\' | '/' | '}')) => Token::Char(c),
                    Some(c) => return Err(ExpandError::Pattern(c)),
                    None => Token::Char('\\'),
                },
                c => Token::Char(c),
            });
        }
        Ok(Self(tokens))
    }

    /// As a regular expression; `None` when it is too large for one.
    fn regex(tokens: impl Iterator<Item = Token>, longest: bool, anchor: &str) -> Option<Regex> {
        let mut text = format!("(?s){anchor}");
        for token in tokens {
            match token {
                Token::Any => text.push_str(if longest { ".*" } else { ".*?" }),
                Token::One => text.push('.'),
                Token::Char(c) => text.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
            }
        }
        Regex::new(&text).ok()
    }

    /// Replaces the first or every longest match.
    pub(super) fn replace(&self, value: &str, with: &str, all: bool) -> String {
        let Some(regex) = Self::regex(self.0.iter().copied(), true, "") else {
            return value.to_owned();
        };
        let limit = usize::from(!all);
        regex.replacen(value, limit, NoExpand(with)).into_owned()
    }
}

/// Takes the shortest or longest match off the front.
pub(super) fn trim_prefix(pattern: &Pattern, value: &str, longest: bool) -> String {
    let found = Pattern::regex(pattern.0.iter().copied(), longest, "^");
    let end = found.and_then(|regex| regex.find(value).map(|found| found.end()));
    value[end.unwrap_or(0)..].to_owned()
}

/// Takes the shortest or longest match off the end.
pub(super) fn trim_suffix(pattern: &Pattern, value: &str, longest: bool) -> String {
    let turned: String = value.chars().rev().collect();
    let found = Pattern::regex(pattern.0.iter().rev().copied(), longest, "^");
    let taken = found.and_then(|regex| regex.find(&turned).map(|found| found.end()));
    value[..value.len() - taken.unwrap_or(0)].to_owned()
}
