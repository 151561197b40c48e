//! What is wrong with a Dockerfile, where, and what to do about it.
//!
//! A diagnostic carries the line that it is about, so it can be shown without the file.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

/// Characters of a source line that an excerpt shows at most.
const EXCERPT_CHARS: usize = 120;
/// Diagnostics that one refusal carries at most.
const MOST_DIAGNOSTICS: usize = 50;

/// A range of bytes in the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// First byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// One complaint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// Bytes in the source.
    pub span: Span,
    /// What is wrong.
    pub reason: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// The line, or the part of a long one around the place.
    pub excerpt: String,
    /// Characters of the excerpt to underline: how many before, and how many.
    pub caret: (u32, u32),
}

/// Why a Dockerfile is refused: everything that was found, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    diagnostics: Vec<Diagnostic>,
}

/// A source text that can say where a byte is.
#[derive(Debug, Clone)]
pub struct Source<'a> {
    text: &'a str,
    line_starts: Vec<usize>,
}

impl From<Range<usize>> for Span {
    fn from(range: Range<usize>) -> Self {
        Self {
            start: range.start,
            end: range.end,
        }
    }
}

impl<'a> Source<'a> {
    /// Notes where the lines of `text` begin.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, b)| *b == b'\n');
        let line_starts = std::iter::once(0)
            .chain(ends.map(|(at, _)| at + 1))
            .collect();
        Self { text, line_starts }
    }

    /// Line number (from 1) of a byte.
    #[must_use]
    pub fn line_of(&self, byte: usize) -> u32 {
        let line = self.line_starts.partition_point(|start| *start <= byte);
        u32::try_from(line.max(1)).unwrap_or(u32::MAX)
    }

    /// Text of a line (from 1) without its end, and where it begins.
    fn line(&self, line: u32) -> (&'a str, usize) {
        let index = (line as usize)
            .saturating_sub(1)
            .min(self.line_starts.len() - 1);
        let start = self.line_starts[index];
        let rest = self.text.get(start..).unwrap_or_default();
        let text = rest.split('\n').next().unwrap_or_default();
        (text.trim_end_matches('\r'), start)
    }

    /// A complaint about these bytes; only their first line is shown.
    #[must_use]
    pub fn complain(&self, span: Span, reason: impl Into<String>) -> Diagnostic {
        let line = self.line_of(span.start);
        let (text, start) = self.line(line);
        let clamp = |byte: usize| {
            let mut at = byte.saturating_sub(start).min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let (from, to) = (clamp(span.start), clamp(span.end));
        let before = text[..from].chars().count();
        let marked = text[from..to.max(from)].chars().count().max(1);
        let skipped = if before > EXCERPT_CHARS * 2 / 3 {
            before - EXCERPT_CHARS / 3
        } else {
            0
        };
        let excerpt: String = text.chars().skip(skipped).take(EXCERPT_CHARS).collect();
        let shown = excerpt.chars().count();
        let caret_at = before - skipped;
        let caret_len = marked.min(shown.saturating_sub(caret_at)).max(1);
        let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Diagnostic {
            line,
            column: small(before + 1),
            span,
            reason: reason.into(),
            hint: None,
            excerpt,
            caret: (small(caret_at), small(caret_len)),
        }
    }
}

impl Diagnostic {
    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl Refusal {
    /// Everything that was found; never empty.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Refuses if there is anything to complain about.
    ///
    /// # Errors
    /// If `found` is not empty.
    pub fn unless_empty(mut found: Vec<Diagnostic>) -> Result<(), Self> {
        if found.is_empty() {
            return Ok(());
        }
        found.sort_by_key(|d| d.span.start);
        found.truncate(MOST_DIAGNOSTICS);
        Err(Self { diagnostics: found })
    }
}

impl From<Diagnostic> for Refusal {
    fn from(diagnostic: Diagnostic) -> Self {
        Self {
            diagnostics: vec![diagnostic],
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, .. } = self;
        let margin = " ".repeat(line.to_string().len());
        writeln!(f, "Dockerfile:{line}:{column}: {}", self.reason)?;
        // A tab in front of the caret must stay a tab, or the two lines part.
        let indent = self.excerpt.chars().take(self.caret.0 as usize);
        let indent: String = indent.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        writeln!(f, " {line} | {}", self.excerpt)?;
        write!(
            f,
            " {margin} | {indent}{}",
            "^".repeat(self.caret.1 as usize)
        )?;
        if let Some(hint) = &self.hint {
            write!(f, "\n {margin} = {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, diagnostic) in self.diagnostics.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{diagnostic}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}
impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_shows_its_line_and_points_at_the_place() {
        let source = Source::new("FROM a\n\tRUNN  echo\nCMD x");
        let complaint = source
            .complain((8..12).into(), "unknown instruction RUNN")
            .hint("did you mean RUN?");
        assert_eq!((complaint.line, complaint.column), (2, 2));
        assert_eq!(
            complaint.to_string(),
            "Dockerfile:2:2: unknown instruction RUNN\n 2 | \tRUNN  echo\n   | \t^^^^\n   = did you mean RUN?"
        );
    }

    #[test]
    fn the_excerpt_of_a_long_line_is_cut_around_the_place() {
        let text = format!("RUN {} oops {}", "a".repeat(500), "b".repeat(500));
        let at = text.find("oops").expect("there");
        let complaint = Source::new(&text).complain((at..at + 4).into(), "x");
        assert!(complaint.excerpt.chars().count() <= EXCERPT_CHARS);
        let (before, len) = complaint.caret;
        let marked: String = complaint
            .excerpt
            .chars()
            .skip(before as usize)
            .take(len as usize)
            .collect();
        assert_eq!(marked, "oops");
        assert_eq!(complaint.column as usize, at + 1);
    }

    #[test]
    fn places_outside_the_text_or_inside_a_character_do_no_harm() {
        let source = Source::new("é\n");
        for span in [1..2, 0..1, 3..9, 50..60] {
            let _ = source.complain(span.into(), "x").to_string();
        }
        let _ = Source::new("").complain((0..0).into(), "x").to_string();
    }
}
