//! Records: a folder per container below `--root`, with one file that is written whole and renamed
//! into place. The folder appears with its first record in it, and only for one of those who want
//! the same id. What a container is doing is asked of the kernel, not of the record; a pid counts
//! only together with its start time.

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use orlop_linux::process;
use orlop_model::limits::Limits;
use orlop_runtime::bundle;
use serde::{Deserialize, Serialize};

use crate::cgroups::Group;
use crate::config::{self, Hooks};

/// Name of the record.
const FILE: &str = "state.json";
/// What the name of a folder begins with that has no id yet.
const UNNAMED: &str = ".new-";
/// Longest id.
const LONGEST_ID: usize = 1024;

/// A process, sure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Sure {
    /// Its number on the host.
    pub(crate) pid: u32,
    /// Clock ticks after boot.
    pub(crate) start_time: u64,
}

impl Sure {
    /// A living process of this number.
    #[must_use]
    pub(crate) fn of(pid: u32) -> Self {
        Self {
            pid,
            start_time: process::start_time(pid).unwrap_or(0),
        }
    }

    /// It lives.
    #[must_use]
    pub(crate) fn lives(self) -> bool {
        process::start_time(self.pid) == Some(self.start_time)
    }

    /// A descriptor of it that hits nobody else.
    ///
    /// # Errors
    /// If it has ended.
    pub(crate) fn open(self) -> io::Result<OwnedFd> {
        process::open_exact(self.pid, self.start_time)
    }
}

/// Everything that must be remembered of a container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Version of the specification that its configuration has.
    pub(crate) oci_version: String,
    /// Its id.
    pub(crate) id: String,
    /// Absolute path of its bundle.
    pub(crate) bundle: PathBuf,
    /// Absolute path of its root.
    pub(crate) rootfs: PathBuf,
    /// When it was created.
    pub(crate) created: Timestamp,
    /// Free notes.
    pub(crate) annotations: std::collections::BTreeMap<String, String>,
    /// Who creates it.
    pub(crate) creator: Sure,
    /// Its first process, once there is one.
    pub(crate) init: Option<Sure>,
    /// It has a pid namespace of its own.
    pub(crate) own_pids: bool,
    /// Its cgroups.
    pub(crate) group: Group,
    /// Their limits.
    pub(crate) limits: Limits,
    /// What later processes are like unless they say otherwise.
    pub(crate) process: config::Process,
    /// Filter of later processes.
    pub(crate) seccomp: Option<config::Seccomp>,
    /// Hooks that are still to come.
    pub(crate) hooks: Hooks,
}

/// What a container is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Status {
    /// It is being set up.
    Creating,
    /// Its first process waits for the start.
    Created,
    /// The program runs.
    Running,
    /// The program runs and is stopped for a while.
    Paused,
    /// Its first process has ended.
    Stopped,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Creating => "creating",
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Stopped => "stopped",
        })
    }
}

/// Why a record cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StoreError {
    /// Not what an id may be.
    #[error("{0:?} is no id of a container: letters, digits, _, +, - and . make one")]
    Id(String),
    /// Nobody has this id.
    #[error("container {0:?} does not exist")]
    Missing(String),
    /// Somebody has this id.
    #[error("container with id exists: {0:?}")]
    Exists(String),
    /// A file could not be read or written.
    #[error("{doing} {path}: {source}")]
    File {
        /// What was being done.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// All containers of a root folder.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    root: PathBuf,
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| StoreError::File {
        doing,
        path,
        source,
    }
}

/// Checks an id.
///
/// # Errors
/// If it is none.
pub(crate) fn check_id(id: &str) -> Result<(), StoreError> {
    let plain = id
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'+' | b'-' | b'.'));
    if plain && !id.is_empty() && id.len() <= LONGEST_ID && !id.starts_with('.') {
        Ok(())
    } else {
        Err(StoreError::Id(id.to_owned()))
    }
}

impl Store {
    /// The containers below a folder.
    #[must_use]
    pub(crate) fn new(root: PathBuf) -> Self {
        Self { root }
    }

    /// A container's folder.
    #[must_use]
    pub(crate) fn folder(&self, id: &str) -> PathBuf {
        self.root.join(id)
    }

