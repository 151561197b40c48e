//! Resource limits of a container.

use serde::{Deserialize, Serialize};

/// What a container may use at most; `None` means no limit. Units are the kernel's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// Bytes of memory and swap together, as Docker counts; `Some(-1)` is unlimited swap.
    pub memory_swap: Option<i64>,
    /// Bytes of memory that the kernel tries to leave alone.
    pub memory_reservation: Option<u64>,
    /// Billionths of one CPU: 1.5 CPUs are 1,500,000,000.
    pub nano_cpus: Option<u64>,
    /// Microseconds of CPU time in each period.
    pub cpu_quota: Option<i64>,
    /// Microseconds of a period.
    pub cpu_period: Option<u64>,
    /// Relative weight, 2 to 262,144; 1,024 is the default.
    pub cpu_shares: Option<u64>,
    /// CPUs, such as `0-2,4`.
    pub cpuset_cpus: Option<String>,
    /// Memory nodes, such as `0`.
    pub cpuset_mems: Option<String>,
    /// Number of processes and threads; `Some(-1)` and `Some(0)` are unlimited.
    pub pids: Option<i64>,
}

/// One resource limit of setrlimit(2), by Docker's name (`nofile`, `nproc`, …).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// Lower-case name without `RLIMIT_`.
    pub name: String,
    /// Soft limit; -1 is unlimited.
    pub soft: i64,
    /// Hard limit; -1 is unlimited.
    pub hard: i64,
}
