//! Reading and writing one file of a control group, and what can go wrong with it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A failed change of a control group.
#[derive(Debug, thiserror::Error)]
pub enum CgroupError {
    /// A file could not be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {value:?} to {path}: {source}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What was to be written.
        value: String,
        /// Why not.
        source: io::Error,
    },
    /// A group could not be made.
    #[error("cannot make the control group {path}: {source}")]
    Create {
        /// Its directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A group could not be removed.
    #[error("cannot remove the control group {path}: {source}")]
    Remove {
        /// Its directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The processes did not all stop in time.
    #[error("the processes of {path} did not freeze in time")]
    NotFrozen {
        /// The group's directory.
        path: PathBuf,
    },
    /// The host has no hierarchy that can do this.
    #[error("this host's control groups cannot {0}")]
    Unsupported(&'static str),
    /// The host cannot do what was asked for.
    #[error("{0}")]
    Refused(String),
    /// The group above has no real time to give.
    #[error(
        "cannot write {value:?} to {path}: the group above gives no real-time budget; write a \
         larger one to {} first", above(path).display()
    )]
    RealTime {
        /// The file.
        path: PathBuf,
        /// What was to be written.
        value: String,
    },
    /// The filter for devices could not be put in place.
    #[error("cannot confine {path} to its devices: {source}")]
    Devices {
        /// The group's directory.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// The same file of the group above.
fn above(file: &Path) -> PathBuf {
    let group = file.parent().and_then(Path::parent);
    let name = file.file_name().unwrap_or_default();
    group.map_or_else(PathBuf::new, |group| group.join(name))
}

impl CgroupError {
    /// The file or directory is not there.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self {
            Self::Read { source, .. }
            | Self::Write { source, .. }
            | Self::Create { source, .. }
            | Self::Remove { source, .. }
            | Self::Devices { source, .. } => source.kind() == io::ErrorKind::NotFound,
            Self::NotFrozen { .. }
            | Self::Unsupported(_)
            | Self::Refused(_)
            | Self::RealTime { .. } => false,
        }
    }
}

/// The text of a file.
pub(super) fn read(path: &Path) -> Result<String, CgroupError> {
    fs::read_to_string(path).map_err(|source| CgroupError::Read {
        path: path.to_owned(),
        source,
    })
}

/// Writes a file that exists, in one write(2): the kernel takes each write as one command.
pub(super) fn write(path: &Path, value: &str) -> Result<(), CgroupError> {
    OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| file.write_all(value.as_bytes()))
        .map_err(|source| CgroupError::Write {
            path: path.to_owned(),
            value: value.to_owned(),
            source,
        })
}

/// Makes a directory unless it is there.
pub(super) fn make(path: &Path) -> Result<(), CgroupError> {
    match fs::create_dir(path) {
        Err(source) if source.kind() != io::ErrorKind::AlreadyExists => Err(CgroupError::Create {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// The directories below a group's, deepest first, and last the group's own; none if it is gone.
/// A container can make groups in its own.
pub(super) fn tree(path: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if let Ok(entries) = fs::read_dir(path) {
        for entry in entries.flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                found.extend(tree(&entry.path()));
            }
        }
        found.push(path.to_owned());
    }
    found
}
