//! Events: what happened, for live pages, the events API and the audit log.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// To what kind of object.
    pub object: EventObject,
    /// What, by Docker's words: `create`, `start`, `die`, `destroy`, `pull`, `tag`, …
    pub action: String,
    /// The object's id.
    pub id: String,
    /// Name, image, exit code and their like.
    pub attributes: BTreeMap<String, String>,
}

/// Kind of an event's object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventObject {
    /// A container.
    Container,
    /// An image.
    Image,
    /// A volume.
    Volume,
    /// A network.
    Network,
    /// A job.
    Job,
}

impl EventObject {
    /// As the Docker API spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Image => "image",
            Self::Volume => "volume",
            Self::Network => "network",
            Self::Job => "job",
        }
    }
}
