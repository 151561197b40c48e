//! What this host offers, found out by trying where that is harmless: `orlop doctor` and the
//! console show it, and a start is refused when what is needed is missing.
//!
//! Every finding says what to do about it. Needs root for true answers.

mod control;
mod kernel;
mod network;
mod storage;
mod tools;

use orlop_model::probe::{Finding, Verdict};

/// Everything; some tens of milliseconds.
#[must_use]
pub fn all() -> Vec<Finding> {
    let mut findings = required();
    findings.extend([
        kernel::resource_limits(),
        kernel::user_namespaces(),
        kernel::time_namespaces(),
        kernel::idmapped_mounts(),
        control::controllers(),
        control::swap(),
        control::devices(),
    ]);
    findings.extend(network::all());
    findings.push(tools::debian());
    findings
}

/// The kernel's version; 0.0 where it does not say.
#[must_use]
pub fn kernel_version() -> orlop_model::seccomp::KernelVersion {
    let (_, (major, minor)) = kernel::release();
    orlop_model::seccomp::KernelVersion { major, minor }
}

/// What no container can be started without; quick enough for every start.
#[must_use]
pub fn required() -> Vec<Finding> {
    vec![
        kernel::version(),
        kernel::privileges(),
        kernel::namespaces(),
        kernel::seccomp(),
        storage::overlay(),
        control::version(),
    ]
}

/// A finding that is as it should be.
fn fine(name: &str, detail: impl Into<String>) -> Finding {
    Finding {
        name: name.to_owned(),
        verdict: Verdict::Ok,
        detail: detail.into(),
        remedy: None,
        required: false,
    }
}

/// A finding with a restriction.
fn limited(name: &str, detail: impl Into<String>, remedy: &str) -> Finding {
    Finding {
        verdict: Verdict::Limited,
        remedy: Some(remedy.to_owned()),
        ..fine(name, detail)
    }
}

/// A finding of something that is not there.
fn missing(name: &str, detail: impl Into<String>, remedy: &str) -> Finding {
    Finding {
        verdict: Verdict::Missing,
        ..limited(name, detail, remedy)
    }
}

/// The same finding, of something that no container starts without.
fn needed(finding: Finding) -> Finding {
    Finding {
        required: true,
        ..finding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lack_has_a_remedy_and_every_name_comes_once() {
        let findings = all();
        for finding in &findings {
            assert!(!finding.detail.is_empty(), "{finding:?}");
            let has_remedy = finding.remedy.is_some();
            assert_eq!(has_remedy, finding.verdict != Verdict::Ok, "{finding:?}");
        }
        let mut names: Vec<_> = findings.iter().map(|f| &f.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), findings.len());
    }

    #[test]
    fn this_host_can_run_containers() {
        for finding in required() {
            assert!(finding.required);
            assert_ne!(finding.verdict, Verdict::Missing, "{finding:?}");
        }
    }
}
