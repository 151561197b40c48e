//! Limits as writes to files of control groups: pure.

use orlop_model::limits::Limits;

use super::layout::{Controller, Layout};

/// Microseconds of a CPU period unless another is asked for.
const DEFAULT_PERIOD_MICROS: u64 = 100_000;
/// Nanoseconds of CPU time in a second of one CPU.
const NANOS_PER_CPU: u64 = 1_000_000_000;
/// The smallest quota that the kernel takes.
const MIN_QUOTA_MICROS: u64 = 1_000;
/// The range of shares, and the one of weights that they become in version 2.
const SHARES: (u64, u64) = (2, 262_144);
const WEIGHTS: (u64, u64) = (1, 10_000);
/// What version 1 starts with.
const DEFAULT_SHARES: u64 = 1_024;
/// What version 2 starts with.
const DEFAULT_WEIGHT: u64 = 100;

/// One write to a file of a container's group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// In which hierarchy: of version 1 that has this controller, or of version 2.
    pub place: Place,
    /// The file.
    pub file: &'static str,
    /// What to write.
    pub value: String,
    /// Some kernels lack the file; then nothing is lost that could be had.
    pub optional: bool,
}

/// In which hierarchy a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The hierarchy of version 1 that has this controller.
    V1(Controller),
    /// Version 2.
    V2,
}

/// Limits as writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The writes, in order.
    pub writes: Vec<Write>,
    /// Limits that this host cannot enforce, in words for people.
    pub warnings: Vec<String>,
}

/// What a container's limits need on a fresh group.
#[must_use]
pub fn initial(limits: &Limits, layout: &Layout) -> Plan {
    plan(limits, layout, false)
}

/// What makes a group in use have exactly these limits: what is not limited is set free.
#[must_use]
pub fn update(limits: &Limits, layout: &Layout) -> Plan {
    plan(limits, layout, true)
}

fn plan(limits: &Limits, layout: &Layout, reset: bool) -> Plan {
    let mut plan = Plan::default();
    let concerns = [
        (
            Controller::Memory,
            limits.memory.is_some()
                || limits.memory_swap.is_some()
                || limits.memory_reservation.is_some(),
        ),
        (
            Controller::Cpu,
            limits.nano_cpus.is_some()
                || limits.cpu_quota.is_some()
                || limits.cpu_period.is_some()
                || limits.cpu_shares.is_some(),
        ),
        (
            Controller::Cpuset,
            limits.cpuset_cpus.is_some() || limits.cpuset_mems.is_some(),
        ),
        (Controller::Pids, limits.pids.is_some()),
    ];
    for (controller, asked) in concerns {
        let place = if layout.v1_of(controller).is_some() {
            Place::V1(controller)
        } else if layout.v2_has(controller) {
            Place::V2
        } else {
            if asked {
                plan.warnings.push(format!(
                    "the {} limits are not in force: this host has no such control group \
                     controller",
                    controller.name()
                ));
            }
            continue;
        };
        if asked || reset {
            let mut out = Out {
                place,
                reset,
                writes: &mut plan.writes,
            };
            match controller {
                Controller::Memory => memory(limits, &mut out),
                Controller::Cpu => cpu(limits, &mut out),
                Controller::Cpuset => cpuset(limits, &mut out),
                _ => pids(limits, &mut out),
            }
        }
    }
    plan
}

/// Collects the writes of one controller.
struct Out<'a> {
    place: Place,
    reset: bool,
    writes: &'a mut Vec<Write>,
}

impl Out<'_> {
    fn is_v2(&self) -> bool {
        self.place == Place::V2
    }

    /// The file gets the value, or when everything is reset the default.
    fn put(&mut self, file: &'static str, value: Option<String>, default: &str) {
        let default = || self.reset.then(|| default.to_owned());
        if let Some(value) = value.or_else(default) {
            self.push(file, value, false);
        }
    }

    fn push(&mut self, file: &'static str, value: String, optional: bool) {
        self.writes.push(Write {
            place: self.place,
            file,
            value,
            optional,
        });
    }
}

