//! Containers in lists and in inspect.

use std::collections::BTreeMap;

use jiff::Timestamp;
use orlop_model::confinement::{MASKED, READ_ONLY};
use orlop_model::container::Container;
use orlop_model::lifecycle::Status;
use orlop_model::namespace::NamespaceMode;
use orlop_model::network::NetworkMode;
use orlop_model::request::{HostRequest, RestartPolicy};
use serde_json::{Value, json};

use crate::types::mounts::{bind_text, mount_body, mount_point, tmpfs_text};
use crate::types::time::{NEVER, nano, nano_or_never};
use crate::types::{health, limits, security};

/// One line of `GET /containers/json`.
pub(crate) fn summary(container: &Container, image: &str) -> Value {
    let request = &container.request;
    json!({
        "Id": container.id,
        "Names": [format!("/{}", container.name)],
        "Image": image,
        "ImageID": container.image_id,
        "Command": command_line(&container.args),
        "Created": container.created_at.as_second(),
        "Ports": summary_ports(container),
        "Labels": request.labels,
        "State": container.state.status.as_str(),
        "Status": status_line(container, Timestamp::now()),
        "HostConfig": {"NetworkMode": request.host.network.to_string()},
        "NetworkSettings": {"Networks": networks(container)},
        "Mounts": request.host.mounts.iter().map(mount_point).collect::<Vec<_>>(),
    })
}

/// As a person would type it.
fn command_line(args: &[String]) -> String {
    let quote = |arg: &String| {
        let plain = !arg.is_empty()
            && !arg.contains(|c: char| c.is_whitespace() || "'\"\\$`;&|<>()*?#~".contains(c));
        if plain {
            arg.clone()
        } else {
            format!("'{}'", arg.replace('\'', "'\\''"))
        }
    };
    args.iter().map(quote).collect::<Vec<_>>().join(" ")
}

fn summary_ports(container: &Container) -> Vec<Value> {
    let mut ports: Vec<Value> = container
        .ports
        .iter()
        .map(|p| {
            json!({"IP": p.host_ip, "PrivatePort": p.port.number, "PublicPort": p.host_port, "Type": p.port.protocol})
        })
        .collect();
    for port in &container.request.exposed {
        if !container.ports.iter().any(|p| p.port == *port) {
            ports.push(json!({"PrivatePort": port.number, "Type": port.protocol}));
        }
    }
    ports
}

/// `Up 5 minutes`, `Exited (0) 2 hours ago`.
pub(crate) fn status_line(container: &Container, now: Timestamp) -> String {
    let state = &container.state;
    let since = |time: Option<Timestamp>| {
        time.map_or_else(|| "Less than a second".to_owned(), |t| age(t, now))
    };
    match state.status {
        Status::Created => "Created".to_owned(),
        Status::Running => format!("Up {}{}", since(state.started_at), health::words(state)),
        Status::Paused => format!("Up {} (Paused)", since(state.started_at)),
        Status::Removing => "Removal In Progress".to_owned(),
        Status::Dead => "Dead".to_owned(),
        Status::Exited | Status::Restarting => {
            let word = if state.status == Status::Exited {
                "Exited"
            } else {
                "Restarting"
            };
            let code = state.exit.as_ref().map_or(0, |exit| exit.code);
            format!(
                "{word} ({code}) {} ago",
                since(state.exit.as_ref().map(|exit| exit.at))
            )
        }
    }
}

/// Docker's words for a span of time (go-units `HumanDuration`).
fn age(from: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second().saturating_sub(from.as_second()).max(0);
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    match seconds {
        0 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        60..120 => "About a minute".to_owned(),
        120..3600 => format!("{minutes} minutes"),
        _ if hours <= 1 => "About an hour".to_owned(),
        _ if hours < 48 => format!("{hours} hours"),
        _ if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        _ if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        _ if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    }
}

