//! Block devices: shares, and the most of a second.

use std::collections::BTreeMap;

use orlop_model::device::BlockDevice;
use orlop_model::limits::{BlockLimits, BlockRate};

use super::write::{Lacking, Out};

/// No scheduler on this kernel shares out block devices.
const NO_WEIGHT: &str = "Your kernel does not support Block I/O weight or the cgroup is not \
                         mounted. Weight discarded.";
/// No scheduler on this kernel shares out single block devices.
const NO_DEVICE_WEIGHT: &str = "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. \
     Weight-device discarded.";
/// The range that Docker takes, and the one of `io.weight` that it becomes.
const WEIGHTS: (u64, u64) = (10, 1_000);
const IO_WEIGHTS: (u64, u64) = (1, 10_000);

pub(super) fn plan(limits: &BlockLimits, out: &mut Out<'_>) {
    weights(limits, out);
    if out.is_v2() {
        for (device, rates) in by_device(limits, out) {
            out.push("io.max", format!("{device}{rates}"), Lacking::Fail);
        }
        return;
    }
    for (file, list) in [
        ("blkio.throttle.read_bps_device", &limits.read_bps),
        ("blkio.throttle.write_bps_device", &limits.write_bps),
        ("blkio.throttle.read_iops_device", &limits.read_iops),
        ("blkio.throttle.write_iops_device", &limits.write_iops),
    ] {
        for BlockRate { device, rate } in list {
            if let Some(number) = number(device, out) {
                out.push(file, format!("{number} {rate}"), Lacking::Fail);
            }
        }
    }
}

/// The bfq scheduler has the weights, or before Linux 5.0 cfq (version 1), or iocost (version 2).
fn weights(limits: &BlockLimits, out: &mut Out<'_>) {
    if let Some(weight) = limits.weight {
        let last = Lacking::Warn(NO_WEIGHT);
        let value = weight.to_string();
        let (first, second) = if out.is_v2() {
            let other = format!("default {}", io_weight(weight));
            ("io.bfq.weight", out.write("io.weight", other, last))
        } else {
            let other = out.write("blkio.weight", value.clone(), last);
            ("blkio.bfq.weight", other)
        };
        out.push(first, value, Lacking::Instead(Box::new(second)));
    }
    for wanted in &limits.device_weights {
        let Some(number) = number(&wanted.device, out) else {
            continue;
        };
        let value = format!("{number} {}", wanted.weight);
        let last = Lacking::Warn(NO_DEVICE_WEIGHT);
        let (first, second) = if out.is_v2() {
            let other = format!("{number} {}", io_weight(wanted.weight));
            ("io.bfq.weight", out.write("io.weight", other, last))
        } else {
            let other = out.write("blkio.weight_device", value.clone(), last);
            ("blkio.bfq.weight_device", other)
        };
        out.push(first, value, Lacking::Instead(Box::new(second)));
    }
}

/// Version 2 takes all four rates of a device in one line.
fn by_device(limits: &BlockLimits, out: &mut Out<'_>) -> BTreeMap<String, String> {
    let mut lines = BTreeMap::<String, String>::new();
    for (key, list) in [
        ("rbps", &limits.read_bps),
        ("wbps", &limits.write_bps),
        ("riops", &limits.read_iops),
        ("wiops", &limits.write_iops),
    ] {
        for BlockRate { device, rate } in list {
            let Some(number) = number(device, out) else {
                continue;
            };
            // 0 is no limit, as in version 1.
            let rate = match rate {
                0 => "max".to_owned(),
                rate => rate.to_string(),
            };
            *lines.entry(number).or_default() += &format!(" {key}={rate}");
        }
    }
    lines
}

/// The number by which the kernel knows a device.
fn number(device: &BlockDevice, out: &mut Out<'_>) -> Option<String> {
    match device {
        BlockDevice::Number(..) => Some(device.to_string()),
        BlockDevice::Path(path) => {
            out.refuse(format!(
                "the number of the block device {path} is not known"
            ));
            None
        }
    }
}

/// Docker's weight as one of `io.weight`: the ends of both ranges meet.
pub(super) fn io_weight(weight: u16) -> u64 {
    let weight = u64::from(weight).clamp(WEIGHTS.0, WEIGHTS.1) - WEIGHTS.0;
    IO_WEIGHTS.0 + weight * (IO_WEIGHTS.1 - IO_WEIGHTS.0) / (WEIGHTS.1 - WEIGHTS.0)
}
