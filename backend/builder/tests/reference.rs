//! Docker's own tables, where `ORLOP_SHARED` names the folder that holds them: parse trees of
//! accepted Dockerfiles, refused Dockerfiles, and what becomes of words. Without it the tests say
//! that they are skipped.

#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use orlop_builder::dockerfile::expand::{Expander, Variables};
use orlop_builder::dockerfile::parse;
use orlop_builder::dockerfile::parser::{Arguments, Node, Word, tree};

fn folder(name: &str) -> Option<PathBuf> {
    let Some(shared) = std::env::var_os("ORLOP_SHARED") else {
        println!("skipped: ORLOP_SHARED does not name the folder with {name}");
        return None;
    };
    let folder = PathBuf::from(shared).join(name);
    assert!(folder.exists(), "{} is missing", folder.display());
    Some(folder)
}

/// As Go's `strconv.Quote` writes a text.
fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\u{7}' => quoted.push_str("\\a"),
            '\u{8}' => quoted.push_str("\\b"),
            '\u{c}' => quoted.push_str("\\f"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{b}' => quoted.push_str("\\v"),
            c if c < ' ' || c == '\u{7f}' => {
                let _ = write!(quoted, "\\x{:02x}", c as u32);
            }
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

fn arguments(arguments: &Arguments) -> String {
    let list = |words: &[Word]| -> String {
        words
            .iter()
            .map(|word| format!(" {}", quote(&word.text)))
            .collect()
    };
    match arguments {
        Arguments::None | Arguments::Unknown => String::new(),
        Arguments::Words(words) | Arguments::Json(words) => list(words),
        Arguments::Text(word) => list(std::slice::from_ref(word)),
        Arguments::Pairs(pairs) => pairs
            .iter()
            .map(|pair| {
                let separator = if pair.is_legacy { "" } else { "=" };
                let (name, value) = (quote(&pair.name.text), quote(&pair.value.text));
                format!(" {name} {value} {}", quote(separator))
            })
            .collect(),
        Arguments::Typed(kind, rest) => {
            format!(" {}{}", quote(&kind.text), self::arguments(rest))
        }
        Arguments::Nested(node) => format!(" ({})", expression(node)),
    }
}

fn expression(node: &Node) -> String {
    let mut text = node.name.to_lowercase();
    if !node.flags.is_empty() {
        let flags: Vec<String> = node.flags.iter().map(|flag| quote(&flag.text)).collect();
        let _ = write!(text, " [{}]", flags.join(" "));
    }
    text + &arguments(&node.arguments)
}

#[test]
fn accepted_dockerfiles_have_dockers_parse_tree() {
    let Some(folder) = folder("dockerfile-parser/accepted") else {
        return;
    };
    let mut cases = 0;
    for case in fs::read_dir(folder).expect("folder") {
        let case = case.expect("entry").path();
        let text = fs::read_to_string(case.join("Dockerfile")).expect("Dockerfile");
        let expected = fs::read_to_string(case.join("result")).expect("result");
        let tree = tree(&text);
        assert_eq!(tree.complaints, [], "{}", case.display());
        let found: Vec<String> = tree
            .nodes
            .iter()
            .map(|n| format!("({})", expression(n)))
            .collect();
        assert_eq!(found.join("\n"), expected.trim(), "{}", case.display());
        cases += 1;
    }
    assert!(cases > 10, "only {cases} cases");
}

#[test]
fn refused_dockerfiles_are_refused_with_a_line() {
    let Some(folder) = folder("dockerfile-parser/rejected") else {
        return;
    };
    for case in fs::read_dir(folder).expect("folder") {
        let case = case.expect("entry").path();
        let text = fs::read_to_string(case.join("Dockerfile")).expect("Dockerfile");
        let refusal = parse(&text).expect_err("must be refused");
        let first = &refusal.diagnostics()[0];
        assert!(
            first.line >= 1 && !first.reason.is_empty(),
            "{}",
            case.display()
        );
    }
}

#[test]
fn words_expand_as_in_dockers_table() {
    let Some(file) = folder("shell-lexer/envVarTest") else {
        return;
    };
    let variables: Variables = [
        ("PWD", "/home"),
        ("SHELL", "bash"),
        ("KOREAN", "한국어"),
        ("NULL", ""),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    let mut cases = 0;
    for (number, line) in fs::read_to_string(file).expect("table").lines().enumerate() {
        let parts: Vec<&str> = line.splitn(3, '|').map(str::trim).collect();
        let [platform, input, expected] = parts[..] else {
            continue;
        };
        if !matches!(platform, "A" | "U") {
            continue;
        }
        let found = Expander::new('\\', &variables).word(input);
        let found = found.map_or_else(|_| "error".to_owned(), |expanded| expanded.text);
        assert_eq!(found, expected, "line {}: {input}", number + 1);
        cases += 1;
    }
    assert!(cases > 100, "only {cases} cases");
}

#[test]
fn words_are_split_as_in_dockers_table() {
    let Some(file) = folder("shell-lexer/wordsTest") else {
        return;
    };
    let mut variables = Variables::new();
    let mut cases = 0;
    for (number, line) in fs::read_to_string(file).expect("table").lines().enumerate() {
        if let Some(setting) = line.strip_prefix("ENV ") {
            let (name, value) = setting.split_once('=').expect("name=value");
            variables.insert(name.to_owned(), value.to_owned());
            continue;
        }
        let Some((input, expected)) = line.split_once('|').filter(|_| !line.starts_with('#'))
        else {
            continue;
        };
        let found = Expander::new('\\', &variables).words(input.trim());
        let found = found.map_or_else(|_| "error".to_owned(), |words| words.join(","));
        assert_eq!(found, expected.trim_start(), "line {}: {input}", number + 1);
        cases += 1;
    }
    assert!(cases > 10, "only {cases} cases");
}
