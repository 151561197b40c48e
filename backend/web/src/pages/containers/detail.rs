//! One container: its heading, which all of its pages share, and the overview.

use actix_web::web;
use askama::Template;
use askama_web::WebTemplate;
use orlop_model::container::Container;
use orlop_model::mount::{Mount, MountSource};
use orlop_model::request::RestartPolicy;

use super::view::{self, Can, Note};
use crate::auth::Visitor;
use crate::error::Problem;
use crate::shell::Shell;
use crate::state::State;
use crate::words::{self, Moment};

/// What stands above all pages of a container.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) id: String,
    pub(crate) short: String,
    pub(crate) name: String,
    pub(crate) status: &'static str,
    /// What its health check says; empty without one.
    pub(crate) health: &'static str,
    pub(crate) can: Can,
    pub(crate) tty: bool,
}

impl Head {
    /// The question before something is lost.
    pub(crate) fn ask(&self, verb: &str) -> String {
        format!("{verb} {}?", self.name)
    }
}

impl From<&Container> for Head {
    fn from(container: &Container) -> Self {
        Self {
            id: container.id.to_string(),
            short: container.id.short().to_owned(),
            name: container.name.to_string(),
            status: container.state.status.as_str(),
            health: view::health(&container.state),
            can: Can::when(container.state.status),
            tty: container.request.tty,
        }
    }
}

/// The badge of the heading by itself.
#[derive(Template)]
#[template(path = "pages/containers/badge.html")]
pub(crate) struct BadgeFragment<'a> {
    pub(crate) head: &'a Head,
}

/// The buttons of the heading by themselves.
#[derive(Template)]
#[template(path = "pages/containers/buttons.html")]
pub(crate) struct ButtonsFragment<'a> {
    pub(crate) head: &'a Head,
    pub(crate) csrf: &'a str,
}

/// What changes while the overview is open.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) status: &'static str,
    pub(crate) note: Note,
    pub(crate) pid: u32,
    pub(crate) address: String,
    pub(crate) gateway: String,
    pub(crate) ports: Vec<String>,
    pub(crate) restarts: u32,
    /// What its health check says; empty without one.
    pub(crate) health: &'static str,
    /// What its last failing check said.
    pub(crate) complaint: String,
}

impl From<&Container> for Facts {
    fn from(container: &Container) -> Self {
        let endpoint = container.endpoint.as_ref();
        Self {
            status: container.state.status.as_str(),
            note: view::note(&container.state),
            pid: container.state.pid,
            address: endpoint.map_or_else(String::new, |e| format!("{}/{}", e.address, e.prefix)),
            gateway: endpoint.map_or_else(String::new, |e| e.gateway.to_string()),
            ports: view::ports(container),
            restarts: container.state.restart_count,
            health: view::health(&container.state),
            complaint: view::complaint(&container.state),
        }
    }
}

/// The facts by themselves.
#[derive(Template)]
#[template(path = "pages/containers/facts.html")]
pub(crate) struct FactsFragment<'a> {
    pub(crate) facts: &'a Facts,
}

