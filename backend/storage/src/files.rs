//! Files in and out of a container, as `docker cp` has them: what a path is, a path as a tar
//! stream, a tar stream unpacked at a path. The container may be running and may be hostile.

use std::io::{Read, Write};

use orlop_image::compression::Decoder;
use orlop_image::layer::{EntryPath, PathError, ReadError, TarReader};
use rustix::fs::{FileType, Stat};
use rustix::io::Errno;

use crate::apply::{Applied, ApplyError, Policy, apply};
use crate::attributes::time_of;
use crate::confine::{FileError, Root, failed, file_type, look, read_link};
use crate::copy::Limits;
use crate::diff::{DiffError, Written, write};
use crate::tree::{Form, TreeSource};

/// Why files could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The path is not there, or a file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The path is no path.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Reading failed.
    #[error(transparent)]
    Read(#[from] DiffError),
    /// The archive is bad, or writing failed.
    #[error(transparent)]
    Write(#[from] ApplyError),
    /// Files can only be put into a directory.
    #[error("{0} is not a directory")]
    NotDirectory(String),
}

/// What a path is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathInfo {
    /// Its last name; `/` for the root.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// `st_mode` (inode(7)).
    pub mode: u32,
    /// Last change, seconds since 1970.
    pub mtime: i64,
    /// Where a link points; empty for all else.
    pub link_target: String,
}

/// An object of a tree, found and not followed.
#[derive(Debug)]
pub struct Place {
    parent: std::os::fd::OwnedFd,
    name: std::ffi::CString,
    stat: Stat,
    /// The name that the request had.
    shown: EntryPath,
}

/// Finds what stands at `path`; a link at its end is followed only when the path ends in a slash
/// (or in `/.`).
pub fn find(root: &Root, path: &[u8]) -> Result<Place, FilesError> {
    let shown = String::from_utf8_lossy(path).into_owned();
    let closing = path.ends_with(b"/") || path.ends_with(b"/.");
    let found = if closing {
        root.follow(path)
    } else {
        root.parent(path)
    };
    let (parent, name) = found.map_err(failed("looking for", &shown))?;
    let stat = look(&parent, &name).map_err(failed("looking at", &shown))?;
    let stat = stat.ok_or_else(|| failed("looking for", &shown)(Errno::NOENT))?;
    if closing && file_type(&stat) != FileType::Directory {
        return Err(FilesError::NotDirectory(shown));
    }
    let clean = crate::index::lexical(path)?;
    let shown = EntryPath::parse(clean.name())?;
    Ok(Place {
        parent,
        name,
        stat,
        shown,
    })
}

impl Place {
    /// What it is.
    pub fn info(&self) -> Result<PathInfo, FilesError> {
        let link_target = if file_type(&self.stat) == FileType::Symlink {
            let target = read_link(&self.parent, &self.name);
            let target = target.map_err(failed("reading the link", &self.shown))?;
            String::from_utf8_lossy(&target).into_owned()
        } else {
            String::new()
        };
        let name = if self.shown.is_top() {
            "/".to_owned()
        } else {
            self.shown.to_string()
        };
        Ok(PathInfo {
            name,
            size: u64::try_from(self.stat.st_size).unwrap_or(0),
            mode: self.stat.st_mode,
            mtime: time_of(&self.stat).seconds,
            link_target,
        })
    }

    /// Writes it, and all below it, as a tar stream in which its last name is the top.
    pub fn read(&self, out: impl Write) -> Result<Written, FilesError> {
        let source = TreeSource::new(
            &self.parent,
            &self.name,
            self.shown.clone(),
            Form::Plain,
            true,
        );
        Ok(write(&mut source.map_err(DiffError::from)?, out)?)
    }
}

/// What a client asks for when it puts files in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteOptions {
    /// Refuse to replace a directory by something else, and the other way round.
    pub keep_kinds: bool,
    /// Owner of all files; the archive's when absent.
    pub owner: Option<(u32, u32)>,
}

/// Unpacks a (possibly compressed) tar stream in the directory at `path`.
pub fn write_into(
    root: &Root,
    path: &[u8],
    stream: impl Read,
    options: WriteOptions,
    limits: Limits,
) -> Result<Applied, FilesError> {
    let shown = String::from_utf8_lossy(path);
    let directory = match root.directory(&crate::confine::c_path(path).unwrap_or_default()) {
        Ok(directory) => directory,
        Err(Errno::NOTDIR) => return Err(FilesError::NotDirectory(shown.into_owned())),
        Err(errno) => return Err(failed("looking for", shown)(errno).into()),
    };
    let policy = Policy {
        owner: options.owner,
        replace_kinds: !options.keep_kinds,
        ..Policy::OVER
    };
    let broken = |error: std::io::Error| ApplyError::Archive(ReadError::Io(error));
    let decoder = Decoder::new(stream, limits.compression).map_err(broken)?;
    let mut archive = TarReader::new(decoder, limits.archive);
    // The directory is the root of what follows: what the archive holds stays below it, even when
    // the container moves the directory meanwhile.
    Ok(apply(&mut archive, &Root::from_fd(directory), policy)?)
}
