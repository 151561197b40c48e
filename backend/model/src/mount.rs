//! Mounts into a container.

use serde::{Deserialize, Serialize};

use crate::name::VolumeName;

/// How mount events pass between the host and the container (mount_namespaces(7)).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Propagation {
    /// None pass (Docker's default).
    #[default]
    Rprivate,
    /// As `Rprivate`, for this mount alone.
    Private,
    /// The host's pass in.
    Rslave,
    /// As `Rslave`, for this mount alone.
    Slave,
    /// Both ways.
    Rshared,
    /// As `Rshared`, for this mount alone.
    Shared,
}

/// Stands for the name that an anonymous volume is yet to get.
const NAMELESS: &str = "anonymous";

/// Where a mount's content comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum MountSource {
    /// A path of the host.
    Bind {
        /// Absolute path.
        path: String,
        /// Create a missing directory (`--volume`) or refuse (`--mount`).
        create: bool,
        /// Propagation.
        #[serde(default)]
        propagation: Propagation,
        /// Without the mounts that lie below it.
        #[serde(default)]
        non_recursive: bool,
        /// Read-only is the mount itself; those below it stay as they are.
        #[serde(default)]
        writable_below: bool,
    },
    /// A named or anonymous volume.
    Volume {
        /// The volume's name; anonymous ones have 64 hexadecimal digits.
        name: VolumeName,
        /// Copy the image's content into an empty volume on first use.
        copy_up: bool,
        /// Made for this container and removed with it.
        anonymous: bool,
        /// What of it is shown; all, when absent.
        #[serde(default)]
        subpath: Option<SubPath>,
    },
    /// Memory.
    Tmpfs {
        /// Bytes; `None` is the kernel's default.
        size: Option<u64>,
        /// Permission bits of the root.
        mode: Option<u32>,
        /// `noexec`, `uid=…` and their like, as in `--tmpfs /x:options`.
        #[serde(default)]
        options: Vec<String>,
    },
}

/// A path in a volume: relative, and without a way up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SubPath(String);

/// A text that is no path in a volume.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("subpath {0:?} must be a relative path within the volume")]
pub struct SubPathError(String);

impl SubPath {
    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for SubPath {
    type Err = SubPathError;
    fn from_str(text: &str) -> Result<Self, SubPathError> {
        let is_inside = !text.is_empty()
            && !text.starts_with('/')
            && !text.contains('\0')
            && !text.split('/').any(|part| part == "..");
        if is_inside {
            Ok(Self(text.to_owned()))
        } else {
            Err(SubPathError(text.to_owned()))
        }
    }
}

impl TryFrom<String> for SubPath {
    type Error = SubPathError;
    fn try_from(text: String) -> Result<Self, SubPathError> {
        text.parse()
    }
}

impl From<SubPath> for String {
    fn from(path: SubPath) -> Self {
        path.0
    }
}

/// One mount as it will be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mount {
    /// Absolute path in the container.
    pub target: String,
    /// What is shown there.
    pub source: MountSource,
    /// No writes.
    #[serde(default)]
    pub read_only: bool,
}

/// Why a text is not a mount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid volume specification: '{text}': {reason}")]
pub struct MountError {
    text: String,
    reason: String,
}

impl MountError {
    pub(crate) fn new(text: &str, reason: String) -> Self {
        Self {
            text: text.to_owned(),
            reason,
        }
    }
}

impl Propagation {
    /// As Docker spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Rprivate => "rprivate",
            Self::Private => "private",
            Self::Rslave => "rslave",
            Self::Slave => "slave",
            Self::Rshared => "rshared",
            Self::Shared => "shared",
        }
    }
}

impl std::str::FromStr for Propagation {
    type Err = MountError;
    fn from_str(text: &str) -> Result<Self, MountError> {
        Ok(match text {
            "" | "rprivate" => Self::Rprivate,
            "private" => Self::Private,
            "rslave" => Self::Rslave,
            "slave" => Self::Slave,
            "rshared" => Self::Rshared,
            "shared" => Self::Shared,
            _ => {
                return Err(MountError {
                    text: text.to_owned(),
                    reason: "unknown option".to_owned(),
                });
            }
        })
    }
}

