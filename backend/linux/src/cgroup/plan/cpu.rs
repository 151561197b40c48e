//! CPUs: time, shares, real time, and which ones.

use orlop_model::limits::Limits;

use super::write::{Lacking, Out};

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
/// The budget of real time, which the group above must have first.
pub(in super::super) const RT_RUNTIME: &str = "cpu.rt_runtime_us";
/// Docker's words, and why.
const NO_REAL_TIME: &str = "Your kernel does not support CPU real-time scheduler: control groups \
                            of version 2 and kernels without CONFIG_RT_GROUP_SCHED have none; \
                            leave the real-time period and runtime away";

pub(super) fn is_asked(limits: &Limits) -> bool {
    limits.nano_cpus.is_some()
        || limits.cpu_quota.is_some()
        || limits.cpu_period.is_some()
        || limits.cpu_shares.is_some()
        || limits.cpu_rt_period.is_some()
        || limits.cpu_rt_runtime.is_some()
}

pub(super) fn plan(limits: &Limits, out: &mut Out<'_>) {
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
        if limits.cpu_rt_period.is_some() || limits.cpu_rt_runtime.is_some() {
            out.refuse(NO_REAL_TIME);
        }
        let weight = shares.map(|s| weight_of(s).to_string());
        out.put("cpu.weight", weight, &DEFAULT_WEIGHT.to_string());
        if asked || out.reset {
            let quota = quota.map_or_else(|| "max".to_owned(), |q| q.to_string());
            out.push("cpu.max", format!("{quota} {period}"), Lacking::Fail);
        }
        return;
    }
    let shares = shares.map(|s| s.clamp(SHARES.0, SHARES.1).to_string());
    out.put("cpu.shares", shares, &DEFAULT_SHARES.to_string());
    if asked || out.reset {
        // The old quota may be too large for the new period: set free, set, and bound again.
        out.push("cpu.cfs_quota_us", "-1".to_owned(), Lacking::Fail);
        out.push("cpu.cfs_period_us", period.to_string(), Lacking::Fail);
        if let Some(quota) = quota {
            out.push("cpu.cfs_quota_us", quota.to_string(), Lacking::Fail);
        }
    }
    // Only what is asked for: a group begins without real time.
    let lacking = || Lacking::Refuse(NO_REAL_TIME);
    if let Some(period) = limits.cpu_rt_period {
        out.push("cpu.rt_period_us", period.to_string(), lacking());
    }
    if let Some(runtime) = limits.cpu_rt_runtime {
        out.push(RT_RUNTIME, runtime.to_string(), lacking());
    }
}

/// Shares of version 1 as a weight of version 2: the ends of both ranges meet.
pub(super) fn weight_of(shares: u64) -> u64 {
    let shares = shares.clamp(SHARES.0, SHARES.1) - SHARES.0;
    WEIGHTS.0 + shares * (WEIGHTS.1 - WEIGHTS.0) / (SHARES.1 - SHARES.0)
}

pub(super) fn cpuset(limits: &Limits, out: &mut Out<'_>) {
    // Nothing to reset to: version 1 refuses an empty list, and in version 2 it is the default.
    for (file, value) in [
        ("cpuset.cpus", &limits.cpuset_cpus),
        ("cpuset.mems", &limits.cpuset_mems),
    ] {
        if let Some(list) = value.as_ref().filter(|list| !list.is_empty()) {
            out.push(file, list.clone(), Lacking::Fail);
        }
    }
}
