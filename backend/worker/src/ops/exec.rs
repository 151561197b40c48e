//! Starting an exec session.

use orlop_linux::users;
use orlop_runtime::{ExecLaunch, start_exec};
use orlop_wire::fault::{self, Point};
use orlop_wire::reply::{Failure, FailureKind, Reply, Started};
use orlop_wire::request::Exec;

use super::containers::filter;
use super::processes::find;
use super::release;
use crate::context::{Context, internal};
use crate::policy::Policy;

/// Starts an exec session.
pub(crate) fn start(context: &Context, policy: &Policy, exec: Exec) -> Result<Reply, Failure> {
    let (state, container) = find(
        &context.run_folder(&exec.container),
        &format!("container {}", exec.container),
    )
    .map_err(|failure| Failure::new(FailureKind::Conflict, failure.message))?;
    policy.judge_security(&exec.security, state.of_host)?;
    let folder = context.exec_folder(&exec.id);
    context.make_shown_folder(&folder)?;
    let started = begin(context, &exec, state.pid, container);
    if started.is_err() {
        // The folder alone is left; the failure is what counts.
        let _ = release::exec(context, &exec.id);
    }
    started
}

fn begin(
    context: &Context,
    exec: &Exec,
    pid: u32,
    container: std::os::fd::OwnedFd,
) -> Result<Reply, Failure> {
    let install = filter(&exec.security)?;
    let cgroup = context.cgroup(&exec.container);
    let launch = ExecLaunch {
        exec,
        container,
        cgroup: cgroup
            .v2_directory()
            .map_err(|error| internal(error.to_string()))?,
        enter_cgroups: &|| cgroup.enter_v1().map_err(std::io::Error::other),
        filter: &install,
        run_folder: context.exec_folder(&exec.id),
        gid: context.config.server_gid,
        // The descriptor is held: while the process lives, the number is its own.
        root: users::root_of(pid)
            .map_err(|error| internal(format!("reading the container's users: {error}")))?,
    };
    let born = start_exec(launch)?;
    fault::reach(Point::ExecBorn);
    let pid = born.release()?;
    Ok(Reply::Started(Started {
        pid,
        warnings: Vec::new(),
    }))
}
