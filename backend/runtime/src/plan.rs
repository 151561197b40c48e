//! What the runtime decides before it does anything. Pure.

use std::os::fd::OwnedFd;

use orlop_model::mount::Propagation;
use orlop_wire::reply::Failure;

use crate::failure::invalid;

/// A mount whose content was opened on the host's side; only its place inside is missing.
#[derive(Debug)]
pub struct PreparedMount {
    /// A copy of the mount, attached nowhere.
    pub mount: OwnedFd,
    /// Absolute path in the container.
    pub target: String,
    /// It goes over a directory (made when missing), and not over a file.
    pub directory: bool,
    /// No writes, all below it included.
    pub read_only: bool,
    /// `read_only` is meant for the mount itself, and not for those below it.
    pub writable_below: bool,
    /// How mount events pass.
    pub propagation: Propagation,
}

/// The file of a kernel parameter that belongs to a namespace of the container; every other is
/// the host's, and refused.
///
/// # Errors
/// Names the parameter.
pub(crate) fn sysctl_path(name: &str, host_network: bool) -> Result<String, Failure> {
    let path = name.replace('.', "/");
    let plain = !path.is_empty()
        && path
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-'))
        && !path.contains("//");
    let ipc = ["kernel/shm", "kernel/msg", "fs/mqueue/"]
        .iter()
        .any(|p| path.starts_with(p))
        || path == "kernel/sem";
    let network = path.starts_with("net/") && !host_network;
    if plain && (ipc || network) {
        Ok(format!("/proc/sys/{path}"))
    } else {
        Err(invalid(format!(
            "sysctl {name:?} is not in a namespace of the container: net.*, kernel.shm*, kernel.msg*, kernel.sem and fs.mqueue.* are"
        )))
    }
}

/// Whether something may be mounted at a path: not over `/`, and nowhere in `/proc`, where it
/// could stand in for what the runtime itself reads.
///
/// # Errors
/// Names the path.
pub(crate) fn check_target(target: &str) -> Result<(), Failure> {
    let parts: Vec<&str> = target
        .split('/')
        .filter(|part| !part.is_empty() && *part != ".")
        .collect();
    if !target.starts_with('/')
        || parts.is_empty()
        || parts.contains(&"..")
        || target.contains('\0')
    {
        return Err(invalid(format!(
            "mount target {target:?} is not an absolute path below /"
        )));
    }
    if parts[0] == "proc" {
        return Err(invalid(format!("mount target {target:?} lies in /proc")));
    }
    Ok(())
}

/// `HOME` for the program, unless it has one.
pub(crate) fn with_home(mut env: Vec<String>, home: &str) -> Vec<String> {
    if !env.iter().any(|entry| entry.starts_with("HOME=")) {
        env.push(format!("HOME={home}"));
    }
    env
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_namespaced_parameters_are_set() {
        for good in [
            "net.ipv4.ip_forward",
            "kernel.shmmax",
            "kernel.sem",
            "fs.mqueue.msg_max",
        ] {
            assert!(sysctl_path(good, false).is_ok(), "{good}");
        }
        for bad in [
            "kernel.core_pattern",
            "vm.overcommit_memory",
            "",
            "net/../kernel/core_pattern",
            "net.ipv4.x=1",
            "kernel.semx",
        ] {
            assert!(sysctl_path(bad, false).is_err(), "{bad}");
        }
        assert!(sysctl_path("net.ipv4.ip_forward", true).is_err());
    }

    #[test]
    fn nothing_is_mounted_over_root_or_proc() {
        for good in ["/data", "/a/b", "/procs", "/./x"] {
            assert!(check_target(good).is_ok(), "{good}");
        }
        for bad in [
            "/",
            "//",
            "data",
            "/proc",
            "/proc/self",
            "/a/../proc",
            "//proc/x",
        ] {
            assert!(check_target(bad).is_err(), "{bad}");
        }
    }
}
