//! A tree as a tar stream: of a container's upper directory its layer and its digest, of a whole
//! file system one flat archive.

use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;

use orlop_image::digest::{Digest, DigestWriter};
use orlop_image::layer::{ReadError, Source, TarWriter, WriteError};

use rustix::fs::FileType;

use crate::bytes::Bytes;
use crate::confine::file_type;
use crate::tree::{Form, TreeSource};
use crate::walk::{Walk, WalkError};

/// Why a tree could not be written.
#[derive(Debug, thiserror::Error)]
pub enum DiffError {
    /// Reading the tree failed.
    #[error("reading the tree: {0}")]
    Tree(ReadError),
    /// Writing failed, or a file changed while it was read.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl From<ReadError> for DiffError {
    fn from(error: ReadError) -> Self {
        Self::Tree(error)
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Digest of the tar stream: of a layer, its diff ID.
    pub digest: Digest,
    /// Length of the tar stream.
    pub tar_bytes: u64,
    /// Bytes of files.
    pub file_bytes: u64,
    /// Objects.
    pub entries: u64,
}

/// Writes everything that `source` has as a tar stream.
pub fn write(source: &mut impl Source, out: impl Write) -> Result<Written, DiffError> {
    let out = DigestWriter::new(BufWriter::with_capacity(256 << 10, out));
    let mut tar = TarWriter::new(out);
    let (mut entries, mut file_bytes) = (0, 0);
    let mut buffer = vec![0; 256 << 10];
    while let Some(entry) = source.next_entry()? {
        entries += 1;
        file_bytes += entry.size();
        let mut bytes = Bytes::new(source, entry.size(), buffer);
        tar.entry(&entry, &mut bytes)?;
        buffer = bytes.into_buffer();
    }
    let (_, digest, tar_bytes) = tar.finish()?.finish();
    Ok(Written {
        digest,
        tar_bytes,
        file_bytes,
        entries,
    })
}

/// The digest and size of the layer that an upper directory is; nothing is stored.
pub fn digest_layer(upper: impl AsFd) -> Result<Written, DiffError> {
    write_layer(upper, io::sink())
}

/// Writes the layer that an upper or layer directory is. The same directory always gives the same
/// bytes.
pub fn write_layer(directory: impl AsFd, out: impl Write) -> Result<Written, DiffError> {
    write(&mut TreeSource::of_directory(directory, Form::Layer)?, out)
}

/// Writes a whole tree as it is seen by a process in it.
pub fn write_flat(directory: impl AsFd, out: impl Write) -> Result<Written, DiffError> {
    write(&mut TreeSource::of_directory(directory, Form::Plain)?, out)
}

/// How much a directory holds: bytes of files and objects, without reading any content.
pub fn measure(directory: impl AsFd) -> Result<(u64, u64), WalkError> {
    let (mut bytes, mut entries) = (0, 0);
    let mut walk = Walk::new(directory)?;
    while let Some(found) = walk.step()? {
        entries += 1;
        if file_type(&found.stat) == FileType::RegularFile {
            bytes += u64::try_from(found.stat.st_size).unwrap_or(0);
        }
    }
    Ok((bytes, entries))
}
