//! The content-addressed blob store: one file for each digest, `sha256/<hex>`.
//!
//! A blob appears under its name only when all its bytes are on disk and have that digest
//! (temporary file, fsync, rename, fsync of the folder), so a crash at any instant leaves either
//! nothing or the whole blob. Partial downloads stay under `ingest/` and can be resumed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::digest::{Digest, Hasher, Mismatch, VerifyingReader};

mod writer;

pub use writer::{BlobWriter, StagedBlob};

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// A file operation failed.
    #[error("{action} {}: {source}", path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// The bytes are not the promised ones.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The blob is longer than the caller takes.
    #[error("blob {digest} is longer than {limit} bytes")]
    TooLong {
        /// Which blob.
        digest: Digest,
        /// How much the caller takes.
        limit: u64,
    },
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ContentError {
    move |source| ContentError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

/// A blob store in a folder.
#[derive(Debug, Clone)]
pub struct BlobStore {
    blobs: PathBuf,
    ingest: PathBuf,
}

impl BlobStore {
    /// Opens the store in `root`, making its folders.
    pub fn open(root: &Path) -> Result<Self, ContentError> {
        let store = Self {
            blobs: root.join("sha256"),
            ingest: root.join("ingest"),
        };
        for folder in [&store.blobs, &store.ingest] {
            fs::create_dir_all(folder).map_err(io_error("making", folder))?;
        }
        Ok(store)
    }

    /// Where a blob stands, or would stand.
    #[must_use]
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.blobs.join(digest.hex())
    }

    /// A blob's length; nothing when it is not there.
    pub fn size(&self, digest: &Digest) -> Result<Option<u64>, ContentError> {
        let path = self.path(digest);
        match fs::metadata(&path) {
            Ok(metadata) => Ok(Some(metadata.len())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error("looking at", &path)(error)),
        }
    }

    /// A blob's file, as it is: whoever reads it verifies it, as with [`VerifyingReader`].
    pub fn file(&self, digest: &Digest) -> Result<File, ContentError> {
        let path = self.path(digest);
        File::open(&path).map_err(io_error("opening", &path))
    }

    /// A reader of a blob that fails at the end when the bytes have changed on disk.
    pub fn reader(&self, digest: &Digest) -> Result<impl Read + use<>, ContentError> {
        let file = BufReader::with_capacity(256 << 10, self.file(digest)?);
        Ok(VerifyingReader::new(file, *digest, None))
    }

    /// All of a small blob, verified.
    pub fn read(&self, digest: &Digest, limit: usize) -> Result<Vec<u8>, ContentError> {
        let path = self.path(digest);
        let mut bytes = Vec::new();
        let mut file = self.file(digest)?.take(limit as u64 + 1);
        file.read_to_end(&mut bytes)
            .map_err(io_error("reading", &path))?;
        if bytes.len() > limit {
            return Err(ContentError::TooLong {
                digest: *digest,
                limit: limit as u64,
            });
        }
        let found = Digest::of(&bytes);
        if found != *digest {
            return Err(Mismatch::Digest {
                expected: *digest,
                found,
            }
            .into());
        }
        Ok(bytes)
    }

    /// Stores some bytes.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest, ContentError> {
        let mut writer = self.begin()?;
        writer
            .write_all(bytes)
            .map_err(io_error("writing", &writer.path))?;
        writer.commit(None)
    }

    /// Begins a blob whose digest is not known yet.
    pub fn begin(&self) -> Result<BlobWriter, ContentError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = self
            .ingest
            .join(format!("{}-{number}.new", std::process::id()));
        // Left over from an earlier process with this number.
        let _ = fs::remove_file(&path);
        self.writer(path, false)
    }

    /// Begins or continues a blob with a known digest. What an interrupted download left is kept:
    /// [`BlobWriter::length`] says where to go on. Only one writer of a digest may be open.
    pub fn resume(&self, digest: &Digest) -> Result<BlobWriter, ContentError> {
        self.writer(self.ingest.join(format!("{}.part", digest.hex())), true)
    }

    fn writer(&self, path: PathBuf, resumable: bool) -> Result<BlobWriter, ContentError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(io_error("making", &path))?;
        let mut hasher = Hasher::new();
        let mut buffer = vec![0; 256 << 10];
        loop {
            match file.read(&mut buffer).map_err(io_error("reading", &path))? {
                0 => break,
                count => hasher.update(&buffer[..count]),
            }
        }
        let blobs = self.blobs.clone();
        Ok(BlobWriter {
            file,
            path,
            blobs,
            hasher,
            resumable,
            finished: false,
        })
    }

    /// Removes a blob; one that is not there is no error.
    pub fn remove(&self, digest: &Digest) -> Result<(), ContentError> {
        remove_if_there(&self.path(digest))
    }

    /// Every blob there is, in no order.
    pub fn list(&self) -> Result<Vec<Digest>, ContentError> {
        let fail = || io_error("listing", &self.blobs);
        let mut all = Vec::new();
        for entry in fs::read_dir(&self.blobs).map_err(fail())? {
            let name = entry.map_err(fail())?.file_name();
            all.extend(name.to_str().and_then(|name| Digest::from_hex(name).ok()));
        }
        Ok(all)
    }

    /// Removes what interrupted writers left, save downloads that `keep` says can be resumed.
    /// For use at start, when nobody writes.
    pub fn clean(&self, keep: impl Fn(&Digest) -> bool) -> Result<(), ContentError> {
        let fail = || io_error("listing", &self.ingest);
        for entry in fs::read_dir(&self.ingest).map_err(fail())? {
            let entry = entry.map_err(fail())?;
            let name = entry.file_name();
            let part = name.to_str().and_then(|name| name.strip_suffix(".part"));
            let digest = part.and_then(|hex| Digest::from_hex(hex).ok());
            if !digest.is_some_and(|digest| keep(&digest)) {
                remove_if_there(&entry.path())?;
            }
        }
        Ok(())
    }
}

fn remove_if_there(path: &Path) -> Result<(), ContentError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(io_error("removing", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
