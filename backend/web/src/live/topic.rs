//! What a live page shows, read anew each time something of its kind happens.

use askama::Template;
use orlop_engine::{Engine, EngineError};
use orlop_model::event::EventObject;
use orlop_model::job::JobKind;

use super::delta::Snapshot;
use crate::pages::containers::detail::{
    BadgeFragment, ButtonsFragment, Facts, FactsFragment, Head,
};
use crate::pages::{containers, images, jobs};

/// Containers of a list whose figures are read.
const MEASURED_MOST: usize = 50;

/// A kind of live page.
pub(super) enum Topic {
    /// The list of containers.
    Containers(containers::list::ListQuery),
    /// One container, on one of its pages.
    Container {
        /// Its id.
        id: String,
        /// Which page.
        tab: String,
    },
    /// The list of images.
    Images(images::list::ListQuery),
    /// The list of jobs, or of those of one kind.
    Jobs(Option<JobKind>),
}

impl Topic {
    /// Whether an event of this kind can change the page.
    pub(super) fn heeds(&self, object: EventObject, id: &str) -> bool {
        match self {
            Self::Containers(_) => object == EventObject::Container,
            Self::Container { id: ours, .. } => object == EventObject::Container && id == ours,
            Self::Images(_) => object == EventObject::Image,
            Self::Jobs(_) => object == EventObject::Job,
        }
    }

    /// The page's changing parts as they are now.
    pub(super) async fn read(&self, engine: &Engine, csrf: &str) -> Result<Snapshot, EngineError> {
        match self {
            Self::Containers(query) => containers(engine, query, csrf).await,
            Self::Container { id, tab } => container(engine, id, tab, csrf).await,
            Self::Images(query) => {
                let images = images::list::read(engine, query).await?;
                let rows = images.iter().map(images::list::Row::from);
                let part = |row: images::list::Row| {
                    let html = images::list::RowFragment { row: &row, csrf }.render();
                    (format!("image-{}", row.hex), html)
                };
                rendered(rows.map(part))
            }
            Self::Jobs(kind) => {
                let rows = jobs::list::read(engine, *kind).await?;
                rendered(rows.iter().map(|row| {
                    let html = jobs::row::RowFragment { row, csrf }.render();
                    (format!("job-{}", row.id), html)
                }))
            }
        }
    }
}

async fn containers(
    engine: &Engine,
    query: &containers::list::ListQuery,
    csrf: &str,
) -> Result<Snapshot, EngineError> {
    let listing = containers::list::read(engine, query).await?;
    let parts = listing.rows.iter().map(|row| {
        let html = containers::row::RowFragment { row, csrf }.render();
        (format!("container-{}", row.id), html)
    });
    let counts = listing
        .choices
        .iter()
        .map(|choice| (format!("count-{}", choice.state), choice.count.to_string()));
    let measured = listing.rows.iter().filter(|row| row.can.pause);
    Ok(Snapshot {
        texts: counts.collect(),
        measured: measured
            .take(MEASURED_MOST)
            .map(|row| row.id.clone())
            .collect(),
        ..rendered(parts)?
    })
}

async fn container(
    engine: &Engine,
    id: &str,
    tab: &str,
    csrf: &str,
) -> Result<Snapshot, EngineError> {
    let container = engine.inspect_container(id).await?;
    let head = &Head::from(&container);
    let facts = &Facts::from(&container);
    let mut parts = vec![
        ("head-state".to_owned(), BadgeFragment { head }.render()),
        (
            "head-buttons".to_owned(),
            ButtonsFragment { head, csrf }.render(),
        ),
    ];
    if tab == "overview" {
        parts.push(("facts".to_owned(), FactsFragment { facts }.render()));
    }
    let alive = container.state.status.is_alive();
    let measured = tab == "resources" && alive;
    Ok(Snapshot {
        // Figures and the form of a new terminal are there or not.
        shape: match tab {
            "resources" | "chooser" => alive.to_string(),
            _ => String::new(),
        },
        measured: measured.then(|| id.to_owned()).into_iter().collect(),
        ..rendered(parts.into_iter())?
    })
}

fn rendered(
    parts: impl Iterator<Item = (String, askama::Result<String>)>,
) -> Result<Snapshot, EngineError> {
    let whole = |(key, html): (String, askama::Result<String>)| {
        html.map(|html| (key, html))
            .map_err(|error| EngineError::internal(error.to_string()))
    };
    Ok(Snapshot {
        parts: parts.map(whole).collect::<Result<_, _>>()?,
        ..Snapshot::default()
    })
}
