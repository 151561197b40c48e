//! A blob between its first byte and its name.

use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;

use super::{ContentError, io_error};
use crate::digest::{Digest, Hasher, Mismatch};

/// A blob on its way into the store. Dropped before [`commit`](Self::commit), it is removed, or
/// kept for a later try if it was begun with [`BlobStore::resume`].
#[derive(Debug)]
pub struct BlobWriter {
    pub(super) file: File,
    pub(super) path: PathBuf,
    pub(super) blobs: PathBuf,
    pub(super) hasher: Hasher,
    /// Kept for a later try when it is not finished.
    pub(super) resumable: bool,
    pub(super) finished: bool,
}

impl BlobWriter {
    /// How many bytes are there.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.hasher.length()
    }

    /// Forgets what is there: the other side began anew.
    pub fn restart(&mut self) -> Result<(), ContentError> {
        self.file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .map_err(io_error("truncating", &self.path))?;
        self.hasher = Hasher::new();
        Ok(())
    }

    /// Puts the blob in its place, once its bytes are on disk; when they are not the expected
    /// ones, they are removed instead.
    pub fn commit(self, expected: Option<&Digest>) -> Result<Digest, ContentError> {
        self.stage(expected)?.publish()
    }

    /// Brings the blob to disk without giving it its name yet.
    pub fn stage(mut self, expected: Option<&Digest>) -> Result<StagedBlob, ContentError> {
        let size = self.length();
        let digest = std::mem::take(&mut self.hasher).finish();
        if let Some(expected) = expected.filter(|expected| **expected != digest) {
            self.resumable = false; // never continue from bytes that are wrong
            return Err(Mismatch::Digest {
                expected: *expected,
                found: digest,
            }
            .into());
        }
        self.file
            .sync_all()
            .map_err(io_error("syncing", &self.path))?;
        self.finished = true;
        let (path, blobs) = (self.path.clone(), self.blobs.clone());
        Ok(StagedBlob {
            path,
            blobs,
            digest,
            size,
            published: false,
        })
    }
}

/// A whole blob on disk that has no name yet; removed when dropped before
/// [`publish`](Self::publish).
#[derive(Debug)]
pub struct StagedBlob {
    path: PathBuf,
    blobs: PathBuf,
    digest: Digest,
    size: u64,
    published: bool,
}

impl StagedBlob {
    /// Its digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its length.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// All of it, if it is small.
    pub fn read(&self, limit: usize) -> Result<Vec<u8>, ContentError> {
        if self.size > limit as u64 {
            return Err(ContentError::TooLong {
                digest: self.digest,
                limit: limit as u64,
            });
        }
        fs::read(&self.path).map_err(io_error("reading", &self.path))
    }

    /// Gives the blob its name.
    pub fn publish(mut self) -> Result<Digest, ContentError> {
        let target = self.blobs.join(self.digest.hex());
        fs::rename(&self.path, &target).map_err(io_error("renaming", &self.path))?;
        self.published = true;
        let folder = File::open(&self.blobs).and_then(|folder| folder.sync_all());
        folder.map_err(io_error("syncing", &self.blobs))?;
        Ok(self.digest)
    }
}

impl Drop for StagedBlob {
    fn drop(&mut self) {
        if !self.published {
            // Nothing more can be done here; the next start removes it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Write for BlobWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.file.write(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        if !self.finished && !self.resumable {
            // Nothing more can be done here; the next start removes it.
            let _ = fs::remove_file(&self.path);
        }
    }
}
