//! Accepting requests: one connection, one request, one forked child.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};

use nix::errno::Errno;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use orlop_linux::process;
use orlop_wire::channel;
use orlop_wire::reply::{Failure, Reply};
use orlop_wire::request::Request;

use crate::context::{Context, WorkerConfig, internal};
use crate::ops;
use crate::policy::Policy;

/// Serves until the listening socket fails or the supervisor ends this process.
///
/// # Errors
/// If the socket fails, or the host lacks what every request needs.
pub fn run(listener: OwnedFd, config: WorkerConfig) -> io::Result<()> {
    let listener = UnixListener::from(listener);
    let context = Context::new(config).map_err(|failure| io::Error::other(failure.message))?;
    context.layout.prepare().map_err(io::Error::other)?;
    loop {
        match listener.accept() {
            Ok((connection, _)) => answer_in_child(&context, connection),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        reap();
    }
}

/// Children that have ended; the others are looked at after the next request.
fn reap() {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return,
            Err(Errno::EINTR) | Ok(_) => {}
            Err(_) => return,
        }
    }
}

fn answer_in_child(context: &Context, connection: UnixStream) {
    if !is_server(&connection, context.config.server_uid) {
        return;
    }
    match process::fork() {
        Ok(Some(_)) => {}
        Ok(None) => process::exit(answer(context, &connection)),
        Err(error) => {
            let failure = internal(format!("the host has no room for another process: {error}"));
            // The server hears of it, or has gone.
            let _ = channel::send(connection.as_fd(), &Reply::Failed(failure), &[]);
        }
    }
}

/// Whether the other side is the server: its user, or root itself.
fn is_server(connection: &UnixStream, uid: u32) -> bool {
    getsockopt(connection, PeerCredentials).is_ok_and(|peer| peer.uid() == uid || peer.uid() == 0)
}

/// Deals with one request; the exit code is for the record only.
fn answer(context: &Context, connection: &UnixStream) -> i32 {
    let done = channel::receive::<Request>(connection.as_fd())
        .map_err(|error| internal(format!("the request cannot be read: {error}")))
        .and_then(|(request, fds)| dispatch(context, connection, request, fds));
    match done {
        Ok(()) => 0,
        Err(failure) => {
            // The server hears of it, or has gone.
            let _ = channel::send(connection.as_fd(), &Reply::Failed(failure), &[]);
            1
        }
    }
}

fn dispatch(
    context: &Context,
    connection: &UnixStream,
    request: Request,
    fds: Vec<OwnedFd>,
) -> Result<(), Failure> {
    if ops::storage::serves(&request) {
        return ops::storage::serve(context.stage(connection.as_fd()), request, fds);
    }
    let reply = match request {
        Request::Start(start) => {
            let policy = Policy::read(&context.config.policy_file)?;
            ops::containers::start(context, connection, &policy, *start)?
        }
        Request::Exec(exec) => {
            let policy = Policy::read(&context.config.policy_file)?;
            ops::exec::start(context, &policy, *exec)?
        }
        Request::Signal { target, signal } => ops::processes::signal(context, &target, signal)?,
        Request::Freeze { container, frozen } => {
            ops::processes::freeze(context, &container, frozen)?
        }
        Request::UpdateLimits { container, limits } => {
            ops::processes::update(context, &container, &limits)?
        }
        Request::CheckLimits { limits } => ops::processes::check(context, &limits)?,
        Request::Stats { container } => ops::stats::read(context, &container)?,
        Request::Top { container, columns } => ops::top::processes(context, &container, &columns)?,
        Request::Release { container } => ops::release::container(context, &container)?,
        Request::ReleaseExec { exec } => ops::release::exec(context, &exec)?,
        Request::RemoveContainer { container } => {
            ops::release::remove(context, connection, &container)?
        }
        Request::EnsureNetwork { gateway, prefix } => {
            ops::networks::ensure(context, gateway, prefix)?
        }
        Request::RemoveNetwork => ops::networks::remove(context)?,
        Request::Probe => Reply::Findings(orlop_linux::probe::all()),
        Request::Bootstrap(request) => ops::bootstrap::run(connection, &request, fds)?,
        // Served above.
        _ => return Err(internal("a request about files went astray")),
    };
    channel::send(connection.as_fd(), &reply, &[]).map_err(|_| {
        Failure::new(
            orlop_wire::reply::FailureKind::Cancelled,
            "the server went away",
        )
    })
}
