//! Version 2's way to keep a group off devices: a BPF program that the kernel asks for each open
//! and mknod (`BPF_PROG_TYPE_CGROUP_DEVICE`). The program is pure data; loading it needs root.

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use orlop_model::device::{DeviceKind, DeviceRule};

/// One instruction (`struct bpf_insn`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Instruction {
    code: u8,
    /// Destination in the lower half, source in the upper.
    registers: u8,
    offset: i16,
    operand: i32,
}

/// Codes of instructions (`linux/bpf.h`).
mod code {
    pub(super) const LOAD: u8 = 0x61;
    pub(super) const MOVE: u8 = 0xbf;
    pub(super) const SET: u8 = 0xb7;
    pub(super) const AND: u8 = 0x57;
    pub(super) const SHIFT_RIGHT: u8 = 0x77;
    pub(super) const IF_UNEQUAL: u8 = 0x55;
    pub(super) const IF_UNEQUAL_REGISTER: u8 = 0x5d;
    pub(super) const EXIT: u8 = 0x95;
}

/// Which register holds what.
mod register {
    pub(super) const RESULT: u8 = 0;
    pub(super) const CONTEXT: u8 = 1;
    pub(super) const KIND: u8 = 2;
    pub(super) const ACCESS: u8 = 3;
    pub(super) const MAJOR: u8 = 4;
    pub(super) const MINOR: u8 = 5;
    pub(super) const WANTED: u8 = 6;
}

/// Offsets in `struct bpf_cgroup_dev_ctx`.
mod context {
    /// The access in the upper half, the kind in the lower.
    pub(super) const ACCESS_AND_KIND: i16 = 0;
    pub(super) const MAJOR: i16 = 4;
    pub(super) const MINOR: i16 = 8;
}

/// Kinds and accesses (`BPF_DEVCG_…`).
const BLOCK: i32 = 1;
const CHARACTER: i32 = 2;
const MAKE: i32 = 1;
const READ: i32 = 2;
const WRITE: i32 = 4;

/// The program that allows these devices: 1 is yes.
fn program(rules: &[DeviceRule]) -> Vec<Instruction> {
    use register::{ACCESS, CONTEXT, KIND, MAJOR, MINOR, RESULT};
    let load = |into, offset| Instruction {
        offset,
        ..instruction(code::LOAD, into, CONTEXT, 0)
    };
    let mut all = vec![
        load(KIND, context::ACCESS_AND_KIND),
        instruction(code::MOVE, ACCESS, KIND, 0),
        instruction(code::AND, KIND, 0, 0xffff),
        instruction(code::SHIFT_RIGHT, ACCESS, 0, 16),
        load(MAJOR, context::MAJOR),
        load(MINOR, context::MINOR),
    ];
    all.extend(rules.iter().flat_map(allow_if));
    all.push(instruction(code::SET, RESULT, 0, 0));
    all.push(instruction(code::EXIT, 0, 0, 0));
    all
}

/// Ends with 1 if the rule fits, and goes on behind otherwise.
fn allow_if(rule: &DeviceRule) -> Vec<Instruction> {
    use register::{ACCESS, KIND, MAJOR, MINOR, RESULT, WANTED};
    let kind = match rule.kind {
        DeviceKind::All => None,
        DeviceKind::Block => Some(BLOCK),
        DeviceKind::Character => Some(CHARACTER),
    };
    let allowed = rule.access;
    let access = [
        (allowed.make, MAKE),
        (allowed.read, READ),
        (allowed.write, WRITE),
    ]
    .into_iter()
    .filter(|(allowed, _)| *allowed)
    .fold(0, |all, (_, bit)| all | bit);
    let mut tests = vec![
        // All that is wanted must be among what is allowed.
        instruction(code::MOVE, WANTED, ACCESS, 0),
        instruction(code::AND, WANTED, 0, access),
        instruction(code::IF_UNEQUAL_REGISTER, WANTED, ACCESS, 0),
    ];
    tests.extend(kind.map(|kind| instruction(code::IF_UNEQUAL, KIND, 0, kind)));
    for (register, number) in [(MAJOR, rule.major), (MINOR, rule.minor)] {
        // Device numbers have 12 and 20 bits.
        tests.extend(number.map(|n| instruction(code::IF_UNEQUAL, register, 0, n as i32)));
    }
    let end = tests.len() + 2;
    for (at, test) in tests.iter_mut().enumerate() {
        if matches!(test.code, code::IF_UNEQUAL | code::IF_UNEQUAL_REGISTER) {
            test.offset = (end - at - 1) as i16;
        }
    }
    tests.push(instruction(code::SET, RESULT, 0, 1));
    tests.push(instruction(code::EXIT, 0, 0, 0));
    tests
}

fn instruction(code: u8, destination: u8, source: u8, operand: i32) -> Instruction {
    Instruction {
        code,
        registers: destination | source << 4,
        offset: 0,
        operand,
    }
}

/// The part of `union bpf_attr` for `BPF_PROG_LOAD`.
#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
}