/// What does not change: how the container was set up.
struct Setup {
    image: String,
    image_hex: String,
    command: Vec<String>,
    workdir: String,
    user: String,
    env: Vec<(String, String)>,
    labels: Vec<(String, String)>,
    mounts: Vec<MountRow>,
    network: String,
    restart: String,
    limits: Vec<(&'static str, String)>,
    created: Moment,
    hardening: Vec<&'static str>,
    privileged: bool,
}

struct MountRow {
    kind: &'static str,
    source: String,
    target: String,
    read_only: bool,
}

#[derive(Template, WebTemplate)]
#[template(path = "pages/containers/overview.html")]
pub(crate) struct OverviewPage {
    shell: Shell,
    head: Head,
    facts: Facts,
    setup: Setup,
    tab: &'static str,
}

/// `GET /containers/{id}`
pub(crate) async fn overview(
    state: web::Data<State>,
    visitor: Visitor,
    which: web::Path<String>,
) -> Result<OverviewPage, Problem> {
    let container = state.engine.inspect_container(&which).await?;
    Ok(OverviewPage {
        shell: visitor.shell("containers"),
        ..OverviewPage::of(&container)
    })
}

impl OverviewPage {
    /// The page without its frame.
    pub(crate) fn of(container: &Container) -> Self {
        Self {
            shell: Shell::default(),
            head: Head::from(container),
            facts: Facts::from(container),
            setup: Setup::from(container),
            tab: "overview",
        }
    }
}

impl From<&Container> for Setup {
    fn from(container: &Container) -> Self {
        let request = &container.request;
        let pair = |line: &String| {
            let (name, value) = line.split_once('=').unwrap_or((line, ""));
            (name.to_owned(), value.to_owned())
        };
        let labels = request.labels.iter();
        Self {
            image: request.image.clone(),
            image_hex: container.image_id.hex().to_owned(),
            command: container.args.clone(),
            workdir: container.workdir.clone(),
            user: container.user.clone(),
            env: container.env.iter().map(pair).collect(),
            labels: labels.map(|(k, v)| (k.clone(), v.clone())).collect(),
            mounts: request.host.mounts.iter().map(MountRow::from).collect(),
            network: match &request.host.network {
                orlop_model::network::NetworkMode::Host => "the host's own".to_owned(),
                other => other.to_string(),
            },
            restart: restart_words(request.host.restart),
            limits: limits(container),
            created: Moment::new(container.created_at),
            hardening: hardening(container),
            privileged: request.host.privileged,
        }
    }
}

impl From<&Mount> for MountRow {
    fn from(mount: &Mount) -> Self {
        let (kind, source) = match &mount.source {
            MountSource::Bind { path, .. } => ("host path", path.clone()),
            MountSource::Volume {
                anonymous: true, ..
            } => ("volume", "(its own)".to_owned()),
            MountSource::Volume { name, .. } => ("volume", name.to_string()),
            MountSource::Tmpfs { size, .. } => {
                ("memory", size.map_or_else(String::new, words::bytes))
            }
        };
        Self {
            kind,
            source,
            target: mount.target.clone(),
            read_only: mount.read_only,
        }
    }
}

fn restart_words(policy: RestartPolicy) -> String {
    match policy {
        RestartPolicy::No => "never".to_owned(),
        RestartPolicy::Always => "always".to_owned(),
        RestartPolicy::UnlessStopped => "unless it was stopped".to_owned(),
        RestartPolicy::OnFailure { max_retries: 0 } => "after a failure".to_owned(),
        RestartPolicy::OnFailure { max_retries } => {
            format!("after a failure, {max_retries} times at most")
        }
    }
}

fn limits(container: &Container) -> Vec<(&'static str, String)> {
    let limits = &container.request.host.limits;
    let cpus = limits.nano_cpus.map(|n| format!("{}", n as f64 / 1e9));
    let shown = &container.request.host.devices.shown;
    let devices: Vec<_> = shown.iter().map(ToString::to_string).collect();
    let devices = devices.join(", ");
    let pids = limits.pids.filter(|n| *n > 0).map(|n| n.to_string());
    [
        ("Memory", limits.memory.map(words::bytes)),
        ("CPUs", cpus),
        ("Processes", pids),
        (
            "Memory left alone",
            limits.memory_reservation.map(words::bytes),
        ),
        (
            "Share of CPU time",
            limits.cpu_shares.map(|n| n.to_string()),
        ),
        ("Which CPUs", limits.cpuset_cpus.clone()),
        ("Share of disks", limits.block.weight.map(|n| n.to_string())),
        ("Devices", Some(devices).filter(|list| !list.is_empty())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
    .collect()
}

fn hardening(container: &Container) -> Vec<&'static str> {
    let host = &container.request.host;
    [
        (host.read_only, "read-only root"),
        (host.no_new_privileges, "no new privileges"),
        (!host.cap_drop.is_empty(), "capabilities dropped"),
    ]
    .into_iter()
    .filter_map(|(on, word)| on.then_some(word))
    .collect()
}
