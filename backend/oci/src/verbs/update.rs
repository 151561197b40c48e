//! `update`: other limits for a container in use.

use std::path::PathBuf;

use clap::Args;
use orlop_model::limits::Limits;

use super::{Door, VerbError};
use crate::config::{self, Resources};
use crate::plan::{limits, merged};
use crate::store::Status;

/// Options of `update`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// File with resources as a configuration has them; - is standard input
    #[arg(long, short)]
    resources: Option<PathBuf>,
    /// Bytes of memory
    #[arg(long, allow_hyphen_values = true)]
    memory: Option<i64>,
    /// Bytes of memory left alone
    #[arg(long, allow_hyphen_values = true)]
    memory_reservation: Option<i64>,
    /// Bytes of memory with swap
    #[arg(long, allow_hyphen_values = true)]
    memory_swap: Option<i64>,
    /// Microseconds of CPU time in each period
    #[arg(long, allow_hyphen_values = true)]
    cpu_quota: Option<i64>,
    /// Microseconds of a period
    #[arg(long)]
    cpu_period: Option<u64>,
    /// Relative weight of CPU time
    #[arg(long, visible_alias = "cpu-share")]
    cpu_shares: Option<u64>,
    /// Which CPUs
    #[arg(long)]
    cpuset_cpus: Option<String>,
    /// Which memory nodes
    #[arg(long)]
    cpuset_mems: Option<String>,
    /// Number of processes
    #[arg(long, allow_hyphen_values = true)]
    pids_limit: Option<i64>,
    /// Weight of block devices (refused: not there yet)
    #[arg(long)]
    blkio_weight: Option<u16>,
    /// Id of the container
    id: String,
}

pub(crate) fn run(door: &Door, options: &Options) -> Result<(), VerbError> {
    if options.blkio_weight.is_some_and(|weight| weight > 0) {
        return Err(VerbError::Option {
            option: "--blkio-weight",
            why: "is not supported by this runtime yet".to_owned(),
        });
    }
    let mut record = door.store.load(&options.id)?;
    let status = door.store.status(&record);
    if matches!(status, Status::Stopped | Status::Creating) {
        return Err(VerbError::Status {
            verb: "update",
            status,
            id: record.id,
        });
    }
    let wanted = wanted(options)?;
    let mut all = merged(&record.limits, &limits(&wanted)?);
    // Below zero means without limit, which is not the same as unnamed.
    if wanted.memory.limit.is_some_and(|bytes| bytes < 0) {
        all = Limits {
            memory: None,
            memory_swap: None,
            ..all
        };
    }
    if wanted.memory.reservation.is_some_and(|bytes| bytes < 0) {
        all.memory_reservation = None;
    }
    for warning in record.group.open()?.change_limits(&all)? {
        door.log.warn(&warning);
    }
    record.limits = all;
    Ok(door.store.update(&record)?)
}

/// The file's resources, with the options over them.
fn wanted(options: &Options) -> Result<Resources, VerbError> {
    let mut wanted: Resources = match &options.resources {
        None => Resources::default(),
        Some(path) if path.as_os_str() == "-" => config::read("/dev/stdin".as_ref())?,
        Some(path) => config::read(path)?,
    };
    if !wanted.devices.is_empty() {
        return Err(VerbError::Option {
            option: "--resources",
            why: "devices cannot be changed while the container runs".to_owned(),
        });
    }
    let (memory, cpu) = (&mut wanted.memory, &mut wanted.cpu);
    memory.limit = options.memory.or(memory.limit);
    memory.reservation = options.memory_reservation.or(memory.reservation);
    memory.swap = options.memory_swap.or(memory.swap);
    cpu.quota = options.cpu_quota.or(cpu.quota);
    cpu.period = options.cpu_period.or(cpu.period);
    cpu.shares = options.cpu_shares.or(cpu.shares);
    cpu.cpus = options.cpuset_cpus.clone().or(cpu.cpus.take());
    cpu.mems = options.cpuset_mems.clone().or(cpu.mems.take());
    if let Some(limit) = options.pids_limit {
        wanted.pids = Some(config::Pids { limit: Some(limit) });
    }
    Ok(wanted)
}
