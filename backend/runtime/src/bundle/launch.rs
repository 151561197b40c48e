//! Launching a bundle: clones the first process, maps its users, and keeps it in step with what
//! its creator still does (hooks, records). Given up, or when the creator dies, nothing stays.

use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::Mode;
use orlop_linux::{mount, process};
use orlop_wire::channel::{self, ChannelError};
use orlop_wire::reply::{Failure, FailureKind};

use super::finish::set_oom_score;
use super::gate::Gate;
use super::init::{self, Said, Setup};
use super::plan::{Bundle, Namespaces, OwnCgroup};
use super::{devices, mounts};
use crate::failure::Step as _;
use crate::init::{EnterCgroups, InstallFilter};

/// `CLONE_NEWTIME`, which nix does not name.
const NEW_TIME: CloneFlags = CloneFlags::from_bits_retain(0x80);

/// A bundle about to become a container.
pub struct BundleLaunch<'a> {
    /// Everything about it.
    pub bundle: &'a Bundle,
    /// The bundle's folder.
    pub folder: &'a Path,
    /// Installs the system call filter.
    pub filter: InstallFilter<'a>,
    /// Moves the calling process into the cgroups of version 1.
    pub enter_cgroups: EnterCgroups<'a>,
    /// Cgroup (version 2) that the first process is born into.
    pub cgroup: Option<OwnedFd>,
    /// The container's cgroups, for mounts of type `cgroup`.
    pub shown_cgroups: &'a [OwnCgroup],
    /// Where the first process waits for its start.
    pub gate: Gate,
}

/// A first process that is being set up; dropped without [`Underway::commit`] it is killed.
#[derive(Debug)]
pub struct Underway {
    /// Its number on the host.
    pub pid: u32,
    pidfd: Option<OwnedFd>,
    line: UnixStream,
}

impl Drop for Underway {
    fn drop(&mut self) {
        if let Some(pidfd) = &self.pidfd {
            let _ = process::send_signal(pidfd.as_fd(), 9);
            let _ = process::wait(pidfd.as_fd());
        }
    }
}

pub(super) fn lost(error: &ChannelError) -> Failure {
    Failure::new(
        FailureKind::Internal,
        format!("the container's first process ended early: {error}"),
    )
}

impl Underway {
    pub(super) fn of(child: process::Child, line: UnixStream) -> Self {
        Self {
            pid: child.pid,
            pidfd: Some(child.pidfd),
            line,
        }
    }

    fn heard(&self) -> Result<(Said, Vec<OwnedFd>), Failure> {
        match channel::receive::<Said>(self.line.as_fd()) {
            Ok((Said::Failed(failure), _)) => Err(failure),
            Ok(word) => Ok(word),
            Err(error) => Err(lost(&error)),
        }
    }

    /// Lets it enter the root, with this state for hooks inside; returns when only the program is
    /// left to start, with the master of its terminal.
    ///
    /// # Errors
    /// Why it could not be set up.
    pub fn proceed(&self, state: &str) -> Result<Option<OwnedFd>, Failure> {
        channel::send(self.line.as_fd(), &state, &[]).map_err(|error| lost(&error))?;
        self.until_ready()
    }

    pub(super) fn until_ready(&self) -> Result<Option<OwnedFd>, Failure> {
        let mut master = None;
        loop {
            match self.heard()? {
                (Said::Terminal, mut fds) => master = fds.pop(),
                (Said::Ready, _) => return Ok(master),
                _ => {
                    return Err(Failure::new(
                        FailureKind::Internal,
                        "the container's first process is confused",
                    ));
                }
            }
        }
    }

    /// Lets it outlive this process; its pidfd comes back.
    ///
    /// # Errors
    /// If it is gone.
    pub fn commit(mut self) -> Result<OwnedFd, Failure> {
        channel::send(self.line.as_fd(), &(), &[]).map_err(|error| lost(&error))?;
        self.pidfd.take().ok_or_else(init::given_up)
    }

    /// The same for one that goes on to its program at once: returns when that runs.
    pub(super) fn commit_to_program(mut self) -> Result<OwnedFd, Failure> {
        channel::send(self.line.as_fd(), &(), &[]).map_err(|error| lost(&error))?;
        match channel::receive::<Said>(self.line.as_fd()) {
            // Its end of the line goes with the exec.
            Err(ChannelError::Closed) => {}
            Ok((Said::Failed(failure), _)) => return Err(failure),
            Ok(_) => return Err(init::given_up()),
            Err(error) => return Err(lost(&error)),
        }
        self.pidfd.take().ok_or_else(init::given_up)
    }
}

