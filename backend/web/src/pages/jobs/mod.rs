//! Jobs: pulls, imports, builds and their like, as a list and one by one.

pub(crate) mod detail;
pub(crate) mod list;
pub(crate) mod row;
pub(crate) mod tally;

use orlop_model::id::{IdError, JobId};
use orlop_model::job::JobStatus;

use crate::error::Problem;

/// The job that an address names.
///
/// # Errors
/// If it names none.
pub(crate) fn job_id(text: &str) -> Result<JobId, Problem> {
    text.parse()
        .map_err(|_: IdError| Problem::not_found("There is no such job."))
}

/// A job's state in the words of the scripts and styles.
pub(crate) fn state_word(status: JobStatus) -> &'static str {
    match status {
        JobStatus::Queued => "waiting",
        JobStatus::Running => "running",
        JobStatus::Succeeded => "done",
        JobStatus::Failed => "failed",
        JobStatus::Cancelled => "cancelled",
        JobStatus::Interrupted => "interrupted",
    }
}

/// The badge of a job's state: a job that runs is at work, not merely running.
pub(crate) fn badge_word(status: JobStatus) -> (&'static str, &'static str) {
    match status {
        JobStatus::Running => ("working", "running"),
        other => (state_word(other), ""),
    }
}
