//! The `linux` part of a configuration.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Resources, nullable};

/// Everything of Linux.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Linux {
    /// Namespaces; a kind that is missing is the caller's.
    #[serde(deserialize_with = "nullable")]
    pub(crate) namespaces: Vec<Namespace>,
    /// Maps of users.
    #[serde(deserialize_with = "nullable")]
    pub(crate) uid_mappings: Vec<IdMapping>,
    /// Maps of groups.
    #[serde(deserialize_with = "nullable")]
    pub(crate) gid_mappings: Vec<IdMapping>,
    /// Clocks of a time namespace.
    #[serde(deserialize_with = "nullable")]
    pub(crate) time_offsets: BTreeMap<String, TimeOffset>,
    /// Device nodes.
    #[serde(deserialize_with = "nullable")]
    pub(crate) devices: Vec<Device>,
    /// Where in the cgroups.
    pub(crate) cgroups_path: Option<String>,
    /// Limits.
    pub(crate) resources: Option<Resources>,
    /// Cache allocation.
    pub(crate) intel_rdt: Option<Value>,
    /// Kernel parameters.
    #[serde(deserialize_with = "nullable")]
    pub(crate) sysctl: BTreeMap<String, String>,
    /// System call filter.
    pub(crate) seccomp: Option<Seccomp>,
    /// How mount events pass to the root.
    pub(crate) rootfs_propagation: Option<String>,
    /// Paths shown empty.
    #[serde(deserialize_with = "nullable")]
    pub(crate) masked_paths: Vec<String>,
    /// Paths that may be read only.
    #[serde(deserialize_with = "nullable")]
    pub(crate) readonly_paths: Vec<String>,
    /// Label of SELinux for mounts.
    pub(crate) mount_label: Option<String>,
    /// Execution domain.
    pub(crate) personality: Option<Value>,
    /// Network devices that move into the container.
    #[serde(deserialize_with = "nullable")]
    pub(crate) net_devices: BTreeMap<String, Value>,
    /// NUMA policy.
    pub(crate) memory_policy: Option<Value>,
}

/// One namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Namespace {
    /// Its kind.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// One that is there already.
    pub(crate) path: Option<PathBuf>,
}

/// A range of users or groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IdMapping {
    /// First inside.
    #[serde(rename = "containerID")]
    pub(crate) container: u32,
    /// First on the host.
    #[serde(rename = "hostID")]
    pub(crate) host: u32,
    /// How many.
    pub(crate) size: u32,
}

/// How far a clock is set off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct TimeOffset {
    /// Seconds.
    pub(crate) secs: i64,
    /// Nanoseconds.
    pub(crate) nanosecs: u32,
}

/// A device node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Device {
    /// `c`, `b`, `u` or `p`.
    #[serde(rename = "type")]
    pub(crate) kind: String,
    /// Absolute path.
    pub(crate) path: String,
    /// Major number.
    #[serde(default)]
    pub(crate) major: i64,
    /// Minor number.
    #[serde(default)]
    pub(crate) minor: i64,
    /// Permission bits.
    pub(crate) file_mode: Option<u32>,
    /// Owner.
    pub(crate) uid: Option<u32>,
    /// Group.
    pub(crate) gid: Option<u32>,
}

/// System call filter.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Seccomp {
    /// What becomes of calls without a rule.
    pub(crate) default_action: String,
    /// With which error.
    pub(crate) default_errno_ret: Option<u32>,
    /// Architectures besides the machine's own.
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) architectures: Vec<String>,
    /// Flags of seccomp(2).
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) flags: Vec<String>,
    /// Socket of who decides calls of the notify action.
    pub(crate) listener_path: Option<String>,
    /// What it is told.
    pub(crate) listener_metadata: Option<String>,
    /// Rules.
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) syscalls: Vec<SeccompCall>,
}

/// A rule of a filter.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SeccompCall {
    /// Names of calls.
    pub(crate) names: Vec<String>,
    /// What happens.
    pub(crate) action: String,
    /// With which error.
    pub(crate) errno_ret: Option<u32>,
    /// If all of these hold.
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) args: Vec<SeccompArg>,
}

/// A condition of a rule.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SeccompArg {
    /// Which argument.
    pub(crate) index: u32,
    /// With what it is compared; the mask of `SCMP_CMP_MASKED_EQ`.
    pub(crate) value: u64,
    /// With what the masked argument is compared.
    #[serde(default)]
    pub(crate) value_two: u64,
    /// How.
    pub(crate) op: String,
}
