//! What the runtime decides before it does anything. Pure.

use std::os::fd::OwnedFd;

use orlop_model::device::DeviceKind;
use orlop_model::mount::Propagation;
use orlop_model::namespace::Share;
use orlop_model::spec::{ContainerSpec, Network};
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

/// A node of a device, as it is made in the container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceNode {
    /// Absolute path in the container.
    pub path: String,
    /// Block or character.
    pub kind: DeviceKind,
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Permissions (`st_mode` of inode(7), the last nine bits).
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Owner's group.
    pub gid: u32,
}

/// Namespaces with kernel parameters that are the container's alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owned {
    network: bool,
    ipc: bool,
}

impl Owned {
    /// Those of a container.
    pub(crate) fn of(spec: &ContainerSpec) -> Self {
        Self {
            network: matches!(spec.network, Network::None | Network::Bridge { .. }),
            ipc: spec.namespaces.ipc == Share::Own,
        }
    }
}

/// The file of a kernel parameter that belongs to a namespace of the container's own; every other
/// is somebody else's, and refused.
///
/// # Errors
/// Names the parameter.
pub(crate) fn sysctl_path(name: &str, owned: &Owned) -> Result<String, Failure> {
    let path = name.replace('.', "/");
    let plain = !path.is_empty()
        && path
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-'))
        && !path.contains("//");
    let of_ipc = ["kernel/shm", "kernel/msg", "fs/mqueue/"]
        .iter()
        .any(|p| path.starts_with(p))
        || path == "kernel/sem";
    let of_network = path.starts_with("net/");
    if plain && (of_ipc && owned.ipc || of_network && owned.network) {
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

    const ALL: Owned = Owned {
        network: true,
        ipc: true,
    };

    #[test]
    fn only_namespaced_parameters_are_set() {
        for good in [
            "net.ipv4.ip_forward",
            "kernel.shmmax",
            "kernel.sem",
            "fs.mqueue.msg_max",
        ] {
            assert!(sysctl_path(good, &ALL).is_ok(), "{good}");
        }
        for bad in [
            "kernel.core_pattern",
            "vm.overcommit_memory",
            "",
            "net/../kernel/core_pattern",
            "net.ipv4.x=1",
            "kernel.semx",
        ] {
            assert!(sysctl_path(bad, &ALL).is_err(), "{bad}");
        }
        let shared = Owned {
            network: false,
            ipc: false,
        };
        for theirs in ["net.ipv4.ip_forward", "kernel.shmmax"] {
            assert!(sysctl_path(theirs, &shared).is_err(), "{theirs}");
        }
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
