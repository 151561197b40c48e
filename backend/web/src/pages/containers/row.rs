//! One row of the list of containers, in the page and in the live stream.

use askama::Template;
use orlop_model::container::Container;

use super::view::{self, Can, Note};
use crate::words::Moment;

/// What a row shows.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) short: String,
    pub(crate) name: String,
    pub(crate) image: String,
    pub(crate) status: &'static str,
    /// What its health check says; empty without one.
    pub(crate) health: &'static str,
    pub(crate) note: Note,
    pub(crate) ports: Vec<String>,
    pub(crate) created: Moment,
    pub(crate) can: Can,
}

impl Row {
    /// The question before something is lost.
    pub(crate) fn ask(&self, verb: &str) -> String {
        format!("{verb} {}?", self.name)
    }
}

impl From<&Container> for Row {
    fn from(container: &Container) -> Self {
        Self {
            id: container.id.to_string(),
            short: container.id.short().to_owned(),
            name: container.name.to_string(),
            image: container.request.image.clone(),
            status: container.state.status.as_str(),
            health: view::health(&container.state),
            note: view::note(&container.state),
            ports: view::ports(container),
            created: Moment::new(container.created_at),
            can: Can::when(container.state.status),
        }
    }
}

/// A row by itself.
#[derive(Template)]
#[template(path = "pages/containers/row.html")]
pub(crate) struct RowFragment<'a> {
    pub(crate) row: &'a Row,
    pub(crate) csrf: &'a str,
}
