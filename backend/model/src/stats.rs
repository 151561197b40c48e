//! What a container uses.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One reading of a container's resource use. Counters grow from its start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Stats {
    /// When it was read.
    pub at: Timestamp,
    /// CPU time, nanoseconds, all CPUs.
    pub cpu_nanos: u64,
    /// Of it in user mode.
    pub cpu_user_nanos: u64,
    /// Of it in the kernel.
    pub cpu_system_nanos: u64,
    /// Of it on each CPU; empty where control groups are version 2.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cpu_nanos_each: Vec<u64>,
    /// CPU time of the whole host, nanoseconds.
    pub host_cpu_nanos: u64,
    /// CPUs of the host that are on line.
    pub online_cpus: u32,
    /// Periods of the quota in which it ran.
    pub cpu_periods: u64,
    /// Times the quota held it back.
    pub cpu_throttled_periods: u64,
    /// Nanoseconds it was held back.
    pub cpu_throttled_nanos: u64,
    /// Bytes of memory, page cache included.
    pub memory_usage: u64,
    /// Bytes of inactive page cache in it, which Docker's clients subtract.
    pub memory_inactive_file: u64,
    /// The limit in force: the container's or the host's memory.
    pub memory_limit: u64,
    /// The most that was ever used.
    pub memory_max_usage: u64,
    /// Times it reached the limit: charges refused in version 1, out of memory in version 2.
    pub memory_failures: u64,
    /// The kernel's own list of what the memory is (`memory.stat`).
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub memory_details: BTreeMap<String, u64>,
    /// Processes and threads.
    pub pids: u64,
    /// Their limit, 0 without one.
    pub pids_limit: u64,
    /// Bytes read from block devices.
    pub block_read: u64,
    /// Bytes written to block devices.
    pub block_write: u64,
    /// Bytes for each device and way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub block_bytes: Vec<BlockCount>,
    /// Operations for each device and way.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub block_operations: Vec<BlockCount>,
    /// Bytes received by its network interface.
    pub network_rx_bytes: u64,
    /// Bytes sent.
    pub network_tx_bytes: u64,
    /// Packets received.
    pub network_rx_packets: u64,
    /// Packets sent.
    pub network_tx_packets: u64,
}

/// A counter of one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockCount {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Which way: `Read`, `Write`, `Sync`, `Total` … in version 1, `read` and `write` in version 2.
    pub way: String,
    /// How many.
    pub count: u64,
}
