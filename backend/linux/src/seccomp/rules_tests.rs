//! Profiles run on an interpreter of their instructions.

use super::*;
use crate::seccomp::program::tests::run;

const ALLOW: u32 = action::ALLOW;
const EPERM: u32 = action::FAIL | 1;
const ENOSYS: u32 = action::FAIL | 38;

fn profile(rules: &[(&str, Action, &[Condition])]) -> Program {
    let rules = rules.iter().map(|(names, action, conditions)| Rule {
        names: names.split(' ').map(ToOwned::to_owned).collect(),
        action: *action,
        conditions: conditions.to_vec(),
    });
    compile(&Profile {
        architectures: vec![Architecture::X86_64, Architecture::I386, Architecture::X32],
        default: Action::Fail(1),
        rules: rules.collect(),
    })
    .expect("a program")
}

fn when(compare: Compare, value: u64) -> Condition {
    Condition {
        argument: 1,
        compare,
        value,
    }
}

fn verdict(program: &Program, architecture: Architecture, name: &str, argument: u64) -> u32 {
    let number = architecture.number(name).expect(name);
    let args = [0, argument, 0, 0, 0, 0];
    run(program, architecture.audit(), number, args).0
}

#[test]
fn named_calls_get_their_action_on_every_architecture() {
    let program = profile(&[
        ("read write fchmodat2", Action::Allow, &[]),
        ("mkdir", Action::Fail(13), &[]),
    ]);
    for architecture in [Architecture::X86_64, Architecture::I386, Architecture::X32] {
        assert_eq!(verdict(&program, architecture, "read", 0), ALLOW);
        assert_eq!(
            verdict(&program, architecture, "mkdir", 0),
            action::FAIL | 13
        );
        assert_eq!(verdict(&program, architecture, "rmdir", 0), EPERM);
        assert_eq!(
            verdict(&program, architecture, "mseal", 0),
            ENOSYS,
            "newer than what the profile names"
        );
    }
    let other = run(&program, Architecture::Aarch64.audit(), 63, [0; 6]).0;
    assert_eq!(other, Action::KillThread.value());
}

#[test]
fn every_comparison_looks_at_all_64_bits() {
    const BIG: u64 = 5 << 32 | 7;
    let samples = [
        0,
        7,
        BIG - 1,
        BIG,
        BIG + 1,
        4 << 32 | 9,
        6 << 32 | 1,
        u64::MAX,
    ];
    for (compare, holds) in [
        (Compare::NotEqual, (|a, v| a != v) as fn(u64, u64) -> bool),
        (Compare::Less, |a, v| a < v),
        (Compare::AtMost, |a, v| a <= v),
        (Compare::Equal, |a, v| a == v),
        (Compare::AtLeast, |a, v| a >= v),
        (Compare::Greater, |a, v| a > v),
        (Compare::MaskedEqual(5 << 32 | 3), |a, _| {
            a & (5 << 32 | 3) == 5 << 32 | 3
        }),
    ] {
        let value = match compare {
            Compare::MaskedEqual(mask) => mask,
            _ => BIG,
        };
        let program = profile(&[("read", Action::Allow, &[when(compare, value)])]);
        for sample in samples {
            let expected = if holds(sample, value) { ALLOW } else { EPERM };
            let found = verdict(&program, Architecture::X86_64, "read", sample);
            assert_eq!(found, expected, "{compare:?} {sample:#x}");
        }
    }
}

#[test]
fn the_first_rule_that_holds_decides_and_a_bare_one_decides_alone() {
    let equal = |value| [when(Compare::Equal, value)];
    let program = profile(&[
        ("read", Action::Allow, &equal(1)),
        ("read", Action::Fail(2), &equal(2)),
        ("write", Action::Fail(2), &equal(1)),
        ("write", Action::Allow, &[]),
    ]);
    let read = |argument| verdict(&program, Architecture::X86_64, "read", argument);
    assert_eq!(
        (read(1), read(2), read(3)),
        (ALLOW, action::FAIL | 2, EPERM)
    );
    assert_eq!(verdict(&program, Architecture::X86_64, "write", 1), ALLOW);
}

#[test]
fn a_seventh_argument_and_a_program_without_end_are_refused() {
    let mut wrong = when(Compare::Equal, 1);
    wrong.argument = 6;
    let rule = |conditions| Rule {
        names: vec!["read".to_owned()],
        action: Action::Allow,
        conditions,
    };
    let of = |rules| Profile {
        architectures: vec![Architecture::X86_64],
        default: Action::Fail(1),
        rules,
    };
    assert_eq!(
        compile(&of(vec![rule(vec![wrong])])),
        Err(RulesError::Argument(6))
    );
    let many = (0..2000).map(|n| rule(vec![when(Compare::Equal, n)]));
    assert!(matches!(
        compile(&of(many.collect())),
        Err(RulesError::TooLong(_))
    ));
}