impl MountSource {
    /// A volume by name; an anonymous one without. The name of an anonymous volume stands for
    /// nothing until the engine has made one up, when the container is created.
    ///
    /// # Errors
    /// If the name is none.
    pub fn volume(name: &str, copy_up: bool) -> Result<Self, crate::name::NameError> {
        let anonymous = name.is_empty();
        let name = if anonymous { NAMELESS } else { name }.parse()?;
        Ok(Self::Volume {
            name,
            copy_up,
            anonymous,
            subpath: None,
        })
    }

    /// The same, with only a part of the volume shown.
    #[must_use]
    pub fn at(mut self, path: Option<SubPath>) -> Self {
        if let Self::Volume { subpath, .. } = &mut self {
            *subpath = path;
        }
        self
    }

    /// Whether it is a volume that has no name of its own yet.
    #[must_use]
    pub fn is_nameless(&self) -> bool {
        matches!(self, Self::Volume { name, anonymous: true, .. } if name.as_str() == NAMELESS)
    }
}

impl Mount {
    /// Parses `--volume`: `/host:/inside[:options]`, `name:/inside[:options]` or `/inside`.
    ///
    /// # Errors
    /// Says which part is wrong.
    pub fn parse_volume(text: &str) -> Result<Self, MountError> {
        let wrong = |reason: &str| MountError {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        let parts: Vec<&str> = text.split(':').collect();
        let (from, target, options) = match parts[..] {
            [target] => ("", target, ""),
            [from, target] => (from, target, ""),
            [from, target, options] => (from, target, options),
            _ => return Err(wrong("too many colons")),
        };
        if !target.starts_with('/') {
            return Err(wrong("the mount path must be absolute"));
        }
        let (mut read_only, mut copy_up, mut propagation) = (false, true, Propagation::default());
        for option in options.split(',').filter(|o| !o.is_empty()) {
            match option {
                "ro" => read_only = true,
                // SELinux relabelling and macOS's consistency flags mean nothing here.
                "rw" | "z" | "Z" | "consistent" | "cached" | "delegated" => {}
                "nocopy" => copy_up = false,
                other => {
                    propagation = other
                        .parse()
                        .map_err(|_| wrong(&format!("unknown option {other:?}")))?;
                }
            }
        }
        let source = if from.starts_with('/') {
            MountSource::Bind {
                path: from.to_owned(),
                create: true,
                propagation,
                non_recursive: false,
                writable_below: false,
            }
        } else {
            MountSource::volume(from, copy_up).map_err(|error| wrong(&error.to_string()))?
        };
        Ok(Self {
            target: target.to_owned(),
            source,
            read_only,
        })
    }

    /// A tmpfs as `--tmpfs TARGET:OPTIONS` asks for it.
    #[must_use]
    pub fn tmpfs(target: String, options: &str) -> Self {
        let words = || options.split(',').filter(|o| !o.is_empty());
        let kept = words()
            .filter(|o| !matches!(*o, "ro" | "rw"))
            .map(ToOwned::to_owned)
            .collect();
        Self {
            target,
            source: MountSource::Tmpfs {
                size: None,
                mode: None,
                options: kept,
            },
            read_only: words().any(|o| o == "ro"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binds_volumes_and_anonymous_volumes_are_told_apart() {
        let bind = Mount::parse_volume("/a:/b:ro,rslave").expect("valid");
        assert!(bind.read_only);
        let expected = MountSource::Bind {
            path: "/a".to_owned(),
            create: true,
            propagation: Propagation::Rslave,
            non_recursive: false,
            writable_below: false,
        };
        assert_eq!(bind.source, expected);
        let anonymous = |text| match Mount::parse_volume(text).expect("valid").source {
            MountSource::Volume { anonymous, .. } => Some(anonymous),
            _ => None,
        };
        assert_eq!(
            (anonymous("data:/b"), anonymous("/b")),
            (Some(false), Some(true))
        );
        for wrong in ["a:b", "/a:/b:c:d", "/a:/b:nope", "../x:/b", ""] {
            assert!(Mount::parse_volume(wrong).is_err(), "{wrong}");
        }
    }
}
