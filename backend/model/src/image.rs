//! Images as lists and detail pages show them.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::health::HealthCheck;
use crate::id::{DiffId, Digest, ImageId};
use crate::network::Port;
use crate::reference::Reference;

/// Everything that is recorded of an image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// Digest of its configuration.
    pub id: ImageId,
    /// Names with tags.
    pub tags: Vec<Reference>,
    /// `repository@digest` of the manifests by which it was pulled or pushed.
    pub digests: Vec<Reference>,
    /// When it was made, by its configuration.
    pub created_at: Option<Timestamp>,
    /// Bytes of its unpacked layers.
    pub size: u64,
    /// Layers, lowest first.
    pub layers: Vec<DiffId>,
    /// What a container of it gets.
    pub defaults: ImageDefaults,
    /// Steps by which it was made, oldest first.
    pub history: Vec<HistoryEntry>,
    /// CPU architecture by Go's name, such as `amd64`.
    pub architecture: String,
    /// Operating system, `linux`.
    pub os: String,
    /// Who made it.
    pub author: String,
    /// The image it was built on, where known.
    pub parent: Option<ImageId>,
}

/// What an image gives to its containers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageDefaults {
    /// Entry point.
    pub entrypoint: Option<Vec<String>>,
    /// Command.
    pub cmd: Option<Vec<String>>,
    /// Environment.
    pub env: Vec<String>,
    /// `user[:group]`.
    pub user: String,
    /// Working directory.
    pub workdir: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Exposed ports.
    pub exposed: BTreeSet<Port>,
    /// Paths that get an anonymous volume.
    pub volumes: BTreeSet<String>,
    /// Signal that asks to stop, as written.
    pub stop_signal: Option<String>,
    /// Shell of the shell form.
    pub shell: Option<Vec<String>>,
    /// How to tell whether a container is well.
    pub health: HealthCheck,
    /// Triggers for a build on top.
    pub on_build: Vec<String>,
}

/// One step in the history of an image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When.
    pub created_at: Option<Timestamp>,
    /// The instruction.
    pub created_by: String,
    /// Free text.
    pub comment: String,
    /// It made no layer.
    pub empty_layer: bool,
    /// Bytes of its layer, unpacked.
    pub size: u64,
    /// Its layer.
    pub diff_id: Option<DiffId>,
}

/// What became of a removal, one line each, as the Docker API tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Removed {
    /// A name was taken off.
    Untagged(String),
    /// An image or layer went.
    Deleted(Digest),
}

/// Which images a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageFilter {
    /// Also intermediate ones.
    pub all: bool,
    /// Any of these reference patterns.
    pub reference: Vec<String>,
    /// Only (`true`) or no (`false`) images without a name.
    pub dangling: Option<bool>,
    /// All of these: `key` or `key=value`.
    pub label: Vec<String>,
    /// Free text, as the console's search box sends it.
    pub text: Option<String>,
}
