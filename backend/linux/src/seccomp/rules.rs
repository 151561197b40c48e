//! A profile that names calls, arguments and actions freely, as OCI configurations and Docker's
//! profiles do, as a program of classic BPF: pure.
//!
//! As libseccomp understands such profiles: a rule without conditions decides its call alone;
//! among rules with conditions the first that holds decides; else the default does. Calls that
//! are newer than every call that the profile names do not exist (ENOSYS), so that programs fall
//! back to older ones; programs of an architecture that is not listed are killed.

use std::collections::BTreeMap;

use super::numbers::{Architecture, X32_BIT};
use super::program::{Instruction, MAX_LEN, Program, action, code, data};

/// A whole profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Architectures that programs may be of.
    pub architectures: Vec<Architecture>,
    /// What becomes of calls without a rule.
    pub default: Action,
    /// Rules, in order.
    pub rules: Vec<Rule>,
}

/// What becomes of some calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Their names; those that this kernel's architecture does not have are passed over.
    pub names: Vec<String>,
    /// What happens.
    pub action: Action,
    /// All of which must hold.
    pub conditions: Vec<Condition>,
}

/// What becomes of a call (seccomp(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It goes on.
    Allow,
    /// It goes on, and is logged.
    Log,
    /// It fails with this error number.
    Fail(u16),
    /// The process gets SIGSYS.
    Trap,
    /// A tracer decides.
    Trace(u16),
    /// The thread is killed.
    KillThread,
    /// The process is killed.
    KillProcess,
}

impl Action {
    fn value(self) -> u32 {
        match self {
            Self::Allow => action::ALLOW,
            Self::Log => 0x7ffc_0000,
            Self::Fail(errno) => action::FAIL | u32::from(errno),
            Self::Trap => 0x0003_0000,
            Self::Trace(value) => 0x7ff0_0000 | u32::from(value),
            Self::KillThread => 0,
            Self::KillProcess => 0x8000_0000,
        }
    }
}

/// A test of one whole argument, without sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// Which argument, 0 to 5.
    pub argument: u8,
    /// How they compare.
    pub compare: Compare,
    /// With what.
    pub value: u64,
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// Not equal.
    NotEqual,
    /// Less.
    Less,
    /// Less or equal.
    AtMost,
    /// Equal.
    Equal,
    /// Greater or equal.
    AtLeast,
    /// Greater.
    Greater,
    /// Equal in these bits.
    MaskedEqual(u64),
}

/// Why there is no program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// The kernel takes no more than 4096 instructions.
    #[error("the profile needs {0} instructions and the kernel takes {MAX_LEN}")]
    TooLong(usize),
    /// There are six arguments.
    #[error("system calls have arguments 0 to 5, and not {0}")]
    Argument(u8),
}

/// What happens at one number.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Decision {
    /// Conditions and what happens if they hold.
    guarded: Vec<(Vec<Condition>, u32)>,
    /// What happens else.
    last: u32,
}

/// Makes the program.
///
/// # Errors
/// If the kernel would not take it.
pub fn compile(profile: &Profile) -> Result<Program, RulesError> {
    for condition in profile.rules.iter().flat_map(|rule| &rule.conditions) {
        if condition.argument > 5 {
            return Err(RulesError::Argument(condition.argument));
        }
    }
    let has_x32 = profile.architectures.contains(&Architecture::X32);
    let mut program = vec![plain(code::LOAD, data::ARCHITECTURE)];
    for architecture in &profile.architectures {
        let mut part = vec![plain(code::LOAD, data::NUMBER)];
        match architecture {
            // Inside of x86_64's part: both have one architecture for the kernel.
            Architecture::X32 if profile.architectures.contains(&Architecture::X86_64) => continue,
            Architecture::X86_64 => {
                let x32 = if has_x32 {
                    tree(&ranges(profile, Architecture::X32))
                } else {
                    vec![plain(code::RETURN, Action::KillThread.value())]
                };
                part.extend(branch(X32_BIT, tree(&ranges(profile, *architecture)), x32));
            }
            _ => part.extend(tree(&ranges(profile, *architecture))),
        }
        program.push(jump(code::IF_EQUAL, architecture.audit(), 1, 0));
        program.push(plain(code::JUMP, part.len() as u32));
        program.extend(part);
    }
    program.push(plain(code::RETURN, Action::KillThread.value()));
    if program.len() > MAX_LEN {
        return Err(RulesError::TooLong(program.len()));
    }
    Ok(Program::of(program))
}

