//! Control groups: version, controllers, and what hangs on them.

use std::fs;

use orlop_model::probe::Finding;

use super::{fine, limited, missing, needed};
use crate::cgroup::layout::Version;
use crate::cgroup::{Controller, Layout, device_filter};

/// What limits and statistics need.
const WANTED: [Controller; 5] = [
    Controller::Cpu,
    Controller::Memory,
    Controller::Pids,
    Controller::Cpuset,
    Controller::Blkio,
];

fn layout() -> Layout {
    Layout::discover().unwrap_or_default()
}

pub(super) fn version() -> Finding {
    const NAME: &str = "cgroup version";
    needed(match layout().version() {
        Version::V2 => fine(NAME, "2"),
        Version::V1 => fine(NAME, "1"),
        Version::Hybrid => fine(NAME, "1, with version 2 beside it"),
        Version::None => missing(
            NAME,
            "no control groups are mounted",
            "mount -t cgroup2 none /sys/fs/cgroup",
        ),
    })
}

pub(super) fn controllers() -> Finding {
    const NAME: &str = "cgroup controllers";
    let layout = layout();
    let (present, lacking): (Vec<_>, Vec<_>) = WANTED.into_iter().partition(|c| layout.has(*c));
    let names = |controllers: Vec<Controller>| {
        let names: Vec<_> = controllers.into_iter().map(Controller::name).collect();
        names.join(", ")
    };
    if lacking.is_empty() {
        fine(NAME, names(present))
    } else {
        limited(
            NAME,
            format!("lacking {}: such limits are not in force", names(lacking)),
            "Enable them: on the kernel's command line (cgroup_enable=memory), or for Orlop's \
             own group when it runs in one.",
        )
    }
}

pub(super) fn swap() -> Finding {
    const NAME: &str = "swap limits";
    let layout = layout();
    let counted = match layout.v1_of(Controller::Memory) {
        Some(memory) => memory.mount.join("memory.memsw.limit_in_bytes").exists(),
        // The root group of version 2 has no such file; the kernel has it where it has swap.
        None => fs::exists("/proc/swaps").unwrap_or(false),
    };
    if counted {
        fine(NAME, "in force")
    } else {
        limited(
            NAME,
            "swap is not counted: a memory limit bounds memory alone",
            "Boot with swapaccount=1 on the kernel's command line.",
        )
    }
}

pub(super) fn devices() -> Finding {
    const NAME: &str = "device limits";
    let layout = layout();
    if layout.v1_of(Controller::Devices).is_some() {
        fine(NAME, "by the devices controller")
    } else if device_filter::is_supported() {
        fine(NAME, "by BPF programs")
    } else {
        missing(
            NAME,
            "neither the devices controller nor BPF programs on control groups",
            "Use a kernel with CONFIG_CGROUP_BPF.",
        )
    }
}