    /// Takes an id: exactly one of those who try gets it.
    ///
    /// # Errors
    /// If somebody has it.
    pub(crate) fn claim(&self, record: &Record) -> Result<(), StoreError> {
        let root = &self.root;
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o711)
            .create(root)
            .map_err(failed("making the folder", root))?;
        self.sweep();
        let folder = self.folder(&record.id);
        if folder.exists() {
            return Err(StoreError::Exists(record.id.clone()));
        }
        let Sure { pid, start_time } = record.creator;
        let part = root.join(format!("{UNNAMED}{pid}-{start_time}"));
        let made = fs::DirBuilder::new().mode(0o700).create(&part);
        made.map_err(failed("making the folder", &part))?;
        let named = write(&part, record).and_then(|()| {
            renameat2(
                AT_FDCWD,
                &part,
                AT_FDCWD,
                &folder,
                RenameFlags::RENAME_NOREPLACE,
            )
            .map_err(|errno| match errno {
                Errno::EEXIST | Errno::ENOTEMPTY => StoreError::Exists(record.id.clone()),
                errno => failed("naming the folder", &folder)(errno.into()),
            })
        });
        if named.is_err() {
            // What is left is swept by the next.
            let _ = fs::remove_dir_all(&part);
        }
        named
    }

    /// Takes away what creators left that were killed before they had an id.
    fn sweep(&self) {
        for entry in fs::read_dir(&self.root).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let who = name.strip_prefix(UNNAMED).and_then(|w| w.split_once('-'));
            let who = who.and_then(|(pid, time)| {
                Some(Sure {
                    pid: pid.parse().ok()?,
                    start_time: time.parse().ok()?,
                })
            });
            if who.is_some_and(|who| !who.lives()) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }

    /// Writes a record anew.
    ///
    /// # Errors
    /// If it cannot be written, or the container is gone.
    pub(crate) fn update(&self, record: &Record) -> Result<(), StoreError> {
        write(&self.folder(&record.id), record)
    }

    /// A container's record.
    ///
    /// # Errors
    /// If there is no such container.
    pub(crate) fn load(&self, id: &str) -> Result<Record, StoreError> {
        check_id(id)?;
        let path = self.folder(id).join(FILE);
        let bytes = fs::read(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => StoreError::Missing(id.to_owned()),
            _ => failed("reading", &path)(error),
        })?;
        serde_json::from_slice(&bytes).map_err(|error| failed("reading", &path)(error.into()))
    }

    /// Every record.
    #[must_use]
    pub(crate) fn all(&self) -> Vec<Record> {
        let entries = fs::read_dir(&self.root).into_iter().flatten().flatten();
        let mut records: Vec<_> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            // One that is deleted meanwhile is not there.
            .filter_map(|id| self.load(&id).ok())
            .collect();
        records.sort_by(|a, b| a.id.cmp(&b.id));
        records
    }

    /// Takes a record away, at once: the name first, then what is in the folder.
    ///
    /// # Errors
    /// If it cannot be removed; that it is gone is no error.
    pub(crate) fn remove(&self, id: &str) -> Result<(), StoreError> {
        let folder = self.folder(id);
        let Sure { pid, start_time } = Sure::of(std::process::id());
        let part = self.root.join(format!("{UNNAMED}{pid}-{start_time}"));
        match fs::rename(&folder, &part) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed("removing", &folder)(error)),
            Ok(()) => fs::remove_dir_all(&part).map_err(failed("removing", &part)),
        }
    }

    /// What a container is doing.
    #[must_use]
    pub(crate) fn status(&self, record: &Record) -> Status {
        match record.init {
            None if record.creator.lives() => Status::Creating,
            Some(init) if init.lives() => {
                if record.group.is_frozen() {
                    Status::Paused
                } else if bundle::is_waiting(&self.folder(&record.id)) {
                    Status::Created
                } else {
                    Status::Running
                }
            }
            _ => Status::Stopped,
        }
    }
}

fn write(folder: &Path, record: &Record) -> Result<(), StoreError> {
    let path = folder.join(FILE);
    let part = folder.join(format!("{FILE}.{}", std::process::id()));
    let bytes =
        serde_json::to_vec(record).map_err(|error| failed("writing", &path)(error.into()))?;
    let written = fs::File::create(&part).and_then(|mut file| file.write_all(&bytes));
    written
        .and_then(|()| fs::rename(&part, &path))
        .map_err(failed("writing", &path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_plain_names() {
        for good in ["a", "a.b_c+d-e", "0123"] {
            assert!(check_id(good).is_ok(), "{good}");
        }
        for bad in ["", ".", "..", "a/b", ".new-1-2", "a b", "ä"] {
            assert!(check_id(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_process_is_sure_only_with_its_start_time() {
        let own = Sure::of(std::process::id());
        assert!(own.lives());
        let other = Sure {
            start_time: own.start_time + 1,
            ..own
        };
        assert!(!other.lives() && other.open().is_err());
    }
}
