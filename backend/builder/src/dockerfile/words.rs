//! How an instruction's line is cut into its name, flags and words, before any variable is
//! replaced. Quotes and escapes stay in the words; [`super::expand`] takes them off.

use std::ops::Range;

/// A word cut from a text: what it says, and which bytes it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The word.
    pub text: String,
    /// Its bytes in the text that it was cut from.
    pub range: Range<usize>,
}

/// An instruction's line, cut once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The instruction's name as written.
    pub name: Cut,
    /// Flags such as `--from=x`, without quotes.
    pub flags: Vec<Cut>,
    /// The rest, trimmed.
    pub rest: Range<usize>,
}

/// White space between the words of an instruction: not every space that Unicode knows.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\u{b}' | '\u{c}')
}

/// The part of `range` without white space at its ends.
#[must_use]
pub fn trim(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let trimmed = part.trim_start();
    let start = range.start + (part.len() - trimmed.len());
    start..start + trimmed.trim_end().len()
}

/// Cuts a line into name, flags and rest.
#[must_use]
pub fn command(text: &str, range: Range<usize>) -> Command {
    let range = trim(text, range);
    let part = &text[range.clone()];
    let name_len = part.find(is_blank).unwrap_or(part.len());
    let name = Cut {
        text: part[..name_len].to_owned(),
        range: range.start..range.start + name_len,
    };
    let (flags, rest) = flags(text, trim(text, name.range.end..range.end));
    Command {
        name,
        flags,
        rest: trim(text, rest),
    }
}

/// Takes the flags off the front: words that begin with `--`, up to the first other word or a
/// bare `--`.
fn flags(text: &str, range: Range<usize>) -> (Vec<Cut>, Range<usize>) {
    let mut found = Vec::new();
    let mut at = range.start;
    loop {
        let rest = trim(text, at..range.end);
        if !text[rest.clone()].starts_with("--") {
            return (found, rest);
        }
        let (word, end) = flag(text, rest.start, range.end);
        at = end;
        if word == "--" {
            return (found, at..range.end);
        }
        found.push(Cut {
            text: word,
            range: rest.start..end,
        });
    }
}

/// One flag from `start`: quotes and backslashes are taken off.
fn flag(text: &str, start: usize, end: usize) -> (String, usize) {
    let mut word = String::new();
    let mut quote = None;
    let mut chars = text[start..end].char_indices();
    while let Some((at, c)) = chars.next() {
        match (c, quote) {
            ('\\', _) => word.extend(chars.next().map(|(_, escaped)| escaped)),
            (c, Some(q)) if c == q => quote = None,
            (c, Some(_)) => word.push(c),
            ('"' | '\'', None) => quote = Some(c),
            (c, None) if c.is_whitespace() => return (word, start + at),
            (c, None) => word.push(c),
        }
    }
    (word, end)
}

/// Words parted by white space, quotes meaning nothing.
#[must_use]
pub fn plain(text: &str, range: Range<usize>) -> Vec<Cut> {
    let mut words = Vec::new();
    let mut start = None;
    for (offset, c) in text[range.clone()].char_indices() {
        let at = range.start + offset;
        match (is_blank(c), start) {
            (false, None) => start = Some(at),
            (true, Some(from)) => {
                words.push(cut(text, from..at));
                start = None;
            }
            _ => {}
        }
    }
    words.extend(start.map(|from| cut(text, from..range.end)));
    words
}

fn cut(text: &str, range: Range<usize>) -> Cut {
    Cut {
        text: text[range.clone()].to_owned(),
        range,
    }
}

/// Words parted by white space outside quotes; quotes and escapes are kept. An escape character
/// at the very end is dropped.
#[must_use]
pub fn quoted(text: &str, range: Range<usize>, escape: char) -> Vec<Cut> {
    let mut words = Vec::new();
    let mut word: Option<Cut> = None;
    let mut quote = None;
    let mut chars = text[range.clone()].char_indices().peekable();
    while let Some((offset, c)) = chars.next() {
        let at = range.start + offset;
        if quote.is_none() && c.is_whitespace() {
            words.extend(word.take());
            continue;
        }
        let current = word.get_or_insert_with(|| cut(text, at..at));
        current.range.end = at + c.len_utf8();
        match quote {
            None if c == '"' || c == '\'' => quote = Some(c),
            Some(q) if c == q => quote = None,
            _ => {}
        }
        if c == escape && quote != Some('\'') {
            let Some((_, escaped)) = chars.next() else {
                continue;
            };
            current.text.push(c);
            current.text.push(escaped);
            current.range.end += escaped.len_utf8();
            continue;
        }
        current.text.push(c);
    }
    // A lone escape character makes no word.
    words.extend(word.filter(|word| !word.text.is_empty()));
    words
}

/// The first word and the rest, both without the white space between them.
#[must_use]
pub fn first(text: &str, range: Range<usize>) -> (Cut, Range<usize>) {
    let range = trim(text, range);
    let part = &text[range.clone()];
    let len = part.find(is_blank).unwrap_or(part.len());
    let split = range.start + len;
    (cut(text, range.start..split), trim(text, split..range.end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: Vec<Cut>) -> Vec<String> {
        words.into_iter().map(|word| word.text).collect()
    }

    #[test]
    fn flags_end_at_the_first_other_word() {
        let text = r#"COPY --from=a --chown="x y" -- --odd dst "#;
        let command = command(text, 0..text.len());
        assert_eq!(command.name.text, "COPY");
        assert_eq!(texts(command.flags), ["--from=a", "--chown=x y"]);
        assert_eq!(&text[command.rest], "--odd dst");
        let text = "RUN --mount=type=tmpfs,target=/a\tls --all";
        assert_eq!(&text[super::command(text, 0..text.len()).rest], "ls --all");
    }

    #[test]
    fn quotes_hold_words_together_and_stay() {
        let text = r#"a="b c" d=e\ f 'g\' h\"i "" \"#;
        assert_eq!(
            texts(quoted(text, 0..text.len(), '\\')),
            [r#"a="b c""#, r"d=e\ f", r"'g\'", r#"h\"i"#, r#""""#]
        );
    }

    #[test]
    fn ranges_point_at_the_words() {
        let text = "  x  yy ";
        let ranges: Vec<_> = plain(text, 0..text.len())
            .into_iter()
            .map(|w| w.range)
            .collect();
        assert_eq!(ranges, [2..3, 5..7]);
        let (word, rest) = first(text, 0..text.len());
        assert_eq!((&word.text[..], &text[rest]), ("x", "yy"));
    }
}
