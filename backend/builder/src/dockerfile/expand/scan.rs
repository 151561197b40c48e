//! The scanner behind [`super::Expander`]: one pass over the characters of a word.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::str::Chars;

use super::pattern::{self, Pattern};
use super::{DEEPEST, ExpandError, MOST_BYTES, Variables};

/// What a scan keeps and what it takes off.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mode {
    /// Escapes the next character.
    pub(super) escape: char,
    /// Quotes group; otherwise they are characters like others.
    pub(super) quotes: bool,
    /// Quotes stay in the text.
    pub(super) keep_quotes: bool,
    /// Escape characters stay in the text.
    pub(super) keep_escapes: bool,
    /// `$name` without a value stays; otherwise it becomes nothing.
    pub(super) keep_unset: bool,
}

/// What a scan made: the text, and the words that white space outside quotes makes of it.
#[derive(Debug, Default)]
pub(super) struct Piece {
    pub(super) text: String,
    words: Vec<String>,
    word: String,
}

/// A scan under way.
#[derive(Debug)]
pub(super) struct Scanner<'a> {
    chars: Peekable<Chars<'a>>,
    variables: &'a Variables,
    mode: Mode,
    depth: usize,
    /// Variables that were asked for and have no value.
    pub(super) unset: BTreeSet<String>,
}

impl Mode {
    pub(super) fn word(escape: char) -> Self {
        Self {
            escape,
            quotes: true,
            keep_quotes: false,
            keep_escapes: false,
            keep_unset: false,
        }
    }

    pub(super) fn content() -> Self {
        Self {
            quotes: false,
            ..Self::word('\\')
        }
    }

    pub(super) fn raw() -> Self {
        Self {
            keep_quotes: true,
            keep_escapes: true,
            keep_unset: true,
            ..Self::word('\\')
        }
    }
}

impl Piece {
    pub(super) fn into_words(mut self) -> Vec<String> {
        self.end_word();
        self.words
    }

    fn end_word(&mut self) {
        if !self.word.is_empty() {
            self.words.push(std::mem::take(&mut self.word));
        }
    }

    /// A character that belongs to a word whatever it is.
    fn push_kept(&mut self, c: char) {
        self.text.push(c);
        self.word.push(c);
    }

    /// A character that ends a word if it is white space.
    fn push(&mut self, c: char) {
        self.text.push(c);
        if c.is_whitespace() {
            self.end_word();
        } else {
            self.word.push(c);
        }
    }

    fn push_quoted(&mut self, text: &str) -> Result<(), ExpandError> {
        self.text.push_str(text);
        self.word.push_str(text);
        self.check()
    }

    fn push_value(&mut self, text: &str) -> Result<(), ExpandError> {
        for c in text.chars() {
            self.push(c);
        }
        self.check()
    }

    fn check(&self) -> Result<(), ExpandError> {
        if self.text.len() > MOST_BYTES {
            return Err(ExpandError::TooLong);
        }
        Ok(())
    }
}

