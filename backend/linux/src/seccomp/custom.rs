//! Profiles that people bring, as programs: pure.
//!
//! As libseccomp and runc have it, which those profiles were written for: rules that repeat the
//! default action count for nothing; one whose tests name the same argument twice is one rule for
//! each test; names that this machine does not know are passed over; and where the profile forbids
//! what it does not name, calls that are newer than every one it names get ENOSYS, as from the
//! kernel that it was written for. Other architectures' calls get ENOSYS too.

use std::collections::{BTreeMap, HashMap};

use orlop_model::seccomp::{
    Action, Arch, Document, Flag, KernelVersion, Operator, Profile, Rule, Test, Where,
};

use super::numbers::Architecture;
use super::program::{
    Instruction, MAX_LEN, Outcome, Program, action, assemble, code, data, instruction, jump, load,
    search,
};
use crate::capability::{Capability, CapabilitySet};

/// Error number where a profile names none.
const DEFAULT_ERRNO: u32 = libc::EPERM.cast_unsigned();

/// Why a profile makes no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// The kernel takes only so much.
    #[error(
        "the seccomp profile makes a filter of {0} instructions; the kernel takes {MAX_LEN}: use fewer rules with arguments"
    )]
    TooLong(usize),
}

/// What a profile is applied to.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings {
    /// Capabilities of the container.
    pub capabilities: CapabilitySet,
    /// The kernel.
    pub kernel: KernelVersion,
}

/// What becomes of a call: the first case whose tests hold, or else the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Cases {
    cases: Vec<(Vec<Test>, u32)>,
    otherwise: u32,
    /// The calls take 32-bit arguments.
    narrow: bool,
}

/// Makes the filter of a profile.
///
/// # Errors
/// If it is larger than the kernel takes.
pub fn compile(profile: &Profile, around: Surroundings) -> Result<Program, CompileError> {
    let document = profile.document();
    let default = returned(document.default_action, document.default_errno_ret);
    let mut rules = HashMap::<&str, Vec<&Rule>>::new();
    for rule in profile.rules().iter().filter(|rule| applies(rule, around)) {
        for call in rule.calls() {
            rules.entry(call).or_default().push(rule);
        }
    }
    let program = assemble(&architectures(document), |architecture| {
        let narrow = architecture == Architecture::I386;
        let plain = |value| Cases {
            cases: Vec::new(),
            otherwise: value,
            narrow,
        };
        let named = architecture
            .calls()
            .filter(|(_, name)| rules.contains_key(name));
        let last = named.map(|(number, _)| number).max();
        let beyond = if forbids(document) {
            action::FAIL | libc::ENOSYS.cast_unsigned()
        } else {
            default
        };
        let outcomes: BTreeMap<u32, Cases> = architecture
            .calls()
            .map(|(number, name)| {
                let cases = match rules.get(name) {
                    Some(rules) => cases(rules, default, narrow),
                    None if last.is_some_and(|last| number > last) => plain(beyond),
                    None => plain(default),
                };
                (number, cases)
            })
            .collect();
        search(&outcomes, &plain(default), &plain(beyond))
    });
    match program.instructions().len() {
        length if length > MAX_LEN => Err(CompileError::TooLong(length)),
        _ => Ok(program),
    }
}

/// Whether the kernel shall log what is not allowed, and whether the processor may speculate.
#[must_use]
pub fn flags(profile: &Profile) -> super::install::Flags {
    let flags = profile.document().flags.as_deref();
    super::install::Flags {
        log: flags.is_some_and(|flags| flags.contains(&Flag::Log)),
        speculate: flags.is_none_or(|flags| flags.is_empty() || flags.contains(&Flag::SpecAllow)),
    }
}

/// Whether what is not named does not go on.
fn forbids(document: &Document) -> bool {
    use Action::{Errno, KillProcess, KillThread, Trap};
    matches!(
        document.default_action,
        Errno | KillProcess | KillThread | Trap
    )
}

