//! Request and image merged into the record and the specification, by Docker's rules. Pure.

use std::collections::BTreeMap;

use orlop_model::container::{Container, State};
use orlop_model::id::ContainerId;
use orlop_model::image::Image;
use orlop_model::mount::{Mount, MountSource};
use orlop_model::name::ContainerName;
use orlop_model::namespace::{IpcMode, Share};
use orlop_model::network::{Endpoint, NetworkMode, Port, PublishedPort};
use orlop_model::request::{ContainerRequest, RestartPolicy, TermSize};
use orlop_model::spec::{ContainerSpec, Network, Process, Seccomp, Security};

use super::capabilities;
use super::limits::limits;
use super::namespaces::Shared;
use crate::EngineError;

const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Docker's default for `/dev/shm`.
const DEFAULT_SHM: u64 = 64 << 20;

/// What merging needs to be told.
pub(super) struct Given<'a> {
    pub(super) id: ContainerId,
    pub(super) name: ContainerName,
    pub(super) request: ContainerRequest,
    pub(super) image: &'a Image,
    /// The endpoint, where the network is the bridge.
    pub(super) endpoint: Option<Endpoint>,
    /// Namespaces, decided.
    pub(super) shared: Shared,
    pub(super) host: &'a Host,
    pub(super) now: jiff::Timestamp,
}

/// What merging needs to know of the host.
pub(super) struct Host {
    pub(super) name: String,
    pub(super) cpus: u32,
}

/// Merges. `volume_name` makes up names for anonymous volumes.
///
/// # Errors
/// Names the field that makes no sense.
pub(super) fn merge(
    given: Given<'_>,
    mut volume_name: impl FnMut() -> Result<String, EngineError>,
) -> Result<(Container, ContainerSpec), EngineError> {
    let Given {
        id,
        name,
        mut request,
        image,
        endpoint,
        shared,
        host,
        now,
    } = given;
    let defaults = &image.defaults;
    let args = args(&request, image)?;
    if request.host.auto_remove && request.host.restart != RestartPolicy::No {
        return Err(EngineError::field(
            "restart",
            "a container that is removed at its end cannot have a restart policy",
        ));
    }
    let of_host = request.host.network == NetworkMode::Host || shared.namespaces.uts == Share::Host;
    let hostname = match (&request.hostname, &shared.network) {
        (Some(name), _) | (None, Some((_, name))) => name.clone(),
        (None, None) if of_host => host.name.clone(),
        (None, None) => id.short().to_owned(),
    };
    let env = env(&request, &defaults.env, &hostname)?;
    let cwd = absolute(
        request.workdir.as_deref().unwrap_or(&defaults.workdir),
        "workdir",
    )?;
    let user = request
        .user
        .clone()
        .unwrap_or_else(|| defaults.user.clone());
    request.labels = merged(&defaults.labels, &request.labels);
    request.exposed.extend(&defaults.exposed);
    request
        .exposed
        .extend(request.host.ports.iter().map(|published| published.port));
    request.stop_signal = request
        .stop_signal
        .or_else(|| defaults.stop_signal.as_deref().and_then(|s| s.parse().ok()));
    request.health = request.health.over(&defaults.health);
    request.shell = request.shell.or_else(|| defaults.shell.clone());
    request.volumes.extend(defaults.volumes.iter().cloned());
    request.host.limits = limits(&request.host.limits, host.cpus)?;
    let mounts = mounts(&mut request, &mut volume_name)?;
    let ports = ports(&request);
    let confinement = request.host.confinement.check();
    confinement.map_err(|error| EngineError::field("confinement", error.to_string()))?;
    let wanted = &request.host;
    let network = match (&wanted.network, endpoint.clone()) {
        (NetworkMode::Container(_), _) => match shared.network {
            Some((donor, _)) => Network::Container(donor),
            None => return Err(EngineError::internal("the network's owner was not found")),
        },
        (NetworkMode::None, _) => Network::None,
        (NetworkMode::Host, _) => Network::Host,
        (NetworkMode::Bridge, Some(endpoint)) => Network::Bridge {
            endpoint,
            ports: ports.clone(),
        },
        (NetworkMode::Bridge, None) => {
            return Err(EngineError::internal("a bridge endpoint was not planned"));
        }
    };
    let spec = ContainerSpec {
        id: id.clone(),
        layers: image.layers.clone(),
        hostname,
        domainname: request.domainname.clone().unwrap_or_default(),
        process: Process {
            args: args.clone(),
            env: env.clone(),
            cwd: cwd.clone(),
            user: user.clone(),
            groups: wanted.group_add.clone(),
            tty: request.tty.then(TermSize::default),
            open_stdin: request.open_stdin,
            stdin_once: request.stdin_once,
            ulimits: wanted.ulimits.clone(),
            oom_score_adj: wanted.oom_score_adj,
        },
        mounts,
        network,
        namespaces: shared.namespaces,
        limits: wanted.limits.clone(),
        devices: wanted.devices.clone(),
        security: Security {
            privileged: wanted.privileged,
            capabilities: capabilities::resolve(
                wanted.privileged,
                &wanted.cap_add,
                &wanted.cap_drop,
            )?,
            no_new_privileges: wanted.no_new_privileges,
            // One that was asked for by its text is meant also for a privileged container.
            seccomp: match &wanted.seccomp {
                Seccomp::Default if wanted.privileged => Seccomp::Unconfined,
                asked => asked.clone(),
            },
            read_only: wanted.read_only,
            confinement: wanted.confinement.clone(),
        },
        shm_size: match wanted.namespaces.ipc {
            IpcMode::None => 0,
            _ => wanted.shm_size.unwrap_or(DEFAULT_SHM),
        },
        init: wanted.init,
        sysctls: wanted.sysctls.clone(),
        extra_hosts: wanted.extra_hosts.clone(),
        dns: wanted.dns.clone(),
        dns_search: wanted.dns_search.clone(),
        log: wanted.log,
    };
    let container = Container {
        id,
        name,
        image_id: image.id.clone(),
        args,
        env,
        workdir: cwd,
        user,
        created_at: now,
        state: State::default(),
        endpoint,
        ports: Vec::new(),
        request,
    };
    Ok((container, spec))
}

