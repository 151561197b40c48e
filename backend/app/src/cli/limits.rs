//! Options that limit a container, for `orlop run` and `orlop update`. Pure.

use anyhow::{Context as _, ensure};
use bollard::models::{
    ContainerUpdateBody, HostConfig, ResourcesBlkioWeightDevice, ThrottleDevice,
};
use orlop_model::quantity::ByteSize;

/// Options that limit.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct LimitOptions {
    /// Most memory, such as 512m
    #[arg(short, long)]
    pub(crate) memory: Option<ByteSizeArgument>,
    /// Most memory and swap together; -1 for as much swap as there is
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) memory_swap: Option<ByteSizeArgument>,
    /// Memory that the kernel tries to leave alone
    #[arg(long)]
    pub(crate) memory_reservation: Option<ByteSizeArgument>,
    /// Most CPUs, such as 1.5
    #[arg(long)]
    pub(crate) cpus: Option<f64>,
    /// Share of CPU time beside other containers, 1024 by default
    #[arg(short, long)]
    pub(crate) cpu_shares: Option<i64>,
    /// Microseconds of CPU time in each period
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) cpu_quota: Option<i64>,
    /// Microseconds of a period
    #[arg(long)]
    pub(crate) cpu_period: Option<i64>,
    /// Microseconds of a real-time period
    #[arg(long)]
    pub(crate) cpu_rt_period: Option<i64>,
    /// Microseconds of real-time scheduling in each period
    #[arg(long)]
    pub(crate) cpu_rt_runtime: Option<i64>,
    /// CPUs to run on, such as 0-2,4
    #[arg(long)]
    pub(crate) cpuset_cpus: Option<String>,
    /// Memory nodes to use, such as 0
    #[arg(long)]
    pub(crate) cpuset_mems: Option<String>,
    /// Most processes
    #[arg(long, allow_hyphen_values = true)]
    pub(crate) pids_limit: Option<i64>,
    /// Share of block devices beside other containers, 10 to 1000
    #[arg(long)]
    pub(crate) blkio_weight: Option<u16>,
}

/// Options that limit and can be given only when a container is made, as in Docker.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct FirstLimitOptions {
    /// How eagerly its memory is swapped out, 0 to 100
    #[arg(long)]
    pub(crate) memory_swappiness: Option<i64>,
    /// Let it wait for memory in place of killing a process
    #[arg(long)]
    pub(crate) oom_kill_disable: bool,
    /// Share of one block device: DEVICE:WEIGHT
    #[arg(long, value_name = "DEVICE:WEIGHT")]
    pub(crate) blkio_weight_device: Vec<String>,
    /// Most bytes read from a device in a second: DEVICE:RATE
    #[arg(long, value_name = "DEVICE:RATE")]
    pub(crate) device_read_bps: Vec<String>,
    /// Most bytes written to a device in a second
    #[arg(long, value_name = "DEVICE:RATE")]
    pub(crate) device_write_bps: Vec<String>,
    /// Most reads from a device in a second
    #[arg(long, value_name = "DEVICE:RATE")]
    pub(crate) device_read_iops: Vec<String>,
    /// Most writes to a device in a second
    #[arg(long, value_name = "DEVICE:RATE")]
    pub(crate) device_write_iops: Vec<String>,
    /// Show a device of the host: HOST[:CONTAINER[:rwm]]
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Vec<String>,
    /// Allow devices by number, such as 'c 189:* rwm'
    #[arg(long, value_name = "RULE")]
    pub(crate) device_cgroup_rule: Vec<String>,
}

/// An amount of memory on the command line; -1 is unlimited.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByteSizeArgument(pub(crate) i64);

impl std::str::FromStr for ByteSizeArgument {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> anyhow::Result<Self> {
        if text == "-1" {
            return Ok(Self(-1));
        }
        let size: ByteSize = text.parse()?;
        Ok(Self(i64::try_from(size.0).context("too large")?))
    }
}

impl LimitOptions {
    /// Puts them into a create request.
    pub(crate) fn put(&self, host: &mut HostConfig) -> anyhow::Result<()> {
        host.memory = self.memory.map(|size| size.0);
        host.memory_swap = self.memory_swap.map(|size| size.0);
        host.memory_reservation = self.memory_reservation.map(|size| size.0);
        host.nano_cpus = self.nano_cpus()?;
        host.cpu_shares = self.cpu_shares;
        host.cpu_quota = self.cpu_quota;
        host.cpu_period = self.cpu_period;
        host.cpu_realtime_period = self.cpu_rt_period;
        host.cpu_realtime_runtime = self.cpu_rt_runtime;
        host.cpuset_cpus.clone_from(&self.cpuset_cpus);
        host.cpuset_mems.clone_from(&self.cpuset_mems);
        host.pids_limit = self.pids_limit;
        host.blkio_weight = self.blkio_weight;
        Ok(())
    }