fn returned(action: Action, errno: Option<u32>) -> u32 {
    match action {
        Action::KillThread => action::KILL_THREAD,
        Action::KillProcess => action::KILL_PROCESS,
        Action::Trap => action::TRAP,
        Action::Errno => action::FAIL | errno.unwrap_or(DEFAULT_ERRNO),
        Action::Trace => action::TRACE | errno.unwrap_or(DEFAULT_ERRNO),
        Action::Log => action::LOG,
        Action::Allow => action::ALLOW,
    }
}

/// The machine's own architecture, and those beside it that the profile names.
fn architectures(document: &Document) -> Vec<Architecture> {
    let native = Architecture::NATIVE[0];
    let of = |arch: &Arch| match arch {
        Arch::X86_64 => Some(Architecture::X86_64),
        Arch::X86 => Some(Architecture::I386),
        Arch::X32 => Some(Architecture::X32),
        Arch::Aarch64 => Some(Architecture::Aarch64),
        Arch::Other => None,
    };
    let listed = document.architectures.iter().flatten();
    let mapped = document.arch_map.iter().flatten();
    let mapped = mapped
        .filter(|entry| of(&entry.architecture) == Some(native))
        .flat_map(|entry| entry.sub_architectures.iter().flatten());
    let mut all = vec![native];
    for more in listed.chain(mapped).filter_map(of) {
        if Architecture::NATIVE.contains(&more) && !all.contains(&more) {
            all.push(more);
        }
    }
    all
}

/// Whether a rule applies here (moby, `profiles/seccomp`): capabilities that are included must all
/// be there, and one that is excluded is enough.
fn applies(rule: &Rule, around: Surroundings) -> bool {
    // Go's names.
    let machine = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    let has = |name: &String| {
        let named = name.parse::<Capability>();
        named.is_ok_and(|capability| around.capabilities.contains(capability))
    };
    let here = |arches: &Option<Vec<String>>| {
        let arches = arches.as_ref().filter(|list| !list.is_empty());
        arches.map(|list| list.iter().any(|arch| arch == machine))
    };
    let new = |kernel: &Option<KernelVersion>| kernel.map(|least| around.kernel >= least);
    let included = rule.includes.as_ref().is_none_or(|only: &Where| {
        here(&only.arches) != Some(false)
            && only.caps.iter().flatten().all(has)
            && new(&only.min_kernel) != Some(false)
    });
    let excluded = rule.excludes.as_ref().is_some_and(|not: &Where| {
        here(&not.arches) == Some(true)
            || not.caps.iter().flatten().any(has)
            || new(&not.min_kernel) == Some(true)
    });
    included && !excluded
}

fn cases(rules: &[&Rule], default: u32, narrow: bool) -> Cases {
    let mut all = Cases {
        cases: Vec::new(),
        otherwise: default,
        narrow,
    };
    let mut is_decided = false;
    for rule in rules {
        let value = returned(rule.action, rule.errno_ret);
        let tests = rule.tests();
        if value == default {
            continue;
        }
        if tests.is_empty() {
            if !is_decided {
                all.otherwise = value;
                is_decided = true;
            }
        } else if has_twice(tests) {
            all.cases
                .extend(tests.iter().map(|test| (vec![*test], value)));
        } else {
            all.cases.push((tests.to_vec(), value));
        }
    }
    // A case that comes to the same as the rest is none.
    while all
        .cases
        .last()
        .is_some_and(|(_, value)| *value == all.otherwise)
    {
        all.cases.pop();
    }
    all
}

/// Whether one argument is tested more than once.
fn has_twice(tests: &[Test]) -> bool {
    let mut seen = [false; 256];
    tests.iter().any(|test| {
        let index = test.index as usize % seen.len();
        std::mem::replace(&mut seen[index], true)
    })
}

impl Outcome for Cases {
    fn instructions(&self) -> Vec<Instruction> {
        let mut all = Vec::new();
        for (tests, value) in &self.cases {
            all.extend(case(tests, *value, self.narrow));
        }
        all.push(instruction(code::RETURN, self.otherwise));
        all
    }
}

