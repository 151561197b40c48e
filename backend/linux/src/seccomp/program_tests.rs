//! Filters run on an interpreter of their instructions: every number gets its verdict.

use super::*;
use crate::capability::CapabilitySet;
use crate::seccomp::{default_filter, profile};

/// Runs a filter as the kernel does: returns the action, and whether it looked at an argument.
pub(in crate::seccomp) fn run(
    program: &Program,
    architecture: u32,
    number: u32,
    args: [u64; 6],
) -> (u32, bool) {
    let mut accumulator = 0u32;
    let mut looked = false;
    let mut at = 0;
    loop {
        let i = program.instructions()[at];
        at += 1;
        let mut jump_if = |holds: bool| {
            at += usize::from(if holds { i.jump_true } else { i.jump_false });
        };
        match i.code {
            code::LOAD => {
                accumulator = match i.operand {
                    data::NUMBER => number,
                    data::ARCHITECTURE => architecture,
                    offset => {
                        looked = true;
                        let offset = offset - data::ARGUMENTS;
                        let argument = args[offset as usize / 8];
                        (if offset.is_multiple_of(8) {
                            argument
                        } else {
                            argument >> 32
                        }) as u32
                    }
                }
            }
            code::AND => accumulator &= i.operand,
            code::JUMP => at += i.operand as usize,
            code::IF_EQUAL => jump_if(accumulator == i.operand),
            code::IF_GREATER => jump_if(accumulator > i.operand),
            code::IF_AT_LEAST => jump_if(accumulator >= i.operand),
            code::RETURN => return (i.operand, looked),
            other => panic!("unknown code {other:#x}"),
        }
    }
}

const ALL: [Architecture; 4] = [
    Architecture::X86_64,
    Architecture::I386,
    Architecture::X32,
    Architecture::Aarch64,
];

fn filter() -> Program {
    compile(&ALL, &profile::verdicts(CapabilitySet::DEFAULT))
}

fn call(program: &Program, architecture: Architecture, name: &str, first: u64) -> u32 {
    let number = architecture.number(name).expect(name);
    run(
        program,
        architecture.audit(),
        number,
        [first, 0, 0, 0, 0, 0],
    )
    .0
}

#[test]
fn every_number_of_every_architecture_gets_its_verdict() {
    let program = filter();
    let verdicts = profile::verdicts(CapabilitySet::DEFAULT);
    for architecture in ALL {
        for (number, name) in architecture.calls() {
            let (action, looked) = run(&program, architecture.audit(), number, [0; 6]);
            match verdicts[name] {
                Verdict::Allow => assert_eq!((action, looked), (action::ALLOW, false), "{name}"),
                Verdict::Fail(errno) => {
                    assert_eq!(action, action::FAIL | u32::from(errno), "{name}");
                    assert!(!looked, "{name}");
                }
                Verdict::AllowIf(_) => assert!(looked, "{name}"),
            }
        }
    }
}

#[test]
fn what_has_no_name_does_not_exist_and_nothing_kills() {
    let program = filter();
    let unknown = action::FAIL | libc::ENOSYS as u32;
    for architecture in ALL {
        let bit = if architecture == Architecture::X32 {
            X32_BIT
        } else {
            0
        };
        let known: Vec<_> = architecture.calls().map(|(number, _)| number).collect();
        for number in (0..1_000).map(|n| n | bit).filter(|n| !known.contains(n)) {
            let (action, _) = run(&program, architecture.audit(), number, [0; 6]);
            assert_eq!(action, unknown, "{architecture:?} {number}");
        }
    }
    let highest = run(&program, Architecture::X86_64.audit(), u32::MAX, [0; 6]).0;
    assert_eq!(highest, unknown);
    // MIPS, for one.
    assert_eq!(run(&program, 8, 0, [0; 6]).0, unknown);
    assert!(program.instructions().iter().all(|i| {
        i.code != code::RETURN
            || i.operand == action::ALLOW
            || i.operand & 0xffff_0000 == action::FAIL
    }));
}

#[test]
fn clone_may_make_threads_and_processes_but_no_namespaces() {
    let program = filter();
    let refuse = action::FAIL | libc::EPERM as u32;
    for architecture in ALL {
        let clone = |flags: i32| call(&program, architecture, "clone", flags as u32 as u64);
        assert_eq!(clone(libc::SIGCHLD), action::ALLOW);
        assert_eq!(clone(libc::CLONE_VM | libc::CLONE_THREAD), action::ALLOW);
        for flag in [
            libc::CLONE_NEWUSER,
            libc::CLONE_NEWNS,
            libc::CLONE_NEWNET,
            libc::CLONE_NEWPID,
        ] {
            assert_eq!(clone(flag | libc::SIGCHLD), refuse);
        }
        assert_eq!(
            call(&program, architecture, "clone3", 0),
            action::FAIL | libc::ENOSYS as u32
        );
        assert_eq!(call(&program, architecture, "unshare", 0), refuse);
    }
}

#[test]
fn the_upper_half_of_an_argument_fools_nobody() {
    let program = filter();
    let refuse = action::FAIL | libc::EPERM as u32;
    let socket = |domain: u64| call(&program, Architecture::X86_64, "socket", domain);
    assert_eq!(socket(2), action::ALLOW);
    assert_eq!(socket(39), action::ALLOW);
    assert_eq!(socket(41), action::ALLOW);
    for domain in [38, 40, 0x1_0000_0026, 0xffff_ffff_0000_0028] {
        assert_eq!(socket(domain), refuse, "{domain:#x}");
    }
    let personality = |p: u64| call(&program, Architecture::X86_64, "personality", p);
    assert_eq!(personality(0), action::ALLOW);
    assert_eq!(personality(0xffff_ffff), action::ALLOW);
    assert_eq!(personality(0x0040_0000), refuse, "ADDR_NO_RANDOMIZE");
}

#[test]
fn capabilities_open_their_calls() {
    let all = compile(&ALL, &profile::verdicts(CapabilitySet::all()));
    for name in [
        "mount",
        "clone3",
        "setns",
        "bpf",
        "ptrace",
        "reboot",
        "init_module",
    ] {
        assert_eq!(
            call(&all, Architecture::X86_64, name, u64::MAX),
            action::ALLOW,
            "{name}"
        );
    }
    let refuse = action::FAIL | libc::EPERM as u32;
    for name in ["keyctl", "io_uring_setup", "kexec_load", "userfaultfd"] {
        assert_eq!(call(&all, Architecture::X86_64, name, 0), refuse, "{name}");
    }
    let none = compile(&ALL, &profile::verdicts(CapabilitySet::EMPTY));
    assert_eq!(call(&none, Architecture::X86_64, "chroot", 0), refuse);
}

#[test]
fn the_search_is_short_and_the_program_fits() {
    let program = default_filter(CapabilitySet::DEFAULT);
    assert!(
        program.instructions().len() < MAX_LEN / 4,
        "{}",
        program.instructions().len()
    );
}
