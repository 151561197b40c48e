//! One job: its state, its parts, its log; and its end by a button.

use actix_web::{Either, web};
use askama::Template;
use askama_web::WebTemplate;
use orlop_model::job::{Job, JobKind};

use super::row::Row;
use super::tally::{Change, Layer, Tally};
use super::{job_id, state_word};
use crate::auth::{Command, Visitor};
use crate::error::Problem;
use crate::respond::SeeOther;
use crate::shell::{Flash, Shell};
use crate::state::State;

/// Lines of the log that are read for the page.
const LINES_READ: usize = 20_000;
/// Messages that the page shows, the last ones.
const MESSAGES_SHOWN: usize = 2000;

#[derive(Template, WebTemplate)]
#[template(path = "pages/jobs/detail.html")]
pub(crate) struct DetailPage {
    shell: Shell,
    row: Row,
    state: &'static str,
    layers: Vec<Layer>,
    done: u64,
    total: u64,
    note: String,
    messages: Vec<String>,
    /// How many messages there were in all, for the stream to go on.
    after: usize,
}

/// `GET /jobs/{id}`; builds have a page of their own.
pub(crate) async fn detail(
    state: web::Data<State>,
    visitor: Visitor,
    id: web::Path<String>,
) -> Result<Either<DetailPage, SeeOther>, Problem> {
    let job = state.engine.inspect_job(&job_id(&id)?).await?;
    if job.kind == JobKind::Build {
        return Ok(Either::Right(SeeOther::to(format!("/builds/{}", job.id))));
    }
    let log = state.engine.job_log(&job.id, 0, LINES_READ).await?;
    let (mut tally, mut messages) = (Tally::default(), Vec::new());
    for (_, line) in &log {
        if let Change::Message(text) = tally.add(&line.event) {
            messages.push(text);
        }
    }
    let shell = visitor.shell("jobs");
    Ok(Either::Left(DetailPage::new(shell, &job, &tally, messages)))
}

impl DetailPage {
    fn new(shell: Shell, job: &Job, tally: &Tally, mut messages: Vec<String>) -> Self {
        let (mut done, mut total) = tally.progress_made();
        let state = state_word(job.status);
        if state == "done" {
            (done, total) = (1, 1);
        }
        let after = messages.len();
        messages.drain(..after.saturating_sub(MESSAGES_SHOWN));
        Self {
            shell,
            row: Row::from(job),
            state,
            layers: tally.layers.clone(),
            done,
            total,
            note: tally.note(),
            messages,
            after,
        }
    }
}

/// `POST /jobs/{id}/cancel`
pub(crate) async fn cancel(
    state: web::Data<State>,
    id: web::Path<String>,
    _: Command,
) -> Result<SeeOther, Problem> {
    let job = state.engine.inspect_job(&job_id(&id)?).await?;
    state.engine.cancel_job(&job.id).await?;
    let flash = Flash::note(format!("{} is being cancelled.", job.title));
    Ok(SeeOther::to(Row::from(&job).address).saying(&flash))
}