/// Starts the first process; returns when its namespaces exist and its root is complete, but not
/// entered: the moment of the hooks `prestart` and `createRuntime`.
///
/// # Errors
/// Whatever could not be made; nothing is left of it.
pub fn begin(launch: BundleLaunch<'_>) -> Result<Underway, Failure> {
    let BundleLaunch {
        bundle,
        folder,
        filter,
        enter_cgroups,
        cgroup,
        shown_cgroups,
        gate,
    } = launch;
    let (ours, theirs) = UnixStream::pair().step("making a socket")?;
    let maps = bundle.namespaces.id_maps.as_ref();
    let setup = Setup {
        bundle,
        root: root_of(bundle)?,
        mounts: mounts::prepare(&bundle.mounts, folder, shown_cgroups)?,
        shown: maps
            .map(|_| devices::of_host(&devices::all_of(&bundle.devices)))
            .transpose()?,
        filter,
        enter_cgroups,
        gate,
        line: theirs,
    };
    let cgroup = cgroup.as_ref().map(std::os::fd::AsFd::as_fd);
    let namespaces = &bundle.namespaces;
    // The cgroup namespace is made inside its cgroups, and the time namespace before.
    let flags = namespaces.new - CloneFlags::CLONE_NEWCGROUP - NEW_TIME;
    let child = if namespaces.join.is_empty() && maps.is_none() && !namespaces.makes(NEW_TIME) {
        process::clone(flags, cgroup, || {
            set_oom_score(&bundle.process);
            init::run(setup)
        })
        .step("making the container's namespaces")?
    } else {
        joiner(|| {
            set_oom_score(&bundle.process);
            // Files of cgroups belong to root of the host.
            (setup.enter_cgroups)().step("entering the cgroups")?;
            prepare_namespaces(namespaces)?;
            let setup = Setup {
                enter_cgroups: &|| Ok(()),
                ..setup
            };
            process::clone(flags | CloneFlags::CLONE_PARENT, cgroup, || {
                init::run(setup)
            })
            .step("making the container's namespaces")
        })?
    };
    let underway = Underway::of(child, ours);
    if let Some(maps) = maps {
        let write = |file: &str, text: &str| {
            let path = format!("/proc/{}/{file}", underway.pid);
            std::fs::write(&path, text).step(format!("writing {text:?} to {path}"))
        };
        write("uid_map", &maps.uids)?;
        write("gid_map", &maps.gids)?;
    }
    channel::send(underway.line.as_fd(), &(), &[]).map_err(|error| lost(&error))?;
    match underway.heard()? {
        (Said::Mounted, _) => Ok(underway),
        _ => Err(init::given_up()),
    }
}

/// A copy of the root with all that is mounted in it, attached nowhere.
fn root_of(bundle: &Bundle) -> Result<OwnedFd, Failure> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let what = || format!("opening the root file system {}", bundle.root.display());
    let found = open(&bundle.root, flags, Mode::empty()).step(what())?;
    mount::copy_of_fd(found.as_fd(), true).step(what())
}

/// Runs `work`, which joins namespaces, in a process of its own; the child that it makes is its
/// sibling (`CLONE_PARENT`), and so a child of this one.
pub(super) fn joiner(
    work: impl FnOnce() -> Result<process::Child, Failure>,
) -> Result<process::Child, Failure> {
    let (ours, theirs) = UnixStream::pair().step("making a socket")?;
    let gone = process::clone(CloneFlags::empty(), None, || {
        let sent = match work() {
            Ok(child) => channel::send(
                theirs.as_fd(),
                &Ok::<u32, Failure>(child.pid),
                &[child.pidfd.as_fd()],
            ),
            Err(failure) => channel::send(theirs.as_fd(), &Err::<u32, Failure>(failure), &[]),
        };
        i32::from(sent.is_err())
    })
    .step("joining namespaces")?;
    drop(theirs);
    let answer = channel::receive::<Result<u32, Failure>>(ours.as_fd());
    // It has said what it had to say, or why it could not.
    let _ = process::wait(gone.pidfd.as_fd());
    let (pid, mut fds) = answer.map_err(|error| lost(&error))?;
    let pid = pid?;
    let pidfd = fds.pop().ok_or_else(init::given_up)?;
    Ok(process::Child { pid, pidfd })
}

fn prepare_namespaces(namespaces: &Namespaces) -> Result<(), Failure> {
    if namespaces.makes(NEW_TIME) {
        unshare(NEW_TIME).step("making a time namespace")?;
        if let Some(offsets) = &namespaces.time_offsets {
            std::fs::write("/proc/self/timens_offsets", offsets)
                .step(format!("setting the clocks to {offsets:?}"))?;
        }
    }
    for (kind, namespace) in &namespaces.join {
        setns(namespace, *kind).step(format!("joining a namespace ({kind:?})"))?;
    }
    Ok(())
}
