//! The image configuration: what a container made from the image runs, and how the image came to
//! be (OCI image configuration, and Docker's additions to it).
//!
//! Written in one fixed order, so that the same values always have the same digest; fields that
//! are not known here are kept.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::digest::Digest;
use crate::manifest::MAX_LAYERS;

/// A configuration may be this long.
pub const MAX_CONFIG_BYTES: usize = 8 << 20;
/// A configuration may tell of this many steps.
const MAX_HISTORY: usize = 5000;

/// Why bytes are not a configuration that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Longer than any honest one.
    #[error("the image configuration is longer than {MAX_CONFIG_BYTES} bytes")]
    TooLong,
    /// Not JSON of the right form.
    #[error("the image configuration is malformed: {0}")]
    Json(#[from] serde_json::Error),
    /// Too many layers or steps.
    #[error("the image configuration lists {found} {what}; at most {limit} are supported")]
    TooMany {
        /// Layers or steps.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many may be.
        limit: usize,
    },
    /// A text that no process can be given.
    #[error("the image configuration has a NUL in {0}")]
    Nul(&'static str),
    /// `rootfs` is of an unknown type.
    #[error("the image configuration has a root file system of type {0:?}")]
    RootFs(String),
}

/// A configuration.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ImageConfig {
    /// `amd64`, `arm64`, …
    #[serde(default)]
    pub architecture: String,
    /// `v7`, `v8`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// `linux`
    #[serde(default)]
    pub os: String,
    /// When it was made (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// What a container runs.
    #[serde(default, deserialize_with = "null_is_default")]
    pub config: Execution,
    /// The layers.
    #[serde(default, deserialize_with = "null_is_default")]
    pub rootfs: RootFs,
    /// The steps that made it, oldest first.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub history: Vec<History>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What a container made from an image runs, unless told otherwise.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Execution {
    /// `user[:group]` by name or number; empty for root.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub user: String,
    /// `port/protocol` each.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub exposed_ports: BTreeMap<String, Empty>,
    /// `NAME=value` each, in order.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub env: Vec<String>,
    /// The fixed part of the command.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entrypoint: Option<Vec<String>>,
    /// The part that arguments replace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cmd: Option<Vec<String>>,
    /// Paths that get a volume of their own.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub volumes: BTreeMap<String, Empty>,
    /// Where it runs; empty for `/`.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "String::is_empty"
    )]
    pub working_dir: String,
    /// Free notes.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "BTreeMap::is_empty"
    )]
    pub labels: BTreeMap<String, String>,
    /// The signal that asks it to end; absent for SIGTERM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// Seconds to wait after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_timeout: Option<i64>,
    /// How to tell whether it is well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub healthcheck: Option<Healthcheck>,
    /// The shell of shell-form instructions; absent for `/bin/sh -c`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<Vec<String>>,
    /// Instructions for a build that starts from this image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_build: Option<Vec<String>>,
    /// Everything else.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// The value of a JSON object that is used as a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Empty {}

/// How to tell whether a container is well. Durations are in nanoseconds; 0 means the default.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Healthcheck {
    /// `["CMD", …]`, `["CMD-SHELL", line]`, or `["NONE"]`.
    #[serde(
        default,
        deserialize_with = "null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub test: Vec<String>,
    /// Between two tests.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub interval: i64,
    /// For one test.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub timeout: i64,
    /// After the start, while failures do not count.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub start_period: i64,
    /// Between two tests during that time.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub start_interval: i64,
    /// Failures in a row that make it unhealthy.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub retries: i64,
}

/// The layers, lowest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type", default)]
    pub kind: String,
    /// Digests of the uncompressed layers.
    #[serde(default, deserialize_with = "null_is_default")]
    pub diff_ids: Vec<Digest>,
}

impl Default for RootFs {
    fn default() -> Self {
        Self {
            kind: "layers".into(),
            diff_ids: Vec::new(),
        }
    }
}

/// A step that made the image.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct History {
    /// When (RFC 3339).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By which instruction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// A note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// The step made no layer.
    #[serde(default, skip_serializing_if = "is_false")]
    pub empty_layer: bool,
}

fn null_is_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde calls"
)]
fn is_zero(value: &i64) -> bool {
    *value == 0
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde calls"
)]
fn is_false(value: &bool) -> bool {
    !*value
}

impl ImageConfig {
    /// Reads a configuration.
    pub fn parse(raw: &[u8]) -> Result<Self, ConfigError> {
        if raw.len() > MAX_CONFIG_BYTES {
            return Err(ConfigError::TooLong);
        }
        let config: Self = serde_json::from_slice(raw)?;
        config.check()?;
        Ok(config)
    }