/// The part of `union bpf_attr` for `BPF_PROG_ATTACH`.
#[repr(C)]
struct Attach {
    target: u32,
    program: u32,
    kind: u32,
    flags: u32,
}

/// `BPF_PROG_LOAD` and `BPF_PROG_ATTACH`.
const COMMAND_LOAD: libc::c_int = 5;
const COMMAND_ATTACH: libc::c_int = 8;
/// `BPF_PROG_TYPE_CGROUP_DEVICE` and `BPF_CGROUP_DEVICE`.
const PROGRAM_KIND: u32 = 15;
const ATTACH_KIND: u32 = 6;
/// `BPF_F_ALLOW_MULTI`: programs of groups above stay in force too.
const ALLOW_MULTI: u32 = 2;

/// Whether this kernel takes such programs from us.
#[must_use]
pub fn is_supported() -> bool {
    load(&program(&[])).is_ok()
}

/// Lets a group, by a descriptor of its directory, use these devices and no others. The program
/// is gone with the group.
pub(super) fn confine(group: BorrowedFd<'_>, rules: &[DeviceRule]) -> io::Result<()> {
    let program = load(&program(rules))?;
    let attach = Attach {
        target: group.as_raw_fd() as u32,
        program: program.as_raw_fd() as u32,
        kind: ATTACH_KIND,
        flags: ALLOW_MULTI,
    };
    bpf(COMMAND_ATTACH, &attach).map(drop)
}

fn load(instructions: &[Instruction]) -> io::Result<OwnedFd> {
    let load = Load {
        kind: PROGRAM_KIND,
        count: instructions.len() as u32,
        instructions: instructions.as_ptr() as u64,
        license: c"Apache-2.0".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
        kernel_version: 0,
        flags: 0,
    };
    let fd = bpf(COMMAND_LOAD, &load)?;
    // SAFETY: the kernel has just made this descriptor for us, close-on-exec.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn bpf<T>(command: libc::c_int, attributes: &T) -> io::Result<RawFd> {
    // SAFETY: `attributes` is the part of `union bpf_attr` that `command` reads, of the size
    // given, and what it points to outlives the call: the kernel copies all of it.
    let result = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_ref(attributes),
            size_of::<T>(),
        )
    };
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result as RawFd)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::devices::DEFAULT;

    /// Runs the program as the kernel does.
    fn allows(program: &[Instruction], kind: i32, access: i32, major: i32, minor: i32) -> bool {
        let mut registers = [0i64; 7];
        let mut at = 0usize;
        loop {
            let i = program[at];
            at += 1;
            let (to, from) = (usize::from(i.registers & 15), usize::from(i.registers >> 4));
            match i.code {
                code::LOAD => {
                    registers[to] = i64::from(match i.offset {
                        context::MAJOR => major,
                        context::MINOR => minor,
                        _ => access << 16 | kind,
                    });
                }
                code::MOVE => registers[to] = registers[from],
                code::SET => registers[to] = i64::from(i.operand),
                code::AND => registers[to] &= i64::from(i.operand),
                code::SHIFT_RIGHT => registers[to] >>= i.operand,
                code::EXIT => return registers[0] == 1,
                code::IF_UNEQUAL | code::IF_UNEQUAL_REGISTER => {
                    let other = match i.code {
                        code::IF_UNEQUAL => i64::from(i.operand),
                        _ => registers[from],
                    };
                    if registers[to] != other {
                        at += usize::try_from(i.offset).expect("forward");
                    }
                }
                other => panic!("unknown code {other:#x}"),
            }
        }
    }

    #[test]
    fn the_default_allows_harmless_devices_and_making_any_node() {
        let program = program(&DEFAULT);
        assert!(allows(&program, CHARACTER, READ | WRITE, 1, 3), "null");
        assert!(allows(&program, CHARACTER, READ, 136, 7), "a terminal");
        assert!(allows(&program, BLOCK, MAKE, 8, 0), "making a node");
        assert!(!allows(&program, BLOCK, READ, 8, 0), "a disk");
        assert!(!allows(&program, BLOCK, READ | MAKE, 8, 0));
        assert!(!allows(&program, CHARACTER, READ, 1, 1), "memory");
        assert!(
            !allows(&program, BLOCK, READ, 1, 3),
            "not a character device"
        );
    }

    #[test]
    fn further_rules_allow_what_they_say() {
        let rules = ["b 7:1 r", "a 9:* rw"].map(|rule| rule.parse().expect("rule"));
        let program = program(&rules);
        assert!(allows(&program, BLOCK, READ, 7, 1));
        assert!(!allows(&program, BLOCK, WRITE, 7, 1), "only reading");
        assert!(!allows(&program, BLOCK, READ, 7, 2), "another number");
        assert!(allows(&program, BLOCK, READ | WRITE, 9, 5));
        assert!(allows(&program, CHARACTER, WRITE, 9, 0));
        assert!(!allows(&program, CHARACTER, MAKE, 9, 0));
    }

    #[test]
    fn without_rules_nothing_is_allowed() {
        assert!(!allows(&program(&[]), CHARACTER, READ, 1, 3));
    }
}
