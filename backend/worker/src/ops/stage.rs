//! What every request about files has at hand, and the trees that requests name.

use std::fs::{self, File};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use orlop_linux::confined::{Confinement, Rights};
use orlop_linux::process::start_time;
use orlop_model::id::{ContainerId, DiffId};
use orlop_storage::confine::Root;
use orlop_storage::layout::Layout;
use orlop_storage::merged;
use orlop_wire::channel;
use orlop_wire::record::{EXIT_FILE, STATE_FILE, ShimState};
use orlop_wire::reply::{Failure, FailureKind, Reply};
use orlop_wire::request::Tree;

use super::failures::file_failure;

/// Address space of a confined child: enough for every decoder, far from the host's memory.
const CONFINED_MEMORY_BYTES: u64 = 4 << 30;

/// Where a request works, and whom it answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stage<'a> {
    /// The data directory.
    pub(crate) layout: &'a Layout,
    /// The run directory.
    pub(crate) run: &'a Path,
    /// The connection that the request came over.
    pub(crate) server: BorrowedFd<'a>,
}

/// How to confine a child whose root is `root` and that works with the descriptors `keep`.
pub(crate) fn confinement<'a>(
    root: &'a Root,
    rights: Rights,
    keep: &'a [BorrowedFd<'a>],
) -> Confinement<'a> {
    Confinement {
        root: Some(root.as_fd()),
        rights,
        memory: CONFINED_MEMORY_BYTES,
        keep,
    }
}

/// The directory that a confined child was chrooted into.
pub(crate) fn own_root() -> Result<Root, Failure> {
    Root::open(Path::new("/")).map_err(|error| file_failure(&error))
}

/// The one descriptor that a request needs.
pub(crate) fn only_descriptor(descriptors: Vec<OwnedFd>) -> Result<File, Failure> {
    let mut descriptors = descriptors.into_iter();
    match (descriptors.next(), descriptors.next()) {
        (Some(only), None) => Ok(File::from(only)),
        _ => Err(Failure::new(
            FailureKind::Invalid,
            "the request needs exactly one descriptor",
        )),
    }
}

impl Stage<'_> {
    /// Sends the server a reply.
    pub(crate) fn say(&self, reply: &Reply) -> Result<(), Failure> {
        channel::send(self.server, reply, &[])
            .map_err(|_| Failure::new(FailureKind::Cancelled, "the server went away"))
    }

    /// The directories of some layers, all of which must be there.
    pub(crate) fn layers(&self, diff_ids: &[DiffId]) -> Result<Vec<PathBuf>, Failure> {
        let folders = diff_ids.iter().map(|diff_id| {
            let folder = self.layout.layer(diff_id);
            if folder.is_dir() {
                Ok(folder)
            } else {
                Err(Failure::new(
                    FailureKind::NotFound,
                    format!("there is no layer {diff_id}"),
                ))
            }
        });
        folders.collect()
    }

    /// Opens a tree for reading.
    pub(crate) fn open(&self, tree: &Tree) -> Result<Root, Failure> {
        let opened = match tree {
            Tree::Layers(layers) => merged::read_only(&self.layers(layers)?),
            Tree::Context(job) => Root::open(&self.layout.context(job)),
            Tree::Container { id, layers } => {
                if let Some(root) = self.running_root(id)? {
                    return Ok(root);
                }
                let mut layers = self.layers(layers)?;
                let upper = self.layout.upper(id);
                // A container that was never started has changed nothing.
                layers.extend(upper.is_dir().then_some(upper));
                merged::read_only(&layers)
            }
        };
        opened.map_err(|error| file_failure(&error))
    }

    /// The root directory of a running container, as its first process sees it; nothing when the
    /// container does not run.
    pub(crate) fn running_root(&self, id: &ContainerId) -> Result<Option<Root>, Failure> {
        let Some(state) = self.running(id)? else {
            return Ok(None);
        };
        let Ok(root) = Root::open_process(state.pid) else {
            return Ok(None);
        };
        // The number may have gone to another process meanwhile, but then not with this time.
        Ok((start_time(state.pid) == Some(state.start_time)).then_some(root))
    }

    /// The record of a container whose first process is alive.
    pub(crate) fn running(&self, id: &ContainerId) -> Result<Option<ShimState>, Failure> {
        let folder = self.run.join("containers").join(id.as_str());
        if folder.join(EXIT_FILE).exists() {
            return Ok(None);
        }
        let bytes = match fs::read(folder.join(STATE_FILE)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => {
                let message = format!("reading the state of container {id}: {error}");
                return Err(Failure::new(FailureKind::Internal, message));
            }
        };
        let state: ShimState = serde_json::from_slice(&bytes).map_err(|error| {
            let message = format!("the state of container {id} is malformed: {error}");
            Failure::new(FailureKind::Internal, message)
        })?;
        Ok((start_time(state.pid) == Some(state.start_time)).then_some(state))
    }

    /// Refuses to go on while a container runs.
    pub(crate) fn require_ended(&self, id: &ContainerId) -> Result<(), Failure> {
        match self.running(id)? {
            None => Ok(()),
            Some(_) => {
                let message = format!("container {id} is running");
                Err(Failure::new(FailureKind::Conflict, message))
            }
        }
    }
}
