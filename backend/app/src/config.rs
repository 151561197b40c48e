//! Settings of `orlop serve`: command line over environment over `/etc/orlop/orlop.toml` over the
//! defaults.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use orlop_engine::config::{RegistryConfig, Subnet};
use serde::{Deserialize, Serialize};

/// The configuration file, where no other is named.
pub(crate) const DEFAULT_FILE: &str = "/etc/orlop/orlop.toml";

/// Options of `orlop serve`.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct ServeOptions {
    /// Configuration file [default: /etc/orlop/orlop.toml, if it is there]
    #[arg(long, env = "ORLOP_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Root of all state [default: /var/lib/orlop]
    #[arg(long, env = "ORLOP_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Root of what runs [default: /run/orlop]
    #[arg(long, env = "ORLOP_RUN_DIR", value_name = "DIR")]
    run_dir: Option<PathBuf>,
    /// Address of the console [default: 127.0.0.1:7700]
    #[arg(long, env = "ORLOP_LISTEN", value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Unix socket of the Docker API [default: orlop.sock in the run folder]
    #[arg(long, env = "ORLOP_SOCKET", value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Name of the bridge [default: orlop0]
    #[arg(long, env = "ORLOP_BRIDGE", value_name = "NAME")]
    bridge: Option<String>,
    /// Subnet of the bridge [default: 172.29.0.0/16]
    #[arg(long, env = "ORLOP_SUBNET", value_name = "ADDRESS/PREFIX")]
    subnet: Option<String>,
    /// User that the server runs as [default: orlop]
    #[arg(long, env = "ORLOP_USER", value_name = "NAME")]
    user: Option<String>,
    /// Give every container a user namespace of its own, unless it asks for the host's: its root
    /// is then one of the subordinate ids of --user
    #[arg(
        long,
        env = "ORLOP_USERNS_REMAP",
        value_name = "BOOL",
        num_args = 0..=1,
        default_missing_value = "true"
    )]
    userns_remap: Option<bool>,
    /// How much is told: error, warn, info, debug, trace [default: info]
    #[arg(long, env = "ORLOP_LOG_LEVEL", value_name = "LEVEL")]
    log_level: Option<String>,
    /// Host name under which browsers may reach the console; repeat for more
    #[arg(
        long = "allowed-host",
        env = "ORLOP_ALLOWED_HOSTS",
        value_delimiter = ',',
        value_name = "HOST"
    )]
    allowed_hosts: Vec<String>,
    /// Address of a proxy whose X-Forwarded-For and X-Forwarded-Proto are believed; repeat for more
    #[arg(
        long = "trusted-proxy",
        env = "ORLOP_TRUSTED_PROXIES",
        value_delimiter = ',',
        value_name = "ADDRESS"
    )]
    trusted_proxies: Vec<IpAddr>,
}

/// The configuration file's form.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct File {
    data_dir: Option<PathBuf>,
    run_dir: Option<PathBuf>,
    listen: Option<SocketAddr>,
    socket: Option<PathBuf>,
    bridge: Option<String>,
    subnet: Option<String>,
    user: Option<String>,
    userns_remap: Option<bool>,
    log_level: Option<String>,
    allowed_hosts: Vec<String>,
    trusted_proxies: Vec<IpAddr>,
    registry: RegistryConfig,
    /// The worker reads this table itself, from the file, so that the server cannot change it.
    #[serde(rename = "policy")]
    _policy: Option<toml::Value>,
}

/// Settings in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) data_dir: PathBuf,
    pub(crate) run_dir: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) socket: PathBuf,
    pub(crate) bridge: String,
    pub(crate) subnet: Subnet,
    pub(crate) user: String,
    pub(crate) userns_remap: bool,
    pub(crate) log_level: String,
    pub(crate) allowed_hosts: Vec<String>,
    pub(crate) trusted_proxies: Vec<IpAddr>,
    pub(crate) registry: RegistryConfig,
    /// The file that holds the worker's policy, whether or not it is there.
    pub(crate) file: PathBuf,
}

