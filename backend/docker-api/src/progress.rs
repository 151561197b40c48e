//! A job's log as the lines of JSON that Docker's clients print.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use futures_util::{Stream, StreamExt as _};
use orlop_engine::Engine;
use orlop_model::id::{ImageId, JobId};
use orlop_model::job::{JobEvent, JobStatus, PlannedStep};
use serde_json::{Value, json};

use crate::body::{Body, stream as stream_body};
use crate::error::ApiError;

/// Between two looks whether a client is still there.
const HEARTBEAT: Duration = Duration::from_millis(500);

/// Ends the job when the client leaves before it is done.
struct CancelOnDrop {
    engine: Engine,
    job: JobId,
    finished: bool,
}

impl CancelOnDrop {
    /// Lets go of a job that has ended.
    fn note(&mut self, event: &JobEvent) {
        if let JobEvent::Status { status, .. } = event {
            self.finished |= status.is_final();
        }
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if !self.finished {
            let (engine, job) = (self.engine.clone(), self.job.clone());
            tokio::spawn(async move {
                if let Err(error) = engine.cancel_job(&job).await {
                    tracing::debug!(%job, %error, "a job whose client left was not cancelled");
                }
            });
        }
    }
}

/// Follows a job and turns each event into lines.
async fn follow(
    engine: Engine,
    job: JobId,
    mut translate: impl FnMut(JobEvent) -> Vec<Value> + Send + 'static,
) -> Result<Body, ApiError> {
    let events = engine.follow_job(&job, 0).await?;
    let mut guard = CancelOnDrop {
        engine,
        job,
        finished: false,
    };
    let lines = events.flat_map(move |line| {
        let values = match line {
            Ok((_, line)) => {
                guard.note(&line.event);
                translate(line.event)
            }
            Err(error) => vec![failure(&error.to_string())],
        };
        stream::iter(
            values
                .into_iter()
                .map(|v| Ok::<_, io::Error>(Bytes::from(v.to_string() + "\r\n"))),
        )
    });
    Ok(stream_body(with_heartbeat(lines)))
}

/// Adds an empty line now and then, which readers of JSON pass over. A client that has left is
/// noticed only by writing: the end of its input alone may as well be a half-closed connection.
/// The line is a line feed alone: some readers keep any other white space, and take it for an
/// unfinished message when nothing follows.
fn with_heartbeat(
    lines: impl Stream<Item = Result<Bytes, io::Error>> + Send + 'static,
) -> impl Stream<Item = Result<Bytes, io::Error>> + Send + 'static {
    let ticks = tokio::time::interval_at(tokio::time::Instant::now() + HEARTBEAT, HEARTBEAT);
    stream::unfold(
        (lines.boxed(), ticks),
        |(mut lines, mut ticks)| async move {
            let line = tokio::select! {
                biased;
                line = lines.next() => line?,
                _ = ticks.tick() => Ok(Bytes::from_static(b"\n")),
            };
            Some((line, (lines, ticks)))
        },
    )
}

fn failure(message: &str) -> Value {
    json!({"errorDetail": {"message": message}, "error": message})
}

/// What the end of any job is told as, unless it ended well.
fn ending(status: JobStatus, error: Option<String>) -> Option<Value> {
    match status {
        JobStatus::Failed => Some(failure(&error.unwrap_or_else(|| "failed".to_owned()))),
        JobStatus::Cancelled => Some(failure("cancelled")),
        JobStatus::Interrupted => Some(failure("interrupted: Orlop was stopped")),
        JobStatus::Queued | JobStatus::Running | JobStatus::Succeeded => None,
    }
}

fn part(part: &str, status: &str, current: u64, total: u64) -> Value {
    let mut line = json!({"status": status, "id": part, "progressDetail": {}});
    // A bar only while something moves: clients without a terminal leave lines with one out.
    if total > 0 && matches!(status, "Downloading" | "Extracting") {
        line["progressDetail"] = json!({"current": current, "total": total});
    }
    line
}

/// A pull.
pub(crate) async fn pull(engine: Engine, job: JobId) -> Result<Body, ApiError> {
    follow(engine, job, move |event| match event {
        JobEvent::Message { text } => vec![json!({"status": text})],
        JobEvent::Progress {
            part: id,
            status,
            current,
            total,
        } => {
            vec![part(&id, &status, current, total)]
        }
        JobEvent::Status { status, error, .. } => ending(status, error).into_iter().collect(),
        _ => Vec::new(),
    })
    .await
}

