//! What the worker is told to start: request and image merged into plain data.
//!
//! Close to the OCI runtime specification, but only what the runtime acts on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::confinement::Confinement;
use crate::device::Devices;
use crate::id::{ContainerId, DiffId};
use crate::limits::{Limits, Ulimit};
use crate::mount::Mount;
use crate::namespace::Namespaces;
use crate::network::{Endpoint, PublishedPort};
use crate::request::{LogOptions, TermSize};

/// One container in full.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContainerSpec {
    /// Its id.
    pub id: ContainerId,
    /// Layers of the root file system, lowest first.
    pub layers: Vec<DiffId>,
    /// Host name.
    pub hostname: String,
    /// NIS domain name.
    #[serde(default)]
    pub domainname: String,
    /// The first process.
    pub process: Process,
    /// Mounts, in the order in which they are made.
    pub mounts: Vec<Mount>,
    /// Network.
    pub network: Network,
    /// The other namespaces.
    #[serde(default)]
    pub namespaces: Namespaces,
    /// Resource limits.
    pub limits: Limits,
    /// Devices of the host.
    #[serde(default)]
    pub devices: Devices,
    /// Confinement.
    pub security: Security,
    /// Bytes of `/dev/shm`; 0 for none.
    pub shm_size: u64,
    /// Run a small init as process 1 that reaps and forwards signals.
    pub init: bool,
    /// Namespaced kernel parameters.
    pub sysctls: BTreeMap<String, String>,
    /// `name:address` lines for `/etc/hosts`.
    pub extra_hosts: Vec<String>,
    /// Resolvers in place of the host's.
    pub dns: Vec<std::net::IpAddr>,
    /// Search domains.
    pub dns_search: Vec<String>,
    /// Log storage.
    pub log: LogOptions,
}

/// A process to run in a container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Process {
    /// Program and arguments, never empty; the program is looked up in `PATH` inside.
    pub args: Vec<String>,
    /// The whole environment, `NAME=value`; `HOME` is filled in by the runtime when missing.
    pub env: Vec<String>,
    /// Absolute path, created when missing.
    pub cwd: String,
    /// `user[:group]` by name or number, resolved against the container's own files; empty is root.
    pub user: String,
    /// Further groups, by name or number.
    pub groups: Vec<String>,
    /// A terminal, of this size at first.
    pub tty: Option<TermSize>,
    /// Keep standard input open; otherwise it is `/dev/null`.
    pub open_stdin: bool,
    /// Close standard input when the first client that brought input leaves.
    pub stdin_once: bool,
    /// Resource limits of setrlimit(2).
    pub ulimits: Vec<Ulimit>,
    /// Out-of-memory score adjustment.
    pub oom_score_adj: i32,
}

/// Network of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// Loopback only.
    None,
    /// The host's own.
    Host,
    /// An endpoint on a bridge, with published ports (host ports decided).
    Bridge {
        /// The endpoint.
        endpoint: Endpoint,
        /// Published ports.
        ports: Vec<PublishedPort>,
    },
    /// That of another container, with its `/etc/hosts` and `/etc/resolv.conf`.
    Container(ContainerId),
}

/// System call filter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seccomp {
    /// Orlop's default profile.
    #[default]
    Default,
    /// None.
    Unconfined,
    /// A profile that somebody brought.
    Custom(Box<crate::seccomp::Profile>),
}

/// Confinement of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Security {
    /// All devices, writable `/sys`, no masks.
    pub privileged: bool,
    /// Permitted, effective and bounding capabilities of root, `CAP_…`.
    pub capabilities: Vec<String>,
    /// prctl(2) `PR_SET_NO_NEW_PRIVS`.
    pub no_new_privileges: bool,
    /// System call filter.
    pub seccomp: Seccomp,
    /// No writes to the root file system.
    pub read_only: bool,
    /// What is masked and labelled otherwise than by default.
    #[serde(default)]
    pub confinement: Confinement,
}
