//! The form that creates a container. Pure: texts in, a typed request or what is wrong out.

use std::str::FromStr;

use orlop_model::mount::Mount;
use orlop_model::namespace::{NamespaceMode, NamespaceRequest};
use orlop_model::network::{NetworkMode, PublishedPort};
use orlop_model::quantity::ByteSize;
use orlop_model::request::{ContainerRequest, HostRequest, RestartPolicy};
use serde::Deserialize;

use super::confinement::{confinement, seccomp};
use super::health::health;
use super::{Errors, arguments, pairs, pairs_or_names, words};

mod limits;

pub(crate) use limits::LimitsForm;

/// The least memory a container can be limited to; less does not even start a program.
const MEMORY_MIN: u64 = 6 << 20;

/// What was typed, as it was typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ContainerForm {
    pub(crate) image: String,
    pub(crate) name: String,
    pub(crate) command: String,
    pub(crate) entrypoint: String,
    pub(crate) env: String,
    pub(crate) ports: String,
    pub(crate) publish_all: String,
    pub(crate) network: String,
    pub(crate) pid: String,
    pub(crate) ipc: String,
    pub(crate) uts: String,
    pub(crate) userns: String,
    pub(crate) cgroupns: String,
    pub(crate) volumes: String,
    pub(crate) volumes_from: String,
    pub(crate) tmpfs: String,
    #[serde(flatten)]
    pub(crate) limits: LimitsForm,
    pub(crate) restart: String,
    pub(crate) tty: String,
    pub(crate) workdir: String,
    pub(crate) user: String,
    pub(crate) hostname: String,
    pub(crate) labels: String,
    pub(crate) stop_signal: String,
    pub(crate) stop_timeout: String,
    pub(crate) shm_size: String,
    pub(crate) cap_add: String,
    pub(crate) cap_drop: String,
    pub(crate) read_only: String,
    pub(crate) no_new_privileges: String,
    pub(crate) privileged: String,
    /// `default`, `unconfined` or `custom`.
    pub(crate) seccomp: String,
    pub(crate) seccomp_profile: String,
    pub(crate) apparmor: String,
    pub(crate) unmasked: String,
    pub(crate) init: String,
    pub(crate) health_cmd: String,
    pub(crate) health_interval: String,
    pub(crate) health_timeout: String,
    pub(crate) health_start_period: String,
    pub(crate) health_retries: String,
    pub(crate) no_healthcheck: String,
    pub(crate) auto_remove: String,
    /// `create` or `start`: which button was pressed.
    pub(crate) then: String,
}

impl ContainerForm {
    /// Fields beside which the engine's own objections can stand.
    pub(crate) const FIELDS: &'static [&'static str] = &[
        "image",
        "name",
        "command",
        "entrypoint",
        "env",
        "ports",
        "network",
        "volumes",
        "volumes_from",
        "tmpfs",
        "memory",
        "cpus",
        "pids",
        "restart",
        "workdir",
        "user",
        "hostname",
        "labels",
        "stop_signal",
        "stop_timeout",
        "shm_size",
        "pid",
        "ipc",
        "uts",
        "userns",
        "cgroupns",
        "memory_swap",
        "memory_reservation",
        "cpu_shares",
        "cpuset_cpus",
        "blkio_weight",
        "block_rates",
        "devices",
        "device_rules",
        "health_cmd",
        "health_interval",
        "health_timeout",
        "health_start_period",
        "health_retries",
        "seccomp_profile",
        "apparmor",
    ];

    /// Whether the container shall be started at once.
    pub(crate) fn starts(&self) -> bool {
        self.then != "create"
    }

    /// The typed request.
    ///
    /// # Errors
    /// Everything that is wrong, each with its field.
    pub(crate) fn request(&self) -> Result<ContainerRequest, Errors> {
        let mut errors = Errors::default();
        let image = self.image.trim();
        if image.is_empty() {
            errors.add("image", "Say which image to use");
        }
        let entrypoint = errors.take("entrypoint", arguments(&self.entrypoint));
        let cmd = errors.take("command", arguments(&self.command));
        let tty = is_on(&self.tty);
        let request = ContainerRequest {
            name: optional(&mut errors, "name", &self.name),
            image: image.to_owned(),
            entrypoint: Some(entrypoint).filter(|words| !words.is_empty()),
            cmd: Some(cmd).filter(|words| !words.is_empty()),
            env: errors.take("env", environment(&self.env)),
            user: text(&self.user),
            workdir: errors.take("workdir", absolute(&self.workdir)),
            hostname: errors.take("hostname", hostname(&self.hostname)),
            labels: errors.take("labels", pairs(&self.labels)),
            tty,
            // A terminal without input would be a picture of one.
            open_stdin: tty,
            stop_signal: optional(&mut errors, "stop_signal", &self.stop_signal),
            stop_timeout: optional(&mut errors, "stop_timeout", &self.stop_timeout),
            health: health(self, &mut errors),
            host: self.host(&mut errors),
            ..ContainerRequest::default()
        };
        if errors.is_empty() {
            Ok(request)
        } else {
            Err(errors)
        }
    }

    fn host(&self, errors: &mut Errors) -> HostRequest {
        let auto_remove = is_on(&self.auto_remove);
        let restart: RestartPolicy = errors.take("restart", self.restart.trim().parse());
        if auto_remove && restart != RestartPolicy::No {
            errors.add(
                "restart",
                "A container that is removed when it ends cannot be restarted",
            );
        }
        HostRequest {
            mounts: self.mounts(errors),
            volumes_from: errors.take("volumes_from", {
                words(&self.volumes_from)
                    .map(str::parse)
                    .collect::<Result<Vec<_>, _>>()
            }),
            ports: errors.take("ports", ports(&self.ports)),
            publish_all: is_on(&self.publish_all),
            restart,
            limits: self.limits.limits(errors),
            devices: self.limits.devices(errors),
            network: errors.take("network", network(&self.network)),
            namespaces: self.namespaces(errors),
            privileged: is_on(&self.privileged),
            cap_add: capabilities(&self.cap_add),
            cap_drop: capabilities(&self.cap_drop),
            read_only: is_on(&self.read_only),
            no_new_privileges: is_on(&self.no_new_privileges),
            seccomp: seccomp(self, errors),
            confinement: confinement(self, errors),
            shm_size: size(errors, "shm_size", &self.shm_size),
            auto_remove,
            init: is_on(&self.init),
            ..HostRequest::default()
        }
    }

    fn namespaces(&self, errors: &mut Errors) -> NamespaceRequest {
        let own = |text: &str| NamespaceMode::private_or_host(text.trim());
        NamespaceRequest {
            pid: errors.take("pid", self.pid.trim().parse()),
            ipc: errors.take("ipc", self.ipc.trim().parse()),
            uts: errors.take("uts", own(&self.uts)),
            cgroup: errors.take("cgroupns", own(&self.cgroupns)),
            user: match self.userns.trim() {
                "" => None,
                text => Some(errors.take("userns", own(text))),
            },
        }
    }

    fn mounts(&self, errors: &mut Errors) -> Vec<Mount> {
        let volumes: Result<Vec<_>, _> = words(&self.volumes)
            .map(|line| {
                // Only the long form has an equals sign before its first path.
                let is_long = line
                    .split(['/', ':'])
                    .next()
                    .is_some_and(|at| at.contains('='));
                if is_long {
                    Mount::parse_mount(line)
                } else {
                    Mount::parse_volume(line)
                }
            })
            .collect();
        let mut mounts = errors.take("volumes", volumes);
        let tmpfs: Result<Vec<_>, String> = words(&self.tmpfs)
            .map(|line| {
                let (target, options) = line.split_once(':').unwrap_or((line, ""));
                let target = absolute(target)?.unwrap_or_default();
                Ok(Mount::tmpfs(target, options))
            })
            .collect();
        mounts.extend(errors.take("tmpfs", tmpfs));
        mounts
    }
}