    /// The bytes of this configuration; their digest is the image's id.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Text keys and JSON values only: no such value fails to serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }

    fn check(&self) -> Result<(), ConfigError> {
        for (what, found, limit) in [
            ("layers", self.rootfs.diff_ids.len(), MAX_LAYERS),
            ("steps", self.history.len(), MAX_HISTORY),
        ] {
            if found > limit {
                return Err(ConfigError::TooMany { what, found, limit });
            }
        }
        if !matches!(&self.rootfs.kind[..], "layers" | "") {
            return Err(ConfigError::RootFs(self.rootfs.kind.clone()));
        }
        let run = &self.config;
        let lists: [(&'static str, &[String]); 5] = [
            ("Env", &run.env),
            ("Entrypoint", run.entrypoint.as_deref().unwrap_or_default()),
            ("Cmd", run.cmd.as_deref().unwrap_or_default()),
            ("Shell", run.shell.as_deref().unwrap_or_default()),
            ("OnBuild", run.on_build.as_deref().unwrap_or_default()),
        ];
        for (what, list) in lists {
            if list.iter().any(|text| text.contains('\0')) {
                return Err(ConfigError::Nul(what));
            }
        }
        for (what, text) in [("User", &run.user), ("WorkingDir", &run.working_dir)] {
            if text.contains('\0') {
                return Err(ConfigError::Nul(what));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCKER: &str = r#"{"architecture":"amd64","config":{"Hostname":"","User":"",
        "Env":["PATH=/bin"],"Cmd":["sh"],"Image":"","Volumes":null,"WorkingDir":"/srv",
        "Entrypoint":null,"OnBuild":null,"Labels":null,"ExposedPorts":{"80/tcp":{}},
        "Healthcheck":{"Test":["CMD-SHELL","true"],"Interval":5000000000}},
        "container":"abc","created":"2024-01-01T00:00:00Z","docker_version":"20",
        "history":[{"created_by":"CMD [\"sh\"]","empty_layer":true}],"os":"linux",
        "rootfs":{"type":"layers","diff_ids":[
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]}}"#;

    #[test]
    fn dockers_form_is_read_and_unknown_fields_are_kept() {
        let config = ImageConfig::parse(DOCKER.as_bytes()).unwrap();
        assert_eq!(config.config.cmd.as_deref(), Some(&["sh".to_owned()][..]));
        assert_eq!(config.config.entrypoint, None);
        assert!(config.config.exposed_ports.contains_key("80/tcp"));
        assert_eq!(
            config.config.healthcheck.as_ref().unwrap().interval,
            5_000_000_000
        );
        assert!(config.history[0].empty_layer);
        assert_eq!(config.other["docker_version"], "20");
        let bytes = config.to_bytes();
        assert_eq!(ImageConfig::parse(&bytes).unwrap(), config);
        assert_eq!(ImageConfig::parse(&bytes).unwrap().to_bytes(), bytes);
    }

    #[test]
    fn an_almost_empty_configuration_is_enough() {
        let config = ImageConfig::parse(b"{}").unwrap();
        assert_eq!(config.rootfs.kind, "layers");
        assert_eq!(
            config,
            ImageConfig::parse(br#"{"config":null,"history":null}"#).unwrap()
        );
    }

    #[test]
    fn hostile_configurations_are_refused() {
        let digest = Digest::of(b"");
        let layers = vec![format!("\"{digest}\""); MAX_LAYERS + 1].join(",");
        for bad in [
            format!(r#"{{"rootfs":{{"type":"layers","diff_ids":[{layers}]}}}}"#),
            format!(
                r#"{{"history":[{}]}}"#,
                vec!["{}"; MAX_HISTORY + 1].join(",")
            ),
            r#"{"config":{"Env":["A=\u0000"]}}"#.into(),
            r#"{"config":{"Cmd":"sh"}}"#.into(),
            r#"{"config":{"User":5}}"#.into(),
            r#"{"config":{"Healthcheck":{"Interval":1e300}}}"#.into(),
            r#"{"rootfs":{"type":"zip"}}"#.into(),
            r#"{"rootfs":{"diff_ids":["sha256:abc"]}}"#.into(),
            format!(r#"{{"pad":"{}"}}"#, "x".repeat(MAX_CONFIG_BYTES)),
            "[".repeat(1_000_000),
            "null".into(),
        ] {
            assert!(
                ImageConfig::parse(bad.as_bytes()).is_err(),
                "{}",
                &bad[..bad.len().min(100)]
            );
        }
    }
}
