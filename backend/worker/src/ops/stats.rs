//! What a container uses, and its processes.

use std::fs;

use jiff::Timestamp;
use orlop_linux::netlink::counters;
use orlop_model::id::ContainerId;
use orlop_wire::reply::{Failure, Reply};

use super::processes::find;
use crate::context::{Context, internal};

/// Clock ticks in a second, which is what proc_stat(5) counts in on every Linux.
const TICKS: u64 = 100;

/// Reads what a container uses.
pub(crate) fn read(context: &Context, id: &ContainerId) -> Result<Reply, Failure> {
    let (state, _) = find(&context.run_folder(id), &format!("container {id}"))?;
    let mut stats = context.cgroup(id).stats();
    stats.at = Timestamp::now();
    let traffic = fs::read_to_string(format!("/proc/{}/net/dev", state.pid)).unwrap_or_default();
    if let Some(traffic) = counters::of_interface(&traffic, orlop_network::endpoint::INTERFACE) {
        stats.network_rx_bytes = traffic.received_bytes;
        stats.network_rx_packets = traffic.received_packets;
        stats.network_tx_bytes = traffic.sent_bytes;
        stats.network_tx_packets = traffic.sent_packets;
    }
    Ok(Reply::Stats(Box::new(stats)))
}

/// Lists a container's processes as `ps -ef` does.
pub(crate) fn processes(context: &Context, id: &ContainerId) -> Result<Reply, Failure> {
    let pids = context
        .cgroup(id)
        .pids()
        .map_err(|error| internal(error.to_string()))?;
    let titles = ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
        .map(str::to_owned)
        .to_vec();
    let rows = pids.into_iter().filter_map(row).collect();
    Ok(Reply::Processes { titles, rows })
}

fn row(pid: u32) -> Option<Vec<String>> {
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
    let status = read("status")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next().map(str::to_owned)
    };
    let stat = read("stat")?;
    let after: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: u64 = after.get(11)?.parse::<u64>().ok()? + after.get(12)?.parse::<u64>().ok()?;
    let seconds = ticks / TICKS;
    let command = read("cmdline")?.replace('\0', " ").trim().to_owned();
    let command = if command.is_empty() {
        format!("[{}]", field("Name:")?)
    } else {
        command
    };
    Some(vec![
        field("Uid:")?,
        pid.to_string(),
        field("PPid:")?,
        "0".to_owned(),
        started(after.get(19)?.parse().ok()?),
        if after.get(4) == Some(&"0") {
            "?".to_owned()
        } else {
            "pts/0".to_owned()
        },
        format!(
            "{:02}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        ),
        command,
    ])
}

/// Time of day at which a process started, from its ticks after boot.
fn started(ticks: u64) -> String {
    let up = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let up = up
        .split('.')
        .next()
        .and_then(|seconds| seconds.parse::<u64>().ok())
        .unwrap_or(0);
    let age = up.saturating_sub(ticks / TICKS);
    let now = u64::try_from(Timestamp::now().as_second()).unwrap_or(0);
    let at = now.saturating_sub(age);
    format!("{:02}:{:02}", at / 3600 % 24, at / 60 % 60)
}
