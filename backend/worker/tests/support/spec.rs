//! What tests ask for: a small container, changed a little by each.

use std::collections::BTreeMap;

use orlop_linux::capability::CapabilitySet;
use orlop_model::device::Devices;
use orlop_model::id::{ContainerId, ExecId};
use orlop_model::limits::Limits;
use orlop_model::namespace::Namespaces;
use orlop_model::request::{LogOptions, TermSize};
use orlop_model::spec::{ContainerSpec, Network, Process, Seccomp, Security};
use orlop_wire::request::{Exec, Request, Start};

use super::{Host, fresh_bytes};

/// A container that runs a shell command, with Docker's defaults.
pub(crate) fn shell(host: &Host, script: &str) -> ContainerSpec {
    program(host, &["/bin/sh", "-c", script])
}

/// A container that runs a program.
pub(crate) fn program(host: &Host, args: &[&str]) -> ContainerSpec {
    ContainerSpec {
        id: ContainerId::from_bytes(fresh_bytes()),
        layers: vec![host.layer.clone()],
        hostname: "box".to_owned(),
        domainname: String::new(),
        process: process(args),
        mounts: Vec::new(),
        network: Network::None,
        namespaces: Namespaces::default(),
        limits: Limits::default(),
        devices: Devices::default(),
        security: security(),
        shm_size: 64 << 20,
        init: false,
        sysctls: BTreeMap::new(),
        extra_hosts: Vec::new(),
        dns: Vec::new(),
        dns_search: Vec::new(),
        log: LogOptions::default(),
    }
}

/// A process without a terminal and without input.
pub(crate) fn process(args: &[&str]) -> Process {
    Process {
        args: args.iter().map(ToString::to_string).collect(),
        env: vec![
            "PATH=/usr/local/bin:/usr/bin:/bin".to_owned(),
            "HOSTNAME=box".to_owned(),
        ],
        cwd: "/".to_owned(),
        user: String::new(),
        groups: Vec::new(),
        tty: None,
        open_stdin: false,
        stdin_once: false,
        ulimits: Vec::new(),
        oom_score_adj: 0,
    }
}

/// Docker's default confinement.
pub(crate) fn security() -> Security {
    Security {
        privileged: false,
        capabilities: CapabilitySet::DEFAULT
            .iter()
            .map(|capability| capability.to_string())
            .collect(),
        no_new_privileges: false,
        seccomp: Seccomp::Default,
        read_only: false,
        confinement: Default::default(),
    }
}

/// A terminal of the usual size.
pub(crate) fn terminal() -> Option<TermSize> {
    Some(TermSize::default())
}

/// An exec session in a container.
pub(crate) fn exec(container: &ContainerId, args: &[&str]) -> Exec {
    Exec {
        id: ExecId::from_bytes(fresh_bytes()),
        container: container.clone(),
        process: process(args),
        security: security(),
        wait_for_attach: true,
        linger_millis: None,
        size: None,
    }
}

/// The request that starts a container.
pub(crate) fn start(spec: &ContainerSpec, wait_for_attach: bool) -> Request {
    Request::Start(Box::new(Start {
        spec: spec.clone(),
        wait_for_attach,
    }))
}
