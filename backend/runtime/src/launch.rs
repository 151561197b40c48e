//! Launching: the request's side of a start. Forks the shim, which clones init, and keeps the
//! two in step with what the request still does (cgroup, network).

mod born;
mod exec;

use std::io;
use std::os::fd::{AsFd as _, AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

pub use exec::{ExecLaunch, start_exec};
use jiff::Timestamp;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use orlop_linux::{process, users};
use orlop_model::id::ContainerId;
use orlop_model::namespace::IdMap;
use orlop_model::spec::{ContainerSpec, Process};
use orlop_wire::channel::{self, ChannelError};
use orlop_wire::fault::{self, Point};
use orlop_wire::record::{SOCKET_FILE, STATE_FILE, ShimState};
use orlop_wire::reply::{Failure, FailureKind};
use serde::{Deserialize, Serialize};

use crate::donor::{self, Donor, Visit};
use crate::failure::Step as _;
use crate::init::{self, FromInit, Init, Lines, Pipes};
use crate::plan::{DeviceNode, PreparedMount};
use crate::shim::{LogFiles, Shim, Stdio, Task, Watched, listen, write_record};

/// Nearly the last that the kernel kills for want of memory.
const SHIM_OOM_SCORE: &str = "-999";

/// A container about to start.
pub struct Launch<'a> {
    /// Everything about it.
    pub spec: &'a ContainerSpec,
    /// Its root file system, attached nowhere yet.
    pub root: OwnedFd,
    /// An empty folder over which the root is attached for a moment, in a namespace of its own.
    pub root_point: &'a Path,
    /// What is mounted besides.
    pub mounts: Vec<PreparedMount>,
    /// Devices of the host that it gets nodes for.
    pub devices: Vec<DeviceNode>,
    /// Installs the system call filter.
    pub filter: &'a dyn Fn() -> io::Result<()>,
    /// Moves the calling process into the cgroups of version 1.
    pub enter_cgroups: &'a dyn Fn() -> io::Result<()>,
    /// Let the program begin only when a client has attached.
    pub wait_for_attach: bool,
    /// Folder of its records in the run directory.
    pub run_folder: PathBuf,
    /// Folder of its log.
    pub log_folder: PathBuf,
    /// Group that may read the log and reach the shim.
    pub gid: u32,
    /// Descriptors that the shim keeps open for as long as the container lives.
    pub held: Vec<OwnedFd>,
    /// File that counts processes killed for want of memory.
    pub oom_counter: Option<PathBuf>,
    /// Cgroup (version 2) that it is born into.
    pub cgroup: Option<OwnedFd>,
    /// Whose namespaces it shares.
    pub donors: Vec<Donor>,
    /// The ids of its own user namespace, where it has one.
    pub users: Option<IdMap>,
    /// It shares a namespace with the host, or with a container that does.
    pub of_host: bool,
}

/// The process is there and waits for cgroup and network.
#[derive(Debug)]
pub struct Born {
    /// Its number on the host.
    pub pid: u32,
    shim: UnixStream,
    init: UnixStream,
}

/// What the shim says to the request.
#[derive(Debug, Serialize, Deserialize)]
enum FromShim {
    Born(u32),
    Failed(Failure),
    /// The records are written; the shim goes on by itself.
    Recorded,
}

fn lost(error: &ChannelError) -> Failure {
    Failure::new(
        FailureKind::Internal,
        format!("the start broke off: {error}"),
    )
}

/// Starts shim and init; the container's namespaces exist when this returns.
///
/// # Errors
/// If either could not be started.
pub fn start_container(launch: Launch<'_>) -> Result<Born, Failure> {
    let (shim, init, lines) = sockets()?;
    begin(shim, init, move |request| {
        run_shim(&request.1, || {
            shim_of_container(launch, request.0, &request.1, lines)
        })
    })
}

type Pair = (UnixStream, UnixStream);

fn sockets() -> Result<(Pair, UnixStream, UnixStream), Failure> {
    let shim = UnixStream::pair().step("making a socket")?;
    let (init, lines) = UnixStream::pair().step("making a socket")?;
    Ok((shim, init, lines))
}

