//! What `orlop run` is asked for, as the API's create request. Pure.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigCgroupnsModeEnum, PortBinding, RestartPolicy,
    RestartPolicyNameEnum,
};
use orlop_model::network::PublishedPort;

use super::limits::{FirstLimitOptions, LimitOptions};

/// Options that describe the container.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct CreateOptions {
    /// Name of the container
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Keep standard input open
    #[arg(short, long)]
    pub(crate) interactive: bool,
    /// Give it a terminal
    #[arg(short, long)]
    pub(crate) tty: bool,
    /// Remove the container when it ends
    #[arg(long)]
    pub(crate) rm: bool,
    /// Environment variable; without a value, the one of this environment
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) env: Vec<String>,
    /// Publish a port: [[ADDRESS:]PORT:]PORT[/udp]
    #[arg(short, long, value_name = "PORT")]
    pub(crate) publish: Vec<String>,
    /// Publish every exposed port on a free one
    #[arg(short = 'P', long)]
    pub(crate) publish_all: bool,
    /// Mount a folder or volume: SOURCE:TARGET[:ro]
    #[arg(short, long, value_name = "MOUNT")]
    pub(crate) volume: Vec<String>,
    /// Mount: type=bind|volume|tmpfs,source=…,target=…[,readonly][,OPTION=…]
    #[arg(long, value_name = "MOUNT")]
    pub(crate) mount: Vec<String>,
    /// The mounts of another container too: CONTAINER[:ro]
    #[arg(long, value_name = "CONTAINER")]
    pub(crate) volumes_from: Vec<String>,
    /// Mount memory: TARGET[:OPTIONS]
    #[arg(long, value_name = "TARGET")]
    pub(crate) tmpfs: Vec<String>,
    /// Working directory
    #[arg(short, long)]
    pub(crate) workdir: Option<String>,
    /// User, and optionally group, by name or number
    #[arg(short, long)]
    pub(crate) user: Option<String>,
    /// Program in place of the image's entry point
    #[arg(long)]
    pub(crate) entrypoint: Option<String>,
    /// Host name
    #[arg(long)]
    pub(crate) hostname: Option<String>,
    /// Label
    #[arg(short, long, value_name = "NAME[=VALUE]")]
    pub(crate) label: Vec<String>,
    /// Network: bridge, none, host or container:NAME
    #[arg(long, visible_alias = "net")]
    pub(crate) network: Option<String>,
    /// Processes that it sees: private, host or container:NAME
    #[arg(long, value_name = "MODE")]
    pub(crate) pid: Option<String>,
    /// Shared memory and queues: private, shareable, none, host or container:NAME
    #[arg(long, value_name = "MODE")]
    pub(crate) ipc: Option<String>,
    /// Host name: private or host
    #[arg(long, value_name = "MODE")]
    pub(crate) uts: Option<String>,
    /// Users and groups: private (its root is nobody on the host) or host
    #[arg(long, value_name = "MODE")]
    pub(crate) userns: Option<String>,
    /// View of the control groups: private or host
    #[arg(long, value_name = "MODE")]
    pub(crate) cgroupns: Option<CgroupnsArgument>,
    #[command(flatten)]
    pub(crate) limits: LimitOptions,
    #[command(flatten)]
    pub(crate) first_limits: FirstLimitOptions,
    /// What to do when it ends: no, always, unless-stopped, on-failure[:N]
    #[arg(long)]
    pub(crate) restart: Option<orlop_model::request::RestartPolicy>,
    /// No writes to the root file system
    #[arg(long)]
    pub(crate) read_only: bool,
    /// All capabilities and devices, no filter
    #[arg(long)]
    pub(crate) privileged: bool,
    /// Add a capability
    #[arg(long)]
    pub(crate) cap_add: Vec<String>,
    /// Take a capability away
    #[arg(long)]
    pub(crate) cap_drop: Vec<String>,
    /// no-new-privileges, seccomp=unconfined or a profile's file, apparmor=PROFILE, label=OPTION,
    /// systempaths=unconfined
    #[arg(long)]
    pub(crate) security_opt: Vec<String>,
    /// Run a small init as process 1
    #[arg(long)]
    pub(crate) init: bool,
    /// Signal that asks it to stop
    #[arg(long)]
    pub(crate) stop_signal: Option<String>,
    /// Seconds until stop kills
    #[arg(long)]
    pub(crate) stop_timeout: Option<i64>,
    #[command(flatten)]
    pub(crate) health: super::health::HealthOptions,
    /// Image: name, id, or a unique part of the id's beginning
    pub(crate) image: String,
    /// Program and arguments in place of the image's
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) command: Vec<String>,
}

/// A mode of the cgroup namespace on the command line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct CgroupnsArgument(HostConfigCgroupnsModeEnum);

impl std::str::FromStr for CgroupnsArgument {
    type Err = anyhow::Error;
    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text {
            "private" => Ok(Self(HostConfigCgroupnsModeEnum::PRIVATE)),
            "host" => Ok(Self(HostConfigCgroupnsModeEnum::HOST)),
            _ => anyhow::bail!("{text:?}: use private or host"),
        }
    }
}

