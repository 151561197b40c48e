//! A profile as a program of classic BPF: pure.
//!
//! The program finds a call's number by binary search over ranges of numbers with the same
//! verdict, about eight comparisons. It looks at the architecture and the number before anything
//! else, and at arguments only where the verdict depends on them: so the kernel, which tries each
//! number out when a filter is installed, can remember most verdicts and not run it at all
//! (seccomp's constant-action bitmap).

use std::collections::{BTreeMap, HashMap};

use super::numbers::{Architecture, X32_BIT};
use super::profile::{Compare, Condition, Verdict};

/// One instruction (`struct sock_filter`).
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// Instructions to skip if the comparison holds.
    pub jump_true: u8,
    /// Instructions to skip if it does not.
    pub jump_false: u8,
    /// Its operand.
    pub operand: u32,
}

/// The most instructions that the kernel takes (`BPF_MAXINSNS`).
pub const MAX_LEN: usize = 4096;

/// A filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program(pub(super) Vec<Instruction>);

/// What becomes of a call, as instructions that end the program.
pub(super) trait Outcome: Clone + PartialEq {
    /// The instructions.
    fn instructions(&self) -> Vec<Instruction>;
}

impl Outcome for Verdict {
    fn instructions(&self) -> Vec<Instruction> {
        finish(*self)
    }
}

impl Program {
    /// Its instructions.
    #[must_use]
    pub fn instructions(&self) -> &[Instruction] {
        &self.0
    }
}

/// Codes of instructions (`linux/bpf_common.h`).
pub mod code {
    /// Load a word of `struct seccomp_data`.
    pub const LOAD: u16 = 0x20;
    /// Keep some bits.
    pub const AND: u16 = 0x54;
    /// Jump always.
    pub const JUMP: u16 = 0x05;
    /// Jump if equal.
    pub const IF_EQUAL: u16 = 0x15;
    /// Jump if greater.
    pub const IF_GREATER: u16 = 0x25;
    /// Jump if greater or equal.
    pub const IF_AT_LEAST: u16 = 0x35;
    /// End.
    pub const RETURN: u16 = 0x06;
}

/// What a filter may return.
pub mod action {
    /// Let the call through.
    pub const ALLOW: u32 = 0x7fff_0000;
    /// Let the call through and log it.
    pub const LOG: u32 = 0x7ffc_0000;
    /// Ask a tracer, with a message in the low half.
    pub const TRACE: u32 = 0x7ff0_0000;
    /// Send SIGSYS.
    pub const TRAP: u32 = 0x0003_0000;
    /// End the process.
    pub const KILL_PROCESS: u32 = 0x8000_0000;
    /// End the thread.
    pub const KILL_THREAD: u32 = 0;
    /// Fail with the error number in the low half.
    pub const FAIL: u32 = 0x0005_0000;
}

/// Offsets in `struct seccomp_data`.
pub mod data {
    /// The call's number.
    pub const NUMBER: u32 = 0;
    /// The architecture.
    pub const ARCHITECTURE: u32 = 4;
    /// The lower half of the first argument, on a little-endian machine; eight bytes each.
    pub const ARGUMENTS: u32 = 16;
}

/// Makes the filter for programs of these architectures. Calls of other architectures, and
/// numbers without a name, fail with ENOSYS; nothing ever kills.
#[must_use]
pub fn compile(architectures: &[Architecture], verdicts: &HashMap<&str, Verdict>) -> Program {
    let decide = |name| verdicts.get(name).copied().unwrap_or(Verdict::UNKNOWN);
    assemble(architectures, |architecture| {
        let calls = architecture.calls();
        let verdicts = calls.map(|(number, name)| (number, decide(name))).collect();
        search(&verdicts, &Verdict::UNKNOWN, &Verdict::UNKNOWN)
    })
}

/// Puts the instructions of each architecture together; calls of others fail with ENOSYS.
pub(super) fn assemble(
    architectures: &[Architecture],
    search: impl Fn(Architecture) -> Vec<Instruction>,
) -> Program {
    let x32 = if architectures.contains(&Architecture::X32) {
        search(Architecture::X32)
    } else {
        finish(Verdict::UNKNOWN)
    };
    let mut program = vec![load(data::ARCHITECTURE)];
    for architecture in architectures {
        let mut part = vec![load(data::NUMBER)];
        match architecture {
            Architecture::X32 => continue, // inside of x86_64's part
            Architecture::X86_64 => {
                part.extend(branch(X32_BIT, search(*architecture), x32.clone()));
            }
            _ => part.extend(search(*architecture)),
        }
        program.extend(skip_unless_equal(architecture.audit(), part));
    }
    program.extend(finish(Verdict::UNKNOWN));
    Program(program)
}

