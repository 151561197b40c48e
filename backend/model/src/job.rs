//! Durable jobs: pulls, imports, builds and their like.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{ImageId, JobId};

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobKind {
    /// Pull an image from a registry.
    Pull,
    /// Import a root file system as an image.
    Import,
    /// Load a `docker save` or OCI archive.
    Load,
    /// Build an image.
    Build,
    /// Make a Debian base image on this host.
    Bootstrap,
}

impl JobKind {
    /// As addresses and the database spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pull => "pull",
            Self::Import => "import",
            Self::Load => "load",
            Self::Build => "build",
            Self::Bootstrap => "bootstrap",
        }
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    /// Waits for its turn.
    Queued,
    /// At work.
    Running,
    /// Done.
    Succeeded,
    /// Ended with an error.
    Failed,
    /// Ended on request.
    Cancelled,
    /// Orlop ended while it ran.
    Interrupted,
}

impl JobStatus {
    /// As pages and the database spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether nothing more will happen.
    #[must_use]
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// A job's record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// What it works on, for people: a reference, a file's name.
    pub title: String,
    /// Where it stands.
    pub status: JobStatus,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// The error of a failed one.
    pub error: Option<String>,
    /// The image that it made.
    pub image: Option<ImageId>,
}

/// One line of a job's log; the log is these lines as JSON, in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobLine {
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: JobEvent,
}

/// What a job tells while it works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum JobEvent {
    /// A line for people.
    Message {
        /// The text.
        text: String,
    },
    /// Progress of a part, such as a layer.
    Progress {
        /// Which part: a layer's short digest.
        part: String,
        /// What happens to it: `Downloading`, `Extracting`, `Pull complete`, `Already exists`.
        status: String,
        /// Bytes done.
        current: u64,
        /// Bytes in all, 0 when unknown.
        total: u64,
    },
    /// The steps of a build, all known before anything runs.
    Plan {
        /// One line each, as written in the Dockerfile.
        steps: Vec<PlannedStep>,
    },
    /// A step began.
    StepStarted {
        /// Index into the plan.
        step: usize,
    },
    /// A step's output.
    StepOutput {
        /// Index into the plan.
        step: usize,
        /// 1 standard output, 2 standard error.
        stream: u8,
        /// The bytes, as UTF-8 with replacement.
        text: String,
    },
    /// A step ended well.
    StepFinished {
        /// Index into the plan.
        step: usize,
        /// Taken from the cache.
        cached: bool,
        /// Why not from the cache, where it was not.
        reason: Option<String>,
        /// Milliseconds.
        millis: u64,
        /// The image as it is after the step, short form for people and the Docker API.
        result: Option<String>,
    },
    /// A step ended badly, and the build with it.
    StepFailed {
        /// Index into the plan.
        step: usize,
        /// The whole message, with file and line.
        message: String,
    },
    /// The job's status changed; the last line of a finished job's log.
    Status {
        /// The new one.
        status: JobStatus,
        /// The error of a failed one.
        error: Option<String>,
        /// The image that it made.
        image: Option<ImageId>,
    },
}

/// One step of a build's plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Name of its stage, or the stage's number.
    pub stage: String,
    /// The instruction as written, on one line.
    pub instruction: String,
    /// Line in the Dockerfile, from 1.
    pub line: u32,
}