/// `GET /containers/{id}/json`.
pub(crate) fn inspect(container: &Container, image: &str) -> Value {
    let request = &container.request;
    let (path, args) = container
        .args
        .split_first()
        .map_or((String::new(), Vec::new()), |(p, a)| {
            (p.clone(), a.to_vec())
        });
    json!({
        "Id": container.id,
        "Created": nano(container.created_at),
        "Path": path,
        "Args": args,
        "State": state(container),
        "Image": container.image_id,
        "Name": format!("/{}", container.name),
        "RestartCount": container.state.restart_count,
        "Driver": "overlay2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": request.host.confinement.selinux.as_ref().map_or_else(String::new, ToString::to_string),
        "AppArmorProfile": request.host.confinement.apparmor.clone().unwrap_or_default(),
        "ExecIDs": null,
        "HostConfig": host_config(&request.host),
        "Mounts": request.host.mounts.iter().map(mount_point).collect::<Vec<_>>(),
        "Config": {
            "Hostname": request.hostname.clone().unwrap_or_else(|| container.id.short().to_owned()),
            "Domainname": request.domainname.clone().unwrap_or_default(),
            "User": container.user,
            "AttachStdin": false, "AttachStdout": false, "AttachStderr": false,
            "Tty": request.tty,
            "OpenStdin": request.open_stdin,
            "StdinOnce": request.stdin_once,
            "Env": container.env,
            "Cmd": request.cmd,
            "Entrypoint": request.entrypoint,
            "Image": image,
            "ExposedPorts": keys(request.exposed.iter()),
            "Volumes": keys(request.volumes.iter()),
            "WorkingDir": container.workdir,
            "OnBuild": null,
            "Labels": request.labels,
            "StopSignal": request.stop_signal.map(|s| s.to_string()),
            "StopTimeout": request.stop_timeout,
            "Healthcheck": health::check(&request.health),
            "Shell": request.shell,
        },
        "NetworkSettings": network_settings(container),
    })
}

fn state(container: &Container) -> Value {
    let state = &container.state;
    let exit = state.exit.as_ref().filter(|_| !state.status.is_alive());
    let mut shown = json!({
        "Status": state.status.as_str(),
        "Running": state.status.is_alive(),
        "Paused": state.status == Status::Paused,
        "Restarting": state.status == Status::Restarting,
        "OOMKilled": exit.is_some_and(|e| e.oom_killed),
        "Dead": state.status == Status::Dead,
        "Pid": state.pid,
        "ExitCode": exit.map_or(0, |e| e.code),
        "Error": exit.and_then(|e| e.error.clone()).unwrap_or_default(),
        "StartedAt": nano_or_never(state.started_at),
        "FinishedAt": state.exit.as_ref().map_or_else(|| NEVER.to_owned(), |e| nano(e.at)),
    });
    if let Some(found) = &state.health {
        shown["Health"] = health::found(found);
    }
    shown
}

fn keys<T: ToString>(items: impl Iterator<Item = T>) -> Option<BTreeMap<String, Value>> {
    let map: BTreeMap<_, _> = items.map(|item| (item.to_string(), json!({}))).collect();
    (!map.is_empty()).then_some(map)
}

/// A mode as Docker shows it: what is private is shown as nothing.
fn shown(mode: &NamespaceMode) -> String {
    match mode {
        NamespaceMode::Private => String::new(),
        other => other.to_string(),
    }
}

