//! One container's group in one hierarchy of version 1.

use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::file::{CgroupError, make, read, write};
use super::layout::{Controller, Hierarchy};

/// How long processes may take to stop: one in an uninterruptible wait stops when it is over.
const FREEZE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often the state is looked at meanwhile.
const FREEZE_POLL: Duration = Duration::from_millis(1);

/// A directory of a hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct V1Group {
    pub(super) path: PathBuf,
    pub(super) controllers: Vec<Controller>,
}

impl V1Group {
    pub(super) fn at(hierarchy: &Hierarchy, parent: &str, name: &str) -> Self {
        Self {
            path: hierarchy.mount.join(parent).join(name),
            controllers: hierarchy.controllers.clone(),
        }
    }

    pub(super) fn has(&self, controller: Controller) -> bool {
        self.controllers.contains(&controller)
    }

    /// Makes the group and its parent, unless they are there.
    pub(super) fn create(&self) -> Result<(), CgroupError> {
        if let Some(parent) = self.path.parent() {
            make(parent)?;
            if self.has(Controller::Cpuset) {
                inherit_cpuset(parent)?;
            }
        }
        make(&self.path)?;
        if self.has(Controller::Cpuset) {
            inherit_cpuset(&self.path)?;
        }
        Ok(())
    }

    /// Moves a process, with all its threads, into the group.
    pub(super) fn attach(&self, pid: &str) -> Result<(), CgroupError> {
        write(&self.path.join("cgroup.procs"), pid)
    }

    /// Moves the calling thread into the group. The kernel knows that a thread that moves itself
    /// cannot end or exec meanwhile, and waits for nothing (cgroup_procs_write_start in
    /// kernel/cgroup/cgroup.c): some 40 microseconds in place of 15 ms.
    pub(super) fn enter(&self) -> Result<(), CgroupError> {
        write(&self.path.join("tasks"), "0")
    }

    /// Stops every process of the group, or lets them go on. The group is of the freezer.
    pub(super) fn freeze(&self, frozen: bool) -> Result<(), CgroupError> {
        let file = self.path.join("freezer.state");
        if !frozen {
            return write(&file, "THAWED");
        }
        let deadline = Instant::now() + FREEZE_TIMEOUT;
        loop {
            // Written each time: a process that was born or woken meanwhile escapes one attempt
            // (Documentation/admin-guide/cgroup-v1/freezer-subsystem.rst).
            write(&file, "FROZEN")?;
            if read(&file)?.trim() == "FROZEN" {
                return Ok(());
            }
            if Instant::now() > deadline {
                write(&file, "THAWED")?;
                return Err(CgroupError::NotFrozen {
                    path: self.path.clone(),
                });
            }
            sleep(FREEZE_POLL);
        }
    }
}

/// A fresh group of the cpuset controller may use no CPU and no memory, and takes no process,
/// until it is told otherwise.
fn inherit_cpuset(group: &Path) -> Result<(), CgroupError> {
    for name in ["cpuset.cpus", "cpuset.mems"] {
        let file = group.join(name);
        if read(&file)?.trim().is_empty()
            && let Some(parent) = group.parent()
        {
            write(&file, read(&parent.join(name))?.trim())?;
        }
    }
    Ok(())
}
