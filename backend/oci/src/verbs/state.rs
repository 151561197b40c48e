//! `state`: what a container is doing, as the specification defines it.

use clap::Args;
use serde::Serialize;

use super::{Door, VerbError, say};
use crate::store::{Record, Status};

/// Options of `state`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Id of the container
    id: String,
}

/// A container as `state` and `list` show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Shown {
    pub(crate) oci_version: String,
    pub(crate) id: String,
    pub(crate) pid: u32,
    pub(crate) status: Status,
    pub(crate) bundle: std::path::PathBuf,
    pub(crate) rootfs: std::path::PathBuf,
    pub(crate) created: jiff::Timestamp,
    pub(crate) annotations: std::collections::BTreeMap<String, String>,
    pub(crate) owner: String,
}

impl Shown {
    pub(crate) fn of(door: &Door, record: Record) -> Self {
        let status = door.store.status(&record);
        let lives = !matches!(status, Status::Stopped | Status::Creating);
        Self {
            pid: record.init.filter(|_| lives).map_or(0, |init| init.pid),
            status,
            oci_version: record.oci_version,
            id: record.id,
            bundle: record.bundle,
            rootfs: record.rootfs,
            created: record.created,
            annotations: record.annotations,
            // Records can be made by root alone.
            owner: "root".to_owned(),
        }
    }
}

pub(crate) fn run(door: &Door, options: &Options) -> Result<(), VerbError> {
    let record = door.store.load(&options.id)?;
    say(&Shown::of(door, record))
}