/// Where each decision begins.
fn ranges(profile: &Profile, architecture: Architecture) -> Vec<(u32, Decision)> {
    let default = Decision {
        guarded: Vec::new(),
        last: profile.default.value(),
    };
    let numbers: BTreeMap<&str, u32> = architecture.calls().map(|(n, name)| (name, n)).collect();
    let mut decisions: BTreeMap<u32, Decision> = BTreeMap::new();
    for rule in &profile.rules {
        for number in rule.names.iter().filter_map(|n| numbers.get(n.as_str())) {
            let decision = decisions.entry(*number).or_insert_with(|| default.clone());
            if rule.conditions.is_empty() {
                *decision = Decision {
                    guarded: Vec::new(),
                    last: rule.action.value(),
                };
            } else {
                decision
                    .guarded
                    .push((rule.conditions.clone(), rule.action.value()));
            }
        }
    }
    let mut ranges = vec![(0, default.clone())];
    let mut next = 0;
    for (number, decision) in decisions {
        if number != next {
            begin(&mut ranges, next, default.clone());
        }
        begin(&mut ranges, number, decision);
        next = number + 1;
    }
    let newer = match profile.default {
        Action::Allow | Action::Log => default,
        _ => Decision {
            guarded: Vec::new(),
            last: Action::Fail(libc::ENOSYS as u16).value(),
        },
    };
    begin(&mut ranges, next, newer);
    ranges
}

fn begin(ranges: &mut Vec<(u32, Decision)>, number: u32, decision: Decision) {
    match ranges.last_mut() {
        Some((_, last)) if *last == decision => {}
        Some((first, last)) if *first == number => *last = decision,
        _ => ranges.push((number, decision)),
    }
}

fn tree(ranges: &[(u32, Decision)]) -> Vec<Instruction> {
    match ranges {
        [] => vec![plain(code::RETURN, Action::KillThread.value())],
        [(_, decision)] => finish(decision),
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
            plain(code::JUMP, left.len() as u32),
        ],
    };
    all.extend(left);
    all.extend(right);
    all
}

fn finish(decision: &Decision) -> Vec<Instruction> {
    let mut all = Vec::new();
    for (conditions, value) in &decision.guarded {
        let mut steps: Vec<Step> = conditions.iter().flat_map(test).collect();
        steps.push(Step::Plain(plain(code::RETURN, *value)));
        let len = steps.len();
        all.extend(steps.into_iter().enumerate().map(|(at, step)| {
            // Behind the return is the next rule.
            let fail = (len - at - 1) as u8;
            match step {
                Step::Plain(instruction) => instruction,
                Step::Test(code, operand, yes, no) => {
                    jump(code, operand, yes.distance(fail), no.distance(fail))
                }
            }
        }));
    }
    all.push(plain(code::RETURN, decision.last));
    all
}

/// An instruction whose jumps are not numbers yet.
enum Step {
    Plain(Instruction),
    Test(u16, u32, To, To),
}

/// Where a comparison leads: to the next instruction, over some, or to the next rule.
#[derive(Clone, Copy)]
enum To {
    Next,
    Over(u8),
    Fail,
}

impl To {
    fn distance(self, fail: u8) -> u8 {
        match self {
            Self::Next => 0,
            Self::Over(count) => count,
            Self::Fail => fail,
        }
    }
}

/// The test of one condition, upper half first: classic BPF has words of 32 bits.
fn test(condition: &Condition) -> Vec<Step> {
    let low_at = data::ARGUMENTS + 8 * u32::from(condition.argument);
    let load_high = || Step::Plain(plain(code::LOAD, low_at + 4));
    let load_low = || Step::Plain(plain(code::LOAD, low_at));
    let (high, low) = ((condition.value >> 32) as u32, condition.value as u32);
    let ordered = |low_code, yes, no, high_greater, high_less| {
        vec![
            load_high(),
            Step::Test(code::IF_GREATER, high, high_greater, To::Next),
            Step::Test(code::IF_EQUAL, high, To::Next, high_less),
            load_low(),
            Step::Test(low_code, low, yes, no),
        ]
    };
    match condition.compare {
        Compare::Equal => vec![
            load_high(),
            Step::Test(code::IF_EQUAL, high, To::Next, To::Fail),
            load_low(),
            Step::Test(code::IF_EQUAL, low, To::Next, To::Fail),
        ],
        Compare::MaskedEqual(mask) => vec![
            load_high(),
            Step::Plain(plain(code::AND, (mask >> 32) as u32)),
            Step::Test(code::IF_EQUAL, high, To::Next, To::Fail),
            load_low(),
            Step::Plain(plain(code::AND, mask as u32)),
            Step::Test(code::IF_EQUAL, low, To::Next, To::Fail),
        ],
        Compare::NotEqual => vec![
            load_high(),
            Step::Test(code::IF_EQUAL, high, To::Next, To::Over(2)),
            load_low(),
            Step::Test(code::IF_EQUAL, low, To::Fail, To::Next),
        ],
        Compare::Greater => ordered(code::IF_GREATER, To::Next, To::Fail, To::Over(3), To::Fail),
        Compare::AtLeast => ordered(code::IF_AT_LEAST, To::Next, To::Fail, To::Over(3), To::Fail),
        Compare::Less => ordered(code::IF_AT_LEAST, To::Fail, To::Next, To::Fail, To::Over(2)),
        Compare::AtMost => ordered(code::IF_GREATER, To::Fail, To::Next, To::Fail, To::Over(2)),
    }
}

fn plain(code: u16, operand: u32) -> Instruction {
    jump(code, operand, 0, 0)
}

fn jump(code: u16, operand: u32, jump_true: u8, jump_false: u8) -> Instruction {
    Instruction {
        code,
        jump_true,
        jump_false,
        operand,
    }
}

#[cfg(test)]
#[path = "rules_tests.rs"]
mod tests;
