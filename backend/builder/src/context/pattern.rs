//! Patterns of `.dockerignore`, `COPY` and `--exclude`: Go's `filepath.Match`, and `**` where the
//! language knows it.

use regex::{Regex, RegexBuilder};

/// Memory that one compiled pattern may take.
const MOST_BYTES: usize = 1 << 20;

/// A pattern that whole paths are compared with.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

/// Why a text is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// `[` without `]`, or an empty range.
    #[error("[ has no matching ] or a range runs backwards in {0:?}")]
    Class(String),
    /// A backslash with nothing to escape.
    #[error("{0:?} ends in \\")]
    Escape(String),
    /// Longer than any honest one.
    #[error("the pattern is too long")]
    TooLong,
}

/// Whether a path has anything in it that makes it a pattern.
#[must_use]
pub fn is_pattern(path: &str) -> bool {
    path.contains(['*', '?', '[', '\\'])
}

impl Pattern {
    /// Go's `filepath.Match`: `*` and `?` stop at `/`, `**` means no more than `*`.
    ///
    /// # Errors
    /// If it is no pattern.
    pub fn simple(text: &str) -> Result<Self, PatternError> {
        Self::build(text, false)
    }

    /// The same with `**` for any number of folders, none included.
    ///
    /// # Errors
    /// If it is no pattern.
    pub fn deep(text: &str) -> Result<Self, PatternError> {
        Self::build(text, true)
    }

    /// Whether the whole path is meant.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }

    fn build(text: &str, deep: bool) -> Result<Self, PatternError> {
        let mut regex = String::from("(?s)\\A");
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '*' if deep && chars.next_if_eq(&'*').is_some() => {
                    // `**/` is any number of folders; `**` at the end is everything.
                    chars.next_if_eq(&'/');
                    let last = chars.peek().is_none();
                    regex.push_str(if last { ".*" } else { "(.*/)?" });
                }
                '*' => regex.push_str("[^/]*"),
                '?' => regex.push_str("[^/]"),
                '\\' => {
                    let escaped = chars.next();
                    let escaped = escaped.ok_or_else(|| PatternError::Escape(text.to_owned()))?;
                    push_literal(&mut regex, escaped);
                }
                '[' => push_class(&mut regex, &mut chars)
                    .ok_or_else(|| PatternError::Class(text.to_owned()))?,
                c => push_literal(&mut regex, c),
            }
        }
        regex.push_str("\\z");
        let built = RegexBuilder::new(&regex).size_limit(MOST_BYTES).build();
        built.map(Self).map_err(|_| PatternError::TooLong)
    }
}

fn push_literal(regex: &mut String, c: char) {
    regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
}

/// `[abc]`, `[a-z]`, `[^a]`, the bracket being read already.
fn push_class(
    regex: &mut String,
    chars: &mut std::iter::Peekable<std::str::Chars<'_>>,
) -> Option<()> {
    regex.push_str(match chars.next_if_eq(&'^') {
        Some(_) => "[^",
        None => "[",
    });
    let one = |chars: &mut std::iter::Peekable<std::str::Chars<'_>>| match chars.next()? {
        '\\' => chars.next(),
        '-' => None,
        c => Some(c),
    };
    let mut any = false;
    loop {
        if any && chars.next_if_eq(&']').is_some() {
            regex.push(']');
            return Some(());
        }
        if chars.peek() == Some(&']') {
            return None;
        }
        let low = one(chars)?;
        let high = match chars.next_if_eq(&'-') {
            Some(_) => one(chars)?,
            None => low,
        };
        if low > high {
            return None;
        }
        for (c, end) in [(low, "-"), (high, "")] {
            // By number, so that nothing is special to the regular expression.
            regex.push_str(&format!("\\x{{{:x}}}{end}", c as u32));
        }
        any = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_patterns_are_gos() {
        // The table of Go's own path/filepath tests, as far as Linux goes.
        for (pattern, path, expected) in [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("a*", "ab/c", false),
            ("a*/b", "abc/b", true),
            ("a*/b", "a/c/b", false),
            ("a*b*c*d*e*/f", "axbxcxdxe/f", true),
            ("a*b*c*d*e*/f", "axbxcxdxe/xxx/f", false),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[e-g]", "abc", false),
            ("ab[^c]", "abc", false),
            ("ab[^e-g]", "abc", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a☺b", true),
            ("a[^a]b", "a☺b", true),
            ("a???b", "a☺b", false),
            ("[a-ζ]*", "α", true),
            ("*[a-ζ]", "A", false),
            ("a?b", "a/b", false),
            ("a*b", "a/b", false),
            ("[\\]a]", "]", true),
            ("[\\-]", "-", true),
            ("[x\\-]", "z", false),
            ("[\\-x]", "a", false),
            ("a.b+(c)", "a.b+(c)", true),
            ("a.b", "axb", false),
            ("[&~]", "&", true),
        ] {
            assert_eq!(
                Pattern::simple(pattern).expect(pattern).matches(path),
                expected,
                "{pattern} {path}"
            );
        }
        for bad in [
            "[]a]", "[-]", "[x-]", "[-x]", "[a-b-c]", "[", "[^", "[^bc", "a[", "[z-a]", "a\\",
        ] {
            assert!(Pattern::simple(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn two_stars_cross_folders() {
        for (pattern, path, expected) in [
            ("**", "a/b/c", true),
            ("**/c", "c", true),
            ("**/c", "a/b/c", true),
            ("**/c", "a/bc", false),
            ("a/**", "a/b/c", true),
            ("a/**", "a", false),
            ("a/**/b", "a/b", true),
            ("a/**/b", "a/x/y/b", true),
            ("**/*.go", "x/y.go", true),
            ("a**/b", "ax/b", true),
            ("a**/b", "axb", false),
        ] {
            assert_eq!(
                Pattern::deep(pattern).expect(pattern).matches(path),
                expected,
                "{pattern} {path}"
            );
        }
    }
}
