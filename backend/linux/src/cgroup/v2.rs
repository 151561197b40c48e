//! One container's group in the hierarchy of version 2.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::file::{CgroupError, make, read, write};
use super::layout::{Controller, Unified, v2_controllers};
use super::stats::field;

/// How long processes may take to stop: one in an uninterruptible wait stops when it is over.
const FREEZE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the state is looked at meanwhile.
const FREEZE_POLL: Duration = Duration::from_millis(1);

/// A directory of the hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct V2Group {
    pub(super) path: PathBuf,
    mount: PathBuf,
    controllers: Vec<Controller>,
}

impl V2Group {
    pub(super) fn at(unified: &Unified, parent: &str, name: &str) -> Self {
        Self {
            path: unified.mount.join(parent).join(name),
            mount: unified.mount.clone(),
            controllers: unified.controllers.clone(),
        }
    }

    /// Makes the group and its parent, unless they are there, with the controllers handed down
    /// that every container needs.
    pub(super) fn create(&self) -> Result<(), CgroupError> {
        let needed: Vec<_> = (self.controllers.iter().copied())
            .filter(|controller| *controller != Controller::Hugetlb)
            .collect();
        if let Some(parent) = self.path.parent() {
            if let Some(above) = parent
                .parent()
                .filter(|above| above.starts_with(&self.mount))
            {
                hand_down(above, &needed)?;
            }
            make(parent)?;
            hand_down(parent, &needed)?;
        }
        make(&self.path)
    }

    /// Lets the group have a controller that few containers need.
    pub(super) fn fetch(&self, controller: Controller) -> Result<(), CgroupError> {
        let parent = self.path.parent();
        for group in [parent.and_then(Path::parent), parent]
            .into_iter()
            .flatten()
        {
            hand_down(group, &[controller])?;
        }
        Ok(())
    }

    /// Moves a process, with all its threads, into the group.
    pub(super) fn attach(&self, pid: &str) -> Result<(), CgroupError> {
        write(&self.path.join("cgroup.procs"), pid)
    }

    /// A descriptor for `CLONE_INTO_CGROUP`.
    pub(super) fn directory(&self) -> Result<OwnedFd, CgroupError> {
        let file = File::open(&self.path).map_err(|source| CgroupError::Read {
            path: self.path.clone(),
            source,
        })?;
        Ok(file.into())
    }

    /// Stops every process of the group and of those below it, or lets them go on.
    pub(super) fn freeze(&self, frozen: bool) -> Result<(), CgroupError> {
        let file = self.path.join("cgroup.freeze");
        if !frozen {
            return write(&file, "0");
        }
        write(&file, "1")?;
        let deadline = Instant::now() + FREEZE_TIMEOUT;
        loop {
            let events = read(&self.path.join("cgroup.events"))?;
            // A group without processes never counts as frozen.
            if field(&events, "frozen") == Some(1) || field(&events, "populated") == Some(0) {
                return Ok(());
            }
            if Instant::now() > deadline {
                write(&file, "0")?;
                return Err(CgroupError::NotFrozen {
                    path: self.path.clone(),
                });
            }
            sleep(FREEZE_POLL);
        }
    }

    /// Kills every process of the group and of those below it at once, frozen ones too. `false`
    /// if the kernel is older than 5.14 and cannot.
    pub(super) fn kill(&self) -> Result<bool, CgroupError> {
        match write(&self.path.join("cgroup.kill"), "1") {
            Err(error) if error.is_missing() => Ok(false),
            Err(error) => Err(error),
            Ok(()) => Ok(true),
        }
    }
}

/// Lets the groups below `group` have these controllers. Most times they have them already, and
/// then nothing is written: the write is slow.
fn hand_down(group: &Path, controllers: &[Controller]) -> Result<(), CgroupError> {
    if controllers.is_empty() {
        return Ok(());
    }
    let file = group.join("cgroup.subtree_control");
    let have = v2_controllers(&read(&file)?);
    let missing: Vec<_> = controllers
        .iter()
        .filter(|c| !have.contains(c))
        .filter_map(|c| c.v2_name())
        .map(|name| format!("+{name}"))
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        write(&file, &missing.join(" "))
    }
}
