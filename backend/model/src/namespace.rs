//! Namespaces: which a container has to itself, and which it shares with the host or with
//! another container (namespaces(7)).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::ContainerId;

/// Where a namespace is asked to come from: `private`, `host` or `container:NAME`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum NamespaceMode {
    /// One of the container's own.
    #[default]
    Private,
    /// The host's.
    Host,
    /// That of another container, by name or id.
    Container(String),
}

/// Where the namespace for System V IPC and message queues, and with it `/dev/shm`, comes from:
/// also `shareable`, which others may join, and `none`, which has no `/dev/shm`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum IpcMode {
    /// One of the container's own, which nobody may join.
    #[default]
    Private,
    /// One of the container's own, which other containers may join.
    Shareable,
    /// One of the container's own, without `/dev/shm`.
    None,
    /// The host's.
    Host,
    /// That of another container, by name or id.
    Container(String),
}

/// A text that names no source of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid namespace mode {text:?}: use {usable}")]
pub struct NamespaceModeError {
    text: String,
    usable: &'static str,
}

fn container(text: &str) -> Option<String> {
    let name = text.strip_prefix("container:")?;
    (!name.is_empty()).then(|| name.to_owned())
}

impl FromStr for NamespaceMode {
    type Err = NamespaceModeError;
    fn from_str(text: &str) -> Result<Self, NamespaceModeError> {
        match text {
            "" | "private" => Ok(Self::Private),
            "host" => Ok(Self::Host),
            _ => container(text)
                .map(Self::Container)
                .ok_or_else(|| NamespaceModeError {
                    text: text.to_owned(),
                    usable: "private, host or container:NAME",
                }),
        }
    }
}

impl NamespaceMode {
    /// Parses a mode of a namespace that containers cannot share with each other.
    ///
    /// # Errors
    /// If the text is neither `private` nor `host`.
    pub fn private_or_host(text: &str) -> Result<Self, NamespaceModeError> {
        match text.parse() {
            Ok(mode @ (Self::Private | Self::Host)) => Ok(mode),
            _ => Err(NamespaceModeError {
                text: text.to_owned(),
                usable: "private or host",
            }),
        }
    }

    /// The other container, by name or id.
    #[must_use]
    pub fn container(&self) -> Option<&str> {
        match self {
            Self::Container(name) => Some(name),
            Self::Private | Self::Host => None,
        }
    }
}

impl fmt::Display for NamespaceMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Private => f.write_str("private"),
            Self::Host => f.write_str("host"),
            Self::Container(name) => write!(f, "container:{name}"),
        }
    }
}

impl FromStr for IpcMode {
    type Err = NamespaceModeError;
    fn from_str(text: &str) -> Result<Self, NamespaceModeError> {
        match text {
            "" | "private" => Ok(Self::Private),
            "shareable" => Ok(Self::Shareable),
            "none" => Ok(Self::None),
            "host" => Ok(Self::Host),
            _ => container(text)
                .map(Self::Container)
                .ok_or_else(|| NamespaceModeError {
                    text: text.to_owned(),
                    usable: "private, shareable, none, host or container:NAME",
                }),
        }
    }
}

impl fmt::Display for IpcMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Private => f.write_str("private"),
            Self::Shareable => f.write_str("shareable"),
            Self::None => f.write_str("none"),
            Self::Host => f.write_str("host"),
            Self::Container(name) => write!(f, "container:{name}"),
        }
    }
}

impl TryFrom<String> for NamespaceMode {
    type Error = NamespaceModeError;
    fn try_from(text: String) -> Result<Self, NamespaceModeError> {
        text.parse()
    }
}

impl From<NamespaceMode> for String {
    fn from(mode: NamespaceMode) -> Self {
        mode.to_string()
    }
}

impl TryFrom<String> for IpcMode {
    type Error = NamespaceModeError;
    fn try_from(text: String) -> Result<Self, NamespaceModeError> {
        text.parse()
    }
}

impl From<IpcMode> for String {
    fn from(mode: IpcMode) -> Self {
        mode.to_string()
    }
}

/// What a request says of the namespaces, but for the network's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NamespaceRequest {
    /// Processes.
    pub pid: NamespaceMode,
    /// System V IPC, message queues, `/dev/shm`.
    pub ipc: IpcMode,
    /// Host and domain name.
    pub uts: NamespaceMode,
    /// The view of the control groups.
    pub cgroup: NamespaceMode,
    /// Users and groups; what Orlop is configured to give when absent.
    pub user: Option<NamespaceMode>,
}

/// Where one namespace of a container comes from, decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Share {
    /// Its own.
    #[default]
    Own,
    /// The host's.
    Host,
    /// That of another container.
    Of(ContainerId),
}

/// The namespaces of a container, but for the network's.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Namespaces {
    /// Processes.
    pub pid: Share,
    /// System V IPC, message queues, `/dev/shm`.
    pub ipc: Share,
    /// Host and domain name.
    pub uts: Share,
    /// The view of the control groups.
    pub cgroup: Share,
    /// Users and groups of its own: its root is nobody on the host.
    pub user: bool,
}

impl Namespaces {
    /// Whether it sees or reaches something of the host that others do not.
    #[must_use]
    pub fn are_of_host(&self) -> bool {
        [&self.pid, &self.ipc, &self.uts, &self.cgroup].contains(&&Share::Host)
    }
}

/// A span of ids of a user namespace, and the host's ids behind them (user_namespaces(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdSpan {
    /// First id inside.
    pub inside: u32,
    /// First id on the host.
    pub outside: u32,
    /// How many.
    pub count: u32,
}

/// The ids of a user namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdMap {
    /// Users.
    pub users: Vec<IdSpan>,
    /// Groups.
    pub groups: Vec<IdSpan>,
}

impl IdMap {
    /// User and group on the host of the namespace's root, when it has one.
    #[must_use]
    pub fn root(&self) -> Option<(u32, u32)> {
        let of = |spans: &[IdSpan]| spans.iter().find(|s| s.inside == 0).map(|s| s.outside);
        Some((of(&self.users)?, of(&self.groups)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_read_back_as_written() {
        for text in ["private", "host", "container:web"] {
            assert_eq!(
                text.parse::<NamespaceMode>().map(|m| m.to_string()),
                Ok(text.to_owned())
            );
        }
        for text in ["private", "shareable", "none", "host", "container:web"] {
            assert_eq!(
                text.parse::<IpcMode>().map(|m| m.to_string()),
                Ok(text.to_owned())
            );
        }
        assert_eq!("".parse(), Ok(NamespaceMode::Private));
        assert_eq!("".parse(), Ok(IpcMode::Private));
    }

    #[test]
    fn wrong_modes_say_what_is_usable() {
        for text in ["container:", "container", "shareable", "x"] {
            let error = text.parse::<NamespaceMode>().expect_err(text);
            assert!(error.to_string().contains("container:NAME"), "{error}");
        }
        let error = NamespaceMode::private_or_host("container:x").expect_err("cannot be shared");
        assert!(error.to_string().ends_with("use private or host"));
    }
}
