//! Limits and devices of the form that creates a container. Pure.

use orlop_model::device::{DeviceMapping, Devices};
use orlop_model::limits::{BlockLimits, BlockRate, Limits};
use orlop_model::quantity::ByteSize;
use serde::Deserialize;

use super::super::{Errors, words};
use super::{MEMORY_MIN, cpus, optional, size, text};

/// What was typed, as it was typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LimitsForm {
    pub(crate) memory: String,
    pub(crate) memory_swap: String,
    pub(crate) memory_reservation: String,
    pub(crate) cpus: String,
    pub(crate) cpu_shares: String,
    pub(crate) cpuset_cpus: String,
    pub(crate) pids: String,
    pub(crate) blkio_weight: String,
    pub(crate) block_rates: String,
    pub(crate) devices: String,
    pub(crate) device_rules: String,
}

impl LimitsForm {
    /// The typed limits; what is wrong is added to the errors, each with its field.
    pub(crate) fn limits(&self, errors: &mut Errors) -> Limits {
        let memory = size(errors, "memory", &self.memory);
        if memory.is_some_and(|bytes| bytes < MEMORY_MIN) {
            errors.add("memory", "At least 6m are needed");
        }
        let mut block = errors.take("block_rates", block_rates(&self.block_rates));
        block.weight = optional(errors, "blkio_weight", &self.blkio_weight);
        Limits {
            memory,
            memory_swap: errors.take("memory_swap", swap(&self.memory_swap)),
            memory_reservation: size(errors, "memory_reservation", &self.memory_reservation),
            nano_cpus: errors.take("cpus", cpus(&self.cpus)),
            cpu_shares: optional(errors, "cpu_shares", &self.cpu_shares),
            cpuset_cpus: text(&self.cpuset_cpus),
            pids: optional::<u32>(errors, "pids", &self.pids).map(i64::from),
            block,
            ..Limits::default()
        }
    }

    /// The typed devices.
    pub(crate) fn devices(&self, errors: &mut Errors) -> Devices {
        let shown: Result<Vec<DeviceMapping>, _> = words(&self.devices).map(str::parse).collect();
        let rules: Result<Vec<_>, _> = words(&self.device_rules).map(str::parse).collect();
        Devices {
            shown: errors.take("devices", shown),
            rules: errors.take("device_rules", rules),
        }
    }
}

/// Bytes of memory and swap together; `unlimited` for as much swap as there is.
fn swap(value: &str) -> Result<Option<i64>, String> {
    match value.trim() {
        "" => Ok(None),
        "-1" | "unlimited" => Ok(Some(-1)),
        size => {
            let size: ByteSize = size
                .parse()
                .map_err(|error: orlop_model::quantity::ByteSizeError| error.to_string())?;
            let bytes = i64::try_from(size.0).map_err(|_| "That is too large".to_owned())?;
            Ok(Some(bytes))
        }
    }
}

/// `/dev/vda read 10m` and `/dev/vda write-ops 100`, one a line.
fn block_rates(value: &str) -> Result<BlockLimits, String> {
    let mut limits = BlockLimits::default();
    for line in words(value) {
        let wrong = || {
            format!("{line:?}: a device, then read, write, read-ops or write-ops, then a number")
        };
        let parts: Vec<&str> = line.split_ascii_whitespace().collect();
        let [device, way, rate] = parts[..] else {
            return Err(wrong());
        };
        let rate: ByteSize = rate.parse().map_err(|_| wrong())?;
        let rate = BlockRate {
            device: device
                .parse()
                .map_err(|error: orlop_model::device::DeviceError| error.to_string())?,
            rate: rate.0,
        };
        match way {
            "read" => limits.read_bps.push(rate),
            "write" => limits.write_bps.push(rate),
            "read-ops" => limits.read_iops.push(rate),
            "write-ops" => limits.write_iops.push(rate),
            _ => return Err(wrong()),
        }
    }
    Ok(limits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_arrives_in_its_place() {
        let form = LimitsForm {
            memory: "64m".to_owned(),
            memory_swap: "unlimited".to_owned(),
            memory_reservation: "32m".to_owned(),
            cpu_shares: "512".to_owned(),
            cpuset_cpus: " 0-1 ".to_owned(),
            blkio_weight: "300".to_owned(),
            block_rates: "/dev/vda read 1m\r\n/dev/vda write-ops 50".to_owned(),
            devices: "/dev/fuse\n/dev/vda:/dev/disk:r".to_owned(),
            device_rules: "c 189:* rwm".to_owned(),
            ..LimitsForm::default()
        };
        let mut errors = Errors::default();
        let limits = form.limits(&mut errors);
        let devices = form.devices(&mut errors);
        assert!(errors.is_empty());
        assert_eq!(limits.memory_swap, Some(-1));
        assert_eq!(limits.memory_reservation, Some(32 << 20));
        assert_eq!(limits.cpu_shares, Some(512));
        assert_eq!(limits.cpuset_cpus.as_deref(), Some("0-1"));
        assert_eq!(limits.block.weight, Some(300));
        assert_eq!(limits.block.read_bps[0].rate, 1 << 20);
        assert_eq!(limits.block.write_iops[0].rate, 50);
        assert_eq!(devices.shown[1].container(), "/dev/disk");
        assert_eq!(devices.rules[0].to_string(), "c 189:* rwm");
    }

    #[test]
    fn what_is_wrong_stands_beside_its_field() {
        let form = LimitsForm {
            memory_swap: "much".to_owned(),
            block_rates: "/dev/vda quickly 1m".to_owned(),
            devices: "fuse".to_owned(),
            device_rules: "all".to_owned(),
            ..LimitsForm::default()
        };
        let mut errors = Errors::default();
        let _ = (form.limits(&mut errors), form.devices(&mut errors));
        for field in ["memory_swap", "block_rates", "devices", "device_rules"] {
            assert!(!errors.of(field).is_empty(), "{field}");
        }
    }
}
