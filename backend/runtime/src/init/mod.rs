//! From the clone to the program: what runs inside the container's namespaces.

mod devices;
mod join;
mod mask;
mod nodes;
mod order;
pub(crate) mod place;
mod privilege;
pub(crate) mod program;
mod reaper;
mod rootfs;
pub(crate) mod user;

use std::io::Write as _;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CloneFlags, unshare};
use orlop_linux::capability::CapabilitySet;
use orlop_linux::{process, terminal};
use orlop_model::namespace::Share;
use orlop_model::request::TermSize;
use orlop_model::spec::{ContainerSpec, Process, Security};
use orlop_wire::channel;
use orlop_wire::reply::{Failure, FailureKind};
use serde::{Deserialize, Serialize};

pub(crate) use devices::{null as null_device, show_console};
pub(crate) use join::{Join, join};

use crate::failure::Step as _;
use crate::plan::{DeviceNode, Owned, PreparedMount, sysctl_path};

/// Installs the system call filter; given by whoever knows it.
pub(crate) type InstallFilter<'a> = &'a dyn Fn() -> std::io::Result<()>;

/// Moves the calling process into the cgroups that it was not born into.
pub(crate) type EnterCgroups<'a> = &'a dyn Fn() -> std::io::Result<()>;

/// What init says to the request.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum FromInit {
    /// Nothing but the exec is left, which waits for a client.
    Ready,
    /// It could not be started.
    Failed(Failure),
}

/// The ends of the sockets that init holds.
#[derive(Debug)]
pub(crate) struct Lines {
    /// To the request: [`FromInit`] out, one message `()` in when the network is there.
    pub(crate) request: UnixStream,
    /// To the shim: the terminal's master out; one message `()` in when the maps of a user
    /// namespace are written, one when a client has attached.
    pub(crate) shim: UnixStream,
}

/// Standard input, output and error without a terminal.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) input: OwnedFd,
    pub(crate) output: OwnedFd,
    pub(crate) error: OwnedFd,
}

/// Everything that init of a container needs.
pub(crate) struct Init<'a> {
    pub(crate) spec: &'a ContainerSpec,
    pub(crate) root: OwnedFd,
    /// It has a user namespace of its own, whose maps the shim writes.
    pub(crate) mapped: bool,
    /// Where the root is attached for the moment before it becomes `/`.
    pub(crate) root_point: &'a std::path::Path,
    pub(crate) mounts: Vec<PreparedMount>,
    pub(crate) devices: Vec<DeviceNode>,
    pub(crate) filter: InstallFilter<'a>,
    pub(crate) enter_cgroups: EnterCgroups<'a>,
    pub(crate) wait_for_attach: bool,
    pub(crate) pipes: Option<Pipes>,
    pub(crate) lines: Lines,
}

/// Runs as the container's first process; returns only when the program could not be started.
pub(crate) fn run(init: Init<'_>) -> i32 {
    let prepared = init.mounts.iter().map(|prepared| prepared.mount.as_fd());
    let kept = prepared.chain([init.root.as_fd()]);
    if keep_only(kept, init.pipes.as_ref(), &init.lines).is_err() {
        return 125;
    }
    let request = match init.lines.request.try_clone() {
        Ok(request) => request,
        Err(_) => return 125,
    };
    match start(init) {
        Ok(never) => match never {},
        Err(failure) => tell(&request, failure),
    }
}

/// Closes every descriptor of the shim but these. A copy of the shim's end of a line would keep
/// this process, and the request, from hearing of the shim's death.
pub(crate) fn keep_only<'a>(
    kept: impl Iterator<Item = BorrowedFd<'a>>,
    pipes: Option<&'a Pipes>,
    lines: &'a Lines,
) -> std::io::Result<()> {
    let pipes = pipes
        .into_iter()
        .flat_map(|pipes| [&pipes.input, &pipes.output, &pipes.error])
        .map(std::os::fd::AsFd::as_fd);
    let all: Vec<RawFd> = kept
        .chain(pipes)
        .chain([lines.request.as_fd(), lines.shim.as_fd()])
        .map(|fd| fd.as_raw_fd())
        .collect();
    process::close_all_but(2, &all)
}

