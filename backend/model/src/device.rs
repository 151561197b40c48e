//! Devices of the host that a container may use, in the words of `--device` and
//! `--device-cgroup-rule`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Block or character device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// Both.
    All,
    /// Block.
    Block,
    /// Character.
    Character,
}

/// What may be done with a device: `rwm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceAccess {
    /// It may be opened for reading.
    pub read: bool,
    /// It may be opened for writing.
    pub write: bool,
    /// A node for it may be made.
    pub make: bool,
}

/// Devices by number, and what may be done with them: `c 1:3 rwm`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DeviceRule {
    /// Block or character.
    pub kind: DeviceKind,
    /// Major number, or any.
    pub major: Option<u32>,
    /// Minor number, or any.
    pub minor: Option<u32>,
    /// What may be done.
    pub access: DeviceAccess,
}

/// A device of the host, or a folder of them, shown in a container.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct DeviceMapping {
    host: String,
    container: String,
    /// What may be done.
    pub access: DeviceAccess,
}

/// A mapping as it comes in.
#[derive(Deserialize)]
struct Unchecked {
    host: String,
    container: String,
    access: DeviceAccess,
}

/// What a container gets besides the harmless devices that every one has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Devices {
    /// Devices shown in its `/dev`, or elsewhere.
    pub shown: Vec<DeviceMapping>,
    /// Devices that it may use if it has a node for them.
    pub rules: Vec<DeviceRule>,
}

/// A block device whose throughput is limited: a path below `/dev`, or its number.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum BlockDevice {
    /// Absolute path on the host.
    Path(String),
    /// Major and minor number.
    Number(u32, u32),
}

/// A text that describes no device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// Not an access.
    #[error("invalid device mode {0:?}: use letters of rwm (read, write, make the node)")]
    Access(String),
    /// Not a rule.
    #[error("invalid device cgroup rule {0:?}: write it as 'c 1:3 rwm', with * for any number")]
    Rule(String),
    /// Not a mapping.
    #[error(
        "invalid device {0:?}: write it as HOST[:CONTAINER[:rwm]] with absolute paths without .."
    )]
    Mapping(String),
    /// Not a block device.
    #[error("invalid block device {0:?}: an absolute path such as /dev/vda is needed")]
    Block(String),
}

impl DeviceAccess {
    /// Everything.
    pub const ALL: Self = Self {
        read: true,
        write: true,
        make: true,
    };
    /// Making nodes alone.
    pub const MAKE: Self = Self {
        read: false,
        write: false,
        make: true,
    };
}

impl Default for DeviceAccess {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromStr for DeviceAccess {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        if text.is_empty() || text.len() > 3 || !text.bytes().all(|b| b"rwm".contains(&b)) {
            return Err(DeviceError::Access(text.to_owned()));
        }
        Ok(Self {
            read: text.contains('r'),
            write: text.contains('w'),
            make: text.contains('m'),
        })
    }
}

impl fmt::Display for DeviceAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (allowed, letter) in [(self.read, "r"), (self.write, "w"), (self.make, "m")] {
            f.write_str(if allowed { letter } else { "" })?;
        }
        Ok(())
    }
}

impl FromStr for DeviceRule {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let wrong = || DeviceError::Rule(text.to_owned());
        let mut words = text.split_ascii_whitespace();
        let kind = match words.next() {
            Some("a") => DeviceKind::All,
            Some("b") => DeviceKind::Block,
            Some("c") => DeviceKind::Character,
            _ => return Err(wrong()),
        };
        let (major, minor) = words
            .next()
            .and_then(|numbers| numbers.split_once(':'))
            .ok_or_else(wrong)?;
        let number = |text: &str| match text {
            "*" => Ok(None),
            number => number.parse().map(Some).map_err(|_| wrong()),
        };
        let access = words.next().ok_or_else(wrong)?.parse()?;
        if words.next().is_some() {
            return Err(wrong());
        }
        Ok(Self {
            kind,
            major: number(major)?,
            minor: number(minor)?,
            access,
        })
    }
}

impl fmt::Display for DeviceRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            DeviceKind::All => 'a',
            DeviceKind::Block => 'b',
            DeviceKind::Character => 'c',
        };
        let number = |n: Option<u32>| n.map_or_else(|| "*".to_owned(), |n| n.to_string());
        let (major, minor) = (number(self.major), number(self.minor));
        write!(f, "{kind} {major}:{minor} {}", self.access)
    }
}

