//! Counters of a control group as numbers. Parsing is pure; a counter that a host lacks is 0.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use orlop_model::stats::{BlockCount, Stats};

/// Nanoseconds in the microsecond that version 2 counts in.
const NANOS_PER_MICRO: u64 = 1_000;
/// What version 1 shows for "no limit" begins here: the largest number of whole pages.
const NO_LIMIT: u64 = i64::MAX as u64 - (64 << 10);

/// The number behind a name, in a text of `name number` lines.
pub(super) fn field(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some(name)).then(|| words.next()?.parse().ok())?
    })
}

/// A file of a group, empty if it is not there.
struct Group<'a>(&'a Path);

impl Group<'_> {
    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap_or_default()
    }

    fn number(&self, file: &str) -> u64 {
        self.text(file).trim().parse().unwrap_or_default()
    }

    /// A limit; `max` and version 1's huge number are 0.
    fn limit(&self, file: &str) -> u64 {
        let number = self.number(file);
        if number >= NO_LIMIT { 0 } else { number }
    }
}

/// CPU time in version 1 (cpu and cpuacct).
pub(super) fn v1_cpu(stats: &mut Stats, cpu: &Path, cpuacct: &Path) {
    let group = Group(cpuacct);
    stats.cpu_nanos = group.number("cpuacct.usage");
    stats.cpu_user_nanos = group.number("cpuacct.usage_user");
    stats.cpu_system_nanos = group.number("cpuacct.usage_sys");
    stats.cpu_nanos_each = (group.text("cpuacct.usage_percpu"))
        .split_ascii_whitespace()
        .filter_map(|nanos| nanos.parse().ok())
        .collect();
    let text = Group(cpu).text("cpu.stat");
    stats.cpu_periods = field(&text, "nr_periods").unwrap_or_default();
    stats.cpu_throttled_periods = field(&text, "nr_throttled").unwrap_or_default();
    stats.cpu_throttled_nanos = field(&text, "throttled_time").unwrap_or_default();
}

/// Memory in version 1.
pub(super) fn v1_memory(stats: &mut Stats, path: &Path) {
    let group = Group(path);
    stats.memory_usage = group.number("memory.usage_in_bytes");
    stats.memory_max_usage = group.number("memory.max_usage_in_bytes");
    stats.memory_limit = group.limit("memory.limit_in_bytes");
    stats.memory_failures = group.number("memory.failcnt");
    stats.memory_details = details(&group.text("memory.stat"));
    let inactive = stats.memory_details.get("total_inactive_file");
    stats.memory_inactive_file = inactive.copied().unwrap_or_default();
}

/// Every `name number` line.
fn details(text: &str) -> BTreeMap<String, u64> {
    let pair = |line: &str| {
        let (name, number) = line.split_once(' ')?;
        Some((name.to_owned(), number.trim().parse().ok()?))
    };
    text.lines().filter_map(pair).collect()
}

/// Processes, in both versions.
pub(super) fn pids(stats: &mut Stats, path: &Path) {
    let group = Group(path);
    stats.pids = group.number("pids.current");
    stats.pids_limit = group.limit("pids.max");
}

/// Block devices in version 1.
pub(super) fn v1_blkio(stats: &mut Stats, path: &Path) {
    let group = Group(path);
    let counts = |file| v1_block(&group.text(&format!("blkio.throttle.{file}_recursive")));
    block(stats, counts("io_service_bytes"), counts("io_serviced"));
}

/// Everything that version 2 counts with these controllers' files there.
pub(super) fn v2(stats: &mut Stats, path: &Path) {
    let group = Group(path);
    v2_cpu(stats, path);
    stats.memory_usage = group.number("memory.current");
    stats.memory_max_usage = group.number("memory.peak");
    stats.memory_limit = group.limit("memory.max");
    let events = group.text("memory.events");
    stats.memory_failures = field(&events, "oom").unwrap_or_default();
    stats.memory_details = details(&group.text("memory.stat"));
    let inactive = stats.memory_details.get("inactive_file");
    stats.memory_inactive_file = inactive.copied().unwrap_or_default();
    pids(stats, path);
    let text = group.text("io.stat");
    let counts = |keys| v2_block(&text, keys);
    block(
        stats,
        counts(["rbytes", "wbytes"]),
        counts(["rios", "wios"]),
    );
}

fn block(stats: &mut Stats, bytes: Vec<BlockCount>, operations: Vec<BlockCount>) {
    let sum = |way: &str| {
        let of_way = bytes.iter().filter(|c| c.way.eq_ignore_ascii_case(way));
        of_way.map(|c| c.count).sum()
    };
    (stats.block_read, stats.block_write) = (sum("read"), sum("write"));
    (stats.block_bytes, stats.block_operations) = (bytes, operations);
}

/// CPU time in version 2, which every group counts.
pub(super) fn v2_cpu(stats: &mut Stats, path: &Path) {
    let text = Group(path).text("cpu.stat");
    let nanos = |name| field(&text, name).unwrap_or_default() * NANOS_PER_MICRO;
    stats.cpu_nanos = nanos("usage_usec");
    stats.cpu_user_nanos = nanos("user_usec");
    stats.cpu_system_nanos = nanos("system_usec");
    stats.cpu_periods = field(&text, "nr_periods").unwrap_or_default();
    stats.cpu_throttled_periods = field(&text, "nr_throttled").unwrap_or_default();
    stats.cpu_throttled_nanos = nanos("throttled_usec");
}

