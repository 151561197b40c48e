//! The configuration's filter as rules of our own. Pure.

use orlop_linux::seccomp::Architecture;
use orlop_linux::seccomp::rules::{Action, Compare, Condition, Profile, Rule, compile};

use super::{Filter, PlanError, invalid, unsupported};
use crate::config::{Seccomp, SeccompArg, SeccompCall};

/// EPERM, where no error is named.
const USUAL_ERRNO: u32 = 1;

/// Understands a filter and makes its program.
///
/// # Errors
/// The property that is wrong or not supported.
pub(crate) fn filter(seccomp: &Seccomp) -> Result<Filter, PlanError> {
    if seccomp
        .listener_path
        .as_ref()
        .is_some_and(|p| !p.is_empty())
    {
        return Err(unsupported(
            "linux.seccomp.listenerPath",
            "no call is decided by another process yet",
        ));
    }
    let default = action(
        "linux.seccomp.defaultAction",
        &seccomp.default_action,
        seccomp.default_errno_ret,
    )?;
    let mut rules = Vec::new();
    for (at, call) in seccomp.syscalls.iter().enumerate() {
        rules.push(rule(&format!("linux.seccomp.syscalls[{at}]"), call)?);
    }
    let mut log = false;
    for flag in &seccomp.flags {
        match flag.as_str() {
            "SECCOMP_FILTER_FLAG_LOG" => log = true,
            // One thread only, and always so.
            "SECCOMP_FILTER_FLAG_TSYNC" | "SECCOMP_FILTER_FLAG_SPEC_ALLOW" => {}
            // Says something about notifications, and there are none.
            "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" => {}
            other => {
                let why = format!("{other:?} is no flag of a filter");
                return Err(invalid("linux.seccomp.flags", why));
            }
        }
    }
    let program = compile(&Profile {
        architectures: architectures(&seccomp.architectures)?,
        default,
        rules,
    });
    Ok(Filter {
        program: program.map_err(|error| invalid("linux.seccomp", error.to_string()))?,
        log,
    })
}

/// The machine's own, and those that are named and that this machine can run.
fn architectures(names: &[String]) -> Result<Vec<Architecture>, PlanError> {
    let mut found = vec![Architecture::NATIVE[0]];
    for name in names {
        let architecture = match name.strip_prefix("SCMP_ARCH_") {
            Some("X86_64") => Architecture::X86_64,
            Some("X86") => Architecture::I386,
            Some("X32") => Architecture::X32,
            Some("AARCH64") => Architecture::Aarch64,
            // Programs of other machines do not run here.
            Some(_) => continue,
            None => {
                let why = format!("{name:?} is no architecture");
                return Err(invalid("linux.seccomp.architectures", why));
            }
        };
        if Architecture::NATIVE.contains(&architecture) && !found.contains(&architecture) {
            found.push(architecture);
        }
    }
    Ok(found)
}

fn action(field: &str, name: &str, errno: Option<u32>) -> Result<Action, PlanError> {
    let value = || {
        u16::try_from(errno.unwrap_or(USUAL_ERRNO))
            .map_err(|_| invalid(field, "the error number is too large"))
    };
    Ok(match name {
        "SCMP_ACT_ALLOW" => Action::Allow,
        "SCMP_ACT_LOG" => Action::Log,
        "SCMP_ACT_ERRNO" => Action::Fail(value()?),
        "SCMP_ACT_TRACE" => Action::Trace(value()?),
        "SCMP_ACT_TRAP" => Action::Trap,
        "SCMP_ACT_KILL" | "SCMP_ACT_KILL_THREAD" => Action::KillThread,
        "SCMP_ACT_KILL_PROCESS" => Action::KillProcess,
        "SCMP_ACT_NOTIFY" => {
            return Err(unsupported(
                field,
                "no call is decided by another process yet",
            ));
        }
        other => return Err(invalid(field, format!("{other:?} is no action"))),
    })
}

fn rule(field: &str, call: &SeccompCall) -> Result<Rule, PlanError> {
    if call.names.is_empty() {
        return Err(invalid(format!("{field}.names"), "is empty"));
    }
    Ok(Rule {
        names: call.names.clone(),
        action: action(&format!("{field}.action"), &call.action, call.errno_ret)?,
        conditions: call
            .args
            .iter()
            .map(|arg| condition(&format!("{field}.args"), arg))
            .collect::<Result<_, PlanError>>()?,
    })
}

fn condition(field: &str, arg: &SeccompArg) -> Result<Condition, PlanError> {
    let (compare, value) = match arg.op.as_str() {
        "SCMP_CMP_NE" => (Compare::NotEqual, arg.value),
        "SCMP_CMP_LT" => (Compare::Less, arg.value),
        "SCMP_CMP_LE" => (Compare::AtMost, arg.value),
        "SCMP_CMP_EQ" => (Compare::Equal, arg.value),
        "SCMP_CMP_GE" => (Compare::AtLeast, arg.value),
        "SCMP_CMP_GT" => (Compare::Greater, arg.value),
        "SCMP_CMP_MASKED_EQ" => (Compare::MaskedEqual(arg.value), arg.value_two & arg.value),
        other => return Err(invalid(field, format!("{other:?} is no comparison"))),
    };
    Ok(Condition {
        argument: u8::try_from(arg.index)
            .ok()
            .filter(|index| *index < 6)
            .ok_or_else(|| invalid(field, "a call has arguments 0 to 5"))?,
        compare,
        value,
    })
}