/// Forks the shim and hears from it that the process is born. `work` gets the shim's end twice.
fn begin(
    (shim, theirs): Pair,
    init: UnixStream,
    work: impl FnOnce(Pair) -> i32,
) -> Result<Born, Failure> {
    let again = theirs.try_clone().step("making a socket")?;
    let forked = process::fork().step("starting the shim")?;
    if forked.is_none() {
        // The request's ends: whoever holds them would keep the others from hearing of its end.
        drop((shim, init));
        process::exit(work((theirs, again)));
    }
    drop((theirs, again, work));
    match channel::receive::<FromShim>(shim.as_fd()) {
        Ok((FromShim::Born(pid), _)) => Ok(Born { pid, shim, init }),
        Ok((FromShim::Failed(failure), _)) => Err(failure),
        Ok((FromShim::Recorded, _)) => {
            Err(Failure::new(FailureKind::Internal, "the shim is confused"))
        }
        Err(error) => match channel::receive::<FromInit>(init.as_fd()) {
            Ok((FromInit::Failed(failure), _)) => Err(failure),
            _ => Err(lost(&error)),
        },
    }
}

/// Runs a shim to its end; what goes wrong before the process is born is told.
fn run_shim(request: &UnixStream, work: impl FnOnce() -> Result<Shim, Failure>) -> i32 {
    match work() {
        Ok(shim) => {
            shim.serve();
            0
        }
        Err(failure) => {
            // The request may have been given up.
            let _ = channel::send(request.as_fd(), &FromShim::Failed(failure), &[]);
            1
        }
    }
}

/// Leaves everything of the request behind: descriptors but these, session, signals, standard
/// input and output.
fn become_daemon(keep: &[RawFd]) -> Result<(), Failure> {
    process::close_all_but(2, keep).step("closing descriptors")?;
    nix::unistd::setsid().step("beginning a session")?;
    process::reset_signals().step("resetting signals")?;
    let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())
        .step("opening /dev/null")?;
    orlop_linux::terminal::set_standard(null.as_fd(), null.as_fd(), null.as_fd())
        .step("leaving standard output")?;
    // Its end would be the container's. Best effort: it needs a capability that a host may lack.
    let _ = std::fs::write("/proc/self/oom_score_adj", SHIM_OOM_SCORE);
    // Nothing of its memory is for others to see.
    process::set_dumpable(false).step("closing its memory")
}

/// Pipes for a process without a terminal: the shim's ends and the process's. `root` is who owns
/// them where the host's root is nobody to the process.
fn pipes(wanted: &Process, root: Option<(u32, u32)>) -> Result<(Stdio, Option<Pipes>), Failure> {
    if wanted.tty.is_some() {
        return Ok((Stdio::default(), None));
    }
    let pipe = || nix::unistd::pipe2(OFlag::O_CLOEXEC).step("making a pipe");
    let (stdout, output) = pipe()?;
    let (stderr, error) = pipe()?;
    let (input, stdin) = if wanted.open_stdin {
        let (input, stdin) = pipe()?;
        (input, Some(stdin))
    } else {
        let null = open(
            "/dev/null",
            OFlag::O_RDONLY | OFlag::O_CLOEXEC,
            Mode::empty(),
        );
        (null.step("opening /dev/null")?, None)
    };
    if let Some((uid, gid)) = root {
        // The device that stands in for no input is not ours to give away.
        for pipe in [&output, &error]
            .into_iter()
            .chain(stdin.as_ref().map(|_| &input))
        {
            nix::unistd::fchown(pipe, Some(uid.into()), Some(gid.into()))
                .step("giving the pipes away")?;
        }
    }
    let ours = Stdio::of_pipes(stdin, stdout, stderr);
    Ok((
        ours,
        Some(Pipes {
            input,
            output,
            error,
        }),
    ))
}

