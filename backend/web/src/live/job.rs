//! A pull, an import or another plain job as it goes on.

use std::time::Duration;

use actix_web::{Error, HttpRequest, HttpResponse, web};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use orlop_engine::{Engine, EngineError};
use orlop_model::id::JobId;
use orlop_model::job::{Job, JobEvent, JobLine};
use serde::Serialize;
use tokio::time::{Instant, timeout_at};

use super::build::AfterQuery;
use super::socket::{Close, Sender, Socket, accept};
use crate::auth::Listener;
use crate::pages::jobs::state_word;
use crate::pages::jobs::tally::{Change, Layer, Tally};
use crate::state::State;
use crate::words;

/// Lines of one message at most.
const LINES_MOST: usize = 1000;
/// How long lines are gathered for one message.
const GATHER: Duration = Duration::from_millis(100);
/// Less has passed: an estimate would be a guess.
const ESTIMATE_AFTER_MILLIS: f64 = 2000.0;

/// `GET /live/jobs/{id}`
pub(crate) async fn job(
    request: HttpRequest,
    body: web::Payload,
    listener: Listener,
    state: web::Data<State>,
    id: web::Path<String>,
    query: web::Query<AfterQuery>,
) -> Result<HttpResponse, Error> {
    let shared = state.clone();
    let (id, after) = (id.into_inner(), query.after);
    accept(
        &request,
        body,
        listener,
        state,
        move |mut socket: Socket| async move {
            tokio::select! {
                close = follow(&shared.engine, &id, after, socket.sender) => close,
                () = socket.receiver.left() => Close::Away,
            }
        },
    )
}

/// The lines of a job's log, those so far and those to come.
pub(super) struct Lines(BoxStream<'static, Result<(u64, JobLine), EngineError>>);

/// A job and its log from the start.
pub(super) async fn lines_of(engine: &Engine, id: &str) -> Result<(Job, Lines), Close> {
    let id: JobId = id.parse().map_err(|_| Close::Gone)?;
    let job = engine.inspect_job(&id).await.map_err(|_| Close::Gone)?;
    let lines = engine.follow_job(&id, 0).await.map_err(|_| Close::Gone)?;
    Ok((job, Lines(lines)))
}

impl Lines {
    /// The next lines, gathered for a moment; `None` after the last.
    pub(super) async fn next(&mut self) -> Option<Vec<(u64, JobLine)>> {
        let first = self.0.next().await?;
        let until = Instant::now() + GATHER;
        let mut batch = vec![told(first)?];
        while batch.len() < LINES_MOST {
            match timeout_at(until, self.0.next()).await {
                Ok(Some(line)) => match told(line) {
                    Some(line) => batch.push(line),
                    None => break,
                },
                Ok(None) | Err(_) => break,
            }
        }
        Some(batch)
    }
}

fn told(line: Result<(u64, JobLine), EngineError>) -> Option<(u64, JobLine)> {
    line.inspect_err(|error| tracing::error!(%error, "a job's log cannot be read"))
        .ok()
}

#[derive(Debug, Default, Serialize)]
struct Message {
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<u64>,
    #[serde(skip_serializing_if = "String::is_empty")]
    note: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    href: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    layers: Vec<Layer>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    log: Vec<String>,
    /// Nothing more will come.
    #[serde(skip)]
    ends: bool,
}

/// What the reader of a job's page was told so far.
struct Told {
    tally: Tally,
    /// Messages of the log so far.
    messages: u64,
    /// Messages that the page had already.
    after: u64,
    began: Timestamp,
}

async fn follow(engine: &Engine, id: &str, after: u64, mut sender: Sender) -> Close {
    let (job, mut lines) = match lines_of(engine, id).await {
        Ok(found) => found,
        Err(close) => return close,
    };
    let mut told = Told {
        tally: Tally::default(),
        messages: 0,
        after,
        began: job.started_at.unwrap_or(job.created_at),
    };
    while let Some(batch) = lines.next().await {
        let message = told.take(&batch);
        if sender.json(&message).await.is_err() {
            return Close::Away;
        }
        if message.ends {
            return Close::Finished;
        }
    }
    Close::Away
}

impl Told {
    fn take(&mut self, batch: &[(u64, JobLine)]) -> Message {
        let mut message = Message::default();
        let mut touched: Vec<usize> = Vec::new();
        for (_, line) in batch {
            match self.tally.add(&line.event) {
                Change::Layer(place) if touched.contains(&place) => {}
                Change::Layer(place) => touched.push(place),
                Change::Message(text) => {
                    self.messages += 1;
                    if self.messages > self.after {
                        message.log.push(text);
                    }
                }
                Change::Nothing => {}
            }
            if let JobEvent::Status {
                status,
                error,
                image,
            } = &line.event
            {
                message.state = Some(state_word(*status));
                message.ends = status.is_final();
                message.error = error.as_deref().map(words::plain_lines);
                message.href = image.as_ref().map(|id| format!("/images/{}", id.hex()));
            }
        }
        message.layers = touched
            .iter()
            .filter_map(|place| self.tally.layers.get(*place).cloned())
            .collect();
        if !message.layers.is_empty() && !message.ends {
            self.measure(&mut message);
        }
        message
    }

    fn measure(&self, message: &mut Message) {
        let (done, total) = self.tally.progress_made();
        message.done = Some(done);
        message.total = Some(total);
        message.note = self.tally.note();
        let passed = Timestamp::now().as_millisecond() - self.began.as_millisecond();
        if let Some(left) = estimate(passed as f64, done, total) {
            message.note = format!("{} · {} left", message.note, words::span(left));
        }
    }
}

/// Milliseconds that are left, by the pace so far.
fn estimate(passed: f64, done: u64, total: u64) -> Option<u64> {
    let share = done as f64 / total as f64;
    if passed < ESTIMATE_AFTER_MILLIS || !(0.02..1.0).contains(&share) {
        return None;
    }
    Some((passed * (1.0 - share) / share) as u64)
}

#[cfg(test)]
mod tests {
    use orlop_model::job::JobStatus;

    use super::*;

    fn told(after: u64) -> Told {
        Told {
            tally: Tally::default(),
            messages: 0,
            after,
            began: Timestamp::now(),
        }
    }

    fn lines(events: Vec<JobEvent>) -> Vec<(u64, JobLine)> {
        let at = Timestamp::UNIX_EPOCH;
        let line = |event| JobLine { at, event };
        (0..).zip(events.into_iter().map(line)).collect()
    }

    #[test]
    fn messages_in_the_page_are_not_repeated() {
        let say = |text: &str| JobEvent::Message {
            text: text.to_owned(),
        };
        let message = told(1).take(&lines(vec![say("one"), say("two")]));
        assert_eq!(message.log, ["two"]);
    }

    #[test]
    fn the_end_carries_the_image_and_closes() {
        let end = JobEvent::Status {
            status: JobStatus::Succeeded,
            error: None,
            image: Some(orlop_model::id::Digest::from_sha256([7; 32])),
        };
        let message = told(0).take(&lines(vec![end]));
        assert!(message.ends);
        assert_eq!(message.state, Some("done"));
        assert!(message.href.expect("made one").starts_with("/images/0707"));
    }

    #[test]
    fn an_estimate_waits_until_it_is_more_than_a_guess() {
        assert_eq!(estimate(1000.0, 50, 100), None);
        assert_eq!(estimate(10_000.0, 1, 100), None);
        assert_eq!(estimate(10_000.0, 50, 100), Some(10_000));
        assert_eq!(estimate(10_000.0, 0, 0), None);
        assert_eq!(estimate(10_000.0, 100, 100), None);
    }
}
