//! Containers as lists and detail pages show them.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::health::{Health, HealthStatus};
use crate::id::{ContainerId, ImageId};
use crate::lifecycle::{Exit, Status};
use crate::name::ContainerName;
use crate::network::{Endpoint, PublishedPort};
use crate::request::ContainerRequest;

/// Everything that is recorded of a container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Container {
    /// Its id.
    pub id: ContainerId,
    /// Its name.
    pub name: ContainerName,
    /// What was asked for.
    pub request: ContainerRequest,
    /// The image that it was made of.
    pub image_id: ImageId,
    /// Program and arguments as merged from request and image.
    pub args: Vec<String>,
    /// Environment as merged.
    pub env: Vec<String>,
    /// Working directory as merged.
    pub workdir: String,
    /// User as merged.
    pub user: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// Where it stands.
    pub state: State,
    /// Its endpoint on the bridge, while it has one.
    pub endpoint: Option<Endpoint>,
    /// Published ports, with the host's real ports while it runs.
    pub ports: Vec<PublishedPort>,
}

/// The changing part of a container.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Where it stands.
    pub status: Status,
    /// Host pid of its first process, 0 when it does not run.
    pub pid: u32,
    /// When it last started.
    pub started_at: Option<Timestamp>,
    /// How it last ended.
    pub exit: Option<Exit>,
    /// Restarts by policy since a person last started it.
    pub restart_count: u32,
    /// It is being removed together with its anonymous volumes.
    #[serde(default)]
    pub removes_volumes: bool,
    /// A person stopped it (which `unless-stopped` and `always` respect until the next start).
    pub stopped_by_user: bool,
    /// A person has asked it to stop: when it is killed for not obeying.
    #[serde(default)]
    pub stop_due: Option<Timestamp>,
    /// What its health check has found, where it has one.
    #[serde(default)]
    pub health: Option<Health>,
}

/// Which containers a list shows; every set condition must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerFilter {
    /// Also those that do not run.
    pub all: bool,
    /// Any of these.
    pub status: Vec<Status>,
    /// Any of these in the name.
    pub name: Vec<String>,
    /// Any of these id prefixes.
    pub id: Vec<String>,
    /// Any of these image references or ids.
    pub ancestor: Vec<String>,
    /// All of these: `key` or `key=value`.
    pub label: Vec<String>,
    /// Any of these exit codes.
    pub exited: Vec<i32>,
    /// Any of these; `None` is a container without a health check.
    pub health: Vec<Option<HealthStatus>>,
    /// At most so many, the newest.
    pub limit: Option<usize>,
    /// Free text in name, image or id, as the console's search box sends it.
    pub text: Option<String>,
}
