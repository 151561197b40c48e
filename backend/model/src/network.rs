//! Networks, addresses and published ports.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Transport protocol of a port.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        })
    }
}

/// A port of a container: `80/tcp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Port {
    /// 1 to 65,535.
    pub number: u16,
    /// Its protocol.
    pub protocol: Protocol,
}

/// A text that is not a port or a published port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid port {text:?}: {reason}")]
pub struct PortError {
    text: String,
    reason: &'static str,
}

impl PortError {
    fn new(text: &str, reason: &'static str) -> Self {
        Self {
            text: text.to_owned(),
            reason,
        }
    }
}

impl FromStr for Port {
    type Err = PortError;
    fn from_str(text: &str) -> Result<Self, PortError> {
        let (number, protocol) = match text.split_once('/') {
            None => (text, Protocol::Tcp),
            Some((number, protocol)) => match protocol.to_ascii_lowercase().as_str() {
                "tcp" | "" => (number, Protocol::Tcp),
                "udp" => (number, Protocol::Udp),
                _ => return Err(PortError::new(text, "the protocol is tcp or udp")),
            },
        };
        match number.parse::<u16>() {
            Ok(number) if number > 0 => Ok(Self { number, protocol }),
            _ => Err(PortError::new(text, "a port is a number from 1 to 65535")),
        }
    }
}

impl TryFrom<String> for Port {
    type Error = PortError;
    fn try_from(text: String) -> Result<Self, PortError> {
        text.parse()
    }
}

impl From<Port> for String {
    fn from(port: Port) -> Self {
        port.to_string()
    }
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.protocol)
    }
}

/// A port of a container made reachable on the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PublishedPort {
    /// The container's port.
    pub port: Port,
    /// The host's address; `0.0.0.0` is all of them.
    pub host_ip: IpAddr,
    /// The host's port; 0 asks for a free one, and a running container's record has the real one.
    pub host_port: u16,
}

impl PublishedPort {
    /// Parses `-p` of the command line, one entry or a range:
    /// `80`, `8080:80`, `127.0.0.1:8080:80`, `127.0.0.1::80`, `8000-8002:80-82`, each with `/udp`.
    ///
    /// # Errors
    /// Says which part is wrong.
    pub fn parse(text: &str) -> Result<Vec<Self>, PortError> {
        let wrong = |reason| PortError::new(text, reason);
        let (rest, protocol) = match text.rsplit_once('/') {
            None => (text, Protocol::Tcp),
            Some((rest, "tcp")) => (rest, Protocol::Tcp),
            Some((rest, "udp")) => (rest, Protocol::Udp),
            Some(_) => return Err(wrong("the protocol is tcp or udp")),
        };
        let (head, container) = rest.rsplit_once(':').map_or(("", rest), |(h, c)| (h, c));
        let (ip, host) = match head.rsplit_once(':') {
            Some((ip, host)) => (ip, host),
            None if head.parse::<IpAddr>().is_ok() => (head, ""),
            None => ("", head),
        };
        let host_ip = if ip.is_empty() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED)
        } else {
            let bare = ip
                .strip_prefix('[')
                .and_then(|i| i.strip_suffix(']'))
                .unwrap_or(ip);
            bare.parse()
                .map_err(|_| wrong("the host address is no IP address"))?
        };
        let (first, last) = range(container)
            .ok_or_else(|| wrong("the container's port is a number from 1 to 65535, or a range"))?;
        let hosts = if host.is_empty() {
            None
        } else {
            let (a, b) = range_or_zero(host)
                .ok_or_else(|| wrong("the host's port is a number from 0 to 65535, or a range"))?;
            if a != 0 && b - a != last - first {
                return Err(wrong("the two ranges differ in length"));
            }
            Some(a)
        };
        Ok((first..=last)
            .map(|number| Self {
                port: Port { number, protocol },
                host_ip,
                host_port: hosts
                    .filter(|h| *h != 0)
                    .map_or(0, |h| h + (number - first)),
            })
            .collect())
    }
}

fn range_or_zero(text: &str) -> Option<(u16, u16)> {
    if text == "0" {
        Some((0, 0))
    } else {
        range(text)
    }
}

fn range(text: &str) -> Option<(u16, u16)> {
    let (a, b) = text.split_once('-').unwrap_or((text, text));
    let (a, b) = (a.parse().ok()?, b.parse().ok()?);
    (a > 0 && a <= b).then_some((a, b))
}

impl fmt::Display for PublishedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host_ip {
            IpAddr::V4(ip) => write!(f, "{ip}:{}->{}", self.host_port, self.port),
            IpAddr::V6(ip) => write!(f, "[{ip}]:{}->{}", self.host_port, self.port),
        }
    }
}

/// What network a container is asked to have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NetworkMode {
    /// The instance's bridge.
    #[default]
    Bridge,
    /// Loopback only.
    None,
    /// The host's own network.
    Host,
    /// That of another container, by name or id.
    Container(String),
}

/// A text that names no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("network {0} not found")]
pub struct NetworkModeError(String);

impl FromStr for NetworkMode {
    type Err = NetworkModeError;
    fn from_str(text: &str) -> Result<Self, NetworkModeError> {
        Ok(match text {
            "" | "default" | "bridge" => Self::Bridge,
            "none" => Self::None,
            "host" => Self::Host,
            _ => match text.strip_prefix("container:") {
                Some(name) if !name.is_empty() => Self::Container(name.to_owned()),
                _ => return Err(NetworkModeError(text.to_owned())),
            },
        })
    }
}

impl fmt::Display for NetworkMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bridge => f.write_str("bridge"),
            Self::None => f.write_str("none"),
            Self::Host => f.write_str("host"),
            Self::Container(name) => write!(f, "container:{name}"),
        }
    }
}

/// An endpoint on a bridge, planned by the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Name of the bridge's interface on the host.
    pub bridge: String,
    /// The container's address.
    pub address: Ipv4Addr,
    /// Length of the subnet's prefix.
    pub prefix: u8,
    /// The bridge's address, which is the default route.
    pub gateway: Ipv4Addr,
    /// Hardware address.
    pub mac: [u8; 6],
    /// Name of the veth's host side, at most 15 bytes.
    pub host_interface: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> String {
        PublishedPort::parse(text).map_or_else(
            |e| e.to_string(),
            |p| {
                p.iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" ")
            },
        )
    }

    #[test]
    fn publish_is_read_in_every_form_of_docker() {
        assert_eq!(one("80"), "0.0.0.0:0->80/tcp");
        assert_eq!(one("8080:80"), "0.0.0.0:8080->80/tcp");
        assert_eq!(one("127.0.0.1:8080:80/udp"), "127.0.0.1:8080->80/udp");
        assert_eq!(one("127.0.0.1::80"), "127.0.0.1:0->80/tcp");
        assert_eq!(one("[::1]:81:80"), "[::1]:81->80/tcp");
        assert_eq!(
            one("8000-8001:80-81"),
            "0.0.0.0:8000->80/tcp 0.0.0.0:8001->81/tcp"
        );
    }

    #[test]
    fn wrong_ports_are_refused_with_the_reason() {
        for text in [
            "",
            "0",
            "x:80",
            "70000",
            "80/sctp",
            "1.2.3:1:2",
            "1-2:1-3",
            "2-1:80",
        ] {
            assert!(PublishedPort::parse(text).is_err(), "{text}");
        }
    }
}
