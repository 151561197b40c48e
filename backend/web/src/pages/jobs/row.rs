//! One row of a list of jobs, in the page and in the live stream.

use askama::Template;
use orlop_model::job::{Job, JobKind};

use super::badge_word;
use crate::words::{self, Moment};

/// What a row shows.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) kind: &'static str,
    pub(crate) title: String,
    pub(crate) address: String,
    pub(crate) badge: (&'static str, &'static str),
    pub(crate) error: String,
    pub(crate) created: Moment,
    pub(crate) took: String,
    pub(crate) ended: bool,
    /// Address of the image that it made.
    pub(crate) image: String,
}

/// A row by itself.
#[derive(Template)]
#[template(path = "pages/jobs/row.html")]
pub(crate) struct RowFragment<'a> {
    pub(crate) row: &'a Row,
    pub(crate) csrf: &'a str,
}

impl From<&Job> for Row {
    fn from(job: &Job) -> Self {
        let kind = kind_words(job.kind);
        let folder = if job.kind == JobKind::Build {
            "builds"
        } else {
            "jobs"
        };
        let image = job.image.as_ref();
        Self {
            id: job.id.to_string(),
            kind,
            title: job.title.clone(),
            address: format!("/{folder}/{}", job.id),
            badge: badge_word(job.status),
            error: words::plain_lines(job.error.as_deref().unwrap_or_default()),
            created: Moment::new(job.created_at),
            took: took(job),
            ended: job.status.is_final(),
            image: image.map_or_else(String::new, |id| format!("/images/{}", id.hex())),
        }
    }
}

/// A job's kind in words.
fn kind_words(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Pull => "Pull",
        JobKind::Import => "Import",
        JobKind::Load => "Load",
        JobKind::Build => "Build",
        JobKind::Bootstrap => "Bootstrap Debian",
    }
}

/// How long it took, once it has ended.
fn took(job: &Job) -> String {
    match (job.started_at, job.finished_at) {
        (Some(from), Some(to)) => {
            let millis = to.as_millisecond() - from.as_millisecond();
            words::span(u64::try_from(millis).unwrap_or(0))
        }
        _ => String::new(),
    }
}
