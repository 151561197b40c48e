//! Where an instance's groups lie: below the root, or where systemd has delegated a part of the
//! tree to our service, in that part. systemd owns everything else and may tidy it at any time
//! (systemd's CGROUP_DELEGATION document); the plan is pure.

use std::fs;
use std::path::Path;

use super::file::{CgroupError, make, read, write};
use super::layout::{Layout, Version};

/// By these marks systemd says that a group was delegated (`Delegate=` in systemd.resource-control(5)).
const MARKS: [&str; 2] = ["trusted.delegate", "user.delegate"];
/// Group of the processes that were in the delegated group itself: one whose controllers are
/// handed down must have none (the kernel's cgroup-v2 document, "No Internal Process Constraint").
const OWN: &str = "main";

/// Where an instance's groups lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parent {
    /// Group above the containers', from the hierarchy's root on.
    pub path: String,
    /// The delegated group, if processes in it must move out of the way.
    pub evacuate: Option<String>,
}

/// Chooses the parent of an instance of this name. `own` is the text of `/proc/self/cgroup`;
/// `is_delegated` knows of a group, from the root on, whether it is marked.
#[must_use]
pub fn plan(
    name: &str,
    version: Version,
    own: &str,
    is_delegated: impl Fn(&str) -> bool,
) -> Parent {
    let at_root = Parent {
        path: name.to_owned(),
        evacuate: None,
    };
    // In version 1 controllers are never delegated.
    if version != Version::V2 {
        return at_root;
    }
    let Some(own) = own.lines().find_map(|line| line.strip_prefix("0::/")) else {
        return at_root;
    };
    // Outside of a namespace's root the kernel shows the way up.
    if own.is_empty() || own.split('/').any(|part| part == "..") {
        return at_root;
    }
    if is_delegated(own) {
        return Parent {
            path: format!("{own}/{name}"),
            evacuate: Some(own.to_owned()),
        };
    }
    // Moved here before, or put here by systemd (`DelegateSubgroup=`).
    match own.rsplit_once('/') {
        Some((above, _)) if is_delegated(above) => Parent {
            path: format!("{above}/{name}"),
            evacuate: None,
        },
        _ => at_root,
    }
}

/// The parent of an instance of this name on this host, ready for use.
///
/// # Errors
/// If the processes of a delegated group could not be moved within it.
pub fn prepare(name: &str, layout: &Layout) -> Result<String, CgroupError> {
    let Some(unified) = &layout.v2 else {
        return Ok(name.to_owned());
    };
    let own = read(Path::new("/proc/self/cgroup"))?;
    let parent = plan(name, layout.version(), &own, |group| {
        is_marked(&unified.mount.join(group))
    });
    if let Some(group) = parent.evacuate {
        evacuate(&unified.mount.join(group))?;
    }
    Ok(parent.path)
}

fn is_marked(group: &Path) -> bool {
    let mut value = [0; 1];
    MARKS
        .iter()
        .any(|mark| rustix::fs::getxattr(group, *mark, &mut value).is_ok_and(|_| value == [b'1']))
}

/// Moves every process of a group into a group of their own below it.
fn evacuate(group: &Path) -> Result<(), CgroupError> {
    let below = group.join(OWN);
    make(&below)?;
    // Those that are born meanwhile are in the next list.
    loop {
        let list = read(&group.join("cgroup.procs"))?;
        if list.trim().is_empty() {
            return Ok(());
        }
        for pid in list.lines() {
            match write(&below.join("cgroup.procs"), pid) {
                Err(error) if !is_gone(&error, pid) => return Err(error),
                _ => {}
            }
        }
    }
}

fn is_gone(error: &CgroupError, pid: &str) -> bool {
    matches!(error, CgroupError::Write { .. })
        && !fs::exists(format!("/proc/{pid}")).unwrap_or(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: &str = "system.slice/orlop.service";

    fn planned(version: Version, own: &str) -> (String, bool) {
        let parent = plan("orlop", version, own, |group| group == SERVICE);
        (parent.path, parent.evacuate.is_some())
    }

    #[test]
    fn a_delegated_service_keeps_its_containers_below_itself() {
        let own = format!("0::/{SERVICE}\n");
        let below = format!("{SERVICE}/orlop");
        assert_eq!(planned(Version::V2, &own), (below.clone(), true));
        for moved in ["main", "init"] {
            let own = format!("0::/{SERVICE}/{moved}\n");
            assert_eq!(planned(Version::V2, &own), (below.clone(), false));
        }
    }

    #[test]
    fn elsewhere_containers_lie_below_the_root() {
        let at_root = ("orlop".to_owned(), false);
        for own in [
            "0::/\n",
            "0::/user.slice/user-0.slice/session-1.scope\n",
            "0::/system.slice/other.service\n",
            "0::/../system.slice/orlop.service\n",
            "0::/system.slice/orlop.service/a/b\n",
            "4:memory:/system.slice/orlop.service\n",
            "",
        ] {
            assert_eq!(planned(Version::V2, own), at_root, "{own}");
        }
    }

    #[test]
    fn version_1_has_no_delegation() {
        let own = format!("1:name=systemd:/{SERVICE}\n0::/{SERVICE}\n");
        for version in [Version::V1, Version::Hybrid, Version::None] {
            assert_eq!(planned(version, &own), ("orlop".to_owned(), false));
        }
    }

    #[test]
    fn processes_move_out_of_a_group_that_is_handed_down() {
        let folder = tempfile::tempdir().expect("folder");
        let group = folder.path();
        fs::create_dir(group.join(OWN)).expect("main");
        fs::write(group.join("cgroup.procs"), "\n").expect("none");
        fs::write(group.join(OWN).join("cgroup.procs"), "").expect("empty");
        evacuate(group).expect("nothing to move");
        assert!(!is_marked(group));
    }
}