fn shim_of_container(
    launch: Launch<'_>,
    request: UnixStream,
    told: &UnixStream,
    lines: UnixStream,
) -> Result<Shim, Failure> {
    let mut keep = vec![
        launch.root.as_raw_fd(),
        request.as_raw_fd(),
        told.as_raw_fd(),
        lines.as_raw_fd(),
    ];
    keep.extend(
        launch
            .mounts
            .iter()
            .map(|prepared| prepared.mount.as_raw_fd()),
    );
    keep.extend(
        launch
            .held
            .iter()
            .chain(&launch.cgroup)
            .chain(launch.donors.iter().map(|donor| &donor.process))
            .map(AsRawFd::as_raw_fd),
    );
    become_daemon(&keep)?;
    let Launch {
        spec,
        root,
        root_point,
        mounts,
        devices,
        filter,
        enter_cgroups,
        wait_for_attach,
        run_folder,
        log_folder,
        gid,
        mut held,
        oom_counter,
        cgroup,
        donors,
        users,
        of_host,
    } = launch;
    let listener = listen(&run_folder, SOCKET_FILE, gid).step("listening for clients")?;
    fault::reach(Point::ShimListening);
    let (stdio, theirs) = pipes(&spec.process, users.as_ref().and_then(IdMap::root))?;
    let (gate, inner) = UnixStream::pair().step("making a socket")?;
    let flags = donor::of_its_own(spec);
    let visit = Visit::begin(&donors)?;
    let tty = spec.process.tty.is_some();
    let child = process::clone(flags, cgroup.as_ref().map(std::os::fd::AsFd::as_fd), || {
        init::run(Init {
            spec,
            root,
            mapped: users.is_some(),
            root_point,
            mounts,
            devices,
            filter,
            enter_cgroups,
            wait_for_attach,
            pipes: theirs,
            lines: Lines {
                request: lines,
                shim: inner,
            },
        })
    });
    let child = child.step("making the container's namespaces")?;
    visit.end()?;
    fault::reach(Point::ShimBorn);
    if let Some(map) = &users {
        users::write_maps(child.pid, map).step("mapping the container's users")?;
        channel::send(gate.as_fd(), &(), &[]).map_err(|error| lost(&error))?;
    }
    let watched = Watched {
        pid: child.pid,
        pidfd: child.pidfd,
    };
    held.extend(namespaces(watched.pid));
    let stdio = with_terminal(stdio, tty, &request, watched.pid, &gate, &watched)?;
    let log = LogFiles::open(&log_folder, gid, spec.log).step("opening the log")?;
    let task = Task {
        folder: run_folder,
        stdin_once: spec.process.stdin_once,
        wait_for_attach,
        linger: None,
        ends_alone: false,
        kill_session: false,
        oom_counter,
    };
    commit(&request, &task, &watched, &spec.id, tty, of_host)?;
    stdio.set_nonblocking().step("preparing output")?;
    let gate = task.wait_for_attach.then_some(gate);
    Ok(Shim {
        task,
        watched,
        stdio,
        log: Some(log),
        listener,
        gate,
        held,
    })
}

/// Descriptors of a process's namespaces. While they are open its end is quick: taking the
/// namespaces down, some milliseconds, waits until the end has been told.
fn namespaces(pid: u32) -> Vec<OwnedFd> {
    let kinds = ["mnt", "net", "ipc", "uts"];
    let open = |kind| std::fs::File::open(format!("/proc/{pid}/ns/{kind}"));
    kinds
        .into_iter()
        .filter_map(|k| open(k).ok())
        .map(OwnedFd::from)
        .collect()
}

/// Tells the request that the process is born, and receives its terminal's master.
fn with_terminal(
    mut stdio: Stdio,
    tty: bool,
    request: &UnixStream,
    pid: u32,
    gate: &UnixStream,
    watched: &Watched,
) -> Result<Stdio, Failure> {
    channel::send(request.as_fd(), &FromShim::Born(pid), &[]).map_err(|error| lost(&error))?;
    if tty {
        match channel::receive::<()>(gate.as_fd()) {
            Ok(((), mut fds)) => stdio.master = fds.pop(),
            Err(error) => {
                // Init has told the request why.
                let _ = process::send_signal(watched.pidfd.as_fd(), 9);
                let _ = process::wait(watched.pidfd.as_fd());
                return Err(lost(&error));
            }
        }
    }
    Ok(stdio)
}

/// Waits for the request's word that all is well, then writes the state record. Without the word
/// the start was given up, or whoever asked for it was killed: nothing of it stays.
fn commit(
    request: &UnixStream,
    task: &Task,
    watched: &Watched,
    container: &ContainerId,
    tty: bool,
    of_host: bool,
) -> Result<(), Failure> {
    let give_up = |failure: Failure| {
        let _ = process::send_signal(watched.pidfd.as_fd(), 9);
        let _ = process::wait(watched.pidfd.as_fd());
        failure
    };
    channel::receive::<()>(request.as_fd()).map_err(|error| give_up(lost(&error)))?;
    let shim_pid = std::process::id();
    let state = ShimState {
        container: container.clone(),
        shim_pid,
        shim_start_time: process::start_time(shim_pid).unwrap_or(0),
        pid: watched.pid,
        // Of one that has ended already no time is left; then the exit record tells.
        start_time: process::start_time(watched.pid).unwrap_or(0),
        started_at: Timestamp::now(),
        tty,
        of_host,
    };
    write_record(&task.folder, STATE_FILE, &state)
        .step("writing the state record")
        .map_err(give_up)?;
    fault::reach(Point::ShimRecorded);
    // From here on the request may go.
    let _ = channel::send(request.as_fd(), &FromShim::Recorded, &[]);
    Ok(())
}
