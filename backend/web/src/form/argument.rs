//! A command as people type it, split into program and arguments. Pure; no shell is involved and
//! nothing is expanded.

/// Splits by spaces with `'…'`, `"…"` and `\` as a shell would read them; a JSON list is taken as
/// it is.
///
/// # Errors
/// Says what is not closed.
pub(crate) fn arguments(text: &str) -> Result<Vec<String>, String> {
    let text = text.trim();
    if text.starts_with('[') {
        let wrong = "a list must be JSON, such as [\"python3\", \"-m\", \"http.server\"]";
        return serde_json::from_str(text).map_err(|_| wrong.to_owned());
    }
    let mut done = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => quoted(&mut chars, '\'', word.get_or_insert_default())?,
            '"' => quoted(&mut chars, '"', word.get_or_insert_default())?,
            '\\' => match chars.next() {
                Some(next) => word.get_or_insert_default().push(next),
                None => return Err("a backslash at the end escapes nothing".to_owned()),
            },
            c if c.is_whitespace() => done.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    done.extend(word);
    Ok(done)
}

fn quoted(chars: &mut std::str::Chars<'_>, quote: char, into: &mut String) -> Result<(), String> {
    while let Some(c) = chars.next() {
        if c == quote {
            return Ok(());
        }
        if c == '\\' && quote == '"' {
            match chars.next() {
                Some(next @ ('"' | '\\' | '$' | '`')) => into.push(next),
                Some(next) => into.extend(['\\', next]),
                None => break,
            }
        } else {
            into.push(c);
        }
    }
    Err(format!("a quote ({quote}) is not closed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_split_as_a_shell_would() {
        for (text, expected) in [
            ("", vec![]),
            ("python3  /server.py", vec!["python3", "/server.py"]),
            ("sh -c 'echo \"hi\" $X'", vec!["sh", "-c", "echo \"hi\" $X"]),
            ("a\"b c\"d '' \\ e", vec!["ab cd", "", " e"]),
            ("\"x\\\"y\\n\"", vec!["x\"y\\n"]),
            ("[\"a b\", \"c\"]", vec!["a b", "c"]),
            ("echo ;rm $(x)", vec!["echo", ";rm", "$(x)"]),
        ] {
            assert_eq!(arguments(text).expect(text), expected, "{text}");
        }
        for wrong in ["'open", "\"open", "end\\", "[not json", "[1]"] {
            assert!(arguments(wrong).is_err(), "{wrong}");
        }
    }
}
