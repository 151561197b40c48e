//! Text areas with one entry on each line. Pure.

use std::collections::BTreeMap;

/// Most entries of one text area.
const LINES_MAX: usize = 1000;

/// The lines that hold something, without the space around them.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .take(LINES_MAX)
}

/// `NAME=value` on each line.
///
/// # Errors
/// Says which line is none.
pub(crate) fn pairs(text: &str) -> Result<BTreeMap<String, String>, String> {
    let pair = |line: &str| match line.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() => {
            Ok((name.trim_end().to_owned(), value.to_owned()))
        }
        _ => Err(format!("{line:?} is not NAME=value")),
    };
    words(text).map(pair).collect()
}

/// `NAME=value` or `NAME` on each line.
///
/// # Errors
/// Says which line is neither.
pub(crate) fn pairs_or_names(text: &str) -> Result<Vec<(String, Option<String>)>, String> {
    let pair = |line: &str| {
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name.trim_end(), Some(value.to_owned())),
            None => (line, None),
        };
        if name.is_empty() || name.contains(char::is_whitespace) || name.contains('\0') {
            return Err(format!("{line:?} is not NAME=value"));
        }
        Ok((name.to_owned(), value))
    };
    words(text).map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_is_an_entry_and_empty_lines_are_none() {
        let found: Vec<_> = words(" a \r\n\r\n b\n").collect();
        assert_eq!(found, ["a", "b"]);
    }

    #[test]
    fn values_may_hold_anything_and_names_may_not() {
        let found = pairs_or_names("A=b=c d\nONLY\nE=").expect("valid");
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(
            found,
            [
                ("A".to_owned(), some("b=c d")),
                ("ONLY".to_owned(), None),
                ("E".to_owned(), some(""))
            ]
        );
        assert!(pairs_or_names("=x").is_err());
        assert!(pairs_or_names("two words").is_err());
        assert_eq!(
            pairs("no value"),
            Err("\"no value\" is not NAME=value".to_owned())
        );
    }
}
