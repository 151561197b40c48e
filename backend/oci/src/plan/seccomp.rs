//! The configuration's filter, in the words of the profiles that the engine takes. Pure.

use orlop_linux::capability::CapabilitySet;
use orlop_linux::seccomp::custom::{self, Surroundings};
use orlop_model::seccomp::{Action, Arch, Document, Flag, KernelVersion, Profile, Rule, Test};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Filter, PlanError, invalid, unsupported};
use crate::config::{Seccomp, SeccompArg, SeccompCall};

/// Nothing in a bundle's filter depends on the kernel.
const ANY_KERNEL: KernelVersion = KernelVersion { major: 0, minor: 0 };

/// Understands a filter and makes its program.
///
/// # Errors
/// The property that is wrong or not supported.
pub(crate) fn filter(seccomp: &Seccomp) -> Result<Filter, PlanError> {
    if seccomp
        .listener_path
        .as_ref()
        .is_some_and(|path| !path.is_empty())
    {
        return Err(unsupported(
            "linux.seccomp.listenerPath",
            "no call is decided by another process yet",
        ));
    }
    let calls = seccomp.syscalls.iter().enumerate();
    let rules = calls.map(|(at, call)| rule(&format!("linux.seccomp.syscalls[{at}]"), call));
    let document = Document {
        default_action: action("linux.seccomp.defaultAction", &seccomp.default_action)?,
        default_errno_ret: seccomp.default_errno_ret,
        architectures: Some(architectures(&seccomp.architectures)?),
        arch_map: None,
        flags: Some(flags(&seccomp.flags)?),
        listener_path: None,
        syscalls: Some(rules.collect::<Result<_, _>>()?),
    };
    let wrong = |error: &dyn std::fmt::Display| invalid("linux.seccomp", error.to_string());
    let profile = Profile::try_from(document).map_err(|error| wrong(&error))?;
    let around = Surroundings {
        capabilities: CapabilitySet::EMPTY,
        kernel: ANY_KERNEL,
    };
    Ok(Filter {
        program: custom::compile(&profile, around).map_err(|error| wrong(&error))?,
        flags: custom::flags(&profile),
    })
}

/// One of a list of names.
fn word<T: DeserializeOwned>(field: &str, name: &str, what: &str) -> Result<T, PlanError> {
    serde_json::from_value(Value::from(name))
        .map_err(|_| invalid(field, format!("{name:?} is no {what}")))
}

fn action(field: &str, name: &str) -> Result<Action, PlanError> {
    if name == "SCMP_ACT_NOTIFY" {
        return Err(unsupported(
            field,
            "no call is decided by another process yet",
        ));
    }
    word(field, name, "action")
}

/// Those that are named besides the machine's own.
fn architectures(names: &[String]) -> Result<Vec<Arch>, PlanError> {
    match names.iter().find(|name| !name.starts_with("SCMP_ARCH_")) {
        None => Ok(names.iter().cloned().map(Arch::from).collect()),
        Some(name) => Err(invalid(
            "linux.seccomp.architectures",
            format!("{name:?} is no architecture"),
        )),
    }
}

fn flags(names: &[String]) -> Result<Vec<Flag>, PlanError> {
    // It says something about notifications, and there are none.
    let names = names
        .iter()
        .filter(|name| *name != "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV");
    names
        .map(|name| word("linux.seccomp.flags", name, "flag of a filter"))
        .collect()
}

fn rule(field: &str, call: &SeccompCall) -> Result<Rule, PlanError> {
    if call.names.is_empty() {
        return Err(invalid(format!("{field}.names"), "is empty"));
    }
    let tests = call.args.iter().map(|arg| test(field, arg));
    Ok(Rule {
        name: None,
        names: Some(call.names.clone()),
        action: action(&format!("{field}.action"), &call.action)?,
        errno_ret: call.errno_ret,
        args: Some(tests.collect::<Result<_, _>>()?),
        includes: None,
        excludes: None,
    })
}

fn test(field: &str, arg: &SeccompArg) -> Result<Test, PlanError> {
    Ok(Test {
        index: arg.index,
        value: arg.value,
        value_two: arg.value_two,
        op: word(&format!("{field}.args"), &arg.op, "comparison")?,
    })
}