/// Number of processes that the kernel killed for want of memory.
pub(super) fn oom_kills(file: &Path) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    field(&text, "oom_kill").unwrap_or_default()
}

/// CPU time of the whole host, its CPUs and its memory, from `/proc`.
pub(super) fn host(stats: &mut Stats) {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    (stats.host_cpu_nanos, stats.online_cpus) = host_cpu(&text);
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory = field(&text, "MemTotal:").unwrap_or_default() << 10;
    if stats.memory_limit == 0 || stats.memory_limit > memory {
        stats.memory_limit = memory;
    }
}

/// The counters in a text of `major:minor Way number` lines; the last line is a sum without device.
fn v1_block(text: &str) -> Vec<BlockCount> {
    let count = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (major, minor) = numbers(words.next()?)?;
        Some(BlockCount {
            major,
            minor,
            way: words.next()?.to_owned(),
            count: words.next()?.parse().ok()?,
        })
    };
    text.lines().filter_map(count).collect()
}

/// The counters under two keys, for reading and for writing, in the text of `io.stat`.
fn v2_block(text: &str, keys: [&str; 2]) -> Vec<BlockCount> {
    let mut counts = Vec::new();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        let Some((major, minor)) = words.next().and_then(numbers) else {
            continue;
        };
        for (key, number) in words.filter_map(|word| word.split_once('=')) {
            let way = keys.iter().position(|k| *k == key);
            if let (Some(way), Ok(count)) = (way, number.parse()) {
                counts.push(BlockCount {
                    major,
                    minor,
                    way: ["read", "write"][way].to_owned(),
                    count,
                });
            }
        }
    }
    counts
}

fn numbers(device: &str) -> Option<(u32, u32)> {
    let (major, minor) = device.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Nanoseconds of all CPUs, and how many there are, in the text of `/proc/stat`.
fn host_cpu(text: &str) -> (u64, u32) {
    // The kernel counts here in hundredths of a second, whatever its own tick is (USER_HZ).
    const NANOS_PER_TICK: u64 = 10_000_000;
    // user nice system idle iowait irq softirq steal; guest time is in user already.
    const COUNTED: usize = 8;
    let mut lines = text.lines();
    let ticks: u64 = lines
        .next()
        .unwrap_or_default()
        .split_ascii_whitespace()
        .skip(1)
        .take(COUNTED)
        .filter_map(|word| word.parse::<u64>().ok())
        .sum();
    let cpus = lines.take_while(|line| line.starts_with("cpu")).count();
    (ticks * NANOS_PER_TICK, cpus as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_their_whole_name() {
        let text = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n";
        assert_eq!(field(text, "oom_kill"), Some(3));
        assert_eq!(field(text, "oom"), None);
        assert_eq!(field("oom_kill\n", "oom_kill"), None);
    }

    #[test]
    fn block_devices_are_counted_each_and_summed() {
        let v1 = "254:0 Read 4096\n254:0 Write 10\n254:0 Sync 1\n8:0 Read 4\nTotal 4111\n";
        let mut stats = Stats::default();
        block(&mut stats, v1_block(v1), Vec::new());
        assert_eq!((stats.block_read, stats.block_write), (4_100, 10));
        let sync = &stats.block_bytes[2];
        assert_eq!(
            (sync.major, sync.minor, sync.way.as_str()),
            (254, 0, "Sync")
        );
        let v2 = "8:16 rbytes=1459200 wbytes=314773504 rios=192\n8:0 rbytes=800 wbytes=4\n";
        let count = |keys| v2_block(v2, keys);
        block(
            &mut stats,
            count(["rbytes", "wbytes"]),
            count(["rios", "wios"]),
        );
        assert_eq!(
            (stats.block_read, stats.block_write),
            (1_460_000, 314_773_508)
        );
        assert_eq!(stats.block_operations.len(), 1);
        assert_eq!(stats.block_operations[0].count, 192);
        assert!(v2_block("", ["rbytes", "wbytes"]).is_empty());
    }

    #[test]
    fn the_hosts_cpu_time_leaves_guests_out() {
        let text = "cpu  1 2 3 4 5 6 7 8 900 900\ncpu0 1 1 1 1 1 1 1 1 1 1\ncpu1 0\nintr 1\n";
        assert_eq!(host_cpu(text), (360_000_000, 2));
    }

    #[test]
    fn no_limit_is_zero_in_both_versions() {
        let folder = tempfile::tempdir().expect("folder");
        let write = |file, text| fs::write(folder.path().join(file), text).expect("write");
        write("memory.max", "max\n");
        write("memory.limit_in_bytes", "9223372036854771712\n");
        write("pids.max", "77\n");
        let group = Group(folder.path());
        assert_eq!(group.limit("memory.max"), 0);
        assert_eq!(group.limit("memory.limit_in_bytes"), 0);
        assert_eq!(group.limit("pids.max"), 77);
        assert_eq!(group.number("not.there"), 0);
    }
}
