//! Limits and devices as Docker's JSON has them (`Resources`): read for create and update, written
//! for inspect.

use orlop_model::device::{DeviceAccess, DeviceMapping, Devices};
use orlop_model::limits::{BlockLimits, BlockRate, BlockWeight, Limits};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::error::ApiError;

/// The part of a host configuration that limits.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct LimitsBody {
    memory: i64,
    memory_swap: i64,
    memory_reservation: i64,
    memory_swappiness: Option<i64>,
    oom_kill_disable: Option<bool>,
    nano_cpus: i64,
    cpu_quota: i64,
    cpu_period: i64,
    cpu_shares: i64,
    cpu_realtime_period: i64,
    cpu_realtime_runtime: i64,
    cpuset_cpus: String,
    cpuset_mems: String,
    pids_limit: Option<i64>,
    blkio_weight: u16,
    blkio_weight_device: Option<Vec<WeightBody>>,
    blkio_device_read_bps: Option<Vec<RateBody>>,
    blkio_device_write_bps: Option<Vec<RateBody>>,
    #[serde(rename = "BlkioDeviceReadIOps")]
    blkio_device_read_iops: Option<Vec<RateBody>>,
    #[serde(rename = "BlkioDeviceWriteIOps")]
    blkio_device_write_iops: Option<Vec<RateBody>>,
    devices: Option<Vec<DeviceBody>>,
    device_cgroup_rules: Option<Vec<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct WeightBody {
    path: String,
    weight: u16,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RateBody {
    path: String,
    rate: u64,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct DeviceBody {
    path_on_host: String,
    path_in_container: String,
    cgroup_permissions: String,
}

fn positive(value: i64) -> Option<u64> {
    u64::try_from(value).ok().filter(|v| *v > 0)
}

fn bad(error: impl std::fmt::Display) -> ApiError {
    ApiError::bad_request(error.to_string())
}

impl LimitsBody {
    /// The limits; 0 and nothing mean no limit.
    pub(crate) fn limits(&self) -> Result<Limits, ApiError> {
        let text = |text: &String| (!text.is_empty()).then(|| text.clone());
        let some = |number: i64| (number != 0).then_some(number);
        let swappiness = match self.memory_swappiness {
            // What clients send that do not care.
            None | Some(-1) => None,
            Some(number) => Some(u8::try_from(number).map_err(|_| {
                bad(format!(
                    "Invalid value: {number}, valid memory swappiness range is 0-100"
                ))
            })?),
        };
        Ok(Limits {
            memory: positive(self.memory),
            memory_swap: some(self.memory_swap),
            memory_reservation: positive(self.memory_reservation),
            nano_cpus: positive(self.nano_cpus),
            cpu_quota: some(self.cpu_quota),
            cpu_period: positive(self.cpu_period),
            cpu_shares: positive(self.cpu_shares),
            cpuset_cpus: text(&self.cpuset_cpus),
            cpuset_mems: text(&self.cpuset_mems),
            pids: self.pids_limit.filter(|limit| *limit != 0),
            memory_swappiness: swappiness,
            oom_kill_disable: self.oom_kill_disable.filter(|disabled| *disabled),
            cpu_rt_period: positive(self.cpu_realtime_period),
            cpu_rt_runtime: some(self.cpu_realtime_runtime),
            block: self.block()?,
            huge_pages: Vec::new(),
        })
    }

    fn block(&self) -> Result<BlockLimits, ApiError> {
        let mut device_weights = Vec::new();
        for WeightBody { path, weight } in self.blkio_weight_device.iter().flatten() {
            device_weights.push(BlockWeight {
                device: path.parse().map_err(bad)?,
                weight: *weight,
            });
        }
        Ok(BlockLimits {
            weight: Some(self.blkio_weight).filter(|weight| *weight > 0),
            device_weights,
            read_bps: rates(&self.blkio_device_read_bps)?,
            write_bps: rates(&self.blkio_device_write_bps)?,
            read_iops: rates(&self.blkio_device_read_iops)?,
            write_iops: rates(&self.blkio_device_write_iops)?,
        })
    }

    /// The devices.
    pub(crate) fn devices(&self) -> Result<Devices, ApiError> {
        let mut devices = Devices::default();
        for body in self.devices.iter().flatten() {
            devices.shown.push(body.mapping()?);
        }
        for rule in self.device_cgroup_rules.iter().flatten() {
            devices.rules.push(rule.parse().map_err(bad)?);
        }
        Ok(devices)
    }
}

fn rates(list: &Option<Vec<RateBody>>) -> Result<Vec<BlockRate>, ApiError> {
    let rate = |body: &RateBody| {
        Ok(BlockRate {
            device: body.path.parse().map_err(bad)?,
            rate: body.rate,
        })
    };
    list.iter().flatten().map(rate).collect()
}

impl DeviceBody {
    fn mapping(&self) -> Result<DeviceMapping, ApiError> {
        let or = |text: &str, other: &str| {
            let text = if text.is_empty() { other } else { text };
            text.to_owned()
        };
        let access: DeviceAccess = or(&self.cgroup_permissions, "rwm").parse().map_err(bad)?;
        let container = or(&self.path_in_container, &self.path_on_host);
        DeviceMapping::new(&self.path_on_host, &container, access).map_err(bad)
    }
}

/// What `inspect` shows in the host configuration.
pub(crate) fn shown(limits: &Limits, devices: &Devices) -> Map<String, Value> {
    let rates = |list: &[BlockRate]| {
        let one = |rate: &BlockRate| json!({"Path": rate.device.to_string(), "Rate": rate.rate});
        list.iter().map(one).collect::<Vec<_>>()
    };
    let block = &limits.block;
    let weight = |w: &BlockWeight| json!({"Path": w.device.to_string(), "Weight": w.weight});
    let device = |mapping: &DeviceMapping| {
        json!({
            "PathOnHost": mapping.host(),
            "PathInContainer": mapping.container(),
            "CgroupPermissions": mapping.access.to_string(),
        })
    };
    let rules: Vec<String> = devices.rules.iter().map(ToString::to_string).collect();
    let value = json!({
        "Memory": limits.memory.unwrap_or(0),
        "MemorySwap": limits.memory_swap.unwrap_or(0),
        "MemoryReservation": limits.memory_reservation.unwrap_or(0),
        "MemorySwappiness": limits.memory_swappiness,
        "OomKillDisable": limits.oom_kill_disable.unwrap_or(false),
        "NanoCpus": limits.nano_cpus.unwrap_or(0),
        "CpuQuota": limits.cpu_quota.unwrap_or(0),
        "CpuPeriod": limits.cpu_period.unwrap_or(0),
        "CpuShares": limits.cpu_shares.unwrap_or(0),
        "CpuRealtimePeriod": limits.cpu_rt_period.unwrap_or(0),
        "CpuRealtimeRuntime": limits.cpu_rt_runtime.unwrap_or(0),
        "CpusetCpus": limits.cpuset_cpus.clone().unwrap_or_default(),
        "CpusetMems": limits.cpuset_mems.clone().unwrap_or_default(),
        "PidsLimit": limits.pids,
        "BlkioWeight": block.weight.unwrap_or(0),
        "BlkioWeightDevice": block.device_weights.iter().map(weight).collect::<Vec<_>>(),
        "BlkioDeviceReadBps": rates(&block.read_bps),
        "BlkioDeviceWriteBps": rates(&block.write_bps),
        "BlkioDeviceReadIOps": rates(&block.read_iops),
        "BlkioDeviceWriteIOps": rates(&block.write_iops),
        "Devices": devices.shown.iter().map(device).collect::<Vec<_>>(),
        "DeviceCgroupRules": if rules.is_empty() { Value::Null } else { json!(rules) },
    });
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_shown_again() {
        let body = json!({
            "Memory": 8_388_608, "MemorySwap": -1, "MemoryReservation": 4_194_304,
            "MemorySwappiness": 0, "OomKillDisable": true, "NanoCpus": 0, "CpuQuota": 50_000,
            "CpuPeriod": 100_000, "CpuShares": 512, "CpuRealtimePeriod": 1_000_000,
            "CpuRealtimeRuntime": 950_000, "CpusetCpus": "0-1", "CpusetMems": "0",
            "PidsLimit": 12, "BlkioWeight": 300,
            "BlkioWeightDevice": [{"Path": "/dev/vda", "Weight": 200}],
            "BlkioDeviceReadBps": [{"Path": "/dev/vda", "Rate": 1_048_576}],
            "BlkioDeviceWriteBps": [], "BlkioDeviceReadIOps": [],
            "BlkioDeviceWriteIOps": [{"Path": "/dev/vdb", "Rate": 10}],
            "Devices": [{
                "PathOnHost": "/dev/fuse", "PathInContainer": "/dev/fuse",
                "CgroupPermissions": "rw"
            }],
            "DeviceCgroupRules": ["c 10:* rwm"],
        });
        let read: LimitsBody = serde_json::from_value(body.clone()).expect("form");
        let (limits, devices) = (read.limits(), read.devices());
        let shown = shown(&limits.expect("limits"), &devices.expect("devices"));
        assert_eq!(Value::Object(shown), body);
    }

    #[test]
    fn what_is_wrong_is_refused_by_name() {
        for (body, name) in [
            (json!({"Devices": [{"PathOnHost": "fuse"}]}), "fuse"),
            (json!({"DeviceCgroupRules": ["c 1 rwm"]}), "c 1 rwm"),
            (
                json!({"BlkioDeviceReadBps": [{"Path": "vda", "Rate": 1}]}),
                "vda",
            ),
            (json!({"MemorySwappiness": 300}), "300"),
        ] {
            let read: LimitsBody = serde_json::from_value(body).expect("form");
            let error = read.limits().map(drop).and(read.devices().map(drop));
            let error = format!("{:?}", error.expect_err(name));
            assert!(error.contains(name), "{error}");
        }
    }
}
