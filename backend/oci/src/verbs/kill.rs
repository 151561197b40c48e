//! `kill`: a signal for a container.

use std::os::fd::AsFd as _;

use clap::Args;
use orlop_linux::process;
use orlop_model::signal::Signal;

use super::{Door, VerbError};
use crate::store::{Record, Status};

/// Options of `kill`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Send it to every process
    #[arg(long, short)]
    all: bool,
    /// Id of the container
    id: String,
    /// Name or number of the signal
    #[arg(default_value = "SIGTERM")]
    signal: String,
}

pub(crate) fn run(door: &Door, options: &Options) -> Result<(), VerbError> {
    let signal: Signal = options.signal.parse().map_err(|_| VerbError::Option {
        option: "signal",
        why: format!("{:?} is no signal", options.signal),
    })?;
    let record = door.store.load(&options.id)?;
    let status = door.store.status(&record);
    // Without a pid namespace nothing else ends the others.
    let all = options.all || (signal == Signal::KILL && !record.own_pids);
    match status {
        Status::Creating => Err(not_running(&record, status)),
        Status::Stopped if !all => Err(not_running(&record, status)),
        _ if all => everyone(&record, signal),
        _ => first(&record, signal),
    }?;
    if signal == Signal::KILL && status == Status::Paused {
        record.group.open()?.freeze(false)?;
    }
    Ok(())
}

fn not_running(record: &Record, status: Status) -> VerbError {
    VerbError::NotRunning {
        status,
        id: record.id.clone(),
    }
}

fn first(record: &Record, signal: Signal) -> Result<(), VerbError> {
    let Some(init) = record.init else {
        return Err(not_running(record, Status::Stopped));
    };
    let gone = |_| not_running(record, Status::Stopped);
    let pidfd = init.open().map_err(gone)?;
    process::send_signal(pidfd.as_fd(), signal.number())
        .map_err(VerbError::io(format!("sending {signal}")))
}

fn everyone(record: &Record, signal: Signal) -> Result<(), VerbError> {
    let cgroup = record.group.open()?;
    if signal == Signal::KILL {
        return Ok(cgroup.kill()?);
    }
    for pid in cgroup.pids()? {
        // One that ends meanwhile needs no signal.
        if let Ok(pidfd) = process::open_pid(pid)
            && cgroup.pids()?.contains(&pid)
        {
            let _ = process::send_signal(pidfd.as_fd(), signal.number());
        }
    }
    Ok(())
}
