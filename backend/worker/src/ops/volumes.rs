//! Volumes: made and filled when a container first uses them, removed on request.

use std::os::fd::AsFd as _;
use std::path::PathBuf;

use orlop_linux::confined::Rights;
use orlop_model::id::DiffId;
use orlop_model::name::VolumeName;
use orlop_storage::confine::Root;
use orlop_storage::{merged, volume};
use orlop_wire::reply::{Failure, FailureKind, Reply};

use super::failures::{file_failure, volume_failure};
use super::stage::{Stage, confinement, own_root};
use crate::supervise::confined;

/// Makes a volume where it is missing and gives an empty one what the image has at `path`. The
/// answer is what to mount.
pub(crate) fn prepare(
    stage: Stage<'_>,
    name: &VolumeName,
    layers: &[DiffId],
    path: &str,
    fill: bool,
) -> Result<PathBuf, Failure> {
    volume::create(stage.layout, name).map_err(|error| file_failure(&error))?;
    let data = stage.layout.volume_data(name);
    let layers = stage.layers(layers)?;
    if !fill || layers.is_empty() || !is_empty(&data)? {
        return Ok(data);
    }
    let image = merged::read_only(&layers).map_err(|error| file_failure(&error))?;
    let target = Root::open(&data).map_err(|error| file_failure(&error))?;
    confined(
        stage.server,
        confinement(&target, Rights::Write, &[image.as_fd()]),
        |_| {
            volume::copy_up(&image, path.as_bytes(), &own_root()?)
                .map(|_| ())
                .map_err(|error| volume_failure(&error))
        },
    )?;
    Ok(data)
}

fn is_empty(data: &std::path::Path) -> Result<bool, Failure> {
    let mut names = std::fs::read_dir(data).map_err(|error| {
        Failure::new(FailureKind::Internal, format!("listing a volume: {error}"))
    })?;
    Ok(names.next().is_none())
}

/// Moves a volume to the trash.
pub(crate) fn remove_volume(stage: Stage<'_>, name: &VolumeName) -> Result<Reply, Failure> {
    if volume::remove(stage.layout, name).map_err(|error| file_failure(&error))? {
        Ok(Reply::Done)
    } else {
        Err(Failure::new(
            FailureKind::NotFound,
            format!("there is no volume {name}"),
        ))
    }
}