/// Whether a box was ticked.
pub(crate) fn is_on(value: &str) -> bool {
    !value.is_empty()
}

pub(super) fn text(value: &str) -> Option<String> {
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_owned())
}

pub(super) fn optional<T: FromStr<Err: ToString>>(
    errors: &mut Errors,
    field: &str,
    value: &str,
) -> Option<T> {
    let value = value.trim();
    if value.is_empty() {
        return None;
    }
    errors.take(
        field,
        value.parse().map(Some).map_err(|e: T::Err| e.to_string()),
    )
}

fn size(errors: &mut Errors, field: &str, value: &str) -> Option<u64> {
    optional::<ByteSize>(errors, field, value).map(|size| size.0)
}

fn environment(value: &str) -> Result<Vec<String>, String> {
    let entries = pairs_or_names(value)?.into_iter();
    Ok(entries
        .map(|(name, value)| match value {
            Some(value) => format!("{name}={value}"),
            None => name,
        })
        .collect())
}

fn absolute(value: &str) -> Result<Option<String>, String> {
    match text(value) {
        Some(path) if !path.starts_with('/') => Err("A path in a container begins with /".into()),
        path => Ok(path),
    }
}

fn hostname(value: &str) -> Result<Option<String>, String> {
    let Some(name) = text(value) else {
        return Ok(None);
    };
    let label = |part: &str| {
        !part.is_empty()
            && part.len() <= 63
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    // RFC 1123; the kernel takes 64 bytes.
    if name.len() <= 64 && name.split('.').all(label) {
        Ok(Some(name))
    } else {
        Err("A host name is letters, digits, hyphens and dots, 64 at most".to_owned())
    }
}

fn ports(value: &str) -> Result<Vec<PublishedPort>, String> {
    let mut all = Vec::new();
    for line in words(value) {
        all.extend(PublishedPort::parse(line).map_err(|error| error.to_string())?);
    }
    Ok(all)
}

fn network(value: &str) -> Result<NetworkMode, String> {
    value
        .trim()
        .parse()
        .map_err(|error: orlop_model::network::NetworkModeError| error.to_string())
}

fn cpus(value: &str) -> Result<Option<u64>, String> {
    let Some(value) = text(value) else {
        return Ok(None);
    };
    match value.replace(',', ".").parse::<f64>() {
        // 0.01 is the kernel's least quota (1 ms in 100 ms); the product fits u64 by far.
        Ok(cpus) if (0.01..=4096.0).contains(&cpus) => Ok(Some((cpus * 1e9).round() as u64)),
        _ => Err("A number of CPUs, such as 0.5 or 2".to_owned()),
    }
}

fn capabilities(value: &str) -> Vec<String> {
    let names = value.split([',', ' ', '\n', '\r', '\t']);
    names
        .filter(|name| !name.is_empty())
        .map(str::to_ascii_uppercase)
        .collect()
}

#[cfg(test)]
mod tests;
