//! The `process` of a configuration, and of `exec --process`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::nullable;

/// A process.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Process {
    /// A terminal.
    pub(crate) terminal: bool,
    /// Size of the terminal.
    pub(crate) console_size: Option<ConsoleSize>,
    /// Who it runs as.
    pub(crate) user: User,
    /// Program and arguments.
    #[serde(deserialize_with = "nullable")]
    pub(crate) args: Vec<String>,
    /// Of Windows.
    pub(crate) command_line: Option<String>,
    /// The whole environment.
    #[serde(deserialize_with = "nullable")]
    pub(crate) env: Vec<String>,
    /// Absolute working directory.
    pub(crate) cwd: String,
    /// Capabilities; none when missing.
    pub(crate) capabilities: Option<Capabilities>,
    /// Resource limits.
    #[serde(deserialize_with = "nullable")]
    pub(crate) rlimits: Vec<Rlimit>,
    /// prctl(2) `PR_SET_NO_NEW_PRIVS`.
    pub(crate) no_new_privileges: bool,
    /// Profile of AppArmor.
    pub(crate) apparmor_profile: Option<String>,
    /// Out-of-memory score adjustment.
    pub(crate) oom_score_adj: Option<i32>,
    /// Label of SELinux.
    pub(crate) selinux_label: Option<String>,
    /// Scheduling policy.
    pub(crate) scheduler: Option<Value>,
    /// I/O priority.
    #[serde(rename = "ioPriority")]
    pub(crate) io_priority: Option<Value>,
    /// CPUs while it starts and after.
    #[serde(rename = "execCPUAffinity")]
    pub(crate) exec_cpu_affinity: Option<Value>,
}

/// Size of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ConsoleSize {
    /// Lines.
    pub(crate) height: u32,
    /// Characters in a line.
    pub(crate) width: u32,
}

/// Who a process runs as.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct User {
    /// User.
    pub(crate) uid: u32,
    /// Group.
    pub(crate) gid: u32,
    /// Mask of permissions.
    pub(crate) umask: Option<u32>,
    /// Further groups.
    #[serde(deserialize_with = "nullable")]
    pub(crate) additional_gids: Vec<u32>,
    /// Of Windows.
    pub(crate) username: Option<String>,
}

/// Names of capabilities in each set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Capabilities {
    /// What can ever be had.
    #[serde(deserialize_with = "nullable")]
    pub(crate) bounding: Vec<String>,
    /// What is in force.
    #[serde(deserialize_with = "nullable")]
    pub(crate) effective: Vec<String>,
    /// What a program with capabilities of its own may inherit.
    #[serde(deserialize_with = "nullable")]
    pub(crate) inheritable: Vec<String>,
    /// What may be put in force.
    #[serde(deserialize_with = "nullable")]
    pub(crate) permitted: Vec<String>,
    /// What any program inherits.
    #[serde(deserialize_with = "nullable")]
    pub(crate) ambient: Vec<String>,
}

/// One resource limit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rlimit {
    /// `RLIMIT_…`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Soft limit.
    pub(crate) soft: u64,
    /// Hard limit.
    pub(crate) hard: u64,
}
