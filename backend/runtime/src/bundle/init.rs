//! The first process of a bundle, from the clone to the program.

use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::fcntl::{OFlag, open};
use nix::sched::{CloneFlags, unshare};
use nix::sys::stat::Mode;
use nix::unistd::{Gid, Uid, setresgid, setresuid};
use orlop_linux::mount::{self, Attributes};
use orlop_linux::netlink::{Protocol, Socket, link};
use orlop_linux::{process, terminal};
use orlop_wire::channel;
use orlop_wire::reply::{Failure, FailureKind};
use serde::{Deserialize, Serialize};

use super::finish::{Finish, environment, finish};
use super::gate::Gate;
use super::mounts::{self, Prepared};
use super::plan::{Bundle, BundleProcess, DeviceNode};
use super::{cover, devices, hooks};
use crate::failure::{Step as _, invalid};
use crate::init::{EnterCgroups, FromInit, InstallFilter, program, show_console, user};

/// What the first process says to who creates it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Said {
    /// The root is complete and not entered yet.
    Mounted,
    /// The master of the terminal comes with it.
    Terminal,
    /// Nothing is left but the program.
    Ready,
    /// It went wrong.
    Failed(Failure),
}

/// What it needs.
pub(super) struct Setup<'a> {
    pub(super) bundle: &'a Bundle,
    pub(super) root: OwnedFd,
    pub(super) mounts: Vec<Prepared<'a>>,
    /// Devices of the host, where no nodes can be made.
    pub(super) shown: Option<Vec<(DeviceNode, OwnedFd)>>,
    pub(super) filter: InstallFilter<'a>,
    pub(super) enter_cgroups: EnterCgroups<'a>,
    pub(super) gate: Gate,
    pub(super) line: UnixStream,
}

/// Reports a failure; the exit code that belongs to it.
pub(super) fn tell(line: &UnixStream, failure: Failure) -> i32 {
    // Who asked may be gone.
    let _ = channel::send(line.as_fd(), &Said::Failed(failure), &[]);
    1
}

pub(super) fn say(line: &UnixStream, word: &Said) -> Result<(), Failure> {
    channel::send(line.as_fd(), word, &[]).map_err(|_| given_up())
}

pub(super) fn given_up() -> Failure {
    Failure::new(FailureKind::Cancelled, "the start was given up")
}

/// Waits for the word to go on.
pub(super) fn hear<T: serde::de::DeserializeOwned>(line: &UnixStream) -> Result<T, Failure> {
    channel::receive(line.as_fd())
        .map(|(word, _)| word)
        .map_err(|_| given_up())
}

/// Runs as the first process; returns only when the program could not be started.
pub(super) fn run(setup: Setup<'_>) -> i32 {
    let Setup {
        bundle,
        root,
        mounts,
        shown,
        filter,
        enter_cgroups,
        gate,
        line,
    } = setup;
    let state = match create(bundle, &root, mounts, shown, enter_cgroups, &line) {
        Ok(state) => state,
        Err(failure) => return tell(&line, failure),
    };
    let console = match last_of_creation(bundle, &line) {
        Ok(console) => console,
        Err(failure) => return tell(&line, failure),
    };
    drop((line, root));
    let told = match gate.wait() {
        Ok(told) => told,
        Err(_) => return 1,
    };
    let Err(failure) = finish(Finish {
        process: &bundle.process,
        filter,
        console,
        before: &|| {
            let hooks = &bundle.hooks.start_container;
            hooks::run_hooks("startContainer", hooks, &state, None)
                .map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))
        },
    });
    let code = match failure.kind {
        FailureKind::CommandNotFound => 127,
        FailureKind::CommandNotExecutable => 126,
        _ => 1,
    };
    let _ = channel::send(told.as_fd(), &FromInit::Failed(failure), &[]);
    code
}

/// Makes the container; the state for hooks inside comes back.
fn create(
    bundle: &Bundle,
    root: &OwnedFd,
    mounts: Vec<Prepared<'_>>,
    shown: Option<Vec<(DeviceNode, OwnedFd)>>,
    enter_cgroups: EnterCgroups<'_>,
    line: &UnixStream,
) -> Result<String, Failure> {
    process::leave_session_keyring();
    enter_cgroups().step("entering the cgroups")?;
    // As root of the host, who may go where the root lies.
    let point = root_point(bundle)?;
    // From here on users and groups are mapped.
    hear::<()>(line)?;
    if bundle.namespaces.id_maps.is_some() {
        become_root()?;
    }
    process::die_with_parent_signal().step("binding to who creates it")?;
    if bundle.namespaces.makes(CloneFlags::CLONE_NEWCGROUP) {
        unshare(CloneFlags::CLONE_NEWCGROUP).step("making a cgroup namespace")?;
    }
    if bundle.namespaces.makes(CloneFlags::CLONE_NEWNET) {
        loopback()?;
    }
    attach_root(bundle, root, &point)?;
    mounts::attach(root, mounts)?;
    say(line, &Said::Mounted)?;
    let state: String = hear(line)?;
    let hooks = &bundle.hooks.create_container;
    hooks::run_hooks("createContainer", hooks, &state, None)
        .map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))?;
    drop(point);
    mount::enter_root(root.as_fd()).step("entering the root file system")?;
    let nodes = devices::all_of(&bundle.devices);
    match shown {
        Some(shown) => devices::show(shown)?,
        None => devices::make(&nodes)?,
    }
    devices::link()?;
    set_names(bundle)?;
    for (path, value) in &bundle.sysctls {
        std::fs::write(path, value).step(format!("setting {path} to {value:?}"))?;
    }
    Ok(state)
}

