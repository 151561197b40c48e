//! What becomes of words; the long tables are in `tests/reference.rs`.

use proptest::prelude::*;

use super::*;

fn variables() -> Variables {
    [
        ("a", "one"),
        ("f", "dir/file.tar.gz"),
        ("empty", ""),
        ("list", "x  y"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn word(text: &str) -> String {
    let variables = variables();
    let expanded = Expander::new('\\', &variables).word(text);
    expanded
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .text
}

fn refused(text: &str) -> ExpandError {
    let variables = variables();
    Expander::new('\\', &variables).word(text).expect_err(text)
}

#[test]
fn prefixes_suffixes_and_matches_are_cut_and_replaced() {
    for (text, expected) in [
        ("${f#*/}", "file.tar.gz"),
        ("${f##*.}", "gz"),
        ("${f%.*}", "dir/file.tar"),
        ("${f%%.*}", "dir/file"),
        ("${f#nothing}", "dir/file.tar.gz"),
        ("${f/r/R}", "diR/file.tar.gz"),
        ("${f//r/R}", "diR/file.taR.gz"),
        ("${f/\\//-}", "dir-file.tar.gz"),
        ("${f/f*./$a}", "dir/onegz"),
        ("${f//?/.}", "..............."),
        ("${nothing#x}", ""),
        ("${a/o/$1}", "ne"),
    ] {
        assert_eq!(word(text), expected, "{text}");
    }
}

#[test]
fn values_are_split_into_words_only_outside_quotes() {
    let variables = variables();
    let words = |text| {
        Expander::new('\\', &variables)
            .words(text)
            .expect("expands")
    };
    assert_eq!(words("$list \"$list\" ''"), ["x", "y", "x  y"]);
    assert_eq!(words("p$list.q"), ["px", "y.q"]);
}

#[test]
fn variables_without_value_are_told_unless_a_default_is_given() {
    let variables = variables();
    let unset = |text: &str| -> Vec<String> {
        let expanded = Expander::new('\\', &variables).word(text).expect("expands");
        expanded.unset.into_iter().collect()
    };
    assert_eq!(unset("$a $b ${c} ${d:-x} ${e+x} ${f:-$g}"), ["b", "c", "g"]);
}

#[test]
fn here_documents_keep_their_quotes() {
    let variables = variables();
    let content = Expander::new('`', &variables).content("'$a' \"${a}\" \\$a it's\n");
    assert_eq!(content.expect("expands"), "'one' \"one\" $a it's\n");
}

#[test]
fn the_escape_character_of_the_file_counts() {
    let variables = variables();
    let expanded = Expander::new('`', &variables).word("c:\\x`$a\"`\"\"");
    assert_eq!(expanded.expect("expands").text, "c:\\x$a\"");
}

#[test]
fn text_without_bounds_is_refused() {
    assert_eq!(refused(&"${x:-".repeat(100_000)), ExpandError::TooDeep);
    let big = [("v".to_owned(), "x".repeat(MOST_BYTES / 2))].into();
    let expanded = Expander::new('\\', &big).word("$v$v$v");
    assert_eq!(expanded, Err(ExpandError::TooLong));
    assert!(matches!(refused("${a#\\x}"), ExpandError::Pattern('x')));
    assert!(matches!(refused("${f/x}"), ExpandError::OpenPattern(_)));
    assert!(matches!(refused("${a:#x}"), ExpandError::Modifier { .. }));
}

proptest! {
    #[test]
    fn no_word_makes_it_panic(text in "[\\\\$`{}:#%/?+a-c'\" é*-]{0,40}") {
        let variables = variables();
        for escape in ['\\', '`'] {
            let expander = Expander::new(escape, &variables);
            let _ = (expander.word(&text), expander.words(&text), expander.content(&text));
        }
        let _ = (unquote(&text), raw_words(&text));
    }
}
