//! Lines: parser directives, comments and continuation.
//!
//! A logical line is what an instruction stands on; it remembers which of its bytes came from
//! where, so that any part of it can be shown in the source.

use std::ops::Range;

use super::diagnostic::{Diagnostic, Source, Span};

/// The directives that head a Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directives {
    /// Escapes the end of a line, and characters in words: `\` or `` ` ``.
    pub escape: char,
    /// The front end that the file asks for; noted, the language is always Orlop's own.
    pub syntax: Option<String>,
    /// Settings of the linter; noted.
    pub check: Option<String>,
}

/// One instruction's line, put together from its physical lines.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogicalLine {
    /// The text, without continuation characters and without comments in between.
    pub text: String,
    /// First physical line, from 1.
    pub first_line: u32,
    /// Last physical line, from 1.
    pub last_line: u32,
    /// An empty line stood within it, which Docker warns of.
    pub has_empty_continuation: bool,
    /// Where pieces of the text begin: in the text, in the source.
    pieces: Vec<(usize, usize)>,
}

/// Reads a source line by line.
#[derive(Debug)]
pub struct Lexer<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    directives: Directives,
}

impl Default for Directives {
    fn default() -> Self {
        Self {
            escape: '\\',
            syntax: None,
            check: None,
        }
    }
}

impl LogicalLine {
    /// Adds a piece of the source.
    fn push(&mut self, piece: &str, source_at: usize) {
        self.pieces.push((self.text.len(), source_at));
        self.text.push_str(piece);
    }

    /// Where bytes of the text stand in the source.
    #[must_use]
    pub fn span(&self, range: Range<usize>) -> Span {
        let start = self.source_at(range.start);
        let end = match range.end.checked_sub(1) {
            Some(last) if range.end > range.start => self.source_at(last) + 1,
            _ => start,
        };
        (start..end.max(start)).into()
    }

    /// Where the whole of it stands.
    #[must_use]
    pub fn whole(&self) -> Span {
        self.span(0..self.text.len())
    }

    fn source_at(&self, at: usize) -> usize {
        let index = self.pieces.partition_point(|(start, _)| *start <= at);
        let piece = index.checked_sub(1).and_then(|i| self.pieces.get(i));
        piece.map_or(0, |(start, source)| source + (at - start))
    }
}

/// The same characters that end a word in Docker: everything Unicode calls white space.
fn trim_start(text: &str) -> &str {
    text.trim_start_matches(char::is_whitespace)
}

fn trim_newline(line: &str) -> &str {
    line.trim_end_matches(['\r', '\n'])
}

fn is_comment(line: &str) -> bool {
    trim_start(line).starts_with('#')
}

/// The part before the escape character that ends the line, if one does. Two of them are an
/// escaped one, not a continuation.
fn before_continuation(line: &str, escape: char) -> Option<&str> {
    let line = line.trim_end_matches([' ', '\t']);
    let before = line.strip_suffix(escape)?;
    (!before.ends_with(escape)).then_some(before)
}

/// `# name = value`, if the line is one.
fn directive(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix('#')?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.bytes().all(|b| b.is_ascii_alphanumeric());
    (is_name && !value.is_empty()).then_some((name, value))
}

impl<'a> Lexer<'a> {
    /// Reads the directives; the lines come after.
    ///
    /// # Errors
    /// If a directive is repeated, or the escape character is neither `\` nor `` ` ``.
    pub fn new(source: &Source<'_>, text: &'a str) -> Result<Self, Diagnostic> {
        let at = if text.starts_with('\u{feff}') { 3 } else { 0 };
        let mut lexer = Self {
            text,
            at,
            line: 0,
            directives: Directives::default(),
        };
        lexer.read_directives(source)?;
        Ok(lexer)
    }

    /// The directives.
    #[must_use]
    pub fn directives(&self) -> &Directives {
        &self.directives
    }

    fn read_directives(&mut self, source: &Source<'_>) -> Result<(), Diagnostic> {
        let mut seen: Vec<String> = Vec::new();
        loop {
            let (at, line) = (self.at, self.line);
            let Some((start, raw)) = self.physical() else {
                return Ok(());
            };
            let trimmed = trim_start(trim_newline(raw));
            let span = || Span::from(start..start + trim_newline(raw).len());
            let known = directive(trimmed)
                .map(|(name, value)| (name.to_ascii_lowercase(), value))
                .filter(|(name, _)| matches!(&name[..], "escape" | "syntax" | "check"));
            let Some((name, value)) = known else {
                (self.at, self.line) = (at, line);
                return Ok(());
            };
            if seen.contains(&name) {
                let reason = format!("the {name} directive can be given only once");
                return Err(source.complain(span(), reason));
            }
            match &name[..] {
                "escape" => match value {
                    "\\" => self.directives.escape = '\\',
                    "`" => self.directives.escape = '`',
                    _ => {
                        let reason = format!("invalid escape character {value:?}");
                        let complaint = source.complain(span(), reason);
                        return Err(complaint.hint("it can be \\ or `"));
                    }
                },
                "syntax" => self.directives.syntax = Some(value.to_owned()),
                _ => self.directives.check = Some(value.to_owned()),
            }
            seen.push(name);
        }
    }