impl CreateOptions {
    /// The request; `environment` looks a variable up for `-e NAME`.
    pub(crate) fn body(
        &self,
        environment: impl Fn(&str) -> Option<String>,
    ) -> anyhow::Result<ContainerCreateBody> {
        let env = self
            .env
            .iter()
            .filter_map(|entry| match entry.contains('=') {
                true => Some(entry.clone()),
                false => environment(entry).map(|value| format!("{entry}={value}")),
            });
        Ok(ContainerCreateBody {
            image: Some(self.image.clone()),
            cmd: (!self.command.is_empty()).then(|| self.command.clone()),
            entrypoint: self.entrypoint.clone().map(|program| vec![program]),
            env: Some(env.collect()),
            user: self.user.clone(),
            working_dir: self.workdir.clone(),
            hostname: self.hostname.clone(),
            labels: Some(self.label.iter().map(|label| split(label)).collect()),
            tty: Some(self.tty),
            open_stdin: Some(self.interactive),
            stdin_once: Some(self.interactive),
            stop_signal: self.stop_signal.clone(),
            stop_timeout: self.stop_timeout,
            healthcheck: self.health.body()?,
            exposed_ports: Some(self.ports()?.into_keys().collect()),
            host_config: Some(self.host_config()?),
            ..ContainerCreateBody::default()
        })
    }

    fn host_config(&self) -> anyhow::Result<HostConfig> {
        let read = |file: &str| std::fs::read_to_string(file);
        let security = super::security::translate(&self.security_opt, read)?;
        let mounts = self.mount.iter().map(|text| super::mount::body(text));
        let tmpfs = self.tmpfs.iter().map(|entry| {
            let (target, options) = entry.split_once(':').unwrap_or((entry, ""));
            (target.to_owned(), options.to_owned())
        });
        let mut host = HostConfig {
            auto_remove: Some(self.rm),
            binds: Some(self.volume.clone()),
            mounts: Some(mounts.collect::<Result<_, _>>()?),
            volumes_from: Some(self.volumes_from.clone()),
            tmpfs: Some(tmpfs.collect()),
            port_bindings: Some(self.ports()?),
            publish_all_ports: Some(self.publish_all),
            network_mode: self.network.clone(),
            pid_mode: self.pid.clone(),
            ipc_mode: self.ipc.clone(),
            uts_mode: self.uts.clone(),
            userns_mode: self.userns.clone(),
            cgroupns_mode: self.cgroupns.map(|mode| mode.0),
            restart_policy: self.restart.map(restart_policy),
            readonly_rootfs: Some(self.read_only),
            privileged: Some(self.privileged),
            cap_add: Some(self.cap_add.clone()),
            cap_drop: Some(self.cap_drop.clone()),
            masked_paths: security.unmasked.then(Vec::new),
            readonly_paths: security.unmasked.then(Vec::new),
            security_opt: Some(security.options),
            init: self.init.then_some(true),
            ..HostConfig::default()
        };
        self.limits.put(&mut host)?;
        self.first_limits.put(&mut host)?;
        Ok(host)
    }

    fn ports(&self) -> anyhow::Result<HashMap<String, Option<Vec<PortBinding>>>> {
        let mut map = HashMap::<String, Option<Vec<PortBinding>>>::new();
        for text in &self.publish {
            for port in PublishedPort::parse(text)? {
                let binding = PortBinding {
                    host_ip: (!port.host_ip.is_unspecified()).then(|| port.host_ip.to_string()),
                    host_port: (port.host_port != 0).then(|| port.host_port.to_string()),
                };
                map.entry(port.port.to_string())
                    .or_default()
                    .get_or_insert_default()
                    .push(binding);
            }
        }
        Ok(map)
    }
}

/// A restart policy as the API takes it.
pub(super) fn restart_policy(policy: orlop_model::request::RestartPolicy) -> RestartPolicy {
    RestartPolicy {
        name: policy
            .to_string()
            .split(':')
            .next()
            .and_then(|n| n.parse::<RestartPolicyNameEnum>().ok()),
        maximum_retry_count: match policy {
            orlop_model::request::RestartPolicy::OnFailure { max_retries } => {
                Some(max_retries.into())
            }
            _ => None,
        },
    }
}

fn split(label: &str) -> (String, String) {
    let (name, value) = label.split_once('=').unwrap_or((label, ""));
    (name.to_owned(), value.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        options: CreateOptions,
    }

    fn parse(words: &[&str]) -> CreateOptions {
        Line::try_parse_from([&["run"], words].concat())
            .expect("valid")
            .options
    }

    #[test]
    fn everything_behind_the_image_is_the_command() {
        let options = parse(&["-it", "--rm", "debian", "ls", "-l", "--all"]);
        let body = options.body(|_| None).expect("valid");
        assert_eq!(
            body.cmd,
            Some(vec!["ls".into(), "-l".into(), "--all".into()])
        );
        assert_eq!((body.tty, body.open_stdin), (Some(true), Some(true)));
    }

    #[test]
    fn environment_and_ports_reach_the_request() {
        let options = parse(&[
            "-e", "A=1", "-e", "HOME", "-e", "GONE", "-p", "8080:80", "-m", "64m", "x",
        ]);
        let body = options
            .body(|name| (name == "HOME").then(|| "/root".to_owned()))
            .expect("valid");
        assert_eq!(body.env, Some(vec!["A=1".into(), "HOME=/root".into()]));
        let host = body.host_config.expect("some");
        assert_eq!(host.memory, Some(64 << 20));
        assert!(host.port_bindings.expect("some").contains_key("80/tcp"));
    }
}
