//! What the worker answers.

use orlop_model::id::DiffId;
use orlop_model::probe::Finding;
use orlop_model::stats::Stats;
use serde::{Deserialize, Serialize};

/// One answer. `Progress` may come any number of times; every other one is the last.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// Bytes read so far of a descriptor that was passed in.
    Progress(u64),
    /// Done, with nothing to tell.
    Done,
    /// The process runs.
    Started(Started),
    /// Limits are set, or could be; in words for people those that this host cannot enforce.
    Warnings(Vec<String>),
    /// What a container uses.
    Stats(Box<Stats>),
    /// Titles and rows as ps(1) prints them.
    Processes {
        /// Column titles.
        titles: Vec<String>,
        /// A row for each process.
        rows: Vec<Vec<String>>,
    },
    /// What the host offers.
    Findings(Vec<Finding>),
    /// A layer is in place.
    Unpacked(Unpacked),
    /// The index follows on the same connection.
    Indexed,
    /// Every layer there is.
    Layers(Vec<DiffId>),
    /// What a path is; the tar follows on the passed descriptor.
    PathStat(PathStat),
    /// It went wrong, and everything that had been begun is undone.
    Failed(Failure),
}

/// A process that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Started {
    /// Host pid of the process.
    pub pid: u32,
    /// Warnings worth showing, such as a clamped limit.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// A layer that is in place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unpacked {
    /// Digest of its uncompressed tar.
    pub diff_id: DiffId,
    /// Bytes of its files.
    pub size: u64,
    /// Bytes of its uncompressed tar, as `ExportLayer` writes it for a layer made here; 0 when the
    /// layer was there already and was not read again.
    #[serde(default)]
    pub tar_size: u64,
    /// Number of its entries.
    pub entries: u64,
    /// It was there already.
    #[serde(default)]
    pub existed: bool,
}

/// What a path is (`X-Docker-Container-Path-Stat`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathStat {
    /// Last part of the path.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// `st_mode` (inode(7)).
    pub mode: u32,
    /// Modification time, seconds since 1970.
    pub mtime: i64,
    /// Target, if it is a symbolic link.
    pub link_target: String,
}

/// What went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What sort of failure, for status and exit codes.
    pub kind: FailureKind,
    /// For people: what was being done, on what, and why it failed.
    pub message: String,
}

/// Sort of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The request makes no sense or breaks a limit.
    Invalid,
    /// What it names is not there.
    NotFound,
    /// It is in use, or in the wrong state.
    Conflict,
    /// The worker's policy says no.
    Denied,
    /// The program does not exist in the container (exit code 127).
    CommandNotFound,
    /// The program cannot be executed (exit code 126).
    CommandNotExecutable,
    /// The host lacks something.
    Unsupported,
    /// The other side went away.
    Cancelled,
    /// Anything else.
    Internal,
}

impl Failure {
    /// A failure of this kind.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}