impl DeviceMapping {
    /// A mapping of these two paths.
    ///
    /// # Errors
    /// If one is not absolute, or leads upwards.
    pub fn new(host: &str, container: &str, access: DeviceAccess) -> Result<Self, DeviceError> {
        let plain = |path: &str| {
            path.starts_with('/')
                && path.trim_end_matches('/').len() > 1
                && !path.contains('\0')
                && !path.split('/').any(|part| part == "..")
        };
        if plain(host) && plain(container) {
            Ok(Self {
                host: host.to_owned(),
                container: container.to_owned(),
                access,
            })
        } else {
            Err(DeviceError::Mapping(format!("{host}:{container}")))
        }
    }

    /// Absolute path on the host.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Absolute path in the container.
    #[must_use]
    pub fn container(&self) -> &str {
        &self.container
    }
}

impl TryFrom<Unchecked> for DeviceMapping {
    type Error = DeviceError;
    fn try_from(raw: Unchecked) -> Result<Self, DeviceError> {
        Self::new(&raw.host, &raw.container, raw.access)
    }
}

impl FromStr for DeviceMapping {
    type Err = DeviceError;

    /// As Docker reads `--device`: what follows the first colon alone may be a mode too.
    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let wrong = |_| DeviceError::Mapping(text.to_owned());
        let parts: Vec<&str> = text.split(':').collect();
        let (host, container, access) = match parts[..] {
            [host] => (host, host, DeviceAccess::ALL),
            [host, second] => match second.parse() {
                Ok(access) => (host, host, access),
                Err(_) => (host, second, DeviceAccess::ALL),
            },
            [host, container, access] => (host, container, access.parse()?),
            _ => return Err(DeviceError::Mapping(text.to_owned())),
        };
        Self::new(host, container, access).map_err(wrong)
    }
}

impl fmt::Display for DeviceMapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.host, self.container, self.access)
    }
}

impl FromStr for BlockDevice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let wrong = || DeviceError::Block(text.to_owned());
        if text.starts_with('/') && !text.contains('\0') {
            return Ok(Self::Path(text.to_owned()));
        }
        let (major, minor) = text.split_once(':').ok_or_else(wrong)?;
        let number = |text: &str| text.parse().map_err(|_| wrong());
        Ok(Self::Number(number(major)?, number(minor)?))
    }
}

impl fmt::Display for BlockDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => f.write_str(path),
            Self::Number(major, minor) => write!(f, "{major}:{minor}"),
        }
    }
}

/// Texts in JSON, parsed on the way in.
macro_rules! as_text {
    ($($name:ident),*) => {$(
        impl TryFrom<String> for $name {
            type Error = DeviceError;
            fn try_from(text: String) -> Result<Self, DeviceError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }
    )*};
}

as_text!(DeviceAccess, DeviceRule, BlockDevice);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mappings_are_read_as_docker_reads_them() {
        for (text, whole) in [
            ("/dev/fuse", "/dev/fuse:/dev/fuse:rwm"),
            ("/dev/vda:r", "/dev/vda:/dev/vda:r"),
            ("/dev/vda:/dev/xvdc", "/dev/vda:/dev/xvdc:rwm"),
            ("/dev/vda:/dev/xvdc:rw", "/dev/vda:/dev/xvdc:rw"),
        ] {
            let mapping: DeviceMapping = text.parse().expect(text);
            assert_eq!(mapping.to_string(), whole);
        }
        for text in [
            "",
            "fuse",
            "/",
            "/dev/x:y",
            "/dev/../x",
            "/a:/b:x",
            "/a:/b:r:w",
        ] {
            assert!(text.parse::<DeviceMapping>().is_err(), "{text}");
        }
        let hostile = r#"{"host": "/dev/../etc", "container": "/x", "access": "r"}"#;
        assert!(serde_json::from_str::<DeviceMapping>(hostile).is_err());
    }

    #[test]
    fn rules_read_back_as_written() {
        for text in ["c 1:3 rwm", "b *:* m", "a *:7 rw"] {
            let rule: DeviceRule = text.parse().expect(text);
            assert_eq!(rule.to_string(), text);
        }
        for text in [
            "",
            "d 1:1 r",
            "c 1 r",
            "c x:1 r",
            "c 1:1",
            "c 1:1 rx",
            "c 1:1 r r",
        ] {
            assert!(text.parse::<DeviceRule>().is_err(), "{text}");
        }
    }

    #[test]
    fn block_devices_are_paths_or_numbers() {
        assert_eq!("8:16".parse(), Ok(BlockDevice::Number(8, 16)));
        assert_eq!("/dev/vda".parse(), Ok(BlockDevice::Path("/dev/vda".into())));
        for text in ["vda", "8", "8:x", ""] {
            assert!(text.parse::<BlockDevice>().is_err(), "{text}");
        }
    }
}
