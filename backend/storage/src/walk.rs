//! Walks a tree from the top down, the names of each directory in byte order, so that the same
//! tree always comes in the same order.
//!
//! Never follows a link and never leaves the tree: a directory is entered through its own
//! descriptor, and only if it still is the one that was looked at.

use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use orlop_image::layer::{EntryPath, PathError};
use rustix::fs::{FileType, Mode, Stat};
use rustix::io::Errno;

use crate::confine::{DIRECTORY, FileError, failed, file_type, look};

/// Why a walk ended early.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// A path is longer or deeper than any archive could hold.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// Something met on the way.
#[derive(Debug, Clone)]
pub struct Found {
    /// Where it is, seen from the top of the walk.
    pub path: EntryPath,
    /// Its name in [`Walk::parent`].
    pub name: CString,
    /// What it is.
    pub stat: Stat,
}

/// A walk through everything below a directory, which is not met itself. Things that vanish while
/// the walk goes on (a live container's files) are passed over.
#[derive(Debug)]
pub struct Walk {
    levels: Vec<Level>,
    /// The directory that was met last, to be entered with the next step.
    entered: Option<(OwnedFd, EntryPath)>,
}

#[derive(Debug)]
struct Level {
    directory: OwnedFd,
    path: EntryPath,
    /// Names still to come, last first.
    names: Vec<CString>,
}

impl Walk {
    /// Begins at the directory `top`.
    pub fn new(top: impl AsFd) -> Result<Self, WalkError> {
        let opened = rustix::fs::openat(&top, c".", DIRECTORY, Mode::empty())
            .map_err(failed("opening", EntryPath::top()))?;
        Ok(Self {
            levels: vec![level(opened, EntryPath::top())?],
            entered: None,
        })
    }

    /// The next thing; a directory comes before what is in it.
    pub fn step(&mut self) -> Result<Option<Found>, WalkError> {
        if let Some((directory, path)) = self.entered.take() {
            self.levels.push(level(directory, path)?);
        }
        while let Some(current) = self.levels.last_mut() {
            let Some(name) = current.names.pop() else {
                self.levels.pop();
                continue;
            };
            let path = current.path.join(name.to_bytes())?;
            if let Some((stat, directory)) = open_found(&current.directory, &name, &path)? {
                self.entered = directory.map(|directory| (directory, path.clone()));
                return Ok(Some(Found { path, name, stat }));
            }
        }
        Ok(None)
    }

    /// The directory that holds what was met last.
    #[must_use]
    pub fn parent(&self) -> Option<BorrowedFd<'_>> {
        self.levels.last().map(|level| level.directory.as_fd())
    }

    /// What was met last, open, if it is a directory.
    #[must_use]
    pub fn directory(&self) -> Option<BorrowedFd<'_>> {
        self.entered
            .as_ref()
            .map(|(directory, _)| directory.as_fd())
    }

    /// Does not go into the directory that was met last.
    pub fn pass(&mut self) {
        self.entered = None;
    }
}

type Opened = Option<(Stat, Option<OwnedFd>)>;

fn open_found(parent: &OwnedFd, name: &CStr, path: &EntryPath) -> Result<Opened, WalkError> {
    let Some(stat) = look(parent, name).map_err(failed("looking at", path))? else {
        return Ok(None);
    };
    if file_type(&stat) != FileType::Directory {
        return Ok(Some((stat, None)));
    }
    match rustix::fs::openat(parent, name, DIRECTORY, Mode::empty()) {
        Ok(directory) => {
            let stat = rustix::fs::fstat(&directory).map_err(failed("looking at", path))?;
            Ok(Some((stat, Some(directory))))
        }
        // Replaced since.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(errno) => Err(failed("opening", path)(errno).into()),
    }
}

fn level(directory: OwnedFd, path: EntryPath) -> Result<Level, WalkError> {
    let mut names = list(&directory).map_err(failed("listing", &path))?;
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(Level {
        directory,
        path,
        names,
    })
}

/// The names in a directory, without `.` and `..`, in no order.
pub(crate) fn list(directory: impl AsFd) -> Result<Vec<CString>, Errno> {
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::read_from(directory)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::confine::Root;

    #[test]
    fn everything_is_visited_in_order_and_links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        for sub in ["b/deep", "a", "a-b", "skipped/inner"] {
            std::fs::create_dir_all(dir.path().join(sub)).unwrap();
        }
        std::fs::write(dir.path().join("b/file"), "x").unwrap();
        std::os::unix::fs::symlink("/etc", dir.path().join("link")).unwrap();
        let mut walk = Walk::new(Root::open(dir.path()).unwrap()).unwrap();
        let mut seen = Vec::new();
        while let Some(found) = walk.step().unwrap() {
            seen.push(found.path.to_string());
            if found.path.as_bytes() == b"skipped" {
                walk.pass();
            }
        }
        assert_eq!(
            seen,
            ["a", "a-b", "b", "b/deep", "b/file", "link", "skipped"]
        );
    }

    #[test]
    fn a_tree_that_is_too_deep_is_an_error_and_not_a_crash() {
        let dir = tempfile::tempdir().unwrap();
        let mut current = Root::open(dir.path()).unwrap();
        for _ in 0..600 {
            let next = crate::confine::make_directory(&current, c"d", 0o755).unwrap();
            current = Root::from_fd(next);
        }
        let root = Root::open(dir.path()).unwrap();
        let mut walk = Walk::new(&root).unwrap();
        let error = loop {
            if let Err(error) = walk.step() {
                break error;
            }
        };
        assert!(matches!(error, WalkError::Path(PathError::Deep(513))));
        crate::trash::remove_tree(&root).unwrap();
    }
}
