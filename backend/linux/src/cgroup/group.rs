//! One container's group in every hierarchy of the host: made, limited, filled, read, emptied and
//! removed as one thing.

use std::fs;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use orlop_model::device::DeviceRule;
use orlop_model::stats::Stats;

use super::device_filter;
use super::devices::v1_lines;
use super::file::{CgroupError, read, tree, write};
use super::layout::{Controller, Layout};
use super::stats;
use super::v1::V1Group;
use super::v2::V2Group;

/// How often removing is tried again: a process that was killed takes a moment to be gone.
const REMOVE_ATTEMPTS: u32 = 50;
/// The pause between attempts.
const REMOVE_PAUSE: Duration = Duration::from_millis(10);

/// A container's group. Making one of these touches nothing.
#[derive(Debug, Clone)]
pub struct Cgroup {
    pub(super) layout: Layout,
    v1: Vec<V1Group>,
    pub(super) v2: Option<V2Group>,
}

impl Cgroup {
    /// The group `parent/name` in each hierarchy.
    #[must_use]
    pub fn new(layout: &Layout, parent: &str, name: &str) -> Self {
        Self {
            layout: layout.clone(),
            v1: layout
                .v1
                .iter()
                .map(|hierarchy| V1Group::at(hierarchy, parent, name))
                .collect(),
            v2: layout
                .v2
                .as_ref()
                .map(|unified| V2Group::at(unified, parent, name)),
        }
    }

    /// Makes the group, unless it is there.
    ///
    /// # Errors
    /// The first directory that could not be made; what was made is left for `remove`.
    pub fn create(&self) -> Result<(), CgroupError> {
        for group in &self.v1 {
            group.create()?;
        }
        self.v2.as_ref().map_or(Ok(()), V2Group::create)
    }

    /// Allows these devices and no others. Without it every device can be used.
    ///
    /// # Errors
    /// If the kernel refuses, or has no way to do it.
    pub fn allow_devices(&self, rules: &[DeviceRule]) -> Result<(), CgroupError> {
        if let Some(group) = self.v1_with(Controller::Devices) {
            write(&group.path.join("devices.deny"), "a")?;
            let allow = group.path.join("devices.allow");
            let mut lines = rules.iter().flat_map(v1_lines);
            return lines.try_for_each(|line| write(&allow, &line));
        }
        let Some(group) = &self.v2 else {
            return Err(CgroupError::Unsupported(
                "confine a container to its devices",
            ));
        };
        let directory = group.directory()?;
        device_filter::confine(directory.as_fd(), rules).map_err(|source| CgroupError::Devices {
            path: group.path.clone(),
            source,
        })
    }

    /// Moves a process into the group, in every hierarchy. The first move waits for an RCU grace
    /// period, some 15 ms, and those right behind it do not: hence all in one call. A process
    /// that was born into version 2's group is left there.
    ///
    /// # Errors
    /// If the process is gone or the kernel refuses.
    pub fn attach(&self, pid: u32) -> Result<(), CgroupError> {
        self.attach_text(&pid.to_string())
    }

