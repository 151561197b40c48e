//! The table of system calls has each name once, and none that no kernel knows.

use super::*;
use crate::seccomp::Architecture;

const ALL: [Architecture; 4] = [
    Architecture::X86_64,
    Architecture::I386,
    Architecture::X32,
    Architecture::Aarch64,
];

fn names() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().flat_map(|g| g.calls.split_ascii_whitespace())
}

#[test]
fn every_call_is_in_exactly_one_group() {
    for architecture in ALL {
        for (_, name) in architecture.calls() {
            let count = names().filter(|n| *n == name).count();
            assert_eq!(count, 1, "{name} of {architecture:?}");
        }
    }
}

#[test]
fn no_group_has_a_name_that_no_kernel_knows() {
    for name in names() {
        let known = ALL.iter().any(|a| a.number(name).is_some());
        assert!(known, "{name}");
    }
}
