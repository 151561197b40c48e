//! The states of a container and the transitions between them.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Where a container stands in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Made, never started.
    #[default]
    Created,
    /// Its first process runs.
    Running,
    /// Frozen.
    Paused,
    /// Ended; the restart policy will start it again.
    Restarting,
    /// Ended.
    Exited,
    /// On its way out; its storage is being removed.
    Removing,
    /// Could not be removed.
    Dead,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::Created,
        Self::Running,
        Self::Paused,
        Self::Restarting,
        Self::Exited,
        Self::Removing,
        Self::Dead,
    ];

    /// As the Docker API and the database spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Exited => "exited",
            Self::Removing => "removing",
            Self::Dead => "dead",
        }
    }

    /// Whether its processes exist.
    #[must_use]
    pub fn is_alive(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }

    /// Whether `self` may become `next`.
    #[must_use]
    pub fn may_become(self, next: Self) -> bool {
        use Status::{Created, Dead, Exited, Paused, Removing, Restarting, Running};
        match self {
            Created => matches!(next, Running | Exited | Removing),
            Running => matches!(next, Paused | Exited | Restarting),
            Paused => matches!(next, Running | Exited | Restarting),
            Restarting => matches!(next, Running | Exited | Removing),
            Exited => matches!(next, Running | Restarting | Removing),
            Removing => matches!(next, Dead),
            Dead => matches!(next, Removing),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for Status {
    type Err = StatusError;
    fn from_str(text: &str) -> Result<Self, StatusError> {
        Self::ALL
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| StatusError(text.to_owned()))
    }
}

/// A text that names no status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a container status (created, running, paused, restarting, exited, removing, dead)"
)]
pub struct StatusError(String);

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Exit code, or 128 and the signal's number.
    pub code: i32,
    /// The signal that ended it.
    #[serde(default)]
    pub signal: Option<i32>,
    /// The kernel killed it, or a process of its cgroup, for want of memory.
    #[serde(default)]
    pub oom_killed: bool,
    /// When.
    pub at: Timestamp,
    /// Why, where Orlop knows more than the code says (start failure, killed shim).
    #[serde(default)]
    pub error: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_reads_back_as_written() {
        for status in Status::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert!("zombie".parse::<Status>().is_err());
    }

    #[test]
    fn nothing_runs_again_once_removal_began() {
        assert!(!Status::Removing.may_become(Status::Running));
        assert!(Status::Exited.may_become(Status::Running));
        assert!(!Status::Created.may_become(Status::Paused));
    }
}
