//! What the engine needs to know of its surroundings.

use std::path::PathBuf;

pub use orlop_model::subnet::Subnet;
use serde::{Deserialize, Serialize};

/// Configuration of an engine; `app` fills it from command line, environment and file.
#[derive(Debug, Clone)]
pub struct EngineConfig {
    /// Root of all state.
    pub data_dir: PathBuf,
    /// Folder that is the server's own: the database and the sign-up token.
    pub records_dir: PathBuf,
    /// Root of what runs.
    pub run_dir: PathBuf,
    /// The worker's listening socket.
    pub worker_socket: PathBuf,
    /// Name of the bridge.
    pub bridge: String,
    /// The bridge's subnet.
    pub subnet: Subnet,
    /// Containers get a user namespace of their own unless they ask for the host's.
    pub user_namespaces: bool,
    /// Registries: mirrors and insecure ones.
    pub registries: RegistryConfig,
}

/// How registries are reached; table `[registry]` of the configuration file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RegistryConfig {
    /// Hosts (with port) that may be spoken to over plain HTTP or with an unknown certificate.
    /// Loopback always may.
    pub insecure: Vec<String>,
    /// Mirrors by registry, tried in order before the registry itself: `"docker.io" = ["http://127.0.0.1:5000"]`.
    pub mirrors: std::collections::BTreeMap<String, Vec<String>>,
}
