//! Carries out `COPY` and `ADD`: explicit items from one tree into another.
//!
//! Which files match and what is ignored was decided before; here is what depends on the
//! destination's own files: whether it is a directory already, where its links lead (inside its
//! root), and who its users are.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::fd::OwnedFd;

use orlop_image::compression::{self, Decoder};
use orlop_image::layer::{self, EntryPath, PathError, ReadError, TarReader, is_tar};
use rustix::fs::FileType;
use rustix::io::Errno;

use crate::apply::{Applied, ApplyError, Policy, apply};
use crate::confine::{FileError, Root, failed, file_type, look, open_regular};
use crate::index::lexical;
use crate::tree::{Form, TreeSource};

/// Why a copy failed. What was copied before stays: the caller drops the whole upper directory.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A path cannot be used.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Writing the files failed.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// Reading the source failed.
    #[error("reading the source: {0}")]
    Source(ReadError),
}

/// Where a copy goes, and as what.
#[derive(Debug, Clone, Copy)]
pub struct Copy<'a> {
    /// The tree that the items come from.
    pub source: &'a Root,
    /// The tree that they go to.
    pub target: &'a Root,
    /// Absolute path in the target.
    pub destination: &'a [u8],
    /// The destination is a directory, whether it is there or not.
    pub into_directory: bool,
    /// Owner of all of them; kept when absent.
    pub owner: Option<(u32, u32)>,
    /// Permissions of all of them; kept when absent.
    pub mode: Option<u32>,
    /// Bounds for archives that are unpacked.
    pub limits: Limits,
}

/// What an archive that is unpacked on the way may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Of the compressed stream.
    pub compression: compression::Limits,
    /// Of the archive.
    pub archive: layer::Limits,
}

/// One file or tree.
#[derive(Debug, Clone, Copy)]
pub struct Item<'a> {
    /// Path in the source tree.
    pub from: &'a [u8],
    /// Path below the destination; empty for the destination itself.
    pub to: &'a [u8],
    /// Unpack it if it is an archive.
    pub unpack: bool,
    /// This object alone, not what is below it; a link at its end is copied and not followed.
    pub shallow: bool,
}

impl Copy<'_> {
    /// Copies one item.
    pub fn item(&self, item: Item<'_>) -> Result<Applied, CopyError> {
        let from = lexical(item.from)?;
        let found = if item.shallow {
            self.source.parent(from.as_bytes())
        } else {
            self.source.follow(from.as_bytes())
        };
        let (parent, name) = found.map_err(failed("looking for", &from))?;
        let stat = look(&parent, &name).map_err(failed("looking at", &from))?;
        let stat = stat.ok_or_else(|| failed("looking for", &from)(Errno::NOENT))?;
        let is_directory = file_type(&stat) == FileType::Directory;
        if item.unpack && file_type(&stat) == FileType::RegularFile {
            let file = open_regular(&parent, &name, &stat).map_err(failed("opening", &from))?;
            if let Some(applied) = self.unpack(file, item.to)? {
                return Ok(applied);
            }
        }
        let path = self.place(item.to, from.name(), is_directory)?;
        let policy = Policy {
            owner: self.owner,
            mode: self.mode,
            replace_kinds: false,
            ..Policy::OVER
        };
        let source = TreeSource::new(&parent, &name, path.clone(), Form::Plain, !item.shallow)
            .map_err(CopyError::Source)?;
        // A directory whose content is copied into one that is there leaves that one as it is.
        let keep = is_directory && item.to.is_empty() && self.directory_at(&path);
        let mut source = if keep { source.without_top() } else { source };
        Ok(apply(&mut source, self.target, policy)?)
    }

    /// Where an object lands.
    fn place(&self, to: &[u8], name: &[u8], is_directory: bool) -> Result<EntryPath, PathError> {
        let destination = lexical(self.destination)?;
        if !to.is_empty() {
            return destination.join(lexical(to)?.as_bytes());
        }
        let below = !is_directory && (self.into_directory || self.directory_at(&destination));
        if below {
            destination.join(name)
        } else {
            Ok(destination)
        }
    }

    fn directory_at(&self, path: &EntryPath) -> bool {
        self.target.directory(&path.to_c_string()).is_ok()
    }

    /// Unpacks a file if it is an archive; nothing when it is none.
    fn unpack(&self, file: OwnedFd, to: &[u8]) -> Result<Option<Applied>, CopyError> {
        let reading = |error: std::io::Error| CopyError::Source(error.into());
        let mut file = File::from(file);
        if !is_archive(&file) {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(0)).map_err(reading)?;
        let path = lexical(self.destination)?.join(lexical(to)?.as_bytes())?;
        // Links in the archive are seen from the root of the image, like everything in it.
        self.target.make_directories(&path)?;
        let decoder = Decoder::new(file, self.limits.compression).map_err(reading)?;
        let archive = TarReader::new(decoder, self.limits.archive);
        let policy = Policy {
            owner: self.owner,
            mode: self.mode,
            ..Policy::OVER
        };
        let mut archive = Prefixed {
            source: archive,
            prefix: path,
        };
        Ok(Some(apply(&mut archive, self.target, policy)?))
    }
}

/// Whether a file is a tar archive, possibly compressed.
fn is_archive(file: &File) -> bool {
    let mut head = Vec::with_capacity(512);
    let limits = compression::Limits::default();
    let decoder = Decoder::new(file, limits);
    decoder.is_ok_and(|decoder| decoder.take(512).read_to_end(&mut head).is_ok()) && is_tar(&head)
}

/// An archive whose names are seen from a directory of the target.
struct Prefixed<S> {
    source: S,
    prefix: EntryPath,
}

impl<S: layer::Source> layer::Source for Prefixed<S> {
    fn next_entry(&mut self) -> Result<Option<layer::Entry>, ReadError> {
        let Some(mut entry) = self.source.next_entry()? else {
            return Ok(None);
        };
        entry.path = self.prefix.join(entry.path.as_bytes())?;
        if let layer::Kind::HardLink { target } = &mut entry.kind {
            *target = self.prefix.join(target.as_bytes())?;
        }
        Ok(Some(entry))
    }

    fn next_piece<'b>(
        &mut self,
        buffer: &'b mut [u8],
    ) -> Result<Option<layer::entry::Piece<'b>>, ReadError> {
        self.source.next_piece(buffer)
    }
}