/// Reports a failure; the exit code that belongs to it.
pub(crate) fn tell(request: &UnixStream, failure: Failure) -> i32 {
    let code = match failure.kind {
        FailureKind::CommandNotFound => 127,
        FailureKind::CommandNotExecutable => 126,
        _ => 125,
    };
    // The request may be over, when the start had waited for a client.
    let _ = channel::send(request.as_fd(), &FromInit::Failed(failure), &[]);
    code
}

fn start(init: Init<'_>) -> Result<std::convert::Infallible, Failure> {
    let Init {
        spec,
        root,
        mapped,
        root_point,
        mounts,
        devices: granted,
        filter,
        enter_cgroups,
        wait_for_attach,
        pipes,
        lines,
    } = init;
    let security = &spec.security;
    bind_to_shim(&lines)?;
    process::leave_session_keyring();
    enter_cgroups().step("entering the cgroups")?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    // While the host's are there to be seen.
    let all = security.privileged.then(devices::of_host);
    let point = rootfs::open_point(root_point)?;
    if mapped {
        privilege::score(&spec.process);
        become_root(&lines)?;
        bind_to_shim(&lines)?;
    }
    let system = rootfs::make_system(spec)?;
    rootfs::enter(&root, &point)?;
    rootfs::attach_system(system)?;
    // In a user namespace no device can be made: those of the host are among the mounts.
    devices::make(!mapped, &all.unwrap_or_default())?;
    order::attach(mounts, &spec.mounts)?;
    nodes::make(&granted)?;
    if spec.namespaces.uts == Share::Own {
        nix::unistd::sethostname(&spec.hostname).step("setting the host name")?;
        if !spec.domainname.is_empty() {
            set_domain(&spec.domainname)?;
        }
    }
    // From here on the network is there.
    let ((), _) = channel::receive(lines.request.as_fd())
        .map_err(|_| Failure::new(FailureKind::Cancelled, "the start was given up"))?;
    if spec.namespaces.cgroup == Share::Own && !security.privileged {
        unshare(CloneFlags::CLONE_NEWCGROUP).step("making a cgroup namespace")?;
    }
    rootfs::mount_cgroups(security.privileged)?;
    let owned = Owned::of(spec);
    for (name, value) in &spec.sysctls {
        let path = sysctl_path(name, &owned)?;
        std::fs::write(&path, value).step(format!("setting sysctl {name} to {value:?}"))?;
    }
    let console = open_console(spec.process.tty, &lines, true)?;
    if !security.privileged {
        mask::mask(&security.confinement)?;
    }
    let account = user::resolve(&spec.process.user, &spec.process.groups)?;
    program::make_workdir(&spec.process.cwd, &account)?;
    if security.read_only {
        rootfs::make_root_read_only()?;
    }
    finish(Finish {
        process: &spec.process,
        security,
        filter,
        console,
        pipes,
        lines,
        wait_for_attach,
        reap: spec.init,
    })
}

/// From here on this process ends with the shim; a change of user undoes it (prctl(2),
/// `PR_SET_PDEATHSIG`).
pub(crate) fn bind_to_shim(lines: &Lines) -> Result<(), Failure> {
    process::die_with_parent_signal().step("binding to the shim")?;
    // It may have ended before that; the shim keeps its end of the line until the program runs.
    let mut fds = [PollFd::new(lines.shim.as_fd(), PollFlags::empty())];
    match poll(&mut fds, PollTimeout::ZERO) {
        Ok(0) => Ok(()),
        _ => Err(Failure::new(FailureKind::Cancelled, "the shim is gone")),
    }
}

/// Waits for the maps of the user namespace, and becomes its root.
fn become_root(lines: &Lines) -> Result<(), Failure> {
    let ((), _) = channel::receive(lines.shim.as_fd())
        .map_err(|_| Failure::new(FailureKind::Cancelled, "the start was given up"))?;
    orlop_linux::users::become_root().step("becoming root of the container")
}

fn set_domain(name: &str) -> Result<(), Failure> {
    std::fs::write("/proc/sys/kernel/domainname", name).step("setting the domain name")
}

