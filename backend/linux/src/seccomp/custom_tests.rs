//! Profiles of people, run on an interpreter of their instructions.

use super::super::program::tests::run;
use super::*;

const KERNEL: KernelVersion = KernelVersion { major: 6, minor: 1 };

fn compiled(text: &str, capabilities: CapabilitySet) -> Program {
    let profile = Profile::parse(text).expect("valid");
    let around = Surroundings {
        capabilities,
        kernel: KERNEL,
    };
    compile(&profile, around).expect("small enough")
}

fn with_rules(default: &str, rules: &str) -> Program {
    let text = format!(r#"{{"defaultAction":"{default}","syscalls":[{rules}]}}"#);
    compiled(&text, CapabilitySet::DEFAULT)
}

fn call(program: &Program, name: &str, args: [u64; 6]) -> u32 {
    let native = Architecture::NATIVE[0];
    let number = native.number(name).expect(name);
    run(program, native.audit(), number, args).0
}

const fn fail(errno: i32) -> u32 {
    action::FAIL | errno.cast_unsigned()
}

#[test]
fn every_comparison_looks_at_all_64_bits() {
    let values = [
        0,
        1,
        5,
        6,
        0xffff_ffff,
        1 << 32,
        (1 << 32) | 5,
        (5 << 32) | 5,
        u64::MAX,
    ];
    type Holds = fn(u64, u64) -> bool;
    let operators: [(&str, Holds); 6] = [
        ("NE", |a, b| a != b),
        ("LT", |a, b| a < b),
        ("LE", |a, b| a <= b),
        ("EQ", |a, b| a == b),
        ("GE", |a, b| a >= b),
        ("GT", |a, b| a > b),
    ];
    for (operator, holds) in operators {
        for value in values {
            let rule = format!(
                r#"{{"names":["getpid"],"action":"SCMP_ACT_ERRNO","errnoRet":9,
                "args":[{{"index":2,"value":{value},"op":"SCMP_CMP_{operator}"}}]}}"#
            );
            let program = with_rules("SCMP_ACT_ALLOW", &rule);
            for argument in values {
                let expected = if holds(argument, value) {
                    fail(9)
                } else {
                    action::ALLOW
                };
                let found = call(&program, "getpid", [7, 7, argument, 7, 7, 7]);
                assert_eq!(found, expected, "{argument:#x} {operator} {value:#x}");
            }
        }
    }
}

#[test]
fn masks_and_several_tests_hold_together_and_one_argument_twice_is_two_rules() {
    let rule = r#"{"names":["getpid"],"action":"SCMP_ACT_ALLOW","args":[
        {"index":0,"value":240,"valueTwo":32,"op":"SCMP_CMP_MASKED_EQ"},
        {"index":1,"value":3,"op":"SCMP_CMP_EQ"}]}"#;
    let program = with_rules("SCMP_ACT_ERRNO", rule);
    let of = |first, second| call(&program, "getpid", [first, second, 0, 0, 0, 0]);
    assert_eq!(of(0x12f, 3), action::ALLOW);
    assert_eq!(of(0x12f, 4), fail(libc::EPERM));
    assert_eq!(of(0x13f, 3), fail(libc::EPERM));
    let twice = r#"{"names":["getpid"],"action":"SCMP_ACT_ALLOW","args":[
        {"index":0,"value":1,"op":"SCMP_CMP_EQ"},{"index":0,"value":2,"op":"SCMP_CMP_EQ"}]}"#;
    let program = with_rules("SCMP_ACT_ERRNO", twice);
    for (first, expected) in [
        (1, action::ALLOW),
        (2, action::ALLOW),
        (3, fail(libc::EPERM)),
    ] {
        assert_eq!(call(&program, "getpid", [first, 0, 0, 0, 0, 0]), expected);
    }
}