/// The instructions for one architecture; the number is loaded. What has no outcome has `holes`,
/// and behind the last one `beyond`.
pub(super) fn search<O: Outcome>(
    outcomes: &BTreeMap<u32, O>,
    holes: &O,
    beyond: &O,
) -> Vec<Instruction> {
    tree(&ranges(outcomes, holes, beyond))
}

/// Where each outcome begins.
fn ranges<O: Outcome>(outcomes: &BTreeMap<u32, O>, holes: &O, beyond: &O) -> Vec<(u32, O)> {
    let mut ranges = vec![(0, holes.clone())];
    let mut next = 0;
    let mut begin = |number, outcome: &O| {
        if ranges.last().is_none_or(|(_, last)| last != outcome) {
            ranges.push((number, outcome.clone()));
        }
    };
    for (number, outcome) in outcomes {
        if *number != next {
            begin(next, holes);
        }
        begin(*number, outcome);
        next = number + 1;
    }
    begin(next, beyond);
    ranges
}

fn tree<O: Outcome>(ranges: &[(u32, O)]) -> Vec<Instruction> {
    match ranges {
        [] => finish(Verdict::UNKNOWN),
        [(_, outcome)] => outcome.instructions(),
        _ => {
            let (left, right) = ranges.split_at(ranges.len() / 2);
            branch(right[0].0, tree(left), tree(right))
        }
    }
}

/// `if loaded < pivot { left } else { right }`, where both end the program.
fn branch(pivot: u32, left: Vec<Instruction>, right: Vec<Instruction>) -> Vec<Instruction> {
    let mut all = match u8::try_from(left.len()) {
        Ok(length) => vec![jump(code::IF_AT_LEAST, pivot, length, 0)],
        // Too far for a comparison's own jump.
        Err(_) => vec![
            jump(code::IF_AT_LEAST, pivot, 0, 1),
            instruction(code::JUMP, left.len() as u32),
        ],
    };
    all.extend(left);
    all.extend(right);
    all
}

/// `if loaded == value { part }`, where `part` ends the program.
fn skip_unless_equal(value: u32, part: Vec<Instruction>) -> Vec<Instruction> {
    let mut all = vec![
        jump(code::IF_EQUAL, value, 1, 0),
        instruction(code::JUMP, part.len() as u32),
    ];
    all.extend(part);
    all
}

fn finish(verdict: Verdict) -> Vec<Instruction> {
    match verdict {
        Verdict::Allow => vec![instruction(code::RETURN, action::ALLOW)],
        Verdict::Fail(errno) => vec![instruction(code::RETURN, action::FAIL | u32::from(errno))],
        Verdict::AllowIf(conditions) => {
            let mut all: Vec<_> = conditions.iter().flat_map(allow_if).collect();
            all.extend(finish(Verdict::REFUSE));
            all
        }
    }
}

/// Ends with ALLOW if the condition holds, and goes on behind otherwise.
fn allow_if(condition: &Condition) -> Vec<Instruction> {
    let offset = data::ARGUMENTS + 8 * u32::from(condition.argument);
    let mut all = vec![load(offset)];
    if condition.mask != u32::MAX {
        all.push(instruction(code::AND, condition.mask));
    }
    let value = condition.value;
    all.push(match condition.compare {
        Compare::Equal => jump(code::IF_EQUAL, value, 0, 1),
        Compare::Greater => jump(code::IF_GREATER, value, 0, 1),
        Compare::Less => jump(code::IF_AT_LEAST, value, 1, 0),
    });
    all.push(instruction(code::RETURN, action::ALLOW));
    all
}

pub(super) fn load(offset: u32) -> Instruction {
    instruction(code::LOAD, offset)
}

pub(super) fn instruction(code: u16, operand: u32) -> Instruction {
    jump(code, operand, 0, 0)
}

pub(super) fn jump(code: u16, operand: u32, jump_true: u8, jump_false: u8) -> Instruction {
    Instruction {
        code,
        jump_true,
        jump_false,
        operand,
    }
}

#[cfg(test)]
#[path = "program_tests.rs"]
pub(super) mod tests;
