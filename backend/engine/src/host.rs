//! The host: what it offers, and what Orlop uses of it.

use std::fs;

use orlop_model::probe::Finding;
use orlop_wire::reply::Reply;
use orlop_wire::request::Request;

use crate::worker::unexpected;
use crate::{Engine, EngineError, random};

/// Figures about this engine and its host.
#[derive(Debug, Clone)]
pub struct HostInfo {
    /// Orlop's version.
    pub version: &'static str,
    /// The kernel's release.
    pub kernel: String,
    /// Name in `/etc/os-release`.
    pub os: String,
    /// Go's name of the architecture.
    pub architecture: &'static str,
    /// Host name.
    pub hostname: String,
    /// CPUs.
    pub cpus: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// A stable random id of this installation.
    pub id: String,
    /// Cgroup version in use, 1 or 2.
    pub cgroup_version: u8,
}

impl Engine {
    /// What the host offers, each with the remedy for what it lacks.
    ///
    /// # Errors
    /// If the worker does not answer.
    pub async fn probe_host(&self) -> Result<Vec<Finding>, EngineError> {
        match self
            .worker()
            .call(&Request::Probe, Vec::new(), |_| ())
            .await?
        {
            Reply::Findings(findings) => Ok(findings),
            other => Err(unexpected(&other)),
        }
    }

    /// Figures about this engine and its host.
    ///
    /// # Errors
    /// If the records cannot be read.
    pub async fn host_info(&self) -> Result<HostInfo, EngineError> {
        Ok(HostInfo {
            version: env!("CARGO_PKG_VERSION"),
            kernel: first_line("/proc/sys/kernel/osrelease"),
            os: os_name(&fs::read_to_string("/etc/os-release").unwrap_or_default()),
            architecture: architecture(),
            hostname: hostname(),
            cpus: cpus(),
            memory: memory(&fs::read_to_string("/proc/meminfo").unwrap_or_default()),
            id: self.installation_id().await?,
            cgroup_version: cgroup_version(
                &fs::read_to_string("/proc/self/cgroup").unwrap_or_default(),
            ),
        })
    }

    async fn installation_id(&self) -> Result<String, EngineError> {
        if let Some(id) = self.records().setting("id").await? {
            return Ok(id);
        }
        let id = hex::encode(random::bytes32()?);
        self.records().set_setting("id", &id).await?;
        Ok(id)
    }
}

/// The host's name.
pub(crate) fn hostname() -> String {
    first_line("/proc/sys/kernel/hostname")
}

/// CPUs that this process may use.
pub(crate) fn cpus() -> u32 {
    std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX))
}

fn first_line(path: &str) -> String {
    fs::read_to_string(path)
        .unwrap_or_default()
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}

/// Go's name, as images and the Docker API use it.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn os_name(os_release: &str) -> String {
    let line = os_release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="));
    line.map_or_else(
        || "Linux".to_owned(),
        |name| name.trim_matches('"').to_owned(),
    )
}

fn memory(meminfo: &str) -> u64 {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// With version 2 alone there is one line, `0::/path` (cgroups(7)).
fn cgroup_version(self_cgroup: &str) -> u8 {
    if self_cgroup.lines().all(|line| line.starts_with("0::")) {
        2
    } else {
        1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_from_the_kernels_texts() {
        assert_eq!(
            memory("MemTotal:       2048 kB\nMemFree: 1 kB\n"),
            2048 * 1024
        );
        assert_eq!(
            os_name("ID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12\"\n"),
            "Debian GNU/Linux 12"
        );
        assert_eq!(
            (cgroup_version("0::/x\n"), cgroup_version("3:cpu:/\n0::/\n")),
            (2, 1)
        );
    }
}