/// An import: its one line is the image's id.
pub(crate) async fn import(engine: Engine, job: JobId) -> Result<Body, ApiError> {
    follow(engine, job, |event| match event {
        JobEvent::Status {
            status: JobStatus::Succeeded,
            image: Some(image),
            ..
        } => {
            vec![json!({"status": image})]
        }
        JobEvent::Status { status, error, .. } => ending(status, error).into_iter().collect(),
        _ => Vec::new(),
    })
    .await
}

/// A load: its messages are what was loaded.
pub(crate) async fn load(engine: Engine, job: JobId) -> Result<Body, ApiError> {
    follow(engine, job, |event| match event {
        JobEvent::Message { text } => vec![json!({"stream": text + "\n"})],
        JobEvent::Progress {
            part: id,
            status,
            current,
            total,
        } => vec![part(&id, &status, current, total)],
        JobEvent::Status { status, error, .. } => ending(status, error).into_iter().collect(),
        _ => Vec::new(),
    })
    .await
}

/// A build, in the classic builder's words.
pub(crate) async fn build(
    engine: Engine,
    job: JobId,
    tags: Vec<String>,
    quiet: bool,
) -> Result<Body, ApiError> {
    let mut steps: Vec<PlannedStep> = Vec::new();
    follow(engine, job, move |event| {
        let texts = match event {
            JobEvent::Plan { steps: plan } => {
                steps = plan;
                Vec::new()
            }
            JobEvent::Status {
                status: JobStatus::Succeeded,
                image: Some(image),
                ..
            } => {
                return finished(&image, &tags, quiet);
            }
            JobEvent::Status { status, error, .. } => {
                return ending(status, error).into_iter().collect();
            }
            event => step_texts(&steps, event),
        };
        let shown = if quiet { Vec::new() } else { texts };
        shown
            .into_iter()
            .map(|text| json!({"stream": text}))
            .collect()
    })
    .await
}

fn step_texts(steps: &[PlannedStep], event: JobEvent) -> Vec<String> {
    match event {
        JobEvent::Message { text } => vec![text + "\n"],
        JobEvent::StepStarted { step } => {
            let instruction = steps.get(step).map_or("", |s| s.instruction.as_str());
            vec![format!(
                "Step {}/{} : {instruction}\n",
                step + 1,
                steps.len()
            )]
        }
        JobEvent::StepOutput { text, .. } => vec![text],
        JobEvent::StepFinished { cached, result, .. } => {
            let mut lines = Vec::new();
            if cached {
                lines.push(" ---> Using cache\n".to_owned());
            }
            lines.extend(result.map(|result| format!(" ---> {result}\n")));
            lines
        }
        _ => Vec::new(),
    }
}

fn finished(image: &ImageId, tags: &[String], quiet: bool) -> Vec<Value> {
    if quiet {
        return vec![
            json!({"aux": {"ID": image}}),
            json!({"stream": format!("{image}\n")}),
        ];
    }
    let mut lines = vec![
        json!({"aux": {"ID": image}}),
        json!({"stream": format!("Successfully built {}\n", image.short())}),
    ];
    lines.extend(
        tags.iter()
            .map(|tag| json!({"stream": format!("Successfully tagged {tag}\n")})),
    );
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_as_the_classic_builder_counts() {
        let step = |instruction: &str| PlannedStep {
            stage: "0".into(),
            instruction: instruction.into(),
            line: 1,
        };
        let steps = [step("FROM debian"), step("RUN true")];
        let texts = step_texts(&steps, JobEvent::StepStarted { step: 1 });
        assert_eq!(texts, ["Step 2/2 : RUN true\n"]);
        let texts = step_texts(
            &steps,
            JobEvent::StepFinished {
                step: 1,
                cached: true,
                reason: None,
                millis: 3,
                result: Some("abc".into()),
            },
        );
        assert_eq!(texts, [" ---> Using cache\n", " ---> abc\n"]);
    }

    #[test]
    fn only_failures_are_told_as_errors() {
        assert_eq!(ending(JobStatus::Succeeded, None), None);
        let told = ending(JobStatus::Failed, Some("no".into())).expect("some");
        assert_eq!(told["error"], "no");
    }
}