    /// The request that changes a container.
    pub(crate) fn update_body(&self) -> anyhow::Result<ContainerUpdateBody> {
        Ok(ContainerUpdateBody {
            memory: self.memory.map(|size| size.0),
            memory_swap: self.memory_swap.map(|size| size.0),
            memory_reservation: self.memory_reservation.map(|size| size.0),
            nano_cpus: self.nano_cpus()?,
            cpu_shares: self.cpu_shares,
            cpu_quota: self.cpu_quota,
            cpu_period: self.cpu_period,
            cpu_realtime_period: self.cpu_rt_period,
            cpu_realtime_runtime: self.cpu_rt_runtime,
            cpuset_cpus: self.cpuset_cpus.clone(),
            cpuset_mems: self.cpuset_mems.clone(),
            pids_limit: self.pids_limit,
            blkio_weight: self.blkio_weight,
            ..ContainerUpdateBody::default()
        })
    }

    fn nano_cpus(&self) -> anyhow::Result<Option<i64>> {
        let Some(cpus) = self.cpus else {
            return Ok(None);
        };
        ensure!(
            cpus > 0.0 && cpus < 1e6,
            "--cpus {cpus}: a number above 0 is needed"
        );
        // Below 10^15: every such float converts exactly enough.
        Ok(Some((cpus * 1e9) as i64))
    }
}

impl FirstLimitOptions {
    /// Puts them into a create request.
    pub(crate) fn put(&self, host: &mut HostConfig) -> anyhow::Result<()> {
        host.memory_swappiness = self.memory_swappiness;
        host.oom_kill_disable = self.oom_kill_disable.then_some(true);
        let weight = |text: &String| {
            let (path, weight) = device_and(text)?;
            let weight = weight
                .parse()
                .with_context(|| format!("weight in {text:?}"));
            Ok(ResourcesBlkioWeightDevice {
                path: Some(path.to_owned()),
                weight: Some(weight?),
            })
        };
        let weights: anyhow::Result<Vec<_>> = self.blkio_weight_device.iter().map(weight).collect();
        host.blkio_weight_device = Some(weights?);
        host.blkio_device_read_bps = Some(rates(&self.device_read_bps)?);
        host.blkio_device_write_bps = Some(rates(&self.device_write_bps)?);
        host.blkio_device_read_iops = Some(rates(&self.device_read_iops)?);
        host.blkio_device_write_iops = Some(rates(&self.device_write_iops)?);
        host.device_cgroup_rules = Some(self.device_cgroup_rule.clone());
        let device = |text: &String| {
            let mapping: orlop_model::device::DeviceMapping = text.parse()?;
            Ok(bollard::models::DeviceMapping {
                path_on_host: Some(mapping.host().to_owned()),
                path_in_container: Some(mapping.container().to_owned()),
                cgroup_permissions: Some(mapping.access.to_string()),
            })
        };
        let devices: anyhow::Result<Vec<_>> = self.device.iter().map(device).collect();
        host.devices = Some(devices?);
        Ok(())
    }
}

fn rates(texts: &[String]) -> anyhow::Result<Vec<ThrottleDevice>> {
    let rate = |text: &String| {
        let (path, rate) = device_and(text)?;
        let size: ByteSize = rate.parse().with_context(|| format!("rate in {text:?}"))?;
        Ok(ThrottleDevice {
            path: Some(path.to_owned()),
            rate: Some(i64::try_from(size.0).context("too large")?),
        })
    };
    texts.iter().map(rate).collect()
}

fn device_and(text: &str) -> anyhow::Result<(&str, &str)> {
    text.rsplit_once(':')
        .filter(|(device, _)| device.starts_with('/'))
        .with_context(|| format!("{text:?}: write it as /dev/NAME:NUMBER"))
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        limits: LimitOptions,
        #[command(flatten)]
        first: FirstLimitOptions,
    }

    fn host(words: &[&str]) -> anyhow::Result<HostConfig> {
        let line = Line::try_parse_from([&["run"], words].concat())?;
        let mut host = HostConfig::default();
        line.limits.put(&mut host)?;
        line.first.put(&mut host)?;
        Ok(host)
    }

    #[test]
    fn limits_reach_the_request() {
        let host = host(&[
            "-m",
            "64m",
            "--memory-swap",
            "-1",
            "-c",
            "512",
            "--cpus",
            "0.5",
            "--oom-kill-disable",
            "--device-read-bps",
            "/dev/vda:1mb",
            "--blkio-weight-device",
            "/dev/vda:300",
            "--device",
            "/dev/fuse:r",
        ])
        .expect("valid");
        assert_eq!((host.memory, host.memory_swap), (Some(64 << 20), Some(-1)));
        assert_eq!(
            (host.cpu_shares, host.nano_cpus),
            (Some(512), Some(500_000_000))
        );
        assert_eq!(host.oom_kill_disable, Some(true));
        let rate = &host.blkio_device_read_bps.expect("some")[0];
        assert_eq!(
            (rate.path.as_deref(), rate.rate),
            (Some("/dev/vda"), Some(1 << 20))
        );
        assert_eq!(host.blkio_weight_device.expect("some")[0].weight, Some(300));
        let device = &host.devices.expect("some")[0];
        assert_eq!(device.cgroup_permissions.as_deref(), Some("r"));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for words in [
            ["--device-read-bps", "vda:1mb"],
            ["--device-read-bps", "/dev/vda"],
            ["--blkio-weight-device", "/dev/vda:x"],
            ["--device", "fuse"],
            ["--cpus", "0"],
        ] {
            assert!(host(&words).is_err(), "{words:?}");
        }
    }
}
