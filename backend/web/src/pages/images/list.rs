//! The list of images.

use actix_web::web;
use askama::Template;
use askama_web::WebTemplate;
use orlop_engine::{Engine, EngineError};
use orlop_model::image::{Image, ImageFilter};
use serde::Deserialize;

use crate::auth::Visitor;
use crate::error::Problem;
use crate::form::encode;
use crate::shell::Shell;
use crate::state::State;
use crate::words::{self, Moment};

/// What the list is asked to show.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ListQuery {
    q: String,
}

/// What a row shows.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) hex: String,
    pub(crate) short: String,
    pub(crate) name: String,
    /// Further names.
    pub(crate) more: Vec<String>,
    pub(crate) size: String,
    pub(crate) layers: usize,
    pub(crate) created: Moment,
}

/// A row by itself.
#[derive(Template)]
#[template(path = "pages/images/row.html")]
pub(crate) struct RowFragment<'a> {
    pub(crate) row: &'a Row,
    pub(crate) csrf: &'a str,
}

#[derive(Template, WebTemplate)]
#[template(path = "pages/images/list.html")]
pub(crate) struct ListPage {
    shell: Shell,
    query: ListQuery,
    rows: Vec<Row>,
    total: String,
}

/// `GET /images`
pub(crate) async fn list(
    state: web::Data<State>,
    visitor: Visitor,
    query: web::Query<ListQuery>,
) -> Result<ListPage, Problem> {
    let query = query.into_inner();
    let images = read(&state.engine, &query).await?;
    Ok(ListPage {
        shell: visitor.shell("images"),
        query,
        total: words::bytes(images.iter().map(|image| image.size).sum()),
        rows: images.iter().map(Row::from).collect(),
    })
}

/// Reads what the query asks for.
pub(crate) async fn read(engine: &Engine, query: &ListQuery) -> Result<Vec<Image>, EngineError> {
    let filter = ImageFilter {
        text: Some(query.q.trim().to_owned()).filter(|text| !text.is_empty()),
        ..ImageFilter::default()
    };
    engine.list_images(&filter).await
}

impl ListQuery {
    fn here(&self) -> String {
        match self.q.trim() {
            "" => String::new(),
            text => format!("?q={}", encode(text)),
        }
    }
}

impl Row {
    /// What to call it: its first name, or that it has none.
    pub(crate) fn title(&self) -> &str {
        if self.name.is_empty() {
            "(no name)"
        } else {
            &self.name
        }
    }

    /// The question before it is removed.
    pub(crate) fn ask(&self) -> String {
        match self.name.as_str() {
            "" => format!("Remove image {}?", self.short),
            name => format!("Remove {name}?"),
        }
    }

    /// What a container of it is created from.
    pub(crate) fn create_address(&self) -> String {
        let image = match self.name.as_str() {
            "" => self.short.as_str(),
            name => name,
        };
        format!("/containers/new?image={}", encode(image))
    }
}

impl From<&Image> for Row {
    fn from(image: &Image) -> Self {
        let mut names = image
            .tags
            .iter()
            .map(orlop_model::reference::Reference::familiar);
        Self {
            hex: image.id.hex().to_owned(),
            short: image.id.short().to_owned(),
            name: names.next().unwrap_or_default(),
            more: names.collect(),
            size: words::bytes(image.size),
            layers: image.layers.len(),
            created: Moment::maybe(image.created_at),
        }
    }
}
