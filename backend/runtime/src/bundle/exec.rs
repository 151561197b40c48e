//! A further process in a container that came from a bundle.

use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use nix::sched::CloneFlags;
use nix::unistd::{Gid, Uid, setresgid, setresuid};
use orlop_linux::process;
use orlop_wire::reply::Failure;

use super::finish::{Finish, finish, set_oom_score};
use super::init::{Said, hear, open_console, say, tell};
use super::launch::{Underway, joiner};
use super::plan::BundleProcess;
use crate::failure::Step as _;
use crate::init::{EnterCgroups, InstallFilter};

/// A process about to enter.
pub struct Entry<'a> {
    /// Everything about it.
    pub process: &'a BundleProcess,
    /// The container's first process.
    pub container: OwnedFd,
    /// Namespaces of it that differ from the caller's.
    pub namespaces: CloneFlags,
    /// Installs the system call filter.
    pub filter: InstallFilter<'a>,
    /// Moves the calling process into the cgroups of version 1.
    pub enter_cgroups: EnterCgroups<'a>,
    /// Cgroup (version 2) that it is born into.
    pub cgroup: Option<OwnedFd>,
}

/// A process inside that waits to become its program; dropped, it is killed.
#[derive(Debug)]
pub struct Entered {
    /// Its number on the host.
    pub pid: u32,
    /// The master of its terminal.
    pub master: Option<OwnedFd>,
    underway: Underway,
}

impl Entered {
    /// Lets it become its program; returns its pidfd when that runs.
    ///
    /// # Errors
    /// Why the program could not start.
    pub fn commit(self) -> Result<OwnedFd, Failure> {
        self.underway.commit_to_program()
    }
}

/// Brings a process into the container, up to its program.
///
/// # Errors
/// Whatever kept it outside; nothing is left of it.
pub fn enter(entry: Entry<'_>) -> Result<Entered, Failure> {
    let Entry {
        process: wanted,
        container,
        namespaces,
        filter,
        enter_cgroups,
        cgroup,
    } = entry;
    let (ours, line) = UnixStream::pair().step("making a socket")?;
    let late = namespaces & CloneFlags::CLONE_NEWCGROUP;
    let user = namespaces.contains(CloneFlags::CLONE_NEWUSER);
    let child = joiner(|| {
        set_oom_score(wanted);
        enter_cgroups().step("entering the container's cgroups")?;
        process::join_namespaces(container.as_fd(), namespaces - late)
            .step("joining the container's namespaces")?;
        let cgroup = cgroup.as_ref().map(std::os::fd::AsFd::as_fd);
        process::clone(CloneFlags::CLONE_PARENT, cgroup, || {
            let inside = || -> Result<Option<OwnedFd>, Failure> {
                process::leave_session_keyring();
                if !late.is_empty() {
                    // Only now is this process inside of the group that the namespace shows.
                    process::join_namespaces(container.as_fd(), late)
                        .step("joining the container's cgroup namespace")?;
                }
                if user {
                    let _ = nix::unistd::setgroups(&[]);
                    let (uid, gid) = (Uid::from_raw(0), Gid::from_raw(0));
                    setresgid(gid, gid, gid).step("becoming root of the user namespace")?;
                    setresuid(uid, uid, uid).step("becoming root of the user namespace")?;
                }
                process::die_with_parent_signal().step("binding to who starts it")?;
                let console = open_console(wanted, &line, false)?;
                // From here on the end of the line tells when who starts it dies.
                process::outlive_parent().step("leaving who starts it")?;
                say(&line, &Said::Ready)?;
                hear::<()>(&line)?;
                Ok(console)
            };
            let ended = inside().and_then(|console| {
                finish(Finish {
                    process: wanted,
                    filter,
                    console,
                    before: &|| Ok(()),
                })
            });
            match ended {
                Ok(never) => match never {},
                Err(failure) => tell(&line, failure),
            }
        })
        .step("starting a process in the container")
    })?;
    drop(line);
    let underway = Underway::of(child, ours);
    let master = underway.until_ready()?;
    Ok(Entered {
        pid: underway.pid,
        master,
        underway,
    })
}