/// Opens a terminal of the container, hands its master to the shim, and with `as_console` shows
/// it as `/dev/console`.
pub(crate) fn open_console(
    tty: Option<TermSize>,
    lines: &Lines,
    as_console: bool,
) -> Result<Option<OwnedFd>, Failure> {
    let Some(size) = tty else { return Ok(None) };
    let (master, slave, number) = terminal::open_terminal().step("opening a terminal")?;
    terminal::set_size(master.as_fd(), size.rows, size.cols).step("sizing the terminal")?;
    channel::send(lines.shim.as_fd(), &(), &[master.as_fd()])
        .map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))?;
    if as_console {
        devices::show_console(number)?;
    }
    Ok(Some(slave))
}

/// The last steps, which a container's first process and an exec session share.
pub(crate) struct Finish<'a> {
    pub(crate) process: &'a Process,
    pub(crate) security: &'a Security,
    pub(crate) filter: InstallFilter<'a>,
    pub(crate) console: Option<OwnedFd>,
    pub(crate) pipes: Option<Pipes>,
    pub(crate) lines: Lines,
    pub(crate) wait_for_attach: bool,
    pub(crate) reap: bool,
}

pub(crate) fn finish(finish: Finish<'_>) -> Result<std::convert::Infallible, Failure> {
    let Finish {
        process: wanted,
        security,
        filter,
        console,
        pipes,
        lines,
        wait_for_attach,
        ..
    } = finish;
    let account = user::resolve(&wanted.user, &wanted.groups)?;
    program::enter_workdir(&wanted.cwd)?;
    privilege::limit(wanted)?;
    match (&console, &pipes) {
        (Some(slave), _) => {
            nix::unistd::fchown(slave, Some(account.uid.into()), None)
                .step("giving the terminal away")?;
            terminal::take_over(slave).step("taking the terminal over")?;
        }
        (None, Some(pipes)) => {
            for pipe in [&pipes.input, &pipes.output, &pipes.error] {
                // A program that opens /dev/stdout anew must be allowed to; /dev/null is not ours.
                let _ =
                    nix::unistd::fchown(pipe, Some(account.uid.into()), Some(account.gid.into()));
            }
            terminal::set_standard(
                pipes.input.as_fd(),
                pipes.output.as_fd(),
                pipes.error.as_fd(),
            )
            .step("setting standard input and output")?;
            nix::unistd::setsid().step("beginning a session")?;
        }
        (None, None) => {}
    }
    drop((console, pipes));
    process::close_on_exec_above(2).step("closing descriptors")?;
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
    process::reset_signals().step("resetting signals")?;
    let env = crate::plan::with_home(wanted.env.clone(), &account.home);
    let capabilities = privilege::capabilities(&security.capabilities, account.uid)?;
    privilege::label(security)?;
    privilege::drop(security, &account, capabilities, filter)?;
    bind_to_shim(&lines)?;
    if finish.reap {
        // Only now: the init that stays has no more rights than its program, and dies with the
        // shim as any first process does.
        reaper::stand_in()?;
    }
    let program = program::find(&wanted.args, &env)?;
    if wait_for_attach {
        ready(&lines)?;
    }
    // Not dumpable until execve(2) makes it so: others in the container cannot look into it.
    let failure = program.execute();
    if wait_for_attach {
        // The request is over; who attached reads this.
        let _ = writeln!(std::io::stderr(), "{}", failure.message);
    }
    Err(failure)
}

/// Tells the request that all is well, and waits for a client.
fn ready(lines: &Lines) -> Result<(), Failure> {
    let lost =
        |error: channel::ChannelError| Failure::new(FailureKind::Cancelled, error.to_string());
    channel::send(lines.request.as_fd(), &FromInit::Ready, &[]).map_err(lost)?;
    let ((), _) = channel::receive(lines.shim.as_fd()).map_err(lost)?;
    Ok(())
}

/// Capabilities that the process gets, and those of them that are in force.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Granted {
    pub(crate) bounding: CapabilitySet,
    pub(crate) permitted: CapabilitySet,
}
