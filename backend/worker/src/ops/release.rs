//! Tidying up after what has ended. Everything is tried, and what is gone already is no failure.

use std::fs;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use orlop_linux::process;
use orlop_model::id::{ContainerId, ExecId};
use orlop_network::Kernel;
use orlop_wire::fault::{self, Point};
use orlop_wire::record::{EXIT_FILE, STATE_FILE, ShimState};
use orlop_wire::reply::{Failure, Reply};

use super::{networks, sweep};
use crate::context::{Context, internal};

/// Takes away what a container had on the host: processes, cgroup, interface, ports, records.
pub(crate) fn container(context: &Context, id: &ContainerId) -> Result<Reply, Failure> {
    let errors = everything(context, id);
    if errors.is_empty() {
        Ok(Reply::Done)
    } else {
        Err(internal(errors.join("; ")))
    }
}

/// Whether nothing is there to be taken away.
pub(crate) fn is_released(context: &Context, id: &ContainerId) -> bool {
    !context.run_folder(id).exists() && !context.cgroup(id).directories().any(|path| path.exists())
}

/// As [`container`], where there is nobody to tell.
pub(crate) fn quietly(context: &Context, id: &ContainerId) {
    let _ = everything(context, id);
}

fn everything(context: &Context, id: &ContainerId) -> Vec<String> {
    fault::reach(Point::ReleaseBegun);
    let mut errors = Vec::new();
    let folder = context.run_folder(id);
    if let Some(state) = read_state(&folder) {
        end(&state, folder.join(EXIT_FILE).exists());
    }
    let cgroup = context.cgroup(id);
    // Whatever is left in it is of this container.
    errors.extend(cgroup.kill().err().map(|error| error.to_string()));
    match Kernel::open() {
        Ok(mut kernel) => {
            errors.extend(
                networks::unpublish(context, &mut kernel, id)
                    .err()
                    .map(|f| f.message),
            );
            // The kernel takes it away with the namespace; sooner is better for the next start.
            let name = orlop_model::subnet::host_interface(id);
            let removed = orlop_network::endpoint::detach(&mut kernel, &name);
            errors.extend(removed.err().map(|error| error.to_string()));
        }
        Err(error) => errors.push(error.to_string()),
    }
    fault::reach(Point::ReleaseDisconnected);
    errors.extend(cgroup.remove().err().map(|error| error.to_string()));
    errors.extend(remove_folder(&folder));
    errors
}

/// The state record of a folder, if there is one.
pub(crate) fn read_state(folder: &Path) -> Option<ShimState> {
    serde_json::from_slice(&fs::read(folder.join(STATE_FILE)).ok()?).ok()
}

/// Kills a process and its shim, if they are still those of the record. A shim whose process has
/// ended goes by itself: it may still be telling clients the last output.
fn end(state: &ShimState, has_ended: bool) {
    let shim = (state.shim_pid, state.shim_start_time);
    let living = [(state.pid, state.start_time), shim];
    for (pid, started) in living.into_iter().filter(|one| *one != shim || !has_ended) {
        if let Ok(pidfd) = process::open_exact(pid, started) {
            // It may have ended meanwhile.
            let _ = process::send_signal(pidfd.as_fd(), 9);
        }
    }
}

fn remove_folder(folder: &Path) -> Option<String> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Some(format!("removing {}: {error}", folder.display()))
        }
        _ => None,
    }
}

/// Takes away the records of an exec session.
pub(crate) fn exec(context: &Context, id: &ExecId) -> Result<Reply, Failure> {
    let folder = context.exec_folder(id);
    if let Some(state) = read_state(&folder)
        && let Ok(pidfd) = process::open_exact(state.pid, state.start_time)
    {
        let _ = process::send_signal(pidfd.as_fd(), 9);
    }
    match remove_folder(&folder) {
        None => Ok(Reply::Done),
        Some(message) => Err(internal(message)),
    }
}

/// Moves a container's storage to the trash, and empties the trash once the server has its answer.
pub(crate) fn remove(
    context: &Context,
    connection: &UnixStream,
    id: &ContainerId,
) -> Result<Reply, Failure> {
    let stage = context.stage(connection.as_fd());
    stage.require_ended(id)?;
    let errors = everything(context, id);
    if !errors.is_empty() {
        return Err(internal(errors.join("; ")));
    }
    let trash = context.layout.trash();
    trash
        .put(&context.layout.container(id))
        .map_err(|error| internal(error.to_string()))?;
    fault::reach(Point::RemoveTrashed);
    stage.say(&Reply::Done)?;
    sweep::empty_trash(stage);
    Ok(Reply::Done)
}
