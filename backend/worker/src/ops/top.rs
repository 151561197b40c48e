//! The processes of a container, as ps(1) shows them.

use std::fs;

use jiff::Timestamp;
use orlop_model::id::ContainerId;
use orlop_model::process_table::{Column, Field};
use orlop_wire::reply::{Failure, Reply};

use crate::context::{Context, internal};

/// Clock ticks in a second, which is what proc_pid_stat(5) counts in on every Linux.
const TICKS: u64 = 100;

/// Lists a container's processes.
pub(crate) fn processes(
    context: &Context,
    id: &ContainerId,
    columns: &[Column],
) -> Result<Reply, Failure> {
    let pids = context
        .cgroup(id)
        .pids()
        .map_err(|error| internal(error.to_string()))?;
    let host = Host::read();
    let rows = pids.into_iter().filter_map(Process::read);
    Ok(Reply::Processes {
        titles: columns.iter().map(|column| column.title.clone()).collect(),
        rows: rows
            .map(|process| {
                let cells = columns
                    .iter()
                    .map(|column| process.cell(column.field, &host));
                cells.collect()
            })
            .collect(),
    })
}

/// What of the host the cells depend on.
struct Host {
    /// Seconds since 1970.
    now: u64,
    /// Seconds since boot.
    uptime: u64,
    /// KiB of memory.
    memory: u64,
}

impl Host {
    fn read() -> Self {
        let number = |text: &str| text.parse::<f64>().map_or(0, |seconds| seconds as u64);
        let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let total = memory
            .lines()
            .find_map(|line| line.strip_prefix("MemTotal:"));
        let total = total.and_then(|text| text.split_whitespace().next()?.parse().ok());
        Self {
            now: u64::try_from(Timestamp::now().as_second()).unwrap_or(0),
            uptime: uptime.split(' ').next().map_or(0, number),
            memory: total.unwrap_or(0),
        }
    }
}

/// A process as `/proc` tells of it.
struct Process {
    pid: u32,
    status: String,
    /// Fields of proc_pid_stat(5) from the third on.
    stat: Vec<String>,
    command: String,
}

impl Process {
    fn read(pid: u32) -> Option<Self> {
        let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
        let status = read("status")?;
        let stat = read("stat")?;
        // Behind the name, which may hold anything.
        let stat = stat.rsplit_once(')')?.1.split_whitespace();
        let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        let command = String::from_utf8_lossy(&command).replace('\0', " ");
        Some(Self {
            pid,
            stat: stat.map(str::to_owned).collect(),
            command: command.trim().to_owned(),
            status,
        })
    }

    /// Value of a line of proc_pid_status(5).
    fn line(&self, name: &str) -> &str {
        let line = self.status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().next())
            .unwrap_or_default()
    }

    /// A field of proc_pid_stat(5) by its number there.
    fn field(&self, number: usize) -> u64 {
        let text = self.stat.get(number.saturating_sub(3));
        text.and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    fn text(&self, number: usize) -> String {
        let text = self.stat.get(number.saturating_sub(3));
        text.cloned().unwrap_or_default()
    }

    fn cpu_seconds(&self) -> u64 {
        (self.field(14) + self.field(15)) / TICKS
    }

    fn age(&self, host: &Host) -> u64 {
        host.uptime.saturating_sub(self.field(22) / TICKS)
    }

    /// Thousandths of one CPU over its life.
    fn cpu_share(&self, host: &Host) -> u64 {
        let ticks = self.field(14) + self.field(15);
        ticks * 1000 / TICKS / self.age(host).max(1)
    }

    fn cell(&self, field: Field, host: &Host) -> String {
        let resident = || self.line("VmRSS:").parse::<u64>().unwrap_or(0);
        match field {
            // Names would be the host's, which mean nothing in the container.
            Field::User | Field::Uid => self.line("Uid:").to_owned(),
            Field::Gid => self.line("Gid:").to_owned(),
            Field::Pid => self.pid.to_string(),
            Field::Ppid => self.line("PPid:").to_owned(),
            Field::Pgid => self.text(5),
            Field::Sid => self.text(6),
            Field::Cpu => (self.cpu_share(host) / 10).to_string(),
            Field::PercentCpu => tenths(self.cpu_share(host)),
            Field::PercentMemory => tenths(resident() * 1000 / host.memory.max(1)),
            Field::VirtualSize => (self.field(23) / 1024).to_string(),
            Field::ResidentSize => resident().to_string(),
            Field::Threads => self.text(20),
            Field::Nice => self.text(19),
            Field::State => self.text(3),
            Field::Start => {
                let at = host.now.saturating_sub(self.age(host));
                format!("{:02}:{:02}", at / 3600 % 24, at / 60 % 60)
            }
            Field::Elapsed => span(self.age(host)),
            Field::Terminal => terminal(self.field(7)),
            Field::Time => clock(self.cpu_seconds()),
            Field::Program => self.line("Name:").to_owned(),
            Field::Command if self.command.is_empty() => format!("[{}]", self.line("Name:")),
            Field::Command => self.command.clone(),
        }
    }
}

fn tenths(thousandths: u64) -> String {
    format!("{}.{}", thousandths / 10, thousandths % 10)
}

fn clock(seconds: u64) -> String {
    format!(
        "{:02}:{:02}:{:02}",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60
    )
}

/// As ps(1) has `etime`: `[[dd-]hh:]mm:ss`.
fn span(seconds: u64) -> String {
    let (minutes, seconds) = (seconds / 60, seconds % 60);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    match (hours / 24, hours % 24) {
        (0, 0) => format!("{minutes:02}:{seconds:02}"),
        (0, hours) => format!("{hours:02}:{minutes:02}:{seconds:02}"),
        (days, hours) => format!("{days}-{hours:02}:{minutes:02}:{seconds:02}"),
    }
}

/// Major 136 to 143 are `/dev/pts` (devices.txt of the kernel); the minor's lower bits come first.
fn terminal(device: u64) -> String {
    let (major, minor) = (
        (device >> 8) & 0xfff,
        (device & 0xff) | ((device >> 12) & 0xf_ff00),
    );
    match major {
        136..=143 => format!("pts/{}", (major - 136) * 256 + minor),
        _ => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_written_as_ps_does() {
        assert_eq!(span(59), "00:59");
        assert_eq!(span(3661), "01:01:01");
        assert_eq!(span(90_061), "1-01:01:01");
        assert_eq!(clock(3661), "01:01:01");
        assert_eq!(tenths(123), "12.3");
        assert_eq!(terminal(136 << 8), "pts/0");
        assert_eq!(terminal((136 << 8) | 5), "pts/5");
        assert_eq!(terminal(0), "?");
    }

    #[test]
    fn this_process_has_every_cell() {
        let process = Process::read(std::process::id()).expect("alive");
        let host = Host::read();
        for column in orlop_model::process_table::full() {
            assert!(!process.cell(column.field, &host).is_empty(), "{column:?}");
        }
        assert_eq!(
            process
                .cell(Field::Threads, &host)
                .parse::<u32>()
                .map(|n| n > 0),
            Ok(true)
        );
    }
}
