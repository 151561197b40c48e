//! The list of containers.

use actix_web::web;
use askama::Template;
use askama_web::WebTemplate;
use orlop_engine::{Engine, EngineError};
use orlop_model::container::{Container, ContainerFilter};
use orlop_model::lifecycle::Status;
use serde::Deserialize;

use super::row::Row;
use crate::auth::Visitor;
use crate::error::Problem;
use crate::form::encode;
use crate::shell::Shell;
use crate::state::State;

const ROWS_PER_PAGE: usize = 100;

/// What the list is asked to show.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ListQuery {
    /// Free text.
    q: String,
    /// `running`, `paused`, `stopped`, or everything.
    state: String,
    /// From 1.
    page: usize,
}

/// One choice of the state filter.
pub(crate) struct Choice {
    /// Its word in the address.
    pub(crate) state: &'static str,
    pub(crate) label: &'static str,
    /// How many there are.
    pub(crate) count: usize,
    pub(crate) current: bool,
}

/// One page of the list.
pub(crate) struct Listing {
    pub(crate) rows: Vec<Row>,
    pub(crate) choices: Vec<Choice>,
    pub(crate) page: usize,
    pub(crate) pages: usize,
}

#[derive(Template, WebTemplate)]
#[template(path = "pages/containers/list.html")]
pub(crate) struct ListPage {
    shell: Shell,
    query: ListQuery,
    listing: Listing,
}

/// `GET /containers`
pub(crate) async fn list(
    state: web::Data<State>,
    visitor: Visitor,
    query: web::Query<ListQuery>,
) -> Result<ListPage, Problem> {
    let query = query.into_inner();
    let listing = read(&state.engine, &query).await?;
    Ok(ListPage {
        shell: visitor.shell("containers"),
        query,
        listing,
    })
}

/// Reads what the query asks for.
pub(crate) async fn read(engine: &Engine, query: &ListQuery) -> Result<Listing, EngineError> {
    let filter = ContainerFilter {
        all: true,
        text: Some(query.q.trim().to_owned()).filter(|text| !text.is_empty()),
        ..ContainerFilter::default()
    };
    let found = engine.list_containers(&filter).await?;
    Ok(listing(&found, query))
}

fn listing(found: &[Container], query: &ListQuery) -> Listing {
    let choice = |state, label| Choice {
        state,
        label,
        count: found.iter().filter(|c| shows(state, c)).count(),
        current: query.state == state,
    };
    let shown: Vec<&Container> = found.iter().filter(|c| shows(&query.state, c)).collect();
    let pages = shown.len().div_ceil(ROWS_PER_PAGE).max(1);
    let page = query.page.clamp(1, pages);
    let rows = shown.iter().skip((page - 1) * ROWS_PER_PAGE);
    Listing {
        rows: rows.take(ROWS_PER_PAGE).map(|c| Row::from(*c)).collect(),
        choices: vec![
            choice("", "All"),
            choice("running", "Running"),
            choice("paused", "Paused"),
            choice("stopped", "Stopped"),
        ],
        page,
        pages,
    }
}

fn shows(state: &str, container: &Container) -> bool {
    let status = container.state.status;
    match state {
        "running" => matches!(status, Status::Running | Status::Restarting),
        "paused" => status == Status::Paused,
        "stopped" => matches!(status, Status::Created | Status::Exited | Status::Dead),
        _ => true,
    }
}

impl ListQuery {
    /// Whether it leaves anything out.
    fn narrows(&self) -> bool {
        !self.q.trim().is_empty() || !self.state.is_empty()
    }

    /// The query of this page as an address has it.
    fn here(&self) -> String {
        self.with(&self.state, self.page)
    }

    /// The query with another state, from its first page.
    fn at_state(&self, state: &str) -> String {
        self.with(state, 1)
    }

    /// The query at another page.
    fn at_page(&self, page: usize) -> String {
        self.with(&self.state, page)
    }

    fn with(&self, state: &str, page: usize) -> String {
        let mut parts = Vec::new();
        for (name, value) in [("q", self.q.trim()), ("state", state)] {
            if !value.is_empty() {
                parts.push(format!("{name}={}", encode(value)));
            }
        }
        if page > 1 {
            parts.push(format!("page={page}"));
        }
        if parts.is_empty() {
            return String::new();
        }
        format!("?{}", parts.join("&"))
    }
}
