//! `--volumes-from`: the mounts of another container. Pure.

use serde::{Deserialize, Serialize};

/// Whose mounts, and whether they may be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VolumesFrom {
    /// Name, id or prefix of the other container.
    pub container: String,
    /// No writes, whatever the other may.
    #[serde(default)]
    pub read_only: bool,
}

/// Why a text names no mounts of another container.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid specification for --volumes-from {0:?}: CONTAINER[:ro|rw] is needed")]
pub struct VolumesFromError(String);

impl std::str::FromStr for VolumesFrom {
    type Err = VolumesFromError;

    fn from_str(text: &str) -> Result<Self, VolumesFromError> {
        let (container, mode) = text.split_once(':').unwrap_or((text, "rw"));
        let read_only = match mode {
            "ro" => true,
            "rw" | "z" | "Z" => false,
            _ => return Err(VolumesFromError(text.to_owned())),
        };
        if container.is_empty() {
            return Err(VolumesFromError(text.to_owned()));
        }
        Ok(Self {
            container: container.to_owned(),
            read_only,
        })
    }
}

impl std::fmt::Display for VolumesFrom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mode = if self.read_only { ":ro" } else { "" };
        write!(f, "{}{mode}", self.container)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_and_a_mode_are_read() {
        for text in ["web", "web:ro"] {
            let from = text.parse::<VolumesFrom>().expect("valid");
            assert_eq!(from.to_string(), text);
        }
        assert!(!"web:rw".parse::<VolumesFrom>().expect("valid").read_only);
        for text in ["", ":ro", "web:nope"] {
            assert!(text.parse::<VolumesFrom>().is_err(), "{text}");
        }
    }
}