/// Entry point and command: one that is asked for discards the image's command.
fn args(request: &ContainerRequest, image: &Image) -> Result<Vec<String>, EngineError> {
    let given =
        |list: &Option<Vec<String>>| list.clone().filter(|l| l.iter().any(|w| !w.is_empty()));
    let (entrypoint, image_cmd) = match &request.entrypoint {
        Some(_) => (given(&request.entrypoint), None),
        None => (
            image.defaults.entrypoint.clone(),
            image.defaults.cmd.clone(),
        ),
    };
    let cmd = request
        .cmd
        .clone()
        .filter(|cmd| !cmd.is_empty())
        .or(image_cmd);
    let args: Vec<String> = entrypoint
        .into_iter()
        .flatten()
        .chain(cmd.into_iter().flatten())
        .collect();
    if args.first().is_none_or(String::is_empty) {
        return Err(EngineError::field(
            "command",
            "no command specified, and the image names none",
        ));
    }
    if args.iter().any(|word| word.contains('\0')) {
        return Err(EngineError::field(
            "command",
            "the command has a zero byte in it",
        ));
    }
    Ok(args)
}

fn env(
    request: &ContainerRequest,
    image: &[String],
    hostname: &str,
) -> Result<Vec<String>, EngineError> {
    let mut env = vec![DEFAULT_PATH.to_owned(), format!("HOSTNAME={hostname}")];
    if request.tty {
        env.push("TERM=xterm".to_owned());
    }
    let name = |entry: &str| entry.split('=').next().unwrap_or_default().to_owned();
    for entry in image.iter().chain(&request.env) {
        let wanted = name(entry);
        if wanted.is_empty() || entry.contains('\0') {
            return Err(EngineError::field(
                "env",
                format!("invalid environment variable: {entry:?}: NAME=value is needed"),
            ));
        }
        let at = env.iter().position(|known| name(known) == wanted);
        match (at, entry.contains('=')) {
            (Some(at), true) => env[at].clone_from(entry),
            (Some(at), false) => {
                env.remove(at);
            }
            (None, true) => env.push(entry.clone()),
            (None, false) => {}
        }
    }
    Ok(env)
}

fn absolute(path: &str, field: &'static str) -> Result<String, EngineError> {
    match path {
        "" => Ok("/".to_owned()),
        path if path.starts_with('/') && !path.contains('\0') => Ok(path.to_owned()),
        path => Err(EngineError::field(
            field,
            format!("the working directory '{path}' is invalid, it needs to be an absolute path"),
        )),
    }
}

fn merged(
    image: &BTreeMap<String, String>,
    own: &BTreeMap<String, String>,
) -> BTreeMap<String, String> {
    let mut all = image.clone();
    all.extend(own.clone());
    all
}

/// Mounts that were asked for, and an anonymous volume for every other volume path. The request
/// keeps what was made of it, so that later reads name the volumes.
fn mounts(
    request: &mut ContainerRequest,
    volume_name: &mut impl FnMut() -> Result<String, EngineError>,
) -> Result<Vec<Mount>, EngineError> {
    let mut mounts = std::mem::take(&mut request.host.mounts);
    for path in &request.volumes {
        if !mounts
            .iter()
            .any(|mount| mount.target.trim_end_matches('/') == path.trim_end_matches('/'))
        {
            let source = MountSource::volume("", true)
                .map_err(|error| EngineError::internal(error.to_string()))?;
            mounts.push(Mount {
                target: path.clone(),
                source,
                read_only: false,
            });
        }
    }
    for mount in &mut mounts {
        if !mount.target.starts_with('/') || mount.target.trim_end_matches('/').is_empty() {
            return Err(EngineError::field(
                "volumes",
                format!(
                    "invalid mount target {:?}: an absolute path below / is needed",
                    mount.target
                ),
            ));
        }
        if mount.source.is_nameless()
            && let MountSource::Volume { name, .. } = &mut mount.source
        {
            *name = volume_name()?
                .parse()
                .map_err(|error| EngineError::internal(format!("{error}")))?;
        }
    }
    // Outer mounts first, so that none hides another.
    mounts.sort_by_key(|mount| mount.target.matches('/').count());
    let mut targets = std::collections::BTreeSet::new();
    for mount in &mounts {
        if !targets.insert(mount.target.trim_end_matches('/')) {
            return Err(EngineError::field(
                "volumes",
                format!("Duplicate mount point: {}", mount.target),
            ));
        }
    }
    request.host.mounts.clone_from(&mounts);
    Ok(mounts)
}

fn ports(request: &ContainerRequest) -> Vec<PublishedPort> {
    let mut ports = request.host.ports.clone();
    if request.host.publish_all {
        let published = |port: &Port| ports.iter().any(|p| p.port == *port);
        let missing: Vec<_> = request
            .exposed
            .iter()
            .filter(|port| !published(port))
            .copied()
            .collect();
        ports.extend(missing.into_iter().map(|port| PublishedPort {
            port,
            host_ip: std::net::Ipv4Addr::UNSPECIFIED.into(),
            host_port: 0,
        }));
    }
    ports
}

#[cfg(test)]
#[path = "merge_tests.rs"]
mod tests;
