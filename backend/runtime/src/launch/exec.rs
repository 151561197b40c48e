//! The launch of an exec session: its shim, and a process that joins the container.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use nix::sched::CloneFlags;
use orlop_linux::process;
use orlop_wire::channel;
use orlop_wire::record::SOCKET_FILE;
use orlop_wire::reply::{Failure, FailureKind};
use orlop_wire::request::Exec;

use super::{Born, become_daemon, begin, commit, lost, pipes, run_shim, sockets, with_terminal};
use crate::failure::Step as _;
use crate::init::{self, Lines};
use crate::shim::{Shim, Task, Watched, listen};

/// An exec session about to start.
pub struct ExecLaunch<'a> {
    /// Everything about it.
    pub exec: &'a Exec,
    /// The container's first process.
    pub container: OwnedFd,
    /// Cgroup (version 2) that the process is born into.
    pub cgroup: Option<OwnedFd>,
    /// Installs the system call filter.
    pub filter: &'a dyn Fn() -> io::Result<()>,
    /// Moves the calling process into the cgroups of version 1.
    pub enter_cgroups: &'a dyn Fn() -> io::Result<()>,
    /// Folder of its records in the run directory.
    pub run_folder: PathBuf,
    /// Group that may reach the shim.
    pub gid: u32,
    /// User and group on the host of the container's root, where it has a user namespace.
    pub root: Option<(u32, u32)>,
}

/// Starts the shim of an exec session and the process inside.
///
/// # Errors
/// If either could not be started.
pub fn start_exec(launch: ExecLaunch<'_>) -> Result<Born, Failure> {
    let (shim, init, lines) = sockets()?;
    begin(shim, init, move |request| {
        run_shim(&request.1, || {
            shim_of_exec(launch, request.0, &request.1, lines)
        })
    })
}

fn shim_of_exec(
    launch: ExecLaunch<'_>,
    request: UnixStream,
    told: &UnixStream,
    lines: UnixStream,
) -> Result<Shim, Failure> {
    let kept: [&dyn AsRawFd; 4] = [&launch.container, &request, told, &lines];
    let mut kept = kept.map(AsRawFd::as_raw_fd).to_vec();
    kept.extend(launch.cgroup.as_ref().map(AsRawFd::as_raw_fd));
    become_daemon(&kept)?;
    let ExecLaunch {
        exec,
        container,
        cgroup,
        enter_cgroups,
        filter,
        run_folder,
        gid,
        root,
    } = launch;
    let listener = listen(&run_folder, SOCKET_FILE, gid).step("listening for clients")?;
    let (stdio, theirs) = pipes(&exec.process, root)?;
    let (gate, inner) = UnixStream::pair().step("making a socket")?;
    let joiner = process::clone(CloneFlags::empty(), None, || {
        init::join(init::Join {
            exec,
            container,
            cgroup,
            enter_cgroups,
            filter,
            mapped: root.is_some(),
            pipes: theirs,
            lines: Lines {
                request: lines,
                shim: inner,
            },
        })
    });
    let joiner = joiner.step("joining the container")?;
    let born = channel::receive::<u32>(gate.as_fd());
    // It has said what it had to say, or why it could not.
    let _ = process::wait(joiner.pidfd.as_fd());
    let (pid, mut fds) = born.map_err(|error| lost(&error))?;
    let pidfd = fds
        .pop()
        .ok_or_else(|| Failure::new(FailureKind::Internal, "the new process has no descriptor"))?;
    let watched = Watched { pid, pidfd };
    let tty = exec.process.tty.is_some();
    let stdio = with_terminal(stdio, tty, &request, pid, &gate, &watched)?;
    let task = Task {
        folder: run_folder,
        // A session that outlives its client keeps its input for the next one.
        stdin_once: exec.linger_millis.is_none(),
        wait_for_attach: exec.wait_for_attach,
        linger: exec.linger_millis.map(Duration::from_millis),
        ends_alone: true,
        kill_session: true,
        oom_counter: None,
    };
    commit(&request, &task, &watched, &exec.container, tty, false)?;
    stdio.set_nonblocking().step("preparing output")?;
    let gate = task.wait_for_attach.then_some(gate);
    Ok(Shim {
        task,
        watched,
        stdio,
        log: None,
        listener,
        gate,
        held: Vec::new(),
    })
}
