//! Resource limits of a container.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::device::BlockDevice;

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
    /// How eagerly its memory is swapped out, 0 to 100; only version 1 of control groups has it.
    pub memory_swappiness: Option<u8>,
    /// Let its processes wait for memory in place of killing one; only version 1 has it.
    pub oom_kill_disable: Option<bool>,
    /// Microseconds of a period of real-time scheduling; only version 1 has it.
    pub cpu_rt_period: Option<u64>,
    /// Microseconds in each such period; -1 is unlimited.
    pub cpu_rt_runtime: Option<i64>,
    /// Block devices.
    pub block: BlockLimits,
    /// Huge pages, for each size.
    pub huge_pages: Vec<HugePageLimit>,
}

/// Use of block devices.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct BlockLimits {
    /// Share beside other groups, 10 to 1,000.
    pub weight: Option<u16>,
    /// The same for single devices.
    pub device_weights: Vec<BlockWeight>,
    /// Bytes read in a second.
    pub read_bps: Vec<BlockRate>,
    /// Bytes written in a second.
    pub write_bps: Vec<BlockRate>,
    /// Reads in a second.
    pub read_iops: Vec<BlockRate>,
    /// Writes in a second.
    pub write_iops: Vec<BlockRate>,
}

/// Share of one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockWeight {
    /// Which device.
    pub device: BlockDevice,
    /// 10 to 1,000.
    pub weight: u16,
}

/// The most of one device in a second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockRate {
    /// Which device.
    pub device: BlockDevice,
    /// Bytes or operations.
    pub rate: u64,
}

/// The most bytes in huge pages of one size.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HugePageLimit {
    /// Size of a page.
    pub size: HugePageSize,
    /// Bytes of all pages.
    pub bytes: u64,
}

/// Size of a huge page in the kernel's words: `2MB`, `1GB`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HugePageSize(String);

/// A text that is not the size of a huge page.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid size of huge pages {0:?}: a number and KB, MB or GB are needed, such as 2MB")]
pub struct HugePageSizeError(String);

impl HugePageSize {
    /// As the kernel names its files.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for HugePageSize {
    type Err = HugePageSizeError;

    fn from_str(text: &str) -> Result<Self, HugePageSizeError> {
        let number = ["KB", "MB", "GB"]
            .into_iter()
            .find_map(|unit| text.strip_suffix(unit));
        match number {
            Some(number) if number.parse::<u32>().is_ok_and(|n| n.to_string() == number) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(HugePageSizeError(text.to_owned())),
        }
    }
}

impl TryFrom<String> for HugePageSize {
    type Error = HugePageSizeError;
    fn try_from(text: String) -> Result<Self, HugePageSizeError> {
        text.parse()
    }
}

impl From<HugePageSize> for String {
    fn from(size: HugePageSize) -> Self {
        size.0
    }
}

impl BlockLimits {
    /// Every device that is named.
    pub fn devices_mut(&mut self) -> impl Iterator<Item = &mut BlockDevice> {
        let weights = self.device_weights.iter_mut().map(|w| &mut w.device);
        let rates = self
            .read_bps
            .iter_mut()
            .chain(&mut self.write_bps)
            .chain(&mut self.read_iops)
            .chain(&mut self.write_iops);
        weights.chain(rates.map(|rate| &mut rate.device))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_huge_pages_name_no_other_file() {
        for text in ["2MB", "1GB", "64KB"] {
            assert_eq!(
                text.parse::<HugePageSize>().map(String::from),
                Ok(text.to_owned())
            );
        }
        for text in ["", "MB", "2M", "02MB", "../2MB", "2MB/../1MB", "-1MB"] {
            assert!(text.parse::<HugePageSize>().is_err(), "{text}");
        }
    }
}
