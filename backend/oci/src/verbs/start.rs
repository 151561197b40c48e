//! `start`: the program of a created container begins.

use std::os::fd::AsFd as _;

use clap::Args;
use orlop_linux::process;
use orlop_runtime::bundle::{open_gate, run_hooks};

use super::{Door, VerbError, state_text};
use crate::plan::hooks;
use crate::store::{Record, Status};

/// Options of `start`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Id of the container
    pub(crate) id: String,
}

pub(crate) fn run(door: &Door, options: &Options) -> Result<(), VerbError> {
    let record = door.store.load(&options.id)?;
    match door.store.status(&record) {
        Status::Created => start(door, &record),
        status => Err(VerbError::Status {
            verb: "start",
            status,
            id: record.id,
        }),
    }
}

/// Starts a container that waits for it.
pub(crate) fn start(door: &Door, record: &Record) -> Result<(), VerbError> {
    open_gate(&door.store.folder(&record.id))?;
    let list = hooks("hooks.poststart", &record.hooks.poststart)?;
    if list.is_empty() {
        return Ok(());
    }
    let state = state_text(record, Status::Running, record.init.map(|init| init.pid));
    let ran = run_hooks("poststart", &list, &state, Some(&record.bundle));
    if ran.is_err()
        && let Some(Ok(pidfd)) = record.init.map(crate::store::Sure::open)
    {
        // The specification wants the container stopped.
        let _ = process::send_signal(pidfd.as_fd(), 9);
    }
    Ok(ran?)
}
