//! What a job tells of its layers: not more often than a person can read.

use std::time::{Duration, Instant};

use orlop_model::job::JobEvent;

use crate::jobs::JobContext;

/// Between two lines about the same part in the same state.
const PAUSE: Duration = Duration::from_millis(150);

/// The progress of one part, such as a layer.
pub(crate) struct Progress<'a> {
    job: &'a JobContext,
    part: String,
    last: Option<(&'static str, Instant)>,
}

impl<'a> Progress<'a> {
    /// Of a part with this name.
    pub(crate) fn new(job: &'a JobContext, part: impl Into<String>) -> Self {
        Self {
            job,
            part: part.into(),
            last: None,
        }
    }

    /// Tells where the part stands, unless it has just been told.
    pub(crate) async fn tell(&mut self, status: &'static str, current: u64, total: u64) {
        let is_news = self
            .last
            .is_none_or(|(told, at)| told != status || at.elapsed() >= PAUSE || current == total);
        if is_news {
            self.last = Some((status, Instant::now()));
            let (part, status) = (self.part.clone(), status.to_owned());
            self.job
                .emit(JobEvent::Progress {
                    part,
                    status,
                    current,
                    total,
                })
                .await;
        }
    }
}

/// A line for people.
pub(crate) async fn say(job: &JobContext, text: impl Into<String>) {
    job.emit(JobEvent::Message { text: text.into() }).await;
}
