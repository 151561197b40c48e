//! Turns the upper directory of a container that has ended into a layer, by renaming it.

use std::path::Path;

use orlop_image::digest::Digest;

use crate::confine::{FileError, Root};
use crate::diff::{DiffError, Written, digest_layer};
use crate::receive::seal_as;
use crate::trash::Trash;

/// Why an upper directory could not become a layer. It is still where it was.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Reading it failed.
    #[error(transparent)]
    Diff(#[from] DiffError),
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A layer in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sealed {
    /// Digest of its uncompressed tar.
    pub diff_id: Digest,
    /// Length of its uncompressed tar.
    pub tar_bytes: u64,
    /// Bytes of its files.
    pub file_bytes: u64,
    /// Objects in it.
    pub entries: u64,
    /// It was there already, and the upper directory went to the trash.
    pub existed: bool,
}

/// Hashes `upper` as a layer and renames it into `layers`. When the same layer is there already,
/// `upper` goes to the trash instead.
pub fn commit(upper: &Path, layers: &Path, trash: &Trash) -> Result<Sealed, CommitError> {
    let written = digest_layer(Root::open(upper)?)?;
    Ok(seal(upper, layers, trash, &written)?)
}

/// The second half of [`commit`], for a directory that was hashed by somebody with fewer rights.
/// Nobody may have changed it since.
pub fn seal(
    upper: &Path,
    layers: &Path,
    trash: &Trash,
    written: &Written,
) -> Result<Sealed, FileError> {
    let existed = seal_as(upper, layers, &written.digest)?;
    if existed {
        trash.put(upper)?;
    }
    Ok(Sealed {
        diff_id: written.digest,
        tar_bytes: written.tar_bytes,
        file_bytes: written.file_bytes,
        entries: written.entries,
        existed,
    })
}
