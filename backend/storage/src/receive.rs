//! A layer from outside on its way to its place: decompressed, hashed and unpacked in one pass,
//! and given its name only when it is what was promised and all of it is on disk.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use orlop_image::compression::{self, Decoder};
use orlop_image::digest::{Digest, DigestReader, Mismatch};
use orlop_image::layer::{self, TarReader};
use rustix::io::Errno;

use crate::apply::{Applied, ApplyError, Policy, apply};
use crate::confine::{FileError, Root, failed};
use crate::layout::make_folder;
use crate::trash::Trash;

/// Names of unfinished layers begin so.
pub const UNFINISHED: &str = ".unfinished-";

/// Why a layer could not be taken in. Nothing of it is left but in the trash.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// Unpacking failed.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// It is not the layer that was promised.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What one layer may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LayerLimits {
    /// Of the compressed stream.
    pub compression: compression::Limits,
    /// Of the archive.
    pub archive: layer::Limits,
}

/// An empty folder for a layer that is being unpacked; in the trash when dropped before it is
/// sealed.
#[derive(Debug)]
pub struct Unfinished {
    folder: PathBuf,
    trash: Trash,
    sealed: bool,
}

impl Unfinished {
    /// Makes the folder in `layers`.
    pub fn new(layers: &Path, trash: Trash) -> Result<Self, FileError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = layers.join(format!("{UNFINISHED}{}-{number}", std::process::id()));
        // What an earlier process with this number left.
        trash.put(&folder)?;
        make_folder(&folder, 0o755)?;
        Ok(Self {
            folder,
            trash,
            sealed: false,
        })
    }

    /// The folder, to be unpacked into.
    pub fn root(&self) -> Result<Root, FileError> {
        Root::open(&self.folder)
    }

    /// Gives it its name. Says whether a layer of this name was there already, which then stays.
    pub fn seal(mut self, diff_id: &Digest) -> Result<bool, FileError> {
        seal(&self.folder, diff_id).inspect(|existed| self.sealed = !existed)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.sealed {
            // Nothing more can be done here; the next start removes it.
            let _ = self.trash.put(&self.folder);
        }
    }
}

/// Brings a tree to disk and renames it, beside itself or elsewhere, to the layer of this digest.
pub(crate) fn seal_as(folder: &Path, layers: &Path, diff_id: &Digest) -> Result<bool, FileError> {
    let fail = |action| failed(action, folder.display());
    let root = Root::open(folder)?;
    rustix::fs::syncfs(&root).map_err(fail("syncing"))?;
    let target = layers.join(diff_id.hex());
    let cwd = rustix::fs::CWD;
    let flags = rustix::fs::RenameFlags::NOREPLACE;
    match rustix::fs::renameat_with(cwd, folder, cwd, &target, flags) {
        Ok(()) => {}
        Err(Errno::EXIST) => return Ok(true),
        Err(errno) => return Err(fail("renaming")(errno)),
    }
    let synced = fs::File::open(layers).and_then(|folder| folder.sync_all());
    synced.map_err(failed("syncing", layers.display()))?;
    Ok(false)
}

fn seal(folder: &Path, diff_id: &Digest) -> Result<bool, FileError> {
    seal_as(folder, folder.parent().unwrap_or(folder), diff_id)
}

/// What unpacking a layer found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// What was unpacked.
    pub applied: Applied,
    /// Digest of the uncompressed tar.
    pub diff_id: Digest,
    /// Its length.
    pub tar_bytes: u64,
}

/// Unpacks a (possibly compressed) layer into an empty directory and checks its digest. This is
/// the part that reads hostile bytes: it needs nothing but `target`, and no capability beyond those
/// for owners and devices. Opaque directories are still to be marked.
pub fn unpack(
    stream: impl Read,
    target: &Root,
    expected: Option<&Digest>,
    limits: LayerLimits,
) -> Result<Unpacked, ReceiveError> {
    let archive = |error: std::io::Error| ApplyError::Archive(error.into());
    let decoder = Decoder::new(stream, limits.compression).map_err(archive)?;
    let mut reader = TarReader::new(DigestReader::new(decoder), limits.archive);
    let applied = apply(&mut reader, target, Policy::LAYER)?;
    let (diff_id, tar_bytes) = reader.drain().map_err(ApplyError::Archive)?.finish();
    if let Some(expected) = expected.filter(|expected| **expected != diff_id) {
        return Err(Mismatch::Digest {
            expected: *expected,
            found: diff_id,
        }
        .into());
    }
    Ok(Unpacked {
        applied,
        diff_id,
        tar_bytes,
    })
}
