//! The `linux.resources` of a configuration, and of `update --resources`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::nullable;

/// Limits.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Resources {
    /// Devices, in order: the last rule that fits decides.
    #[serde(deserialize_with = "nullable")]
    pub(crate) devices: Vec<DeviceRule>,
    /// Memory.
    #[serde(deserialize_with = "nullable")]
    pub(crate) memory: Memory,
    /// CPU time.
    #[serde(deserialize_with = "nullable")]
    pub(crate) cpu: Cpu,
    /// Number of processes.
    pub(crate) pids: Option<Pids>,
    /// Block devices.
    #[serde(rename = "blockIO")]
    pub(crate) block_io: Option<BTreeMap<String, Value>>,
    /// Huge pages.
    #[serde(deserialize_with = "nullable")]
    pub(crate) hugepage_limits: Vec<Value>,
    /// Marks of packets.
    pub(crate) network: Option<BTreeMap<String, Value>>,
    /// RDMA.
    #[serde(deserialize_with = "nullable")]
    pub(crate) rdma: BTreeMap<String, Value>,
    /// Files of version 2, as they are.
    #[serde(deserialize_with = "nullable")]
    pub(crate) unified: BTreeMap<String, String>,
}

/// A rule about devices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DeviceRule {
    /// It allows, or forbids.
    pub(crate) allow: bool,
    /// `a`, `c` or `b`; all when missing.
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// Any when missing or negative.
    pub(crate) major: Option<i64>,
    /// Any when missing or negative.
    pub(crate) minor: Option<i64>,
    /// Of `r`, `w` and `m`; all when missing.
    pub(crate) access: Option<String>,
}

/// Limits of memory.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Memory {
    /// Bytes.
    pub(crate) limit: Option<i64>,
    /// Bytes left alone.
    pub(crate) reservation: Option<i64>,
    /// Bytes with swap.
    pub(crate) swap: Option<i64>,
    /// Out of use: kernels know it no more.
    pub(crate) kernel: Option<i64>,
    /// Bytes of socket buffers.
    #[serde(rename = "kernelTCP")]
    pub(crate) kernel_tcp: Option<i64>,
    /// How readily it is swapped.
    pub(crate) swappiness: Option<u64>,
    /// Processes wait in place of being killed.
    #[serde(rename = "disableOOMKiller")]
    pub(crate) disable_oom_killer: Option<bool>,
    /// Counts those below.
    pub(crate) use_hierarchy: Option<bool>,
    /// Refuse a limit below what is in use.
    pub(crate) check_before_update: Option<bool>,
}

/// Limits of CPU time.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Cpu {
    /// Relative weight.
    pub(crate) shares: Option<u64>,
    /// Microseconds in each period.
    pub(crate) quota: Option<i64>,
    /// Microseconds saved up.
    pub(crate) burst: Option<u64>,
    /// Microseconds of a period.
    pub(crate) period: Option<u64>,
    /// Microseconds for real-time processes.
    pub(crate) realtime_runtime: Option<i64>,
    /// Their period.
    pub(crate) realtime_period: Option<u64>,
    /// Which CPUs.
    pub(crate) cpus: Option<String>,
    /// Which memory nodes.
    pub(crate) mems: Option<String>,
    /// Runs only when nothing else does.
    pub(crate) idle: Option<i64>,
}

/// Number of processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pids {
    /// At most; -1 and 0 are without limit.
    pub(crate) limit: Option<i64>,
}
