//! Memory: limit, swap, reservation, and what happens when it runs out.

use orlop_model::limits::Limits;

use super::write::{Lacking, Out};

/// Only version 1 has it; Docker's own words.
const NO_SWAPPINESS: &str =
    "Your kernel does not support memory swappiness capabilities. Memory swappiness discarded.";
/// Only version 1 has it; Docker's own words.
const NO_OOM_SWITCH: &str =
    "Your kernel does not support OomKillDisable. OomKillDisable discarded.";

pub(super) fn is_asked(limits: &Limits) -> bool {
    limits.memory.is_some()
        || limits.memory_swap.is_some()
        || limits.memory_reservation.is_some()
        || limits.memory_swappiness.is_some()
        || limits.oom_kill_disable == Some(true)
}

pub(super) fn plan(limits: &Limits, out: &mut Out<'_>) {
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
            out.push("memory.swap.max", value, Lacking::Ignore);
        }
        if limits.memory_swappiness.is_some() {
            out.warn(NO_SWAPPINESS);
        }
        if limits.oom_kill_disable == Some(true) {
            out.warn(NO_OOM_SWITCH);
        }
        return;
    }
    if limit.is_some() || out.reset {
        // Memory with swap can never be below memory alone: set free, set, and bound again.
        let unlimited = || "-1".to_owned();
        out.push("memory.memsw.limit_in_bytes", unlimited(), Lacking::Ignore);
        out.put("memory.limit_in_bytes", text(limit), "-1");
        if let (Some(memory), Some(swap)) = (limit, swap) {
            let all = memory.saturating_add(swap).to_string();
            out.push("memory.memsw.limit_in_bytes", all, Lacking::Ignore);
        }
    }
    out.put(
        "memory.soft_limit_in_bytes",
        text(limits.memory_reservation),
        "-1",
    );
    switches(limits, out);
}

/// What only version 1 has.
fn switches(limits: &Limits, out: &mut Out<'_>) {
    // Not reset: what it was before is the host's own setting.
    if let Some(eagerness) = limits.memory_swappiness {
        let value = eagerness.to_string();
        out.push("memory.swappiness", value, Lacking::Warn(NO_SWAPPINESS));
    }
    if limits.oom_kill_disable == Some(true) {
        let lacking = Lacking::Warn(NO_OOM_SWITCH);
        out.push("memory.oom_control", "1".to_owned(), lacking);
    } else if out.reset {
        out.push("memory.oom_control", "0".to_owned(), Lacking::Ignore);
    }
}
