//! Getting rid of trees: renamed away in an instant, deleted later.

use std::ffi::{CStr, CString};
use std::fs;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, Mode};
use rustix::io::Errno;

use crate::confine::{DIRECTORY, FileError, Root, failed};
use crate::walk::list;

/// How deep descriptors are held open before a subtree is first moved up.
const MAX_OPEN_LEVELS: usize = 64;

/// The folder for things that nobody needs any more, on the same file system as they.
#[derive(Debug, Clone)]
pub struct Trash {
    folder: PathBuf,
}

impl Trash {
    /// The trash in this folder.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Moves a file or tree away; what is not there is no error. Says whether it was there.
    pub fn put(&self, path: &Path) -> Result<bool, FileError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let pid = std::process::id();
        loop {
            // Names of an earlier process with this number may still be there.
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let target = self.folder.join(format!("{pid}-{number}"));
            let flags = rustix::fs::RenameFlags::NOREPLACE;
            let cwd = rustix::fs::CWD;
            match rustix::fs::renameat_with(cwd, path, cwd, &target, flags) {
                Ok(()) => return Ok(true),
                Err(Errno::EXIST) => {}
                Err(Errno::NOENT) if self.folder.is_dir() => return Ok(false),
                Err(errno) => return Err(failed("moving to the trash", path.display())(errno)),
            }
        }
    }

    /// Deletes everything in the trash. Two at the same time do not disturb each other.
    pub fn empty(&self) -> Result<(), FileError> {
        remove_tree(&Root::open(&self.folder)?)
    }

    /// How many things wait to be deleted.
    pub fn len(&self) -> io::Result<usize> {
        Ok(fs::read_dir(&self.folder)?.count())
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// Deletes everything below a directory, however deep it is, without following a link. Holds a
/// bounded number of descriptors: what lies too deep is first moved up to the directory itself.
pub fn remove_tree(top: impl AsFd) -> Result<(), FileError> {
    let fail = |action| failed(action, "a tree");
    let top = rustix::fs::openat(&top, c".", DIRECTORY, Mode::empty()).map_err(fail("opening"))?;
    let mut moved = 0_u64;
    // Each round deletes all but what it moved up.
    loop {
        let before = moved;
        remove_below(&top, &mut moved).map_err(fail("removing"))?;
        if before == moved {
            return Ok(());
        }
    }
}

struct Level {
    directory: OwnedFd,
    /// Its name in the level above.
    name: CString,
    names: Vec<CString>,
}

fn remove_below(top: &OwnedFd, moved: &mut u64) -> Result<(), Errno> {
    let open =
        |parent: &OwnedFd, name: &CStr| rustix::fs::openat(parent, name, DIRECTORY, Mode::empty());
    let first = open(top, c".")?;
    let mut levels = vec![Level {
        names: list(&first)?,
        directory: first,
        name: c".".to_owned(),
    }];
    let mut depth = levels.len();
    while let Some(current) = levels.last_mut() {
        let Some(name) = current.names.pop() else {
            let name = std::mem::take(&mut current.name);
            levels.pop();
            depth -= 1;
            if let Some(parent) = levels.last() {
                ignore_gone(rustix::fs::unlinkat(
                    &parent.directory,
                    &name,
                    AtFlags::REMOVEDIR,
                ))?;
            }
            continue;
        };
        match rustix::fs::unlinkat(&current.directory, &name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => continue,
            // unlink(2): what Linux says for a directory, and what POSIX says.
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(errno) => return Err(errno),
        }
        if depth > MAX_OPEN_LEVELS {
            move_up(&current.directory, &name, top, moved)?;
            continue;
        }
        match open(&current.directory, &name) {
            Ok(directory) => {
                levels.push(Level {
                    names: list(&directory)?,
                    directory,
                    name,
                });
                depth += 1;
            }
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

fn move_up(parent: &OwnedFd, name: &CStr, top: &OwnedFd, moved: &mut u64) -> Result<(), Errno> {
    loop {
        *moved += 1;
        let target = format!(".deep-{}-{moved}", std::process::id());
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(parent, name, top, target, flags) {
            Err(Errno::EXIST) => {}
            other => return ignore_gone(other),
        }
    }
}

fn ignore_gone(result: Result<(), Errno>) -> Result<(), Errno> {
    match result {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

/// Removes what stands under a name: a file, or a directory with all that is in it.
pub(crate) fn remove_at(parent: impl AsFd, name: &CStr) -> Result<(), FileError> {
    let fail = |action| failed(action, name.to_string_lossy().into_owned());
    match rustix::fs::unlinkat(&parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(errno) => return Err(fail("removing")(errno)),
    }
    let directory =
        rustix::fs::openat(&parent, name, DIRECTORY, Mode::empty()).map_err(fail("opening"))?;
    remove_tree(&directory)?;
    rustix::fs::unlinkat(&parent, name, AtFlags::REMOVEDIR).map_err(fail("removing"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_are_moved_away_and_then_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("trash");
        fs::create_dir(&folder).unwrap();
        let trash = Trash::new(folder);
        fs::create_dir_all(dir.path().join("tree/sub")).unwrap();
        fs::write(dir.path().join("tree/sub/file"), "x").unwrap();
        fs::write(dir.path().join("canary"), "alive").unwrap();
        std::os::unix::fs::symlink("../../canary", dir.path().join("tree/link")).unwrap();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("tree/up")).unwrap();
        assert!(trash.put(&dir.path().join("tree")).unwrap());
        assert!(!trash.put(&dir.path().join("tree")).unwrap());
        assert_eq!(trash.len().unwrap(), 1);
        trash.empty().unwrap();
        assert!(trash.is_empty().unwrap());
        assert_eq!(
            fs::read_to_string(dir.path().join("canary")).unwrap(),
            "alive"
        );
    }

    #[test]
    fn a_tree_deeper_than_any_path_is_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let mut current = Root::open(dir.path()).unwrap();
        for _ in 0..3000 {
            let next = crate::confine::make_directory(&current, c"deep", 0o755).unwrap();
            current = Root::from_fd(next);
        }
        let root = Root::open(dir.path()).unwrap();
        remove_tree(&root).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
