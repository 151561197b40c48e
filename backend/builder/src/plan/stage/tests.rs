//! Which stages are needed, and which names mean nothing.

use super::*;
use crate::dockerfile::parse;

fn sorted(text: &str, options: &Options) -> Result<Graph, Refusal> {
    graph(text, &parse(text).expect("parses"), options)
}

fn refused(text: &str) -> String {
    sorted(text, &Options::default())
        .expect_err(text)
        .to_string()
}

const STAGES: &str = "ARG base=debian\nFROM ${base}:12 AS build\nFROM alpine AS unused\n\
    FROM build AS Test\nFROM scratch\nCOPY --from=build /a /a\nCOPY --from=2 /b /b\n\
    COPY --from=nginx:1 /c /c";

#[test]
fn only_what_the_target_needs_is_built() {
    let graph = sorted(STAGES, &Options::default()).expect("sorts");
    assert_eq!(graph.needed, [0, 2, 3]);
    let images: Vec<(&str, u32)> = graph.images.iter().map(|i| (&i.name[..], i.line)).collect();
    assert_eq!(images, [("debian:12", 2), ("nginx:1", 8)]);
    assert_eq!(graph.stages[2].base, Base::Stage(0));
    for (target, needed) in [("UNUSED", vec![1]), ("test", vec![0, 2]), ("0", vec![0])] {
        let options = Options {
            target: Some(target.into()),
            ..Options::default()
        };
        assert_eq!(sorted(STAGES, &options).expect("sorts").needed, needed);
    }
}

#[test]
fn arguments_before_from_choose_the_base() {
    let options = Options {
        args: [("base".to_owned(), Some("ubuntu".to_owned()))].into(),
        ..Options::default()
    };
    assert_eq!(
        sorted(STAGES, &options).expect("sorts").stages[0].base,
        Base::Image("ubuntu:12".into())
    );
}

#[test]
fn names_that_mean_nothing_are_refused() {
    for (text, part) in [
        ("FROM $none", "ARG none=default"),
        (
            "FROM a AS x\nCOPY --from=y b c\nFROM a AS y",
            "Dockerfile:2:6: stage y comes only later",
        ),
        ("FROM a AS x\nCOPY --from=x b c", "copy from itself"),
        ("FROM a\nCOPY --from=5 b c", "no stage 5"),
        ("FROM a\nCOPY --from=$x b c", "cannot hold variables"),
        (
            "FROM --platform=linux/s390x a",
            "this host builds for linux/amd64",
        ),
    ] {
        let message = refused(text);
        assert!(message.contains(part), "{text:?} gave\n{message}");
    }
    let options = Options {
        target: Some("bild".into()),
        ..Options::default()
    };
    let message = sorted(STAGES, &options).expect_err("refused").to_string();
    assert!(message.contains("did you mean build?"), "{message}");
}

#[test]
fn the_platform_of_the_host_can_be_asked_for() {
    sorted(
        "FROM --platform=$BUILDPLATFORM a\nFROM --platform=linux/amd64 b",
        &Options::default(),
    )
    .expect("sorts");
}
