//! Layers: taking them in, making them from what a container has changed, writing them out,
//! removing them.

use std::fs;
use std::os::fd::{AsFd as _, OwnedFd};

use orlop_image::layer::EntryPath;
use orlop_linux::confined::Rights;
use orlop_model::id::{ContainerId, DiffId};
use orlop_storage::apply::mark_opaque;
use orlop_storage::commit;
use orlop_storage::confine::Root;
use orlop_storage::diff::{Written, measure, write_flat, write_layer};
use orlop_storage::layout::{diff_id, digest};
use orlop_storage::receive::{LayerLimits, Unfinished, unpack};
use orlop_wire::reply::{Failure, FailureKind, Reply, Unpacked};
use orlop_wire::request::Tree;
use serde::{Deserialize, Serialize};

use super::failures::{diff_failure, file_failure, receive_failure};
use super::stage::{Stage, confinement, only_descriptor, own_root};
use crate::supervise::confined;

/// What a confined child found out about a layer.
#[derive(Serialize, Deserialize)]
struct Found {
    digest: DiffId,
    tar_bytes: u64,
    file_bytes: u64,
    entries: u64,
    /// Directories to be marked opaque.
    opaque: Vec<Vec<u8>>,
}

impl Found {
    fn written(written: &Written) -> Self {
        Self {
            digest: diff_id(&written.digest),
            tar_bytes: written.tar_bytes,
            file_bytes: written.file_bytes,
            entries: written.entries,
            opaque: Vec::new(),
        }
    }

    fn reply(self, existed: bool) -> Reply {
        Reply::Unpacked(Unpacked {
            diff_id: self.digest,
            size: self.file_bytes,
            tar_size: self.tar_bytes,
            entries: self.entries,
            existed,
        })
    }
}

/// Unpacks a layer and gives it its place.
pub(crate) fn unpack_layer(
    stage: Stage<'_>,
    expected: Option<&DiffId>,
    descriptors: Vec<OwnedFd>,
) -> Result<Reply, Failure> {
    let stream = only_descriptor(descriptors)?;
    if let Some(known) = expected.filter(|diff_id| stage.layout.layer(diff_id).is_dir()) {
        return existing(stage, known);
    }
    let layers = stage.layout.layers();
    let unfinished = Unfinished::new(&layers, stage.layout.trash()).map_err(internal)?;
    let root = unfinished.root().map_err(internal)?;
    let found: Found = confined(
        stage.server,
        confinement(&root, Rights::Write, &[stream.as_fd()]),
        |speaker| {
            let expected = expected.map(digest);
            let stream = speaker.watch(&stream);
            let unpacked = unpack(
                stream,
                &own_root()?,
                expected.as_ref(),
                LayerLimits::default(),
            )
            .map_err(|error| receive_failure(&error))?;
            let opaque = unpacked
                .applied
                .opaque
                .iter()
                .map(|path| path.as_bytes().to_vec());
            Ok(Found {
                digest: diff_id(&unpacked.diff_id),
                tar_bytes: unpacked.tar_bytes,
                file_bytes: unpacked.applied.bytes,
                entries: unpacked.applied.entries,
                opaque: opaque.collect(),
            })
        },
    )?;
    let opaque: Result<Vec<_>, _> = found
        .opaque
        .iter()
        .map(|path| EntryPath::parse(path))
        .collect();
    let opaque = opaque.map_err(|error| Failure::new(FailureKind::Invalid, error.to_string()))?;
    mark_opaque(&root, &opaque).map_err(internal)?;
    let existed = unfinished.seal(&digest(&found.digest)).map_err(internal)?;
    Ok(found.reply(existed))
}

fn internal(error: orlop_storage::confine::FileError) -> Failure {
    file_failure(&error)
}

fn existing(stage: Stage<'_>, diff_id: &DiffId) -> Result<Reply, Failure> {
    let root = Root::open(&stage.layout.layer(diff_id)).map_err(internal)?;
    let (size, entries) =
        measure(&root).map_err(|error| Failure::new(FailureKind::Internal, error.to_string()))?;
    let diff_id = diff_id.clone();
    Ok(Reply::Unpacked(Unpacked {
        diff_id,
        size,
        tar_size: 0,
        entries,
        existed: true,
    }))
}

