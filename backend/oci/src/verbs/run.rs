//! `run`: create and start, and unless detached stay until the end and take everything away.

use clap::Args;

use super::create::{BundleOptions, create};
use super::{Door, VerbError, delete, start};
use crate::console::Relay;
use crate::supervise::{Signals, stay};

/// Options of `run`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    bundle: BundleOptions,
    /// Do not stay
    #[arg(long, short)]
    detach: bool,
    /// Leave the container for `delete` after its end
    #[arg(long)]
    keep: bool,
    /// Taken for runc's sake: only the program itself is waited for
    #[arg(long, hide = true)]
    no_subreaper: bool,
    /// Id of the container
    id: String,
}

pub(crate) fn run(door: &Door, options: &Options) -> Result<i32, VerbError> {
    let created = create(door, &options.id, &options.bundle, options.detach)?;
    let record = created.record;
    let io = VerbError::io("watching the container");
    let signals = (!options.detach)
        .then(Signals::hold)
        .transpose()
        .map_err(io)?;
    if let Err(error) = start::start(door, &record) {
        let _ = delete::destroy(door, &record);
        return Err(error);
    }
    let Some(signals) = signals else {
        return Ok(0);
    };
    let relay = created.master.map(Relay::new);
    let ended = stay(&signals, &created.process, relay);
    if !options.keep {
        delete::destroy(door, &record)?;
    }
    ended.map_err(VerbError::io("watching the container"))
}
