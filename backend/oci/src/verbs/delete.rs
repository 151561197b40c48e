//! `delete`: what is left of a container goes away. Tries everything, and can be repeated.

use std::os::fd::AsFd as _;

use clap::Args;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use orlop_linux::process;
use orlop_runtime::bundle::run_hooks;

use super::{Door, VerbError, state_text};
use crate::plan::hooks;
use crate::store::{Record, Status, StoreError};

/// How long a killed process may take to be gone.
const GONE_MILLIS: u16 = 10_000;

/// Options of `delete`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Kill it first; one that does not exist is no error
    #[arg(long, short)]
    force: bool,
    /// Id of the container
    id: String,
}

pub(crate) fn run(door: &Door, options: &Options) -> Result<(), VerbError> {
    let record = match door.store.load(&options.id) {
        Err(StoreError::Missing(_)) if options.force => return Ok(()),
        record => record?,
    };
    match door.store.status(&record) {
        Status::Stopped => {}
        // Who creates it would go on.
        status if !options.force || status == Status::Creating => {
            return Err(VerbError::Status {
                verb: "delete",
                status,
                id: record.id,
            });
        }
        _ => {}
    }
    destroy(door, &record)
}

/// Kills what still runs, and removes cgroups and record; then the last hooks run.
pub(crate) fn destroy(door: &Door, record: &Record) -> Result<(), VerbError> {
    // A record that was written since says more.
    let record = door
        .store
        .load(&record.id)
        .unwrap_or_else(|_| record.clone());
    let emptied = empty(&record);
    let cgroup = record.group.open()?;
    let removed = cgroup.remove();
    door.store.remove(&record.id)?;
    let state = state_text(&record, Status::Stopped, None);
    for hook in hooks("hooks.poststop", &record.hooks.poststop)? {
        // The specification wants the others to run, and the end to be one.
        if let Err(error) = run_hooks("poststop", &[hook], &state, Some(&record.bundle)) {
            door.log.warn(&error.to_string());
        }
    }
    emptied?;
    Ok(removed?)
}

/// Kills the first process and everything in the cgroups, and waits for the first one's end.
fn empty(record: &Record) -> Result<(), VerbError> {
    let cgroup = record.group.open()?;
    let first = record.init.and_then(|init| init.open().ok());
    if let Some(pidfd) = &first {
        // Gone already is what is wanted.
        let _ = process::send_signal(pidfd.as_fd(), 9);
    }
    // Also wakes those that are stopped for a while.
    if record.group.is_frozen() {
        let _ = cgroup.freeze(false);
    }
    let killed = if cgroup.pids()?.is_empty() {
        Ok(())
    } else {
        cgroup.kill()
    };
    if let Some(pidfd) = &first {
        let _ = poll(
            &mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)],
            PollTimeout::from(GONE_MILLIS),
        );
    }
    Ok(killed?)
}
