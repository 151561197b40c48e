//! Limits of a cgroup. Pure.

use std::collections::BTreeMap;

use orlop_model::limits::Limits;
use serde_json::Value;

use super::{PlanError, unsupported};
use crate::config::Resources;

/// Understands limits.
///
/// # Errors
/// The first that is not supported.
pub(crate) fn limits(resources: &Resources) -> Result<Limits, PlanError> {
    refuse(resources)?;
    let (memory, cpu) = (&resources.memory, &resources.cpu);
    let bytes = |limit: Option<i64>| limit.and_then(|b| u64::try_from(b).ok()).filter(|b| *b > 0);
    let list = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let limit = bytes(memory.limit);
    Ok(Limits {
        memory: limit,
        // Without a word about swap, swap is not limited here; Docker's default is another.
        memory_swap: memory.swap.filter(|b| *b != 0).or(limit.map(|_| -1)),
        memory_reservation: bytes(memory.reservation),
        cpu_quota: cpu.quota.filter(|q| *q != 0),
        cpu_period: cpu.period.filter(|p| *p != 0),
        cpu_shares: cpu.shares.filter(|s| *s != 0),
        cpuset_cpus: list(&cpu.cpus),
        cpuset_mems: list(&cpu.mems),
        pids: resources
            .pids
            .and_then(|pids| pids.limit)
            .filter(|limit| *limit != 0),
        ..Limits::default()
    })
}

fn refuse(resources: &Resources) -> Result<(), PlanError> {
    let (memory, cpu) = (&resources.memory, &resources.cpu);
    let asked = [
        ("memory.kernelTCP", memory.kernel_tcp.is_some_and(|b| b > 0)),
        ("memory.swappiness", memory.swappiness.is_some()),
        (
            "memory.disableOOMKiller",
            memory.disable_oom_killer == Some(true),
        ),
        (
            "memory.checkBeforeUpdate",
            memory.check_before_update == Some(true),
        ),
        ("cpu.burst", cpu.burst.is_some_and(|b| b > 0)),
        (
            "cpu.realtimeRuntime",
            cpu.realtime_runtime.is_some_and(|r| r != 0),
        ),
        (
            "cpu.realtimePeriod",
            cpu.realtime_period.is_some_and(|p| p != 0),
        ),
        ("cpu.idle", cpu.idle.is_some_and(|i| i != 0)),
        ("hugepageLimits", !resources.hugepage_limits.is_empty()),
        ("rdma", !resources.rdma.is_empty()),
        ("unified", !resources.unified.is_empty()),
    ];
    if let Some((field, _)) = asked.into_iter().find(|(_, asked)| *asked) {
        return Err(unsupported(
            format!("linux.resources.{field}"),
            "it is not there yet",
        ));
    }
    for (part, fields) in [
        ("blockIO", &resources.block_io),
        ("network", &resources.network),
    ] {
        if let Some(field) = fields.as_ref().and_then(set_field) {
            return Err(unsupported(
                format!("linux.resources.{part}.{field}"),
                "it is not there yet",
            ));
        }
    }
    Ok(())
}

/// The first property that says something.
fn set_field(fields: &BTreeMap<String, Value>) -> Option<&String> {
    let says = |value: &Value| match value {
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        _ => true,
    };
    fields
        .iter()
        .find(|(_, value)| says(value))
        .map(|(name, _)| name)
}

/// Limits with others over them: what is not named stays as it is.
#[must_use]
pub(crate) fn merged(old: &Limits, new: &Limits) -> Limits {
    Limits {
        memory: new.memory.or(old.memory),
        memory_swap: new.memory_swap.or(old.memory_swap),
        memory_reservation: new.memory_reservation.or(old.memory_reservation),
        nano_cpus: new.nano_cpus.or(old.nano_cpus),
        cpu_quota: new.cpu_quota.or(old.cpu_quota),
        cpu_period: new.cpu_period.or(old.cpu_period),
        cpu_shares: new.cpu_shares.or(old.cpu_shares),
        cpuset_cpus: new.cpuset_cpus.clone().or_else(|| old.cpuset_cpus.clone()),
        cpuset_mems: new.cpuset_mems.clone().or_else(|| old.cpuset_mems.clone()),
        pids: new.pids.or(old.pids),
        // What a bundle cannot ask for yet.
        ..old.clone()
    }
}