fn memory(limits: &Limits, out: &mut Out<'_>) {
    let text = |bytes: Option<u64>| bytes.filter(|b| *b > 0).map(|b| b.to_string());
    let limit = limits.memory.filter(|b| *b > 0);
    // As Docker: without a word about swap, as much swap as memory. None on an unlimited group.
    let swap = match (limits.memory_swap, limit) {
        (Some(all), _) if all < 0 => None,
        (Some(all), Some(memory)) if all > 0 => Some(all.unsigned_abs().max(memory) - memory),
        (_, limit) => limit,
    };
    if out.is_v2() {
        out.put("memory.max", text(limit), "max");
        out.put("memory.low", text(limits.memory_reservation), "0");
        if limit.is_some() || out.reset {
            let value = swap.map_or_else(|| "max".to_owned(), |bytes| bytes.to_string());
            out.push("memory.swap.max", value, true);
        }
        return;
    }
    if limit.is_some() || out.reset {
        // Memory with swap can never be below memory alone: set free, set, and bound again.
        out.push("memory.memsw.limit_in_bytes", "-1".to_owned(), true);
        out.put("memory.limit_in_bytes", text(limit), "-1");
        if let (Some(memory), Some(swap)) = (limit, swap) {
            let all = memory.saturating_add(swap).to_string();
            out.push("memory.memsw.limit_in_bytes", all, true);
        }
    }
    out.put(
        "memory.soft_limit_in_bytes",
        text(limits.memory_reservation),
        "-1",
    );
}

fn cpu(limits: &Limits, out: &mut Out<'_>) {
    let shares = limits.cpu_shares.filter(|s| *s > 0);
    let period = limits
        .cpu_period
        .filter(|p| *p > 0)
        .unwrap_or(DEFAULT_PERIOD_MICROS);
    let of_nanos = |nanos: u64| {
        let micros = u128::from(nanos) * u128::from(period) / u128::from(NANOS_PER_CPU);
        u64::try_from(micros)
            .unwrap_or(u64::MAX)
            .max(MIN_QUOTA_MICROS)
    };
    let quota = limits
        .nano_cpus
        .filter(|n| *n > 0)
        .map(of_nanos)
        .or_else(|| limits.cpu_quota.and_then(|q| u64::try_from(q).ok()))
        .filter(|q| *q > 0);
    let asked = quota.is_some() || limits.cpu_period.is_some();
    if out.is_v2() {
        let weight = shares.map(|s| weight_of(s).to_string());
        out.put("cpu.weight", weight, &DEFAULT_WEIGHT.to_string());
        if asked || out.reset {
            let quota = quota.map_or_else(|| "max".to_owned(), |q| q.to_string());
            out.push("cpu.max", format!("{quota} {period}"), false);
        }
        return;
    }
    let shares = shares.map(|s| s.clamp(SHARES.0, SHARES.1).to_string());
    out.put("cpu.shares", shares, &DEFAULT_SHARES.to_string());
    if asked || out.reset {
        // The old quota may be too large for the new period: set free, set, and bound again.
        out.push("cpu.cfs_quota_us", "-1".to_owned(), false);
        out.push("cpu.cfs_period_us", period.to_string(), false);
        if let Some(quota) = quota {
            out.push("cpu.cfs_quota_us", quota.to_string(), false);
        }
    }
}

/// Shares of version 1 as a weight of version 2: the ends of both ranges meet.
fn weight_of(shares: u64) -> u64 {
    let shares = shares.clamp(SHARES.0, SHARES.1) - SHARES.0;
    WEIGHTS.0 + shares * (WEIGHTS.1 - WEIGHTS.0) / (SHARES.1 - SHARES.0)
}

fn cpuset(limits: &Limits, out: &mut Out<'_>) {
    // Nothing to reset to: version 1 refuses an empty list, and in version 2 it is the default.
    for (file, value) in [
        ("cpuset.cpus", &limits.cpuset_cpus),
        ("cpuset.mems", &limits.cpuset_mems),
    ] {
        if let Some(list) = value.as_ref().filter(|list| !list.is_empty()) {
            out.push(file, list.clone(), false);
        }
    }
}

fn pids(limits: &Limits, out: &mut Out<'_>) {
    let max = limits.pids.filter(|n| *n > 0).map(|n| n.to_string());
    out.put("pids.max", max, "max");
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
