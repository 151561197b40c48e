//! `config.json` of a bundle as the OCI runtime specification defines it: names and types, no
//! meaning. Properties that the specification does not know are passed over, as it demands; those
//! that it knows are all here, so that what Orlop does not offer can be refused by name.

mod linux;
mod process;
mod resources;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use linux::{Device, IdMapping, Linux, Seccomp, SeccompArg, SeccompCall};
pub(crate) use process::{Capabilities, ConsoleSize, Process, Rlimit};
pub(crate) use resources::{DeviceRule, Pids, Resources};

/// Name of the file in the bundle.
pub(crate) const FILE: &str = "config.json";
/// Most bytes of it that are read.
const MOST_BYTES: u64 = 16 << 20;

/// The whole configuration.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Config {
    /// Version of the specification.
    #[serde(rename = "ociVersion")]
    pub(crate) oci_version: String,
    /// The first process; may be missing for containers that are never started.
    pub(crate) process: Option<Process>,
    /// The root file system.
    pub(crate) root: Option<Root>,
    /// Host name.
    pub(crate) hostname: Option<String>,
    /// NIS domain name.
    pub(crate) domainname: Option<String>,
    /// Mounts, in order.
    #[serde(default)]
    pub(crate) mounts: Vec<Mount>,
    /// Programs that run at steps of the life cycle.
    #[serde(default)]
    pub(crate) hooks: Hooks,
    /// Free notes.
    #[serde(default)]
    pub(crate) annotations: BTreeMap<String, String>,
    /// Everything of Linux.
    #[serde(default)]
    pub(crate) linux: Linux,
    /// Other platforms.
    pub(crate) windows: Option<Value>,
    /// Other platforms.
    pub(crate) solaris: Option<Value>,
    /// Other platforms.
    pub(crate) vm: Option<Value>,
    /// Other platforms.
    pub(crate) zos: Option<Value>,
}

/// The root file system.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Root {
    /// Absolute, or relative to the bundle.
    pub(crate) path: PathBuf,
    /// No writes.
    #[serde(default)]
    pub(crate) readonly: bool,
}

/// One mount.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Mount {
    /// Where.
    pub(crate) destination: String,
    /// Type of the file system.
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    /// What.
    pub(crate) source: Option<String>,
    /// How.
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) options: Vec<String>,
    /// Maps of an idmapped mount.
    pub(crate) uid_mappings: Option<Value>,
    /// Maps of an idmapped mount.
    pub(crate) gid_mappings: Option<Value>,
}

/// Programs at steps of the life cycle.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Hooks {
    /// Namespaces exist, the root is not entered; out of use, and still used.
    #[serde(deserialize_with = "nullable")]
    pub(crate) prestart: Vec<Hook>,
    /// The same moment.
    #[serde(deserialize_with = "nullable")]
    pub(crate) create_runtime: Vec<Hook>,
    /// The same moment, inside.
    #[serde(deserialize_with = "nullable")]
    pub(crate) create_container: Vec<Hook>,
    /// Before the program, inside.
    #[serde(deserialize_with = "nullable")]
    pub(crate) start_container: Vec<Hook>,
    /// The program runs.
    #[serde(deserialize_with = "nullable")]
    pub(crate) poststart: Vec<Hook>,
    /// The container is deleted.
    #[serde(deserialize_with = "nullable")]
    pub(crate) poststop: Vec<Hook>,
}

/// One program.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Hook {
    /// Its absolute path.
    pub(crate) path: PathBuf,
    /// Its arguments, its own name first.
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) args: Vec<String>,
    /// Its environment.
    #[serde(default, deserialize_with = "nullable")]
    pub(crate) env: Vec<String>,
    /// Seconds that it may take.
    pub(crate) timeout: Option<i64>,
}

/// Lists may be `null`, as programs in Go write empty ones.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// Why a configuration could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    /// The file is not there or cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// It is not as the specification says.
    #[error("{path} is not a valid configuration: {source}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where, and what is wrong.
        source: serde_json::Error,
    },
}

/// Reads a JSON file of limited size.
///
/// # Errors
/// If it cannot be read, or is something else.
pub(crate) fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, ConfigError> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes))
        .map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
    serde_json::from_slice(&bytes).map_err(|source| ConfigError::Malformed {
        path: path.to_owned(),
        source,
    })
}