/// Makes a layer of what a container has changed; the container's storage is gone afterwards.
pub(crate) fn commit_upper(stage: Stage<'_>, container: &ContainerId) -> Result<Reply, Failure> {
    stage.require_ended(container)?;
    let upper = stage.layout.upper(container);
    let root = Root::open(&upper).map_err(internal)?;
    let found: Found = confined(
        stage.server,
        confinement(&root, Rights::ReadMarks, &[]),
        |_| {
            let written = write_layer(own_root()?, std::io::sink());
            Ok(Found::written(
                &written.map_err(|error| diff_failure(&error))?,
            ))
        },
    )?;
    let written = Written {
        digest: digest(&found.digest),
        tar_bytes: found.tar_bytes,
        file_bytes: found.file_bytes,
        entries: found.entries,
    };
    let trash = stage.layout.trash();
    let sealed =
        commit::seal(&upper, &stage.layout.layers(), &trash, &written).map_err(internal)?;
    trash
        .put(&stage.layout.container(container))
        .map_err(internal)?;
    Ok(found.reply(sealed.existed))
}

/// Writes a layer's tar. One that was pulled from elsewhere may have been written by a program
/// with other habits; then that is the error, after all bytes have gone out.
pub(crate) fn export_layer(
    stage: Stage<'_>,
    diff_id: &DiffId,
    descriptors: Vec<OwnedFd>,
) -> Result<Reply, Failure> {
    let out = only_descriptor(descriptors)?;
    let [folder] = &stage.layers(std::slice::from_ref(diff_id))?[..] else {
        return Err(Failure::new(
            FailureKind::Internal,
            "one layer has several folders",
        ));
    };
    let root = Root::open(folder).map_err(internal)?;
    let found: Found = confined(
        stage.server,
        confinement(&root, Rights::ReadMarks, &[out.as_fd()]),
        |_| {
            let written = write_layer(own_root()?, &out);
            Ok(Found::written(
                &written.map_err(|error| diff_failure(&error))?,
            ))
        },
    )?;
    if found.digest == *diff_id {
        return Ok(Reply::Done);
    }
    let message = format!("layer {diff_id} was not made here, so its tar cannot be had again");
    Err(Failure::new(FailureKind::Unsupported, message))
}

/// Writes a whole tree as one tar.
pub(crate) fn flatten(
    stage: Stage<'_>,
    source: &Tree,
    descriptors: Vec<OwnedFd>,
) -> Result<Reply, Failure> {
    let out = only_descriptor(descriptors)?;
    let root = stage.open(source)?;
    confined(
        stage.server,
        confinement(&root, Rights::Read, &[out.as_fd()]),
        |_| {
            write_flat(own_root()?, &out)
                .map(|_| ())
                .map_err(|error| diff_failure(&error))
        },
    )?;
    Ok(Reply::Done)
}

/// Moves a layer to the trash.
pub(crate) fn remove_layer(stage: Stage<'_>, diff_id: &DiffId) -> Result<Reply, Failure> {
    stage
        .layout
        .trash()
        .put(&stage.layout.layer(diff_id))
        .map_err(internal)?;
    Ok(Reply::Done)
}

/// Every layer that is in its place.
pub(crate) fn list_layers(stage: Stage<'_>) -> Result<Reply, Failure> {
    let fail = |error: std::io::Error| {
        Failure::new(
            FailureKind::Internal,
            format!("listing the layers: {error}"),
        )
    };
    let mut all: Vec<DiffId> = Vec::new();
    for entry in fs::read_dir(stage.layout.layers()).map_err(fail)? {
        let name = entry.map_err(fail)?.file_name();
        all.extend(
            name.to_str()
                .and_then(|hex| format!("sha256:{hex}").parse().ok()),
        );
    }
    all.sort();
    Ok(Reply::Layers(all))
}