/// The parameters of a shell that never have a value here (POSIX 2.5.2).
fn is_special(c: char) -> bool {
    matches!(c, '@' | '*' | '#' | '?' | '-' | '$' | '!' | '0')
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str, variables: &'a Variables, mode: Mode) -> Self {
        Self {
            chars: text.chars().peekable(),
            variables,
            mode,
            depth: 0,
            unset: BTreeSet::new(),
        }
    }

    /// Scans to the end.
    pub(super) fn whole(&mut self) -> Result<Piece, ExpandError> {
        let piece = self.until(None)?;
        // Without a character to stop at, a scan always ends.
        Ok(piece.unwrap_or_default())
    }

    /// Scans to `stop` and past it, or to the end; `None` if `stop` never comes.
    fn until(&mut self, stop: Option<char>) -> Result<Option<Piece>, ExpandError> {
        let mut piece = Piece::default();
        while let Some(c) = self.chars.peek().copied() {
            match c {
                c if Some(c) == stop => {
                    self.chars.next();
                    return Ok(Some(piece));
                }
                '\'' if self.mode.quotes => piece.push_quoted(&self.single_quoted()?)?,
                '"' if self.mode.quotes => piece.push_quoted(&self.double_quoted()?)?,
                '$' => {
                    let value = self.dollar()?;
                    piece.push_value(&value)?;
                }
                c if c == self.mode.escape => {
                    self.chars.next();
                    if self.mode.keep_escapes {
                        piece.push_kept(c);
                    }
                    if let Some(escaped) = self.chars.next() {
                        piece.push_kept(escaped);
                    }
                }
                c => {
                    self.chars.next();
                    piece.push(c);
                }
            }
        }
        Ok(stop.is_none().then_some(piece))
    }

    fn single_quoted(&mut self) -> Result<String, ExpandError> {
        let mut text = String::new();
        text.extend(self.chars.next().filter(|_| self.mode.keep_quotes));
        for c in self.chars.by_ref() {
            if c == '\'' {
                text.extend(self.mode.keep_quotes.then_some(c));
                return Ok(text);
            }
            text.push(c);
        }
        Err(ExpandError::OpenQuote("single"))
    }

    fn double_quoted(&mut self) -> Result<String, ExpandError> {
        let mut text = String::new();
        text.extend(self.chars.next().filter(|_| self.mode.keep_quotes));
        loop {
            match self.chars.peek().copied() {
                None => return Err(ExpandError::OpenQuote("double")),
                Some('"') => {
                    text.extend(self.chars.next().filter(|_| self.mode.keep_quotes));
                    return Ok(text);
                }
                Some('$') => {
                    text.push_str(&self.dollar()?);
                    if text.len() > MOST_BYTES {
                        return Err(ExpandError::TooLong);
                    }
                }
                Some(c) => {
                    self.chars.next();
                    if c != self.mode.escape {
                        text.push(c);
                        continue;
                    }
                    // Inside double quotes only these can be escaped; before anything else
                    // the escape character stands for itself.
                    let next = self.chars.peek().copied();
                    let escaped = next.filter(|n| matches!(n, '"' | '$') || *n == c);
                    if self.mode.keep_escapes || escaped.is_none() {
                        text.push(c);
                    }
                    if escaped.is_some() {
                        text.extend(self.chars.next());
                    }
                }
            }
        }
    }

    fn dollar(&mut self) -> Result<String, ExpandError> {
        self.chars.next();
        if self.chars.peek() != Some(&'{') {
            let name = self.name();
            if name.is_empty() {
                return Ok("$".into());
            }
            return Ok(match self.value(&name) {
                Some(value) => value.to_owned(),
                None if self.mode.keep_unset => format!("${name}"),
                None => String::new(),
            });
        }
        self.chars.next();
        if self.depth == DEEPEST {
            return Err(ExpandError::TooDeep);
        }
        self.depth += 1;
        let value = self.braced();
        self.depth -= 1;
        value
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        let first = self.chars.peek().copied();
        if first.is_some_and(|c| c.is_ascii_digit()) {
            while let Some(c) = self.chars.next_if(char::is_ascii_digit) {
                name.push(c);
            }
        } else if let Some(c) = self.chars.next_if(|c| is_special(*c)) {
            name.push(c);
        } else {
            while let Some(c) = self.chars.next_if(|c| c.is_alphanumeric() || *c == '_') {
                name.push(c);
            }
        }
        name
    }

    fn value(&mut self, name: &str) -> Option<&'a str> {
        let value = self.variables.get(name).map(String::as_str);
        if value.is_none() {
            self.unset.insert(name.to_owned());
        }
        value
    }

    /// What stands between `${` and `}`.
    fn braced(&mut self) -> Result<String, ExpandError> {
        match self.chars.peek() {
            None => return Err(ExpandError::OpenBrace),
            Some('{' | '}' | ':') => return Err(ExpandError::NoName),
            _ => {}
        }
        let name = self.name();
        let known_unset = self.unset.contains(&name);
        let value = self.value(&name);
        let mut modifier = String::new();
        let mut next = self.chars.next();
        let colon = next == Some(':');
        if colon {
            modifier.push(':');
            next = self.chars.next();
        }
        let Some(c) = next else {
            return Err(ExpandError::OpenBrace);
        };
        modifier.push(c);
        let present = value.filter(|value| !(colon && value.is_empty()));
        match c {
            '}' if !colon => Ok(match value {
                Some(value) => value.to_owned(),
                None if self.mode.keep_unset => format!("${{{name}}}"),
                None => String::new(),
            }),
            '-' | '+' | '?' => {
                let word = self.operand('}', self.mode.keep_escapes)?;
                let word = word.ok_or(ExpandError::OpenBrace)?;
                if !known_unset && c != '?' {
                    // A default was given: the author knows that it may have no value.
                    self.unset.remove(&name);
                }
                if value.is_none() && self.mode.keep_unset {
                    return Ok(format!("${{{name}{modifier}{word}}}"));
                }
                match (c, present) {
                    ('-', Some(present)) | ('?', Some(present)) => Ok(present.to_owned()),
                    ('-', None) | ('+', Some(_)) => Ok(word),
                    ('+', None) => Ok(String::new()),
                    _ => Err(required(name, word, value.is_some())),
                }
            }
            '#' | '%' if !colon => {
                let word = self.operand('}', true)?;
                let word = word.ok_or(ExpandError::OpenBrace)?;
                let Some(value) = value else {
                    return Ok(match self.mode.keep_unset {
                        true => format!("${{{name}{modifier}{word}}}"),
                        false => String::new(),
                    });
                };
                let (longest, word) = match word.strip_prefix(c) {
                    Some(word) => (true, word),
                    None => (false, &word[..]),
                };
                let pattern = Pattern::parse(word)?;
                Ok(match c {
                    '#' => pattern::trim_prefix(&pattern, value, longest),
                    _ => pattern::trim_suffix(&pattern, value, longest),
                })
            }
            '/' if !colon => self.replace(&name, value),
            _ => Err(ExpandError::Modifier { name, modifier }),
        }
    }

    fn replace(&mut self, name: &str, value: Option<&str>) -> Result<String, ExpandError> {
        let all = self.chars.next_if_eq(&'/').is_some();
        let what = self.operand('/', true)?;
        let what = what.ok_or_else(|| ExpandError::OpenPattern(name.to_owned()))?;
        let with = self.operand('}', true)?.ok_or(ExpandError::OpenBrace)?;
        match value {
            Some(value) => Ok(Pattern::parse(&what)?.replace(value, &with, all)),
            None if self.mode.keep_unset => {
                let slash = if all { "//" } else { "/" };
                Ok(format!("${{{name}{slash}{what}/{with}}}"))
            }
            None => Ok(String::new()),
        }
    }

    fn operand(&mut self, stop: char, keep_escapes: bool) -> Result<Option<String>, ExpandError> {
        let before = std::mem::replace(&mut self.mode.keep_escapes, keep_escapes);
        let piece = self.until(Some(stop));
        self.mode.keep_escapes = before;
        Ok(piece?.map(|piece| piece.text))
    }
}

fn required(name: String, word: String, is_set: bool) -> ExpandError {
    let message = match (word.is_empty(), is_set) {
        (false, _) => word,
        (true, true) => "must not be empty".into(),
        (true, false) => "must have a value".into(),
    };
    ExpandError::Required { name, message }
}
