//! Build contexts: unpacking what was uploaded, and listing trees so that a build can be planned.

use std::fs::File;
use std::io::{self, BufWriter, Seek as _, Write as _};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;

use nix::sys::memfd::{MFdFlags, memfd_create};
use orlop_image::compression::{self, Decoder, is_zip};
use orlop_image::layer::{Limits, ReadError, TarReader, ZipReader};
use orlop_linux::confined::Rights;
use orlop_model::id::JobId;
use orlop_storage::apply::{ApplyError, Policy, apply};
use orlop_storage::confine::Root;
use orlop_storage::index::{Indexed, IndexedKind, index as index_tree};
use orlop_storage::layout::make_folder;
use orlop_wire::reply::{Failure, FailureKind, Reply};
use orlop_wire::request::{IndexEntry, IndexKind, Tree};

use super::failures::{apply_failure, file_failure, index_failure};
use super::stage::{Stage, confinement, only_descriptor, own_root};
use crate::supervise::{Speaker, confined};

/// What a context may hold.
const CONTEXT_LIMITS: Limits = Limits {
    max_entries: 1_000_000,
    max_bytes: 32 << 30,
    max_metadata_bytes: 1 << 20,
};

/// Unpacks a context in place of an earlier one of the job, and sends its index.
pub(crate) fn unpack_context(
    stage: Stage<'_>,
    job: &JobId,
    descriptors: Vec<OwnedFd>,
) -> Result<(), Failure> {
    let stream = only_descriptor(descriptors)?;
    let folder = stage.layout.context(job);
    stage
        .layout
        .trash()
        .put(&folder)
        .map_err(|error| file_failure(&error))?;
    make_folder(&folder, 0o755).map_err(|error| file_failure(&error))?;
    let root = Root::open(&folder).map_err(|error| file_failure(&error))?;
    let list = index_file()?;
    let result = confined(
        stage.server,
        confinement(&root, Rights::Write, &[stream.as_fd(), list.as_fd()]),
        |speaker| {
            let root = own_root()?;
            unpack(&stream, &root, speaker)?;
            write_index(&root, b"/", &list)
        },
    );
    if result.is_err() {
        // The failure is told; what is left goes with the job at the latest.
        let _ = stage.layout.trash().put(&folder);
    }
    result?;
    send_index(stage, list)
}

/// Sends the index of a tree.
pub(crate) fn index(stage: Stage<'_>, source: &Tree, path: &str) -> Result<(), Failure> {
    let root = stage.open(source)?;
    let list = index_file()?;
    confined(
        stage.server,
        confinement(&root, Rights::Read, &[list.as_fd()]),
        |_| write_index(&own_root()?, path.as_bytes(), &list),
    )?;
    send_index(stage, list)
}

/// Moves a job's context to the trash.
pub(crate) fn remove_job(stage: Stage<'_>, job: &JobId) -> Result<Reply, Failure> {
    stage
        .layout
        .trash()
        .put(&stage.layout.context(job))
        .map_err(|error| file_failure(&error))?;
    Ok(Reply::Done)
}

fn unpack(stream: &File, root: &Root, speaker: &Speaker) -> Result<(), Failure> {
    let archive = |error: ReadError| apply_failure(&ApplyError::Archive(error));
    let mut head = [0; 4];
    // Only a file can be read at a place; a zip must be one.
    let applied = if stream.read_exact_at(&mut head, 0).is_ok() && is_zip(&head) {
        let stream = stream.try_clone().map_err(|error| archive(error.into()))?;
        let mut zip = ZipReader::new(stream, CONTEXT_LIMITS).map_err(archive)?;
        apply(&mut zip, root, Policy::CONTEXT)
    } else {
        let decoder = Decoder::new(speaker.watch(stream), compression::Limits::default())
            .map_err(|error| archive(error.into()))?;
        apply(
            &mut TarReader::new(decoder, CONTEXT_LIMITS),
            root,
            Policy::CONTEXT,
        )
    };
    applied.map(|_| ()).map_err(|error| apply_failure(&error))
}

/// A file in memory: the list is sent only when all of it is known to be good.
fn index_file() -> Result<File, Failure> {
    memfd_create(c"orlop-index", MFdFlags::MFD_CLOEXEC)
        .map(File::from)
        .map_err(|errno| Failure::new(FailureKind::Internal, format!("making a list: {errno}")))
}

fn write_index(root: &Root, path: &[u8], list: &File) -> Result<(), Failure> {
    let mut out = BufWriter::new(list);
    index_tree(root, path, |indexed| {
        serde_json::to_writer(&mut out, &entry(indexed))?;
        out.write_all(b"\n")
    })
    .map_err(|error| index_failure(&error))?;
    out.flush().map_err(|error| broken_list(&error))
}

fn broken_list(error: &io::Error) -> Failure {
    Failure::new(
        FailureKind::Internal,
        format!("handing over the list: {error}"),
    )
}

fn send_index(stage: Stage<'_>, mut list: File) -> Result<(), Failure> {
    stage.say(&Reply::Indexed)?;
    list.rewind().map_err(|error| broken_list(&error))?;
    let server = stage
        .server
        .as_fd()
        .try_clone_to_owned()
        .map_err(|error| broken_list(&error))?;
    io::copy(&mut list, &mut File::from(server)).map_err(|error| broken_list(&error))?;
    Ok(())
}

fn entry(indexed: Indexed) -> IndexEntry {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (kind, size, sha256, link) = match indexed.kind {
        IndexedKind::File { size, digest } => (IndexKind::File, size, Some(digest.hex()), None),
        IndexedKind::Directory => (IndexKind::Directory, 0, None, None),
        IndexedKind::Symlink { target } => (IndexKind::Symlink, 0, None, Some(text(&target))),
        IndexedKind::Special => (IndexKind::Special, 0, None, None),
    };
    IndexEntry {
        path: text(indexed.path.as_bytes()),
        kind,
        mode: indexed.mode,
        uid: indexed.uid,
        gid: indexed.gid,
        size,
        sha256,
        link,
    }
}
