//! `pause` and `resume`.

use clap::Args;

use super::{Door, VerbError};
use crate::store::{Record, Status};

/// Options of both.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Id of the container
    id: String,
}

pub(crate) fn pause(door: &Door, options: &Options) -> Result<(), VerbError> {
    let record = expect(door, options, "pause", &[Status::Running, Status::Created])?;
    Ok(record.group.open()?.freeze(true)?)
}

pub(crate) fn resume(door: &Door, options: &Options) -> Result<(), VerbError> {
    let record = expect(door, options, "resume", &[Status::Paused])?;
    Ok(record.group.open()?.freeze(false)?)
}

fn expect(
    door: &Door,
    options: &Options,
    verb: &'static str,
    wanted: &[Status],
) -> Result<Record, VerbError> {
    let record = door.store.load(&options.id)?;
    let status = door.store.status(&record);
    if wanted.contains(&status) {
        return Ok(record);
    }
    Err(VerbError::Status {
        verb,
        status,
        id: record.id,
    })
}