fn host_config(host: &HostRequest) -> Value {
    let mut bindings = BTreeMap::<String, Vec<Value>>::new();
    for port in &host.ports {
        let host_port = if port.host_port == 0 {
            String::new()
        } else {
            port.host_port.to_string()
        };
        let ip = if port.host_ip.is_unspecified() {
            String::new()
        } else {
            port.host_ip.to_string()
        };
        bindings
            .entry(port.port.to_string())
            .or_default()
            .push(json!({"HostIp": ip, "HostPort": host_port}));
    }
    let retries = match host.restart {
        RestartPolicy::OnFailure { max_retries } => max_retries,
        _ => 0,
    };
    let policy = host.restart.to_string();
    let policy = policy.split(':').next().unwrap_or_default();
    let mut config = json!({
        "Binds": host.mounts.iter().filter_map(bind_text).collect::<Vec<_>>(),
        "Mounts": host.mounts.iter().filter_map(mount_body).collect::<Vec<_>>(),
        "Tmpfs": host.mounts.iter().filter_map(tmpfs_text).collect::<BTreeMap<_, _>>(),
        "NetworkMode": host.network.to_string(),
        "PortBindings": bindings,
        "PublishAllPorts": host.publish_all,
        "RestartPolicy": {"Name": policy, "MaximumRetryCount": retries},
        "AutoRemove": host.auto_remove,
        "Privileged": host.privileged,
        "ReadonlyRootfs": host.read_only,
        "CapAdd": some_list(&host.cap_add), "CapDrop": some_list(&host.cap_drop),
        "SecurityOpt": security::options(host),
        "MaskedPaths": shown_paths(host, &host.confinement.masked_paths, &MASKED),
        "ReadonlyPaths": shown_paths(host, &host.confinement.readonly_paths, &READ_ONLY),
        "ExtraHosts": some_list(&host.extra_hosts),
        "Dns": host.dns, "DnsSearch": host.dns_search, "DnsOptions": [],
        "GroupAdd": some_list(&host.group_add),
        "IpcMode": host.namespaces.ipc.to_string(),
        "PidMode": shown(&host.namespaces.pid),
        "UTSMode": shown(&host.namespaces.uts),
        "UsernsMode": host.namespaces.user.as_ref().map(ToString::to_string).unwrap_or_default(),
        "CgroupnsMode": host.namespaces.cgroup.to_string(),
        "ShmSize": host.shm_size.unwrap_or(64 << 20),
        "Sysctls": host.sysctls,
        "Init": host.init,
        "OomScoreAdj": host.oom_score_adj,
        "LogConfig": {"Type": "json-file", "Config": {}},
        "Ulimits": host.ulimits.iter().map(|u| json!({"Name": u.name, "Soft": u.soft, "Hard": u.hard})).collect::<Vec<_>>(),
        "VolumesFrom": host.volumes_from.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    if let Some(map) = config.as_object_mut() {
        map.extend(limits::shown(&host.limits, &host.devices));
    }
    config
}

/// A list of masked or read-only paths as it is in force.
fn shown_paths(
    host: &HostRequest,
    own: &Option<Vec<String>>,
    usual: &[&str],
) -> Option<Vec<String>> {
    let usual = || usual.iter().map(ToString::to_string).collect();
    (!host.privileged).then(|| own.clone().unwrap_or_else(usual))
}

fn some_list(list: &[String]) -> Option<&[String]> {
    (!list.is_empty()).then_some(list)
}

fn networks(container: &Container) -> Value {
    let mode = container.request.host.network.to_string();
    if matches!(container.request.host.network, NetworkMode::Container(_)) {
        return json!({});
    }
    let endpoint = container.endpoint.as_ref();
    let mac = endpoint.map_or_else(String::new, |e| {
        e.mac
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect::<Vec<_>>()
            .join(":")
    });
    json!({ mode.as_str(): {
        "IPAddress": endpoint.map_or_else(String::new, |e| e.address.to_string()),
        "IPPrefixLen": endpoint.map_or(0, |e| e.prefix),
        "Gateway": endpoint.map_or_else(String::new, |e| e.gateway.to_string()),
        "MacAddress": mac,
        "Aliases": null, "Links": null, "IPAMConfig": null, "DriverOpts": null,
        "NetworkID": mode, "EndpointID": "",
        "IPv6Gateway": "", "GlobalIPv6Address": "", "GlobalIPv6PrefixLen": 0,
    }})
}

fn network_settings(container: &Container) -> Value {
    let mut ports = BTreeMap::<String, Option<Vec<Value>>>::new();
    for port in &container.request.exposed {
        ports.insert(port.to_string(), None);
    }
    for port in &container.ports {
        let list = ports
            .entry(port.port.to_string())
            .or_default()
            .get_or_insert_default();
        list.push(json!({"HostIp": port.host_ip, "HostPort": port.host_port.to_string()}));
    }
    let networks = networks(container);
    let mut settings = networks[container.request.host.network.to_string()].clone();
    if let Some(map) = settings.as_object_mut() {
        map.retain(|key, _| {
            matches!(
                key.as_str(),
                "IPAddress" | "IPPrefixLen" | "Gateway" | "MacAddress"
            )
        });
        map.insert("Ports".to_owned(), json!(ports));
        map.insert("Networks".to_owned(), networks);
        map.insert("SandboxID".to_owned(), json!(""));
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_dockers_words() {
        let at = |seconds| Timestamp::from_second(1_000_000_000_i64 + seconds).expect("valid");
        for (seconds, words) in [
            (0, "Less than a second"),
            (59, "59 seconds"),
            (61, "About a minute"),
            (3599, "59 minutes"),
            (3600, "About an hour"),
            (7200, "2 hours"),
            (86_400 * 3, "3 days"),
        ] {
            assert_eq!(age(at(0), at(seconds)), words);
        }
    }

    #[test]
    fn commands_are_shown_as_typed() {
        let args = ["sh", "-c", "echo 'hi'"].map(str::to_owned);
        assert_eq!(command_line(&args), r"sh -c 'echo '\''hi'\'''");
    }
}
