//! What sources mean, and where things land.

use super::super::Context;
use super::super::index::tests::index;
use super::*;

const FILES: [&str; 10] = [
    "Dockerfile",
    "app/",
    "app/main.py=1",
    "app/sub/",
    "app/sub/x.txt=2",
    "app/sub/y.md=3",
    "link -> app",
    "one.txt=4",
    "two.txt=5",
    "to-file -> one.txt",
];

fn wanted(sources: &[&str], destination: &str) -> Wanted {
    Wanted {
        sources: sources.iter().map(|source| (*source).to_owned()).collect(),
        destination: destination.to_owned(),
        ..Wanted::default()
    }
}

fn chosen(ignore: &str, wanted: &Wanted) -> Result<Selection, SelectError> {
    let ignore = Ignore::parse(ignore).expect("parses");
    let context = Context::new(index(&FILES), ignore);
    select(context.tree(), wanted)
}

/// `from>to`, with `!` for an item that is copied without what is below it.
fn items(selection: &Selection) -> Vec<String> {
    let form = |item: &Item| {
        let mark = if item.shallow { "!" } else { "" };
        format!("{mark}{}>{}", item.from, item.to)
    };
    selection.items.iter().map(form).collect()
}

fn copied(sources: &[&str], destination: &str) -> Vec<String> {
    items(&chosen("", &wanted(sources, destination)).expect("selects"))
}

#[test]
fn files_and_folders_land_where_docker_puts_them() {
    assert_eq!(copied(&["one.txt"], "/x"), ["one.txt>"]);
    assert_eq!(copied(&["./one.txt"], "/x/"), ["one.txt>one.txt"]);
    assert_eq!(copied(&["app"], "/x"), ["app>"]);
    assert_eq!(
        copied(&["app/", "one.txt"], "/x/"),
        ["app>", "one.txt>one.txt"]
    );
    assert_eq!(copied(&["."], "/"), [">"]);
    assert_eq!(copied(&["../one.txt"], "/x"), ["one.txt>"]);
}

#[test]
fn patterns_match_part_by_part() {
    assert_eq!(
        copied(&["*.txt"], "/x/"),
        ["one.txt>one.txt", "two.txt>two.txt"]
    );
    assert_eq!(copied(&["app/*/x.*"], "/x/"), ["app/sub/x.txt>x.txt"]);
    assert_eq!(copied(&["none*", "one.txt"], "/x/"), ["one.txt>one.txt"]);
    assert_eq!(copied(&["o[mn]e.txt"], "/x"), ["one.txt>"]);
    assert_eq!(
        chosen("", &wanted(&["*.txt"], "/x")),
        Err(SelectError::NotAFolder)
    );
}

#[test]
fn links_that_are_named_are_followed_and_others_copied() {
    assert_eq!(copied(&["to-file"], "/x/"), ["to-file>to-file"]);
    let followed = chosen("", &wanted(&["link"], "/x")).expect("selects");
    assert_eq!(items(&followed), ["link>"]);
    let direct = chosen("", &wanted(&["app"], "/x")).expect("selects");
    assert_eq!(followed.files, direct.files);
    assert_eq!(copied(&["link/sub"], "/x"), ["link/sub>"]);
}

#[test]
fn what_is_ignored_is_left_out_of_folders() {
    let selection = chosen("**/*.md\nDockerfile", &wanted(&["."], "/")).expect("selects");
    assert_eq!(
        items(&selection),
        [
            "!>",
            "!app>app",
            "app/main.py>app/main.py",
            "!app/sub>app/sub",
            "app/sub/x.txt>app/sub/x.txt",
            "!link>link",
            "one.txt>one.txt",
            "!to-file>to-file",
            "two.txt>two.txt"
        ]
    );
    let clear = chosen("Dockerfile", &wanted(&["app"], "/")).expect("selects");
    assert_eq!(items(&clear), ["app>"]);
}

#[test]
fn excluded_files_do_not_count_in_the_digests() {
    let mut wanted = wanted(&["app"], "/x/");
    wanted.exclude = vec!["sub/*.md".into()];
    let selection = chosen("", &wanted).expect("selects");
    assert_eq!(
        items(&selection),
        ["!app>", "main.py", "!sub", "sub/x.txt"].map(|item| match item.strip_prefix('!') {
            Some("app>") => "!app>".to_owned(),
            Some(name) => format!("!app/{name}>{name}"),
            None => format!("app/{item}>{item}"),
        })
    );
    let names: Vec<&str> = selection.files.iter().map(|(name, _)| &name[..]).collect();
    assert_eq!(names, ["", "main.py", "sub", "sub/x.txt"]);
}

#[test]
fn parents_keep_the_folders_of_a_source() {
    let mut wanted = wanted(&["app/sub/x.txt", "app/./sub/y.md"], "/d");
    wanted.parents = true;
    let selection = chosen("", &wanted).expect("selects");
    assert_eq!(
        items(&selection),
        [
            "!app>app",
            "!app/sub>app/sub",
            "app/sub/x.txt>app/sub/x.txt",
            "!app/sub>sub",
            "app/sub/y.md>sub/y.md"
        ]
    );
    assert!(selection.into_directory);
}

#[test]
fn what_is_missing_is_explained() {
    let message = |ignore, source| {
        let error = chosen(ignore, &wanted(&[source], "/x")).expect_err("refused");
        error.to_string()
    };
    assert_eq!(
        message("", "on.txt"),
        "\"on.txt\" is not there; did you mean \"one.txt\"?"
    );
    assert_eq!(
        message("", "app/mian.py"),
        "\"app/mian.py\" is not there; did you mean \"main.py\"?"
    );
    assert_eq!(
        message("a\none*", "one.txt"),
        "\"one.txt\" is excluded by .dockerignore, line 2: one*"
    );
    assert_eq!(message("", "*.zip"), "\"*.zip\" is not there");
    assert!(message("", "[").contains("no matching ]"));
}

#[test]
fn digests_see_content_and_permissions_and_nothing_else() {
    let of = |lines: &[&str], keeps_owner: bool, change: &dyn Fn(&mut Entry)| {
        let mut entries = index(lines).into_entries();
        entries.iter_mut().for_each(change);
        let index = Index::new(entries);
        let wanted = Wanted {
            keeps_owner,
            ..wanted(&["."], "/")
        };
        let tree = Tree {
            index: &index,
            hidden: None,
        };
        select(tree, &wanted).expect("selects").files
    };
    let same = of(&["a=1"], false, &|_| {});
    assert_eq!(same, of(&["a=1"], false, &|e| e.uid = 7));
    assert_ne!(same, of(&["a=2"], false, &|_| {}));
    assert_ne!(same, of(&["a=1"], false, &|e| e.mode = 0o600));
    assert_ne!(same, of(&["b=1"], false, &|_| {}));
    assert_ne!(
        of(&["a=1"], true, &|_| {}),
        of(&["a=1"], true, &|e| e.uid = 7)
    );
}
