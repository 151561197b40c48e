//! `POST /containers/create`: Docker's request to ours.
//!
//! What Orlop cannot do is refused by its name, never silently ignored.

use std::collections::{BTreeMap, BTreeSet};

use orlop_model::limits::Ulimit;
use orlop_model::mount::Mount;
use orlop_model::name::ContainerName;
use orlop_model::namespace::{NamespaceMode, NamespaceRequest};
use orlop_model::network::{NetworkModeError, Port, Protocol, PublishedPort};
use orlop_model::request::{ContainerRequest, HostRequest, RestartPolicy};
use serde::Deserialize;
use serde_json::Value;

use crate::error::ApiError;
use crate::types::health::HealthBody;
use crate::types::limits::LimitsBody;
use crate::types::{mounts, security};

/// A command: a list, or one word for what older clients send.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Words {
    Many(Vec<String>),
    One(String),
}

impl Words {
    fn into_list(self) -> Vec<String> {
        match self {
            Self::Many(list) => list,
            Self::One(word) => vec![word],
        }
    }
}

/// The request's body.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct CreateBody {
    hostname: String,
    domainname: String,
    user: String,
    tty: bool,
    open_stdin: bool,
    stdin_once: bool,
    env: Option<Vec<String>>,
    cmd: Option<Words>,
    entrypoint: Option<Words>,
    image: String,
    volumes: Option<BTreeMap<String, Value>>,
    working_dir: String,
    labels: Option<BTreeMap<String, String>>,
    exposed_ports: Option<BTreeMap<String, Value>>,
    stop_signal: Option<String>,
    stop_timeout: Option<u32>,
    healthcheck: Option<HealthBody>,
    host_config: Option<HostBody>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct HostBody {
    binds: Option<Vec<String>>,
    mounts: Option<Vec<mounts::MountBody>>,
    tmpfs: Option<BTreeMap<String, String>>,
    volumes_from: Option<Vec<String>>,
    port_bindings: Option<BTreeMap<String, Option<Vec<BindingBody>>>>,
    publish_all_ports: bool,
    restart_policy: Option<RestartBody>,
    network_mode: String,
    pid_mode: String,
    ipc_mode: String,
    #[serde(rename = "UTSMode")]
    uts_mode: String,
    cgroupns_mode: String,
    userns_mode: String,
    auto_remove: bool,
    privileged: bool,
    readonly_rootfs: bool,
    cap_add: Option<Vec<String>>,
    cap_drop: Option<Vec<String>>,
    security_opt: Option<Vec<String>>,
    masked_paths: Option<Vec<String>>,
    readonly_paths: Option<Vec<String>>,
    group_add: Option<Vec<String>>,
    extra_hosts: Option<Vec<String>>,
    dns: Option<Vec<String>>,
    dns_search: Option<Vec<String>>,
    sysctls: Option<BTreeMap<String, String>>,
    ulimits: Option<Vec<UlimitBody>>,
    shm_size: Option<u64>,
    init: Option<bool>,
    oom_score_adj: Option<i32>,
    #[serde(flatten)]
    limits: LimitsBody,
    /// Everything else, to be refused when it asks for something.
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct BindingBody {
    host_ip: String,
    host_port: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct RestartBody {
    name: String,
    maximum_retry_count: u32,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UlimitBody {
    name: String,
    soft: i64,
    hard: i64,
}

/// Fields that clients send with values which ask for nothing.
fn asks_for_nothing(key: &str, value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => match key {
            "Isolation" => matches!(text.as_str(), "" | "default"),
            "Runtime" => matches!(text.as_str(), "" | "orlop" | "runc"),
            _ => text.is_empty(),
        },
        Value::Array(list) => list.is_empty() || key == "ConsoleSize",
        Value::Object(map) => map.is_empty() || (key == "LogConfig" && is_default_log(map)),
        Value::Bool(true) => false,
    }
}

fn is_default_log(map: &serde_json::Map<String, Value>) -> bool {
    let kind = map.get("Type").and_then(Value::as_str).unwrap_or_default();
    let options = map.get("Config").and_then(Value::as_object);
    matches!(kind, "" | "json-file" | "local") && options.is_none_or(serde_json::Map::is_empty)
}

impl CreateBody {
    /// Translates, naming the field at fault.
    pub(crate) fn into_request(self, name: Option<&str>) -> Result<ContainerRequest, ApiError> {
        let bad = |error: &dyn std::fmt::Display| ApiError::bad_request(error.to_string());
        if self.image.is_empty() {
            return Err(ApiError::bad_request("no image specified"));
        }
        let exposed = self.exposed_ports.unwrap_or_default().into_keys();
        let text = |text: String| (!text.is_empty()).then_some(text);
        Ok(ContainerRequest {
            name: name
                .map(str::parse::<ContainerName>)
                .transpose()
                .map_err(|e| bad(&e))?,
            image: self.image,
            entrypoint: self.entrypoint.map(Words::into_list),
            cmd: self.cmd.map(Words::into_list).filter(|cmd| !cmd.is_empty()),
            env: self.env.unwrap_or_default(),
            user: text(self.user),
            workdir: text(self.working_dir),
            hostname: text(self.hostname),
            domainname: text(self.domainname),
            labels: self.labels.unwrap_or_default(),
            tty: self.tty,
            open_stdin: self.open_stdin,
            stdin_once: self.stdin_once,
            exposed: exposed
                .map(|p| p.parse::<Port>())
                .collect::<Result<BTreeSet<_>, _>>()
                .map_err(|e| bad(&e))?,
            volumes: self.volumes.unwrap_or_default().into_keys().collect(),
            stop_signal: self
                .stop_signal
                .filter(|s| !s.is_empty())
                .map(|s| s.parse())
                .transpose()
                .map_err(|e| bad(&e))?,
            stop_timeout: self.stop_timeout,
            health: self
                .healthcheck
                .map(HealthBody::into_check)
                .transpose()?
                .unwrap_or_default(),
            shell: None,
            host: self.host_config.unwrap_or_default().into_host()?,
        })
    }
}

impl HostBody {
    fn into_host(self) -> Result<HostRequest, ApiError> {
        for (key, value) in &self.rest {
            if !asks_for_nothing(key, value) {
                return Err(ApiError::bad_request(format!(
                    "HostConfig.{key} is not supported by Orlop: {value}"
                )));
            }
        }
        let (limits, devices) = (self.limits.limits()?, self.limits.devices()?);
        let namespaces = self.namespaces()?;
        let mut host = HostRequest {
            ports: published(self.port_bindings.unwrap_or_default())?,
            publish_all: self.publish_all_ports,
            restart: self
                .restart_policy
                .map_or(Ok(RestartPolicy::No), RestartBody::into_policy)?,
            limits,
            devices,
            network: self
                .network_mode
                .parse()
                .map_err(|error: NetworkModeError| {
                    ApiError::new(hyper::StatusCode::NOT_FOUND, error.to_string())
                })?,
            namespaces,
            privileged: self.privileged,
            cap_add: self.cap_add.unwrap_or_default(),
            cap_drop: self.cap_drop.unwrap_or_default(),
            read_only: self.readonly_rootfs,
            shm_size: self.shm_size.filter(|size| *size > 0),
            extra_hosts: self.extra_hosts.unwrap_or_default(),
            dns_search: self.dns_search.unwrap_or_default(),
            auto_remove: self.auto_remove,
            init: self.init.unwrap_or_default(),
            group_add: self.group_add.unwrap_or_default(),
            sysctls: self.sysctls.unwrap_or_default(),
            oom_score_adj: self.oom_score_adj.unwrap_or_default(),
            ..HostRequest::default()
        };
        for address in self.dns.unwrap_or_default() {
            let parsed = address.parse();
            host.dns.push(parsed.map_err(|_| {
                ApiError::bad_request(format!("Dns: {address:?} is no IP address"))
            })?);
        }
        for limit in self.ulimits.unwrap_or_default() {
            host.ulimits.push(Ulimit {
                name: limit.name,
                soft: limit.soft,
                hard: limit.hard,
            });
        }
        host.confinement.masked_paths = self.masked_paths;
        host.confinement.readonly_paths = self.readonly_paths;
        for option in self.security_opt.unwrap_or_default() {
            security::apply(&mut host, &option)?;
        }
        for bind in self.binds.unwrap_or_default() {
            let mount = Mount::parse_volume(&bind);
            host.mounts
                .push(mount.map_err(|e| ApiError::bad_request(e.to_string()))?);
        }
        for from in self.volumes_from.unwrap_or_default() {
            let from = from.parse();
            host.volumes_from
                .push(from.map_err(|e| ApiError::bad_request(format!("{e}")))?);
        }
        for mount in self.mounts.unwrap_or_default() {
            host.mounts.push(mount.into_mount()?);
        }
        for (target, options) in self.tmpfs.unwrap_or_default() {
            host.mounts.push(Mount::tmpfs(target, &options));
        }
        Ok(host)
    }

    fn namespaces(&self) -> Result<NamespaceRequest, ApiError> {
        fn told<T>(key: &str, mode: Result<T, impl std::fmt::Display>) -> Result<T, ApiError> {
            mode.map_err(|error| ApiError::bad_request(format!("{key}: {error}")))
        }
        let own = |key, text: &str| told(key, NamespaceMode::private_or_host(text));
        Ok(NamespaceRequest {
            pid: told("PidMode", self.pid_mode.parse())?,
            ipc: told("IpcMode", self.ipc_mode.parse())?,
            uts: own("UTSMode", &self.uts_mode)?,
            cgroup: own("CgroupnsMode", &self.cgroupns_mode)?,
            user: match self.userns_mode.as_str() {
                "" => None,
                text => Some(own("UsernsMode", text)?),
            },
        })
    }
}

impl RestartBody {
    /// A policy is named; the docker command always sends the object.
    pub(crate) fn is_given(&self) -> bool {
        !self.name.is_empty()
    }

    pub(crate) fn into_policy(self) -> Result<RestartPolicy, ApiError> {
        let policy = self
            .name
            .parse()
            .map_err(|e| ApiError::bad_request(format!("{e}")))?;
        Ok(match policy {
            RestartPolicy::OnFailure { .. } => RestartPolicy::OnFailure {
                max_retries: self.maximum_retry_count,
            },
            other => other,
        })
    }
}

fn published(
    bindings: BTreeMap<String, Option<Vec<BindingBody>>>,
) -> Result<Vec<PublishedPort>, ApiError> {
    let mut ports = Vec::new();
    for (port, hosts) in bindings {
        let parsed: Port = port
            .parse()
            .map_err(|e| ApiError::bad_request(format!("{e}")))?;
        let suffix = if parsed.protocol == Protocol::Udp {
            "/udp"
        } else {
            ""
        };
        for host in hosts.unwrap_or_default() {
            let ip = match host.host_ip.as_str() {
                "" => String::new(),
                v6 if v6.contains(':') => format!("[{v6}]:"),
                v4 => format!("{v4}:"),
            };
            let text = format!("{ip}{}:{}{suffix}", host.host_port, parsed.number);
            let entries =
                PublishedPort::parse(&text).map_err(|e| ApiError::bad_request(e.to_string()))?;
            ports.extend(entries);
        }
    }
    Ok(ports)
}

#[cfg(test)]
#[path = "create_tests.rs"]
mod tests;