#[test]
fn actions_are_the_kernels() {
    for (name, returned) in [
        ("KILL", action::KILL_THREAD),
        ("KILL_PROCESS", action::KILL_PROCESS),
        ("TRAP", action::TRAP),
        ("LOG", action::LOG),
        ("TRACE", action::TRACE | 1),
        ("ERRNO", fail(1)),
    ] {
        let rule = format!(r#"{{"names":["getpid","no_such"],"action":"SCMP_ACT_{name}"}}"#);
        let program = with_rules("SCMP_ACT_ALLOW", &rule);
        assert_eq!(call(&program, "getpid", [0; 6]), returned);
        assert_eq!(call(&program, "getppid", [0; 6]), action::ALLOW);
    }
}

#[test]
fn rules_apply_by_capability_architecture_and_kernel() {
    let here = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    let allowed = |condition: &str, capabilities| {
        let text = format!(
            r#"{{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[
            {{"names":["getpid"],"action":"SCMP_ACT_ALLOW",{condition}}}]}}"#
        );
        call(&compiled(&text, capabilities), "getpid", [0; 6]) == action::ALLOW
    };
    let (some, none) = (CapabilitySet::DEFAULT, CapabilitySet::EMPTY);
    assert!(allowed(
        r#""includes":{"caps":["CAP_CHOWN","CAP_KILL"]}"#,
        some
    ));
    assert!(!allowed(
        r#""includes":{"caps":["CAP_CHOWN","CAP_SYS_ADMIN"]}"#,
        some
    ));
    assert!(!allowed(
        r#""excludes":{"caps":["CAP_SYS_ADMIN","CAP_CHOWN"]}"#,
        some
    ));
    assert!(allowed(r#""excludes":{"caps":["CAP_CHOWN"]}"#, none));
    assert!(allowed(
        &format!(r#""includes":{{"arches":["s390","{here}"]}}"#),
        none
    ));
    assert!(!allowed(
        &format!(r#""excludes":{{"arches":["{here}"]}}"#),
        none
    ));
    assert!(!allowed(r#""includes":{"arches":["s390"]}"#, none));
    assert!(allowed(r#""includes":{"minKernel":"6.1"}"#, none));
    assert!(!allowed(r#""includes":{"minKernel":"6.2"}"#, none));
    assert!(!allowed(r#""excludes":{"minKernel":"4.8"}"#, none));
}

#[cfg(target_arch = "x86_64")]
#[test]
fn other_architectures_have_no_calls_unless_the_profile_names_them() {
    let text = |arches: &str| {
        format!(
            r#"{{"defaultAction":"SCMP_ACT_ALLOW","archMap":[{{"architecture":"SCMP_ARCH_X86_64","subArchitectures":[{arches}]}}]}}"#
        )
    };
    let of = |program: &Program, architecture: Architecture| {
        let number = architecture.number("getpid").expect("a call");
        run(program, architecture.audit(), number, [0; 6]).0
    };
    let alone = compiled(&text(""), CapabilitySet::DEFAULT);
    assert_eq!(of(&alone, Architecture::X86_64), action::ALLOW);
    assert_eq!(of(&alone, Architecture::I386), fail(libc::ENOSYS));
    assert_eq!(of(&alone, Architecture::X32), fail(libc::ENOSYS));
    let all = compiled(
        &text(r#""SCMP_ARCH_X86","SCMP_ARCH_X32""#),
        CapabilitySet::DEFAULT,
    );
    assert_eq!(of(&all, Architecture::I386), action::ALLOW);
    assert_eq!(of(&all, Architecture::X32), action::ALLOW);
}

#[test]
fn calls_newer_than_the_profile_do_not_exist_where_it_forbids() {
    let allow = r#"{"names":["getpid","statx"],"action":"SCMP_ACT_ALLOW"}"#;
    let program = with_rules("SCMP_ACT_KILL", allow);
    assert_eq!(call(&program, "openat2", [0; 6]), fail(libc::ENOSYS));
    assert_eq!(call(&program, "chroot", [0; 6]), action::KILL_THREAD);
    let native = Architecture::NATIVE[0].audit();
    assert_eq!(run(&program, native, 9999, [0; 6]).0, fail(libc::ENOSYS));
    let deny = r#"{"names":["getpid"],"action":"SCMP_ACT_ERRNO"}"#;
    let program = with_rules("SCMP_ACT_ALLOW", deny);
    assert_eq!(call(&program, "openat2", [0; 6]), action::ALLOW);
}

#[test]
fn what_the_kernel_would_not_take_is_refused() {
    let one = |index| {
        format!(
            r#"{{"names":["getpid"],"action":"SCMP_ACT_ALLOW","args":[{{"index":0,"value":{index},"op":"SCMP_CMP_EQ"}}]}}"#
        )
    };
    let rules: Vec<String> = (0..1000).map(one).collect();
    let text = format!(
        r#"{{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{}]}}"#,
        rules.join(",")
    );
    let profile = Profile::parse(&text).expect("valid");
    let around = Surroundings {
        capabilities: CapabilitySet::DEFAULT,
        kernel: KERNEL,
    };
    assert!(matches!(
        compile(&profile, around),
        Err(CompileError::TooLong(_))
    ));
}

/// Calls that are newer than Docker's profile: for ours they are refused by name, or as the call
/// that they are a form of; of a profile of the JSON form they are not known.
const NEWER: [&str; 3] = ["open_tree_attr", "file_getattr", "file_setattr"];

/// Runs where `ORLOP_SHARED` names the folder with Docker's profile as data.
#[test]
fn dockers_default_as_a_custom_profile_does_what_ours_does() {
    let Some(shared) = std::env::var_os("ORLOP_SHARED") else {
        println!("skipped: ORLOP_SHARED does not name the folder with Docker's profile");
        return;
    };
    let path = std::path::Path::new(&shared).join("seccomp/moby-default.json");
    let text = std::fs::read_to_string(path).expect("profile");
    let single = Capability::all().map(|c| CapabilitySet::from_iter([c]));
    let sets = [
        CapabilitySet::DEFAULT,
        CapabilitySet::EMPTY,
        CapabilitySet::all(),
    ];
    for capabilities in sets.into_iter().chain(single) {
        let (theirs, ours) = (
            compiled(&text, capabilities),
            super::super::default_filter(capabilities),
        );
        for architecture in Architecture::NATIVE {
            for (number, name) in architecture.calls() {
                for first in ARGUMENTS {
                    let args = [first, 0, 0, 0, 0, 0];
                    let of = |program| run(program, architecture.audit(), number, args).0;
                    if NEWER.contains(&name) {
                        assert_ne!(of(&theirs), action::ALLOW, "{name}");
                        continue;
                    }
                    assert_eq!(
                        of(&theirs),
                        of(&ours),
                        "{name}({first:#x}) of {architecture:?} with {capabilities:?}"
                    );
                }
            }
        }
    }
}

/// First arguments that some rule tells apart.
const ARGUMENTS: [u64; 12] = [
    0,
    8,
    37,
    38,
    39,
    40,
    41,
    0x2_0000,
    0x2_0008,
    0x1000_0000,
    0x7e02_0000,
    0xffff_ffff,
];