    /// The next physical line with its end, and where it begins.
    fn physical(&mut self) -> Option<(usize, &'a str)> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let len = rest.find('\n').map_or(rest.len(), |at| at + 1);
        let start = self.at;
        self.at += len;
        self.line += 1;
        Some((start, &rest[..len]))
    }

    /// The next logical line; blank lines and comments before it are skipped.
    pub fn next_line(&mut self) -> Option<LogicalLine> {
        let escape = self.directives.escape;
        let mut line = loop {
            let (start, raw) = self.physical()?;
            let body = trim_newline(raw);
            let trimmed = trim_start(body);
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            let mut line = LogicalLine {
                first_line: self.line,
                last_line: self.line,
                ..LogicalLine::default()
            };
            let source_at = start + (body.len() - trimmed.len());
            match before_continuation(trimmed, escape) {
                Some(part) => line.push(part, source_at),
                None => {
                    line.push(trimmed, source_at);
                    return Some(line);
                }
            }
            break line;
        };
        while let Some((start, raw)) = self.physical() {
            line.last_line = self.line;
            let body = trim_newline(raw);
            if is_comment(body) {
                continue;
            }
            if trim_start(body).is_empty() {
                line.has_empty_continuation = true;
                continue;
            }
            match before_continuation(body, escape) {
                Some(part) => line.push(part, start),
                None => {
                    line.push(body, start);
                    break;
                }
            }
        }
        Some(line)
    }

    /// The lines up to the one that is `terminator`, as they are; `None` if it never comes.
    pub fn heredoc(&mut self, terminator: &str, strips_tabs: bool) -> Option<String> {
        let mut content = String::new();
        while let Some((_, raw)) = self.physical() {
            let body = trim_newline(raw);
            let candidate = if strips_tabs {
                body.trim_start_matches('\t')
            } else {
                body
            };
            if candidate == terminator {
                return Some(content);
            }
            content.push_str(raw);
        }
        None
    }

    /// Number of the physical line that was read last.
    #[must_use]
    pub fn line_number(&self) -> u32 {
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<LogicalLine> {
        let source = Source::new(text);
        let mut lexer = Lexer::new(&source, text).expect("lexes");
        std::iter::from_fn(|| lexer.next_line()).collect()
    }

    fn texts(text: &str) -> Vec<String> {
        lines(text).into_iter().map(|line| line.text).collect()
    }

    #[test]
    fn continuation_joins_lines_and_skips_comments_and_blanks_between() {
        assert_eq!(
            texts("RUN a \\\n# no\n\n  b\\  \n c\nCMD x"),
            ["RUN a   b c", "CMD x"]
        );
        assert_eq!(texts("ENV A x\\\\\nENV B y"), ["ENV A x\\\\", "ENV B y"]);
        assert_eq!(texts("RUN last \\"), ["RUN last "]);
    }

    #[test]
    fn the_escape_directive_counts_only_at_the_head() {
        assert_eq!(
            texts("# escape=`\nRUN a `\n b\\\nCMD"),
            ["RUN a  b\\", "CMD"]
        );
        assert_eq!(
            texts("# hello\n# escape=`\nRUN a `\nCMD"),
            ["RUN a `", "CMD"]
        );
        assert_eq!(
            texts("\u{feff}# escape = ` \r\nRUN a `\r\nb\r\n"),
            ["RUN a b"]
        );
    }

    #[test]
    fn bytes_of_a_logical_line_are_found_in_the_source() {
        let text = "# c\n  RUN one \\\n    two\n";
        let line = &lines(text)[0];
        let at = line.text.find("two").expect("there");
        let span = line.span(at..at + 3);
        assert_eq!(&text[span.start..span.end], "two");
        assert_eq!((line.first_line, line.last_line), (2, 3));
    }

    #[test]
    fn wrong_directives_are_refused_at_their_line() {
        for (text, line) in [("# escape=x\n", 1), ("#syntax=a\n# Syntax = b\n", 2)] {
            let refused = Lexer::new(&Source::new(text), text).expect_err("refused");
            assert_eq!(refused.line, line, "{text}");
        }
    }
}
