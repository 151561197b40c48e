//! Which capabilities a container gets. Pure.

use std::collections::BTreeSet;

use crate::EngineError;

/// What Docker gives by default.
const DEFAULT: [&str; 14] = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// Every capability of capabilities(7).
const ALL: [&str; 41] = [
    "CAP_AUDIT_CONTROL",
    "CAP_AUDIT_READ",
    "CAP_AUDIT_WRITE",
    "CAP_BLOCK_SUSPEND",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_KILL",
    "CAP_LEASE",
    "CAP_LINUX_IMMUTABLE",
    "CAP_MAC_ADMIN",
    "CAP_MAC_OVERRIDE",
    "CAP_MKNOD",
    "CAP_NET_ADMIN",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_RAW",
    "CAP_PERFMON",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYSLOG",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_CHROOT",
    "CAP_SYS_MODULE",
    "CAP_SYS_NICE",
    "CAP_SYS_PACCT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_WAKE_ALARM",
];

/// The set: the default, with what is added and without what is dropped; a dropped one stays
/// dropped unless it is added by its own name.
///
/// # Errors
/// If a name is no capability.
pub(super) fn resolve(
    privileged: bool,
    add: &[String],
    drop: &[String],
) -> Result<Vec<String>, EngineError> {
    if privileged {
        return Ok(ALL.map(str::to_owned).to_vec());
    }
    let (add, drop) = (normalise(add)?, normalise(drop)?);
    let mut set: BTreeSet<&str> = if drop.contains("ALL") {
        BTreeSet::new()
    } else {
        DEFAULT.into_iter().collect()
    };
    if add.contains("ALL") {
        set.extend(ALL);
    }
    set.retain(|name| !drop.contains(*name));
    set.extend(ALL.into_iter().filter(|name| add.contains(*name)));
    Ok(set.into_iter().map(str::to_owned).collect())
}

fn normalise(names: &[String]) -> Result<BTreeSet<String>, EngineError> {
    let one = |name: &String| {
        let upper = name.to_ascii_uppercase();
        if upper == "ALL" {
            return Ok(upper);
        }
        let full = if upper.starts_with("CAP_") {
            upper
        } else {
            format!("CAP_{upper}")
        };
        if ALL.contains(&full.as_str()) {
            Ok(full)
        } else {
            Err(EngineError::field(
                "capabilities",
                format!("invalid capability: {name:?}"),
            ))
        }
    };
    names.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(add: &[&str], drop: &[&str]) -> Vec<String> {
        let list = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        resolve(false, &list(add), &list(drop)).expect("valid")
    }

    #[test]
    fn names_are_added_and_dropped_as_docker_does() {
        assert_eq!(set(&[], &[]).len(), 14);
        assert_eq!(set(&["net_admin"], &["CAP_CHOWN"]).len(), 14);
        assert_eq!(set(&["CHOWN"], &["ALL"]), ["CAP_CHOWN"]);
        assert_eq!(set(&["ALL"], &["SYS_ADMIN"]).len(), 40);
        assert_eq!(resolve(true, &[], &[]).expect("valid").len(), 41);
        assert!(resolve(false, &["NOPE".to_owned()], &[]).is_err());
    }
}
