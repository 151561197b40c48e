//! The default filter in the real kernel, and against Docker's profile.

use std::collections::BTreeSet;
use std::time::Instant;

use nix::errno::Errno;
use orlop_linux::capability::{Capability, CapabilitySet};
use orlop_linux::seccomp::profile::{Compare, Condition, Verdict, verdicts};
use orlop_linux::seccomp::{Architecture, default_filter, install};
use serde_json::Value;

/// Calls whose verdict differs from Docker's on purpose: what Docker does not know yet and is two
/// calls in one that it knows.
const DIFFERENT: [&str; 1] = ["open_tree_attr"];

#[test]
fn the_kernel_takes_the_filter_and_does_what_it_says() {
    // A filter belongs to the thread: this one is thrown away.
    let child = std::thread::spawn(|| {
        let begun = Instant::now();
        let filter = default_filter(CapabilitySet::DEFAULT);
        let compiled = begun.elapsed().as_micros();
        install(&filter).expect("install");
        let installed = begun.elapsed().as_micros() - compiled;
        println!(
            "{} instructions: {compiled} µs to make, {installed} µs to install",
            filter.instructions().len()
        );
        let call = |number: libc::c_long, first: libc::c_long| {
            // SAFETY: each of these is refused by the filter, or takes numbers only.
            Errno::result(unsafe { libc::syscall(number, first, 0, 0, 0, 0, 0) })
        };
        assert!(call(libc::SYS_getppid, 0).is_ok());
        assert!(std::fs::read("/proc/version").is_ok());
        assert_eq!(call(libc::SYS_unshare, 0x1000_0000), Err(Errno::EPERM));
        assert_eq!(call(libc::SYS_keyctl, 0), Err(Errno::EPERM));
        assert_eq!(call(libc::SYS_io_uring_setup, 1), Err(Errno::EPERM));
        assert_eq!(call(libc::SYS_clone3, 0), Err(Errno::ENOSYS));
        assert_eq!(call(libc::SYS_socket, 38), Err(Errno::EPERM));
        assert_eq!(call(libc::SYS_socket, 0x1_0000_0026), Err(Errno::EPERM));
        assert_eq!(call(999, 0), Err(Errno::ENOSYS));
        assert_eq!(call(0x4000_0000 | libc::SYS_unshare, 0), Err(Errno::EPERM));
    });
    child.join().expect("thread");
}

/// Runs where `ORLOP_SHARED` names the folder with Docker's profile as data.
#[test]
fn verdicts_are_those_of_docker() {
    let Some(shared) = std::env::var_os("ORLOP_SHARED") else {
        println!("skipped: ORLOP_SHARED does not name the folder with Docker's profile");
        return;
    };
    let path = std::path::Path::new(&shared).join("seccomp/moby-default.json");
    let text = std::fs::read_to_string(path).expect("profile");
    let profile: Value = serde_json::from_str(&text).expect("json");
    let single = Capability::all().map(|c| CapabilitySet::from_iter([c]));
    let sets = [
        CapabilitySet::DEFAULT,
        CapabilitySet::EMPTY,
        CapabilitySet::all(),
    ];
    let names: BTreeSet<_> = [Architecture::X86_64, Architecture::I386]
        .iter()
        .flat_map(|a| a.calls())
        .map(|(_, name)| name)
        .filter(|name| !DIFFERENT.contains(name))
        .collect();
    for capabilities in sets.into_iter().chain(single) {
        let ours = verdicts(capabilities);
        for name in &names {
            let docker = docker_rules(&profile, name, capabilities);
            for argument in ARGUMENTS {
                assert_eq!(
                    our_errno(ours[name], argument),
                    docker_errno(&docker, argument),
                    "{name}({argument:#x}) with {capabilities:?}"
                );
            }
        }
    }
}

/// First arguments that some rule tells apart.
const ARGUMENTS: [u32; 16] = [
    0,
    2,
    8,
    37,
    38,
    39,
    40,
    41,
    0x11,
    0x2_0000,
    0x2_0008,
    0x40_0000,
    0x1000_0000,
    0x2000_0000,
    0x7e02_0000,
    0xffff_ffff,
];

/// The error of a call with this first argument, 0 if it is let through.
fn our_errno(verdict: Verdict, argument: u32) -> u16 {
    let holds = |c: &Condition| {
        let value = argument & c.mask;
        match c.compare {
            Compare::Equal => value == c.value,
            Compare::Less => value < c.value,
            Compare::Greater => value > c.value,
        }
    };
    match verdict {
        Verdict::Allow => 0,
        Verdict::Fail(errno) => errno,
        Verdict::AllowIf(conditions) if conditions.iter().any(holds) => 0,
        Verdict::AllowIf(_) => 1,
    }
}

/// The rules of Docker's profile that apply to a call here.
fn docker_rules<'a>(profile: &'a Value, name: &str, caps: CapabilitySet) -> Vec<&'a Value> {
    let list = |rule: &Value, when: &str, what: &str| -> Vec<String> {
        let list = rule[when][what].as_array().cloned().unwrap_or_default();
        list.iter()
            .filter_map(|v| v.as_str().map(str::to_owned))
            .collect()
    };
    let has = |names: &[String]| {
        CapabilitySet::from_names(names)
            .expect("names")
            .intersection(caps)
            != CapabilitySet::EMPTY
    };
    let rules = profile["syscalls"].as_array().expect("rules");
    rules
        .iter()
        .filter(|rule| {
            rule["names"]
                .as_array()
                .expect("names")
                .iter()
                .any(|n| n == name)
        })
        .filter(|rule| {
            let (arches, caps) = (
                list(rule, "includes", "arches"),
                list(rule, "includes", "caps"),
            );
            let (no_arches, no_caps) = (
                list(rule, "excludes", "arches"),
                list(rule, "excludes", "caps"),
            );
            (arches.is_empty() || arches.iter().any(|a| a == "amd64"))
                && (caps.is_empty() || has(&caps))
                && !no_arches.iter().any(|a| a == "amd64")
                && !has(&no_caps)
        })
        .collect()
}

fn docker_errno(rules: &[&Value], argument: u32) -> u16 {
    let number = |value: &Value| value.as_u64().unwrap_or_default() as u32;
    let holds = |argument: u32, test: &Value| match test["op"].as_str() {
        Some("SCMP_CMP_EQ") => argument == number(&test["value"]),
        Some("SCMP_CMP_LT") => argument < number(&test["value"]),
        Some("SCMP_CMP_GT") => argument > number(&test["value"]),
        // The mask is in `value`, and what is compared with in `valueTwo`, which is 0 here.
        Some("SCMP_CMP_MASKED_EQ") => argument & number(&test["value"]) == 0,
        other => panic!("unknown test {other:?}"),
    };
    let allowed = rules.iter().any(|rule| {
        let tests = rule["args"].as_array().cloned().unwrap_or_default();
        rule["action"] == "SCMP_ACT_ALLOW" && tests.iter().all(|t| holds(argument, t))
    });
    let errno = rules.iter().find_map(|rule| rule["errnoRet"].as_u64());
    if allowed {
        0
    } else {
        errno.map_or(1, |e| e as u16)
    }
}
