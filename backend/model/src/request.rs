//! What a person or a client asks for when a container or an exec session is created.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::confinement::Confinement;
use crate::device::Devices;
use crate::health::HealthCheck;
use crate::limits::{Limits, Ulimit};
use crate::mount::Mount;
use crate::name::ContainerName;
use crate::namespace::NamespaceRequest;
use crate::network::{NetworkMode, Port, PublishedPort};
use crate::signal::Signal;
use crate::spec::Seccomp;
use crate::volumes_from::VolumesFrom;

/// A request to create a container. What is `None` or empty comes from the image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ContainerRequest {
    /// Name; one is made up when absent.
    pub name: Option<ContainerName>,
    /// Image: reference, image ID or a unique prefix of one.
    pub image: String,
    /// Replaces the image's entry point (and discards its command).
    pub entrypoint: Option<Vec<String>>,
    /// Replaces the image's command.
    pub cmd: Option<Vec<String>>,
    /// `NAME=value` sets, `NAME` alone removes the image's.
    pub env: Vec<String>,
    /// `user[:group]`, by name or number.
    pub user: Option<String>,
    /// Absolute path, created when missing.
    pub workdir: Option<String>,
    /// Host name; the short id when absent.
    pub hostname: Option<String>,
    /// NIS domain name.
    pub domainname: Option<String>,
    /// Labels, over those of the image.
    pub labels: BTreeMap<String, String>,
    /// Give it a terminal.
    pub tty: bool,
    /// Keep standard input open.
    pub open_stdin: bool,
    /// Close standard input when the first attached client leaves.
    pub stdin_once: bool,
    /// Ports named without being published.
    pub exposed: BTreeSet<Port>,
    /// Paths that get an anonymous volume.
    pub volumes: BTreeSet<String>,
    /// Signal that asks it to stop.
    pub stop_signal: Option<Signal>,
    /// Seconds until `stop` kills.
    pub stop_timeout: Option<u32>,
    /// How to tell whether it is well; merged with the image's when the container is made.
    pub health: HealthCheck,
    /// Shell of a health check's shell form; the image's.
    pub shell: Option<Vec<String>>,
    /// How it sits on the host.
    pub host: HostRequest,
}

/// The part of a request that concerns the host.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostRequest {
    /// Binds, volumes and tmpfs.
    pub mounts: Vec<Mount>,
    /// Containers whose mounts it gets too.
    pub volumes_from: Vec<VolumesFrom>,
    /// Published ports.
    pub ports: Vec<PublishedPort>,
    /// Publish every exposed port on a free one of the host.
    pub publish_all: bool,
    /// What to do when it ends.
    pub restart: RestartPolicy,
    /// Resource limits.
    pub limits: Limits,
    /// Devices of the host.
    pub devices: Devices,
    /// Network.
    pub network: NetworkMode,
    /// The other namespaces.
    pub namespaces: NamespaceRequest,
    /// All capabilities, all devices, no seccomp, no masks.
    pub privileged: bool,
    /// Capabilities over the default set, with or without `CAP_`; `ALL`.
    pub cap_add: Vec<String>,
    /// Capabilities taken away.
    pub cap_drop: Vec<String>,
    /// No writes to the root file system.
    pub read_only: bool,
    /// Set `no_new_privs` (prctl(2)).
    pub no_new_privileges: bool,
    /// System call filter.
    pub seccomp: Seccomp,
    /// What is masked and labelled otherwise than by default.
    pub confinement: Confinement,
    /// Bytes of `/dev/shm`.
    pub shm_size: Option<u64>,
    /// `name:address` lines for `/etc/hosts`.
    pub extra_hosts: Vec<String>,
    /// Resolvers in place of the host's.
    pub dns: Vec<std::net::IpAddr>,
    /// Search domains.
    pub dns_search: Vec<String>,
    /// Remove the container when it ends.
    pub auto_remove: bool,
    /// Run a small init as process 1.
    pub init: bool,
    /// Resource limits of setrlimit(2).
    pub ulimits: Vec<Ulimit>,
    /// Further groups, by name or number.
    pub group_add: Vec<String>,
    /// Namespaced kernel parameters.
    pub sysctls: BTreeMap<String, String>,
    /// Out-of-memory score adjustment, -1000 to 1000.
    pub oom_score_adj: i32,
    /// Log storage.
    pub log: LogOptions,
}

/// How much of a container's output is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogOptions {
    /// Bytes of one segment file.
    pub segment_size: u64,
    /// Segments kept; the oldest goes first.
    pub segments: u32,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            segment_size: 16 << 20,
            segments: 8,
        }
    }
}

/// What happens when a container ends by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "name")]
pub enum RestartPolicy {
    /// Nothing.
    #[default]
    No,
    /// Start again, also when Orlop starts.
    Always,
    /// As `Always`, unless a person stopped it.
    UnlessStopped,
    /// Start again after a failure.
    OnFailure {
        /// Tries; 0 is without end.
        #[serde(default)]
        max_retries: u32,
    },
}

/// A text that is not a restart policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid restart policy {0:?}: use no, always, unless-stopped or on-failure[:max-retries]")]
pub struct RestartPolicyError(String);

impl std::str::FromStr for RestartPolicy {
    type Err = RestartPolicyError;
    fn from_str(text: &str) -> Result<Self, RestartPolicyError> {
        let wrong = || RestartPolicyError(text.to_owned());
        Ok(match text.split_once(':') {
            None => match text {
                "" | "no" => Self::No,
                "always" => Self::Always,
                "unless-stopped" => Self::UnlessStopped,
                "on-failure" => Self::OnFailure { max_retries: 0 },
                _ => return Err(wrong()),
            },
            Some(("on-failure", tries)) => Self::OnFailure {
                max_retries: tries.parse().map_err(|_| wrong())?,
            },
            Some(_) => return Err(wrong()),
        })
    }
}

impl std::fmt::Display for RestartPolicy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::No => f.write_str("no"),
            Self::Always => f.write_str("always"),
            Self::UnlessStopped => f.write_str("unless-stopped"),
            Self::OnFailure { max_retries: 0 } => f.write_str("on-failure"),
            Self::OnFailure { max_retries } => write!(f, "on-failure:{max_retries}"),
        }
    }
}

/// A request for a further process in a running container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecRequest {
    /// Program and arguments.
    pub args: Vec<String>,
    /// `NAME=value`, over the container's.
    pub env: Vec<String>,
    /// `user[:group]`; the container's when absent.
    pub user: Option<String>,
    /// Absolute path; the container's when absent.
    pub workdir: Option<String>,
    /// Give it a terminal.
    pub tty: bool,
    /// Keep standard input open.
    pub open_stdin: bool,
    /// All capabilities.
    pub privileged: bool,
    /// Rows and columns of the terminal at start.
    pub size: Option<TermSize>,
}

/// Size of a terminal in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TermSize {
    /// Lines.
    pub rows: u16,
    /// Characters in a line.
    pub cols: u16,
}

impl Default for TermSize {
    fn default() -> Self {
        Self { rows: 24, cols: 80 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn restart_policies_read_back_as_written() {
        for text in [
            "no",
            "always",
            "unless-stopped",
            "on-failure",
            "on-failure:3",
        ] {
            assert_eq!(
                text.parse::<RestartPolicy>().map(|p| p.to_string()),
                Ok(text.to_owned())
            );
        }
        assert!("sometimes".parse::<RestartPolicy>().is_err());
        assert!("always:3".parse::<RestartPolicy>().is_err());
    }
}
