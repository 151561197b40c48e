//! Acting on what runs: signals, freezing, limits.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use orlop_linux::{process, process_tree};
use orlop_model::id::ContainerId;
use orlop_model::limits::Limits;
use orlop_model::signal::Signal;
use orlop_wire::record::ShimState;
use orlop_wire::reply::{Failure, FailureKind, Reply};
use orlop_wire::request::Target;

use super::devices;
use super::failures::limit_failure;
use super::release::read_state;
use crate::context::{Context, internal};

fn not_running(what: &str) -> Failure {
    Failure::new(FailureKind::NotFound, format!("{what} does not run"))
}

/// The process of a record, by a descriptor that stays this very process.
pub(crate) fn find(folder: &Path, what: &str) -> Result<(ShimState, OwnedFd), Failure> {
    let state = read_state(folder).ok_or_else(|| not_running(what))?;
    let pidfd = process::open_exact(state.pid, state.start_time).map_err(|_| not_running(what))?;
    Ok((state, pidfd))
}

/// Sends a signal.
pub(crate) fn signal(context: &Context, target: &Target, signal: Signal) -> Result<Reply, Failure> {
    let (folder, what) = match target {
        Target::Container(id) => (context.run_folder(id), format!("container {id}")),
        Target::Exec(id) => (context.exec_folder(id), format!("exec session {id}")),
    };
    let (state, pidfd) = find(&folder, &what)?;
    if matches!(target, Target::Exec(_)) && signal == Signal::KILL {
        // All that the session has started ends with it, and before it: of an orphan nobody can
        // tell whose it was.
        process_tree::kill(state.pid)
            .map_err(|error| internal(format!("ending {what}: {error}")))?;
        return Ok(Reply::Done);
    }
    match process::send_signal(pidfd.as_fd(), signal.number()) {
        Ok(()) => Ok(Reply::Done),
        Err(error) if error.raw_os_error() == Some(nix::libc::ESRCH) => Err(not_running(&what)),
        Err(error) => Err(internal(format!("signalling {what}: {error}"))),
    }
}

/// Freezes or thaws a container.
pub(crate) fn freeze(context: &Context, id: &ContainerId, frozen: bool) -> Result<Reply, Failure> {
    context
        .cgroup(id)
        .freeze(frozen)
        .map_err(|error| internal(error.to_string()))?;
    Ok(Reply::Done)
}

/// Changes a container's limits.
pub(crate) fn update(
    context: &Context,
    id: &ContainerId,
    limits: &Limits,
) -> Result<Reply, Failure> {
    let limits = devices::numbered(limits)?;
    let warnings = context.cgroup(id).change_limits(&limits);
    Ok(Reply::Warnings(warnings.map_err(limit_failure)?))
}

/// Says what this host makes of limits, before there is a container.
pub(crate) fn check(context: &Context, limits: &Limits) -> Result<Reply, Failure> {
    let limits = devices::numbered(limits)?;
    let plan = orlop_linux::cgroup::plan::initial(&limits, &context.cgroups);
    match plan.refusals.into_iter().next() {
        Some(refusal) => Err(Failure::new(FailureKind::Unsupported, refusal)),
        None => Ok(Reply::Warnings(plan.warnings)),
    }
}
