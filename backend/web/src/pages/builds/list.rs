//! The list of builds.

use actix_web::web;
use askama::Template;
use askama_web::WebTemplate;
use orlop_model::job::JobKind;

use crate::auth::Visitor;
use crate::error::Problem;
use crate::pages::jobs::list::read;
use crate::pages::jobs::row::Row;
use crate::shell::Shell;
use crate::state::State;

#[derive(Template, WebTemplate)]
#[template(path = "pages/builds/list.html")]
pub(crate) struct ListPage {
    shell: Shell,
    rows: Vec<Row>,
}

/// `GET /builds`
pub(crate) async fn list(state: web::Data<State>, visitor: Visitor) -> Result<ListPage, Problem> {
    Ok(ListPage {
        shell: visitor.shell("builds"),
        rows: read(&state.engine, Some(JobKind::Build)).await?,
    })
}