impl ServeOptions {
    /// Reads the configuration file and puts the settings together.
    ///
    /// # Errors
    /// If the file cannot be read or a value makes no sense; says which.
    pub(crate) fn resolve(self) -> anyhow::Result<Settings> {
        let path = self
            .config
            .clone()
            .unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && self.config.is_none() => {
                String::new()
            }
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", path.display()));
            }
        };
        self.merge(&text, path)
    }

    fn merge(self, text: &str, path: PathBuf) -> anyhow::Result<Settings> {
        let file: File =
            toml::from_str(text).with_context(|| format!("{} is wrong", path.display()))?;
        let data_dir = self
            .data_dir
            .or(file.data_dir)
            .unwrap_or_else(|| "/var/lib/orlop".into());
        let run_dir = self
            .run_dir
            .or(file.run_dir)
            .unwrap_or_else(|| "/run/orlop".into());
        for (name, dir) in [("data-dir", &data_dir), ("run-dir", &run_dir)] {
            ensure!(
                dir.is_absolute(),
                "{name} {} is not an absolute path",
                dir.display()
            );
        }
        let bridge = self
            .bridge
            .or(file.bridge)
            .unwrap_or_else(|| "orlop0".to_owned());
        check_interface(&bridge)?;
        let subnet = self
            .subnet
            .or(file.subnet)
            .unwrap_or_else(|| "172.29.0.0/16".to_owned());
        let mut allowed_hosts = self.allowed_hosts;
        allowed_hosts.extend(file.allowed_hosts);
        let mut trusted_proxies = self.trusted_proxies;
        trusted_proxies.extend(file.trusted_proxies);
        Ok(Settings {
            socket: self
                .socket
                .or(file.socket)
                .unwrap_or_else(|| run_dir.join("orlop.sock")),
            listen: self
                .listen
                .or(file.listen)
                .unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 7700))),
            subnet: subnet.parse()?,
            user: self
                .user
                .or(file.user)
                .unwrap_or_else(|| "orlop".to_owned()),
            log_level: self
                .log_level
                .or(file.log_level)
                .unwrap_or_else(|| "info".to_owned()),
            userns_remap: self.userns_remap.or(file.userns_remap).unwrap_or_default(),
            registry: file.registry,
            file: path,
            data_dir,
            run_dir,
            bridge,
            allowed_hosts,
            trusted_proxies,
        })
    }
}

impl Settings {
    /// The folder of the server's own records.
    pub(crate) fn records_dir(&self) -> PathBuf {
        self.data_dir.join("records")
    }

    /// The worker's socket.
    pub(crate) fn worker_socket(&self) -> PathBuf {
        self.run_dir.join("worker.sock")
    }

    /// The part that the engine needs.
    pub(crate) fn engine(&self) -> orlop_engine::EngineConfig {
        orlop_engine::EngineConfig {
            data_dir: self.data_dir.clone(),
            records_dir: self.records_dir(),
            run_dir: self.run_dir.clone(),
            worker_socket: self.worker_socket(),
            bridge: self.bridge.clone(),
            subnet: self.subnet,
            user_namespaces: self.userns_remap,
            registries: self.registry.clone(),
        }
    }
}

/// Whether this may name a network interface: at most 15 bytes (`IFNAMSIZ` less its zero), and
/// room for the number that Orlop's own names put behind it.
fn check_interface(name: &str) -> anyhow::Result<()> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    ensure!(
        (1..=15).contains(&name.len()) && name.bytes().all(plain),
        "bridge {name:?}: a name of 1 to 15 letters, digits, '-' or '_' is needed"
    );
    Ok(())
}

/// Whether a path exists and is a folder that `Settings` may use; used before anything is made.
pub(crate) fn check_parent(path: &Path) -> anyhow::Result<()> {
    match std::fs::metadata(path) {
        Ok(data) if data.is_dir() => Ok(()),
        Ok(_) => bail!("{} is not a folder", path.display()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot use {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merge(options: ServeOptions, text: &str) -> anyhow::Result<Settings> {
        options.merge(text, PathBuf::from("/x/orlop.toml"))
    }

    #[test]
    fn defaults_are_those_of_the_manual() {
        let settings = merge(ServeOptions::default(), "").expect("valid");
        assert_eq!(settings.socket, Path::new("/run/orlop/orlop.sock"));
        assert_eq!(settings.listen.to_string(), "127.0.0.1:7700");
        assert_eq!(settings.subnet.to_string(), "172.29.0.0/16");
    }

    #[test]
    fn the_command_line_wins_over_the_file() {
        let text = "run-dir = \"/a\"\nbridge = \"br9\"\n[registry]\ninsecure = [\"r:5000\"]\n[policy]\nprivileged = false\n";
        let options = ServeOptions {
            run_dir: Some("/b".into()),
            ..ServeOptions::default()
        };
        let settings = merge(options, text).expect("valid");
        assert_eq!(settings.socket, Path::new("/b/orlop.sock"));
        assert_eq!(
            (settings.bridge.as_str(), settings.registry.insecure.len()),
            ("br9", 1)
        );
    }

    #[test]
    fn wrong_values_are_refused_by_name() {
        for (text, part) in [
            ("data-dir = \"x\"", "absolute"),
            ("bridge = \"much-too-long-for-linux\"", "bridge"),
            ("subnet = \"10.0.0.0\"", "prefix length"),
            ("subnet = \"10.0.0.1/24\"", "10.0.0.0/24"),
            ("subnet = \"10.0.0.0/31\"", "8 to 29"),
            ("nonsense = 1", "orlop.toml is wrong"),
        ] {
            let error = merge(ServeOptions::default(), text).expect_err(text);
            assert!(format!("{error:#}").contains(part), "{text}: {error:#}");
        }
    }
}