    /// Moves the calling process into the group, in every hierarchy.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn attach_self(&self) -> Result<(), CgroupError> {
        // The kernel reads 0 as the writer.
        self.attach_text("0")
    }

    fn attach_text(&self, pid: &str) -> Result<(), CgroupError> {
        for group in &self.v1 {
            group.attach(pid)?;
        }
        self.v2.as_ref().map_or(Ok(()), |group| group.attach(pid))
    }

    /// Moves a process into the groups of version 1 only: for one that was born into version 2's.
    ///
    /// # Errors
    /// If the process is gone or the kernel refuses.
    pub fn attach_v1(&self, pid: u32) -> Result<(), CgroupError> {
        let pid = pid.to_string();
        self.v1.iter().try_for_each(|group| group.attach(&pid))
    }

    /// Moves the calling process, which has one thread, into the groups of version 1 without any
    /// wait. Those of version 2 are entered by birth (`CLONE_INTO_CGROUP`).
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn enter_v1(&self) -> Result<(), CgroupError> {
        self.v1.iter().try_for_each(V1Group::enter)
    }

    /// A descriptor of version 2's group for `CLONE_INTO_CGROUP`; a process born there never
    /// waits.
    ///
    /// # Errors
    /// If the group does not exist.
    pub fn v2_directory(&self) -> Result<Option<OwnedFd>, CgroupError> {
        self.v2.as_ref().map(V2Group::directory).transpose()
    }

    /// Stops every process, or lets them go on; returns when all have stopped.
    ///
    /// # Errors
    /// If they do not stop in time, or the host cannot.
    pub fn freeze(&self, frozen: bool) -> Result<(), CgroupError> {
        if let Some(group) = &self.v2 {
            group.freeze(frozen)
        } else if let Some(group) = self.v1_with(Controller::Freezer) {
            group.freeze(frozen)
        } else {
            Err(CgroupError::Unsupported("pause a container"))
        }
    }

    /// Kills every process, those of groups below too.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn kill(&self) -> Result<(), CgroupError> {
        if let Some(group) = &self.v2
            && group.kill()?
        {
            return Ok(());
        }
        // While they are frozen none can be born, and no number can pass to another process.
        let freezer = self.v1_with(Controller::Freezer);
        let frozen = freezer.is_some_and(|group| group.freeze(true).is_ok());
        for pid in self.pids()? {
            // One that is gone is what is wanted.
            let _ = kill(Pid::from_raw(pid as i32), Signal::SIGKILL);
        }
        match freezer {
            Some(group) if frozen => group.freeze(false),
            _ => Ok(()),
        }
    }

    /// Every process, those of groups below too; none if the group is gone.
    ///
    /// # Errors
    /// If the list cannot be read.
    pub fn pids(&self) -> Result<Vec<u32>, CgroupError> {
        let directory = match (&self.v2, self.v1.first()) {
            (Some(group), _) => &group.path,
            (None, Some(group)) => &group.path,
            (None, None) => return Ok(Vec::new()),
        };
        let mut found = Vec::new();
        for group in tree(directory) {
            match read(&group.join("cgroup.procs")) {
                Ok(text) => found.extend(text.lines().filter_map(|l| l.parse::<u32>().ok())),
                Err(error) if error.is_missing() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    /// How many processes the kernel has killed for want of memory. After the last process has
    /// ended it can still be read, until the group is removed.
    #[must_use]
    pub fn oom_kills(&self) -> u64 {
        self.oom_counter().map_or(0, |file| stats::oom_kills(&file))
    }

    /// The file with that count, in a line `oom_kill N`, for who reads it later.
    #[must_use]
    pub fn oom_counter(&self) -> Option<PathBuf> {
        let v1 = self
            .v1_with(Controller::Memory)
            .map(|group| group.path.join("memory.oom_control"));
        v1.or_else(|| Some(self.v2.as_ref()?.path.join("memory.events")))
    }

    /// What the container uses; the caller fills in time and network.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut all = Stats::default();
        if let Some(group) = &self.v2 {
            stats::v2(&mut all, &group.path);
        }
        if let Some(acct) = self.v1_with(Controller::Cpuacct) {
            let cpu = self.v1_with(Controller::Cpu).unwrap_or(acct);
            stats::v1_cpu(&mut all, &cpu.path, &acct.path);
        }
        if let Some(group) = self.v1_with(Controller::Memory) {
            stats::v1_memory(&mut all, &group.path);
        }
        if let Some(group) = self.v1_with(Controller::Pids) {
            stats::pids(&mut all, &group.path);
        }
        if let Some(group) = self.v1_with(Controller::Blkio) {
            stats::v1_blkio(&mut all, &group.path);
        }
        stats::host(&mut all);
        all
    }

    /// Removes the group with those below it; waits a moment for processes that are ending. Tries
    /// every hierarchy. That it is gone already is no error.
    ///
    /// # Errors
    /// The first directory that could not be removed.
    pub fn remove(&self) -> Result<(), CgroupError> {
        let mut failed = None;
        for path in self.directories() {
            if let Err(error) = remove_tree(path) {
                failed.get_or_insert(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// The group's directory in each hierarchy.
    pub fn directories(&self) -> impl Iterator<Item = &PathBuf> {
        let v2 = self.v2.iter().map(|group| &group.path);
        self.v1.iter().map(|group| &group.path).chain(v2)
    }

    pub(super) fn v1_with(&self, controller: Controller) -> Option<&V1Group> {
        self.v1.iter().find(|group| group.has(controller))
    }
}

/// Names of the groups below an instance's parent, in any hierarchy.
#[must_use]
pub fn children(layout: &Layout, parent: &str) -> Vec<String> {
    let mut names: Vec<_> = parents(layout, parent)
        .filter_map(|path| fs::read_dir(path).ok())
        .flat_map(Iterator::flatten)
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Removes an instance's parent group, which must have no processes below it. Tries every
/// hierarchy.
///
/// # Errors
/// The last directory that could not be removed.
pub fn remove_parent(layout: &Layout, parent: &str) -> Result<(), CgroupError> {
    let failed = parents(layout, parent).filter_map(|path| remove_tree(&path).err());
    // Every one is tried.
    failed.last().map_or(Ok(()), Err)
}

fn parents<'a>(layout: &'a Layout, parent: &'a str) -> impl Iterator<Item = PathBuf> + 'a {
    let v2 = layout.v2.iter().map(|unified| &unified.mount);
    let mounts = layout.v1.iter().map(|hierarchy| &hierarchy.mount).chain(v2);
    mounts.map(move |mount| mount.join(parent))
}

fn remove_tree(path: &std::path::Path) -> Result<(), CgroupError> {
    for directory in tree(path) {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match fs::remove_dir(&directory) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => break,
                Err(error)
                    if error.kind() == std::io::ErrorKind::ResourceBusy
                        && attempt < REMOVE_ATTEMPTS =>
                {
                    sleep(REMOVE_PAUSE);
                }
                Err(source) => {
                    return Err(CgroupError::Remove {
                        path: directory,
                        source,
                    });
                }
                Ok(()) => break,
            }
        }
    }
    Ok(())
}
