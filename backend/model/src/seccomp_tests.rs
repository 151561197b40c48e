//! Profiles in Docker's form: what is read, and what is said of those that are wrong.

use proptest::prelude::*;

use super::*;

const SMALL: &str = r#"{
    "defaultAction": "SCMP_ACT_ERRNO",
    "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": ["SCMP_ARCH_X86"]},
                {"architecture": "SCMP_ARCH_S390X", "subArchitectures": null}],
    "syscalls": [
        {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW", "args": [], "comment": "",
         "includes": {}, "excludes": {}},
        {"name": "clone", "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_ADMIN"]},
         "args": [{"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
        {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38, "args": null}
    ]
}"#;

#[test]
fn a_profile_reads_back_as_written() {
    let profile = Profile::parse(SMALL).expect("valid");
    assert_eq!(profile.rules().len(), 4);
    assert_eq!(profile.rules()[1].calls().collect::<Vec<_>>(), ["clone"]);
    let kernel = profile.rules()[2]
        .includes
        .as_ref()
        .and_then(|w| w.min_kernel);
    assert_eq!(kernel, Some(KernelVersion { major: 4, minor: 8 }));
    let text = serde_json::to_string(&profile).expect("json");
    assert_eq!(Profile::parse(&text).expect("valid"), profile);
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let with = |rule: &str| format!(r#"{{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{rule}]}}"#);
    for (text, said) in [
        ("{}".to_owned(), "defaultAction"),
        ("[".to_owned(), "line 1 column"),
        (r#"{"defaultAction":"ALLOW"}"#.to_owned(), "unknown variant `ALLOW`"),
        (with(r#"{"names":["read"],"action":"SCMP_ACT_NOTIFY"}"#), "SCMP_ACT_NOTIFY"),
        (with(r#"{"action":"SCMP_ACT_ALLOW"}"#), "syscalls[0]: it names no"),
        (
            with(r#"{"name":"a","names":["b"],"action":"SCMP_ACT_ALLOW"}"#),
            "both 'name' and 'names'",
        ),
        (
            with(r#"{"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":5000}"#),
            "syscalls[0].errnoRet: 5000",
        ),
        (
            with(r#"{"names":["a"],"action":"SCMP_ACT_ALLOW","args":[{"index":6,"value":0,"op":"SCMP_CMP_EQ"}]}"#),
            "syscalls[0].args[0].index",
        ),
        (
            with(r#"{"names":["a"],"action":"SCMP_ACT_ALLOW","includes":{"minKernel":"new"}}"#),
            "no kernel version",
        ),
        (
            r#"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86"],"archMap":[{"architecture":"SCMP_ARCH_X86"}]}"#.to_owned(),
            "both 'architectures' and 'archMap'",
        ),
        (
            r#"{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/run/x"}"#.to_owned(),
            "listenerPath",
        ),
        (" ".repeat(MAX_TEXT + 1), "longer than"),
        (with(&vec![r#"{"names":["a"],"action":"SCMP_ACT_ALLOW"}"#; MAX_RULES + 1].join(",")), "rules"),
    ] {
        let error = Profile::parse(&text).expect_err(said).to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn versions_are_compared_by_their_numbers() {
    let version = |text: &str| text.parse::<KernelVersion>().expect("valid");
    assert!(version("4.8") < version("4.18"));
    assert!(version("6.18.0-rc1") >= version("6.18"));
    assert!("x.1".parse::<KernelVersion>().is_err());
}

proptest! {
    #[test]
    fn hostile_texts_never_panic(text in ".{0,200}") {
        let _ = Profile::parse(&text);
    }
}
