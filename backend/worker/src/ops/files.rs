//! Files in and out of containers, running or not (`docker cp`).

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;

use orlop_linux::confined::Rights;
use orlop_model::id::{ContainerId, DiffId};
use orlop_storage::copy::Limits;
use orlop_storage::files::{PathInfo, WriteOptions, find, write_into};
use orlop_storage::{merged, upper};
use orlop_wire::reply::{Failure, PathStat, Reply};
use orlop_wire::request::Tree;

use super::failures::{file_failure, files_failure};
use super::stage::{Stage, confinement, only_descriptor, own_root};
use crate::supervise::confined;

/// Says what a path is, then writes it as tar. The reply is sent before the bytes; a failure after
/// it shows as a tar that is cut off.
pub(crate) fn read_path(
    stage: Stage<'_>,
    source: &Tree,
    path: &str,
    descriptors: Vec<OwnedFd>,
) -> Result<(), Failure> {
    let out = only_descriptor(descriptors)?;
    let root = stage.open(source)?;
    confined(
        stage.server,
        confinement(&root, Rights::Read, &[out.as_fd()]),
        |speaker| {
            let place =
                find(&own_root()?, path.as_bytes()).map_err(|error| files_failure(&error))?;
            let info = place.info().map_err(|error| files_failure(&error))?;
            speaker.say(Reply::PathStat(path_stat(info)))?;
            // Nothing can be said any more: the reader sees that the end of the archive is missing.
            let _ = place.read(&out);
            Ok(())
        },
    )
}

fn path_stat(info: PathInfo) -> PathStat {
    let PathInfo {
        name,
        size,
        mode,
        mtime,
        link_target,
    } = info;
    PathStat {
        name,
        size,
        mode,
        mtime,
        link_target,
    }
}

/// Unpacks a tar in a directory of a container.
pub(crate) fn write_path(
    stage: Stage<'_>,
    container: &ContainerId,
    layers: &[DiffId],
    path: &str,
    descriptors: Vec<OwnedFd>,
) -> Result<Reply, Failure> {
    let stream = only_descriptor(descriptors)?;
    let root = match stage.running_root(container)? {
        Some(root) => root,
        None => {
            let layers = stage.layers(layers)?;
            let folder = stage.layout.container(container);
            let highest = layers.last().map(PathBuf::as_path);
            upper::prepare(&folder, highest)
                .and_then(|()| {
                    let work = stage.layout.work(container);
                    merged::writable(&layers, &stage.layout.upper(container), &work)
                })
                .map_err(|error| file_failure(&error))?
        }
    };
    confined(
        stage.server,
        confinement(&root, Rights::Write, &[stream.as_fd()]),
        |speaker| {
            let options = WriteOptions {
                keep_kinds: false,
                owner: None,
            };
            let stream = speaker.watch(&stream);
            write_into(
                &own_root()?,
                path.as_bytes(),
                stream,
                options,
                Limits::default(),
            )
            .map(|_| ())
            .map_err(|error| files_failure(&error))
        },
    )?;
    Ok(Reply::Done)
}
