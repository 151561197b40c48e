//! Joining a running container: an exec session's way in.

use std::os::fd::{AsFd as _, OwnedFd};

use nix::sched::CloneFlags;
use orlop_linux::{process, users};
use orlop_wire::channel;
use orlop_wire::reply::{Failure, FailureKind};
use orlop_wire::request::Exec;

use super::{
    EnterCgroups, Finish, InstallFilter, Lines, Pipes, bind_to_shim, finish, keep_only,
    open_console, tell,
};
use crate::failure::Step as _;

/// Everything that an exec session's process needs.
pub(crate) struct Join<'a> {
    pub(crate) exec: &'a Exec,
    /// The container's first process.
    pub(crate) container: OwnedFd,
    /// The container's group in version 2 of the cgroups.
    pub(crate) cgroup: Option<OwnedFd>,
    pub(crate) enter_cgroups: EnterCgroups<'a>,
    pub(crate) filter: InstallFilter<'a>,
    /// The container has a user namespace of its own.
    pub(crate) mapped: bool,
    pub(crate) pipes: Option<Pipes>,
    pub(crate) lines: Lines,
}

/// Joins the container's namespaces, and forks there: only a new process is in the pid namespace.
/// The fork's parent is the shim (`CLONE_PARENT`), which is told of it with its pidfd.
pub(crate) fn join(join: Join<'_>) -> i32 {
    let Join {
        exec,
        container,
        cgroup,
        enter_cgroups,
        filter,
        mapped,
        pipes,
        lines,
    } = join;
    let kept = [Some(container.as_fd()), cgroup.as_ref().map(OwnedFd::as_fd)];
    if keep_only(kept.into_iter().flatten(), pipes.as_ref(), &lines).is_err() {
        return 125;
    }
    let request = match lines.request.try_clone() {
        Ok(request) => request,
        Err(_) => return 125,
    };
    let shim = match lines.shim.try_clone() {
        Ok(shim) => shim,
        Err(_) => return 125,
    };
    let mut kinds = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    if mapped {
        // To which the others belong.
        kinds |= CloneFlags::CLONE_NEWUSER;
    }
    // The process is born into the cgroups that this one is in.
    let entered = enter_cgroups()
        .step("entering the container's cgroups")
        .and_then(|()| {
            process::join_namespaces(container.as_fd(), kinds)
                .step("joining the container's namespaces")
        })
        .and_then(|()| {
            let cgroup = cgroup.as_ref().map(std::os::fd::AsFd::as_fd);
            process::clone(CloneFlags::CLONE_PARENT, cgroup, || {
                enter(exec, &container, mapped, filter, pipes, lines)
            })
            .step("starting a process in the container")
        });
    match entered {
        Ok(child) => {
            // The shim, as the parent, waits for it; when it is gone, the process dies with it.
            let told = channel::send(shim.as_fd(), &child.pid, &[child.pidfd.as_fd()]);
            i32::from(told.is_err())
        }
        Err(failure) => tell(&request, failure),
    }
}

fn enter(
    exec: &Exec,
    container: &OwnedFd,
    mapped: bool,
    filter: InstallFilter<'_>,
    pipes: Option<Pipes>,
    lines: Lines,
) -> i32 {
    let request = match lines.request.try_clone() {
        Ok(request) => request,
        Err(_) => return 125,
    };
    let started = (|| {
        bind_to_shim(&lines)?;
        process::leave_session_keyring();
        // From here on the request knows this process.
        let ((), _) = channel::receive(lines.request.as_fd())
            .map_err(|_| Failure::new(FailureKind::Cancelled, "the start was given up"))?;
        process::join_namespaces(container.as_fd(), CloneFlags::CLONE_NEWCGROUP)
            .step("joining the container's cgroup namespace")?;
        if mapped {
            users::become_root().step("becoming root of the container")?;
        }
        let console = open_console(exec.process.tty, &lines, false)?;
        finish(Finish {
            process: &exec.process,
            security: &exec.security,
            filter,
            console,
            pipes,
            lines,
            wait_for_attach: exec.wait_for_attach,
            reap: false,
        })
    })();
    match started {
        Ok(never) => match never {},
        Err(failure) => tell(&request, failure),
    }
}
