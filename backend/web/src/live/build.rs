//! A build as it happens.

use actix_web::{Error, HttpRequest, HttpResponse, web};
use orlop_engine::Engine;
use orlop_model::job::JobKind;
use serde::{Deserialize, Serialize};

use super::job::lines_of;
use super::socket::{Close, Left, Sender, Socket, accept};
use crate::auth::Listener;
use crate::pages::builds::steps::{Change, End, Step, Steps};
use crate::state::State;

/// Where to go on.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AfterQuery {
    /// Lines that the reader has.
    pub(super) after: u64,
}

#[derive(Debug, Default, Serialize)]
struct Message<'a> {
    seq: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    steps: Vec<StepWords<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    output: Vec<Output>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<EndWords<'a>>,
}

#[derive(Debug, Serialize)]
struct StepWords<'a> {
    index: usize,
    name: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    line: u32,
    stage: &'a str,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ms: Option<u64>,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
}

#[derive(Debug, Serialize)]
struct Output {
    index: usize,
    stream: &'static str,
    text: String,
}

#[derive(Debug, Serialize)]
struct EndWords<'a> {
    state: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    image: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    error: &'a str,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// `GET /live/builds/{id}`
pub(crate) async fn build(
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

async fn follow(engine: &Engine, id: &str, after: u64, mut sender: Sender) -> Close {
    // From the start: what a line means depends on those before it.
    let (job, mut lines) = match lines_of(engine, id).await {
        Ok(found) => found,
        Err(close) => return close,
    };
    if job.kind != JobKind::Build {
        return Close::Gone;
    }
    let mut steps = Steps::default();
    while let Some(batch) = lines.next().await {
        let mut changes = Vec::new();
        let mut seq = 0;
        for (number, line) in &batch {
            let made = steps.add(line);
            seq = number + 1;
            if *number >= after {
                changes.extend(made);
            }
        }
        // A page that was made at the very end may have its line, and yet say that the build runs.
        let ended = steps.end.is_some();
        if (seq > after || ended) && tell(&mut sender, seq, &steps, changes).await.is_err() {
            return Close::Away;
        }
        if ended {
            return Close::Finished;
        }
    }
    Close::Away
}

async fn tell(
    sender: &mut Sender,
    seq: u64,
    steps: &Steps,
    changes: Vec<Change>,
) -> Result<(), Left> {
    let mut message = Message {
        seq,
        end: steps.end.as_ref().map(EndWords::from),
        ..Message::default()
    };
    let mut touched = Vec::new();
    for change in changes {
        match change {
            Change::Step(place) if touched.contains(&place) => {}
            Change::Step(place) => touched.push(place),
            Change::Output {
                index,
                stream,
                text,
            } => add_output(&mut message.output, index, stream, text),
            Change::End(_) => {}
        }
    }
    let changed = touched.iter().filter_map(|place| steps.all.get(*place));
    message.steps = changed.map(StepWords::from).collect();
    sender.json(&message).await
}

/// Joins output of one step and stream that follows itself.
fn add_output(output: &mut Vec<Output>, index: usize, stream: &'static str, text: String) {
    match output.last_mut() {
        Some(last) if last.index == index && last.stream == stream => last.text.push_str(&text),
        _ => output.push(Output {
            index,
            stream,
            text,
        }),
    }
}

impl<'a> From<&'a Step> for StepWords<'a> {
    fn from(step: &'a Step) -> Self {
        Self {
            index: step.index,
            name: &step.name,
            line: step.line,
            stage: &step.stage,
            state: step.state,
            started: step.started.map(|at| at.to_string()),
            ms: step.millis,
            reason: &step.reason,
        }
    }
}

impl<'a> From<&'a End> for EndWords<'a> {
    fn from(end: &'a End) -> Self {
        Self {
            state: end.state,
            image: &end.image,
            error: &end.error,
        }
    }
}
