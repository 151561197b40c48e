//! One build as it happens, or as it was.

use std::collections::{HashMap, VecDeque};

use actix_web::{Either, web};
use askama::Template;
use askama_web::WebTemplate;
use orlop_model::job::{JobKind, JobLine};

use super::steps::{Change, End, Step, Steps};
use crate::auth::Visitor;
use crate::error::Problem;
use crate::pages::jobs::job_id;
use crate::pages::jobs::row::Row;
use crate::respond::SeeOther;
use crate::shell::Shell;
use crate::state::State;
use crate::words;

/// Lines of the log that are read for the page; the stream brings what is beyond.
const LINES_READ: usize = 50_000;
/// Lines of output that the page shows of one step, the last ones.
const OUTPUT_LINES: usize = 1000;

/// One line of output.
pub(crate) struct Line {
    stream: &'static str,
    text: String,
}

/// One step with its output.
pub(crate) struct Shown {
    index: usize,
    verb: String,
    rest: String,
    state: &'static str,
    /// `line 4 · `, with the stage where there are several.
    place: String,
    time: String,
    started: String,
    reason: String,
    lines: Vec<Line>,
}

#[derive(Template, WebTemplate)]
#[template(path = "pages/builds/detail.html")]
pub(crate) struct DetailPage {
    shell: Shell,
    row: Row,
    steps: Vec<Shown>,
    end: Option<End>,
    /// How many lines of the log are in the page.
    after: u64,
}

/// `GET /builds/{id}`
pub(crate) async fn detail(
    state: web::Data<State>,
    visitor: Visitor,
    id: web::Path<String>,
) -> Result<Either<DetailPage, SeeOther>, Problem> {
    let job = state.engine.inspect_job(&job_id(&id)?).await?;
    if job.kind != JobKind::Build {
        return Ok(Either::Right(SeeOther::to(format!("/jobs/{}", job.id))));
    }
    let log = state.engine.job_log(&job.id, 0, LINES_READ).await?;
    let (steps, end) = show(&log);
    Ok(Either::Left(DetailPage {
        shell: visitor.shell("builds"),
        row: Row::from(&job),
        steps,
        end,
        after: log.last().map_or(0, |(number, _)| number + 1),
    }))
}

fn show(log: &[(u64, JobLine)]) -> (Vec<Shown>, Option<End>) {
    let mut steps = Steps::default();
    let mut outputs: HashMap<usize, VecDeque<Line>> = HashMap::new();
    for (_, line) in log {
        for change in steps.add(line) {
            if let Change::Output {
                index,
                stream,
                text,
            } = change
            {
                write(outputs.entry(index).or_default(), stream, &text);
            }
        }
    }
    let mut all: Vec<_> = steps
        .all
        .iter()
        .map(|step| Shown::new(step, outputs.remove(&step.index).unwrap_or_default()))
        .collect();
    all.sort_by_key(|step| step.index);
    (all, steps.end)
}

/// Adds output as lines; what overwrote its own line (a progress bar) shows its last state only.
fn write(lines: &mut VecDeque<Line>, stream: &'static str, text: &str) {
    for line in text.lines() {
        let last = line.trim_end_matches('\r').rsplit('\r').next();
        let text = words::plain(last.unwrap_or_default());
        lines.push_back(Line { stream, text });
        if lines.len() > OUTPUT_LINES {
            lines.pop_front();
        }
    }
}

impl Shown {
    fn new(step: &Step, lines: VecDeque<Line>) -> Self {
        let (verb, rest) = step.name.split_once(' ').unwrap_or((&step.name, ""));
        let mut place = Vec::new();
        if !step.stage.is_empty() {
            place.push(step.stage.clone());
        }
        if step.line > 0 {
            place.push(format!("line {}", step.line));
        }
        Self {
            index: step.index,
            verb: verb.to_owned(),
            rest: rest.to_owned(),
            state: step.state,
            place: place.join(" · "),
            time: match (step.state, step.millis) {
                ("cached" | "waiting" | "skipped", _) => step.state.to_owned(),
                (_, Some(millis)) => words::span(millis),
                _ => String::new(),
            },
            started: step.started.map_or_else(String::new, |at| at.to_string()),
            reason: step.reason.clone(),
            lines: lines.into(),
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.state, "running" | "failed")
    }
}