/// Where a comparison leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goal {
    /// To the next instruction.
    On,
    /// Behind the test: it holds.
    Pass,
    /// Behind the case: it does not hold.
    Fail,
}

/// An instruction whose jumps are not counted yet.
enum Step {
    Plain(Instruction),
    If(u16, u32, Goal, Goal),
}

/// Ends with `value` if all tests hold, and goes on behind otherwise.
fn case(tests: &[Test], value: u32, narrow: bool) -> Vec<Instruction> {
    let parts: Vec<Vec<Step>> = tests.iter().map(|test| steps(test, narrow)).collect();
    let behind_case = parts.iter().map(Vec::len).sum::<usize>() + 1;
    let mut all: Vec<Instruction> = Vec::with_capacity(behind_case);
    for part in parts {
        let behind_test = all.len() + part.len();
        for step in part {
            let next = all.len() + 1;
            // At most 12 tests of 6 instructions each, which a byte can count.
            let distance = |goal| {
                let to = match goal {
                    Goal::On => next,
                    Goal::Pass => behind_test,
                    Goal::Fail => behind_case,
                };
                (to - next) as u8
            };
            all.push(match step {
                Step::Plain(plain) => plain,
                Step::If(code, operand, yes, no) => {
                    jump(code, operand, distance(yes), distance(no))
                }
            });
        }
    }
    all.push(instruction(code::RETURN, value));
    all
}

/// One test. The upper half of an argument decides where it differs.
fn steps(test: &Test, narrow: bool) -> Vec<Step> {
    use Goal::{Fail, On, Pass};
    let (mask, value) = match test.op {
        // A mask of none is one of all, as libseccomp has it.
        Operator::MaskedEqual if test.value == 0 => (u64::MAX, test.value_two),
        Operator::MaskedEqual => (test.value, test.value_two & test.value),
        _ => (u64::MAX, test.value),
    };
    let halves = |wide: u64| ((wide >> 32) as u32, wide as u32);
    let ((mask_high, mask_low), (high, low)) = (halves(mask), halves(value));
    let low_at = data::ARGUMENTS + 8 * test.index;
    let half = |offset, mask: u32| {
        let masked = (mask != u32::MAX).then(|| Step::Plain(instruction(code::AND, mask)));
        std::iter::once(Step::Plain(load(offset))).chain(masked)
    };
    let mut all = Vec::new();
    if !narrow {
        all.extend(half(low_at + 4, mask_high));
        match test.op {
            Operator::Equal | Operator::MaskedEqual => {
                all.push(Step::If(code::IF_EQUAL, high, On, Fail));
            }
            Operator::NotEqual => all.push(Step::If(code::IF_EQUAL, high, On, Pass)),
            Operator::Greater | Operator::AtLeast => {
                all.push(Step::If(code::IF_GREATER, high, Pass, On));
                all.push(Step::If(code::IF_EQUAL, high, On, Fail));
            }
            Operator::Less | Operator::AtMost => {
                all.push(Step::If(code::IF_GREATER, high, Fail, On));
                all.push(Step::If(code::IF_EQUAL, high, On, Pass));
            }
        }
    }
    all.extend(half(low_at, mask_low));
    all.push(match test.op {
        Operator::Equal | Operator::MaskedEqual => Step::If(code::IF_EQUAL, low, Pass, Fail),
        Operator::NotEqual => Step::If(code::IF_EQUAL, low, Fail, Pass),
        Operator::Greater => Step::If(code::IF_GREATER, low, Pass, Fail),
        Operator::AtLeast => Step::If(code::IF_AT_LEAST, low, Pass, Fail),
        Operator::Less => Step::If(code::IF_AT_LEAST, low, Fail, Pass),
        Operator::AtMost => Step::If(code::IF_GREATER, low, Fail, Pass),
    });
    all
}

#[cfg(test)]
#[path = "custom_tests.rs"]
mod tests;