/// Becomes root of the user namespace that was made.
fn become_root() -> Result<(), Failure> {
    let (uid, gid) = (Uid::from_raw(0), Gid::from_raw(0));
    // A map without a root is followed too: then there is none to become.
    let _ = nix::unistd::setgroups(&[]);
    setresgid(gid, gid, gid).step("becoming root of the user namespace")?;
    setresuid(uid, uid, uid).step("becoming root of the user namespace")
}

fn loopback() -> Result<(), Failure> {
    let up = || Socket::open(Protocol::Route)?.apply(&[link::set_up("lo")]);
    up().map_err(|error| {
        Failure::new(
            FailureKind::Internal,
            format!("setting the loopback up: {error}"),
        )
    })
}

/// The root's own place, in this mount namespace.
fn root_point(bundle: &Bundle) -> Result<OwnedFd, Failure> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(&bundle.root, flags, Mode::empty())
        .step(format!("opening the root {}", bundle.root.display()))
}

/// Attaches the root over its own place, which shows in no other namespace.
fn attach_root(bundle: &Bundle, root: &OwnedFd, point: &OwnedFd) -> Result<(), Failure> {
    mount::make_all_private().step("making mounts private")?;
    let what = || format!("attaching the root {}", bundle.root.display());
    let spread = Some(bundle.root_spread.at_first());
    mount::change(root, true, Attributes::empty(), spread).step(what())?;
    mount::attach(root, point).step(what())
}

fn set_names(bundle: &Bundle) -> Result<(), Failure> {
    if let Some(name) = &bundle.hostname {
        nix::unistd::sethostname(name).step("setting the host name")?;
    }
    if let Some(name) = &bundle.domainname {
        std::fs::write("/proc/sys/kernel/domainname", name).step("setting the domain name")?;
    }
    Ok(())
}

/// Terminal, masks, working directory; then everything is there, and who creates says so.
fn last_of_creation(bundle: &Bundle, line: &UnixStream) -> Result<Option<OwnedFd>, Failure> {
    let console = open_console(&bundle.process, line, true)?;
    cover::close(&bundle.read_only)?;
    cover::mask(&bundle.masked)?;
    let owner = user::Account {
        uid: bundle.process.uid,
        gid: bundle.process.gid,
        groups: Vec::new(),
        home: String::new(),
    };
    if !bundle.process.args.is_empty() {
        program::make_workdir(&bundle.process.cwd, &owner)?;
    }
    let root = mount::open_target(Path::new("/")).step("closing the root file system")?;
    if let Some(spread) = bundle.root_spread.at_last() {
        mount::change(&root, true, Attributes::empty(), Some(spread))
            .step("sharing the root file system")?;
    }
    if bundle.root_read_only {
        mount::change(&root, false, Attributes::MOUNT_ATTR_RDONLY, None)
            .step("closing the root file system")?;
    }
    // Told now rather than at the start; what the program's user may do shows only then.
    let env = environment(&bundle.process);
    program::enter_workdir(&bundle.process.cwd)?;
    program::find(&bundle.process.args, &env)?;
    // From here on the end of the line tells when who creates it dies.
    process::outlive_parent().step("leaving who creates it")?;
    say(line, &Said::Ready)?;
    hear::<()>(line)?;
    Ok(console)
}

/// Opens a terminal of the container and hands its master over.
pub(super) fn open_console(
    wanted: &BundleProcess,
    line: &UnixStream,
    first: bool,
) -> Result<Option<OwnedFd>, Failure> {
    let Some(size) = wanted.terminal else {
        return Ok(None);
    };
    let (master, slave, number) = terminal::open_terminal().step("opening a terminal")?;
    if let Some(size) = size {
        terminal::set_size(master.as_fd(), size.rows, size.cols).step("sizing the terminal")?;
    }
    channel::send(line.as_fd(), &Said::Terminal, &[master.as_fd()]).map_err(|_| given_up())?;
    if first && Path::new("/dev/console").symlink_metadata().is_ok() {
        return Err(invalid("/dev/console exists already"));
    }
    if first {
        show_console(number)?;
    }
    Ok(Some(slave))
}
