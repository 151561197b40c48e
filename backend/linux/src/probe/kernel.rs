//! The kernel's version, our rights, namespaces and filters.

use std::fs;
use std::path::Path;

use orlop_model::probe::Finding;

use super::{fine, limited, missing, needed};
use crate::capability::{Capability, CapabilitySet};

/// The oldest kernel on which everything that Orlop calls exists: close_range(2) with flags, and
/// `CLONE_INTO_CGROUP`.
const OLDEST: (u32, u32) = (5, 11);
/// The first kernel with all that Orlop has a use for: overlayfs takes layers one by one.
const FULL: (u32, u32) = (6, 8);
/// The first kernel with mount_setattr(2) and `MOUNT_ATTR_IDMAP`.
const IDMAPPED_MOUNTS: (u32, u32) = (5, 12);

/// Major and minor number of a release such as `6.1.0-18-amd64`.
fn parse_release(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

pub(super) fn release() -> (String, (u32, u32)) {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let text = text.trim().to_owned();
    let numbers = parse_release(&text).unwrap_or_default();
    (text, numbers)
}

pub(super) fn version() -> Finding {
    let (text, numbers) = release();
    let text = format!("Linux {text}");
    needed(if numbers < OLDEST {
        missing("kernel", text, "Linux 5.11 or newer is needed.")
    } else if numbers < FULL {
        limited(
            "kernel",
            format!("{text}; images of more than about 200 layers cannot be used"),
            "Linux 6.8 or newer has no such limit.",
        )
    } else {
        fine("kernel", text)
    })
}

pub(super) fn privileges() -> Finding {
    const NAME: &str = "privileges";
    let wanted = CapabilitySet::DEFAULT
        .iter()
        .chain([Capability::SYS_ADMIN, Capability::SYS_PTRACE])
        .chain(
            CapabilitySet::from_names(["NET_ADMIN"])
                .into_iter()
                .flat_map(CapabilitySet::iter),
        )
        .collect::<CapabilitySet>();
    let lacking = wanted.difference(CapabilitySet::effective().unwrap_or_default());
    needed(if lacking.is_empty() {
        fine(NAME, "all that are needed")
    } else {
        let names: Vec<_> = lacking.iter().map(Capability::name).collect();
        missing(
            NAME,
            format!("lacking {}", names.join(", ")),
            "Run as root, outside of a container or in a privileged one.",
        )
    })
}

pub(super) fn resource_limits() -> Finding {
    const NAME: &str = "resource limits";
    let effective = CapabilitySet::effective().unwrap_or_default();
    if effective.contains(Capability::SYS_RESOURCE) {
        fine(NAME, "can be raised")
    } else {
        limited(
            NAME,
            "hard limits cannot be raised, nor the out-of-memory score lowered; containers get \
             at most the limits of Orlop itself",
            "Run with CAP_SYS_RESOURCE.",
        )
    }
}

pub(super) fn namespaces() -> Finding {
    const NAME: &str = "namespaces";
    let lacking = ["pid", "mnt", "uts", "ipc", "net", "cgroup"]
        .into_iter()
        .filter(|name| !has_namespace(name))
        .collect::<Vec<_>>();
    needed(if lacking.is_empty() {
        fine(NAME, "pid, mount, uts, ipc, network, cgroup")
    } else {
        missing(
            NAME,
            format!("lacking {}", lacking.join(", ")),
            "Use a kernel with CONFIG_NAMESPACES and all of its kinds.",
        )
    })
}

pub(super) fn user_namespaces() -> Finding {
    const NAME: &str = "user namespaces";
    const REMEDY: &str = "sysctl user.max_user_namespaces=15000";
    let max = fs::read_to_string("/proc/sys/user/max_user_namespaces").unwrap_or_default();
    match max.trim().parse::<u64>() {
        Ok(max) if max > 0 && has_namespace("user") => fine(NAME, format!("up to {max}")),
        Ok(_) => missing(NAME, "the host allows none", REMEDY),
        Err(_) => missing(
            NAME,
            "not in this kernel",
            "Use a kernel with CONFIG_USER_NS.",
        ),
    }
}

pub(super) fn time_namespaces() -> Finding {
    const NAME: &str = "time namespaces";
    if has_namespace("time") {
        fine(NAME, "in this kernel")
    } else {
        missing(
            NAME,
            "not in this kernel",
            "Use a kernel with CONFIG_TIME_NS.",
        )
    }
}

pub(super) fn idmapped_mounts() -> Finding {
    const NAME: &str = "idmapped mounts";
    if release().1 >= IDMAPPED_MOUNTS {
        fine(NAME, "in this kernel; each file system decides for itself")
    } else {
        missing(NAME, "not in this kernel", "Linux 5.12 or newer is needed.")
    }
}

pub(super) fn seccomp() -> Finding {
    const NAME: &str = "seccomp";
    let actions = fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
    needed(if actions.split_whitespace().any(|a| a == "errno") {
        fine(NAME, "filters")
    } else {
        missing(
            NAME,
            "no filters in this kernel",
            "Use a kernel with CONFIG_SECCOMP_FILTER.",
        )
    })
}

fn has_namespace(name: &str) -> bool {
    Path::new("/proc/self/ns").join(name).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_of_distributions_are_read() {
        for (text, numbers) in [
            ("6.18.44-fc-v657", (6, 18)),
            ("5.10.0-30-amd64", (5, 10)),
            ("6.1", (6, 1)),
            ("7.0-rc1", (7, 0)),
        ] {
            assert_eq!(parse_release(text), Some(numbers), "{text}");
        }
        assert_eq!(parse_release("unknown"), None);
    }
}
