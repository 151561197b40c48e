//! The list of jobs.

use actix_web::web;
use askama::Template;
use askama_web::WebTemplate;
use orlop_engine::{Engine, EngineError};
use orlop_model::job::JobKind;

use super::row::Row;
use crate::auth::Visitor;
use crate::error::Problem;
use crate::shell::Shell;
use crate::state::State;

/// Jobs that the list shows.
const JOBS_SHOWN: usize = 200;

#[derive(Template, WebTemplate)]
#[template(path = "pages/jobs/list.html")]
pub(crate) struct ListPage {
    shell: Shell,
    rows: Vec<Row>,
}

/// `GET /jobs`
pub(crate) async fn list(state: web::Data<State>, visitor: Visitor) -> Result<ListPage, Problem> {
    Ok(ListPage {
        shell: visitor.shell("jobs"),
        rows: read(&state.engine, None).await?,
    })
}

/// The newest jobs, of one kind or of all.
pub(crate) async fn read(engine: &Engine, kind: Option<JobKind>) -> Result<Vec<Row>, EngineError> {
    let jobs = engine.list_jobs(JOBS_SHOWN).await?;
    let wanted = jobs.iter().filter(|job| kind.is_none_or(|k| k == job.kind));
    Ok(wanted.map(Row::from).collect())
}
