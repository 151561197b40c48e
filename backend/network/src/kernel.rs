//! The two netlink sockets that network work needs, and what can go wrong with it.

use std::io;
use std::net::IpAddr;

use orlop_linux::netlink::{NetlinkError, Protocol, Socket};
use orlop_model::network::Protocol as Transport;
use orlop_model::subnet::Subnet;

/// Sockets into the network namespace in which they were opened. Needs CAP_NET_ADMIN.
#[derive(Debug)]
pub struct Kernel {
    /// Links, addresses and routes.
    pub(crate) route: Socket,
    /// nftables.
    pub(crate) netfilter: Socket,
}

impl Kernel {
    /// Opens them in the calling thread's network namespace.
    ///
    /// # Errors
    /// If the kernel lacks a protocol.
    pub fn open() -> Result<Self, NetworkError> {
        Ok(Self {
            route: Socket::open(Protocol::Route)?,
            netfilter: Socket::open(Protocol::Netfilter)?,
        })
    }
}

/// A failed change of the network.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The kernel refused.
    #[error(transparent)]
    Netlink(#[from] NetlinkError),
    /// The bridge's name belongs to something else.
    #[error("there is an interface {name} already, and it is no bridge; choose another --bridge")]
    NotABridge {
        /// The name.
        name: String,
    },
    /// The bridge is not there.
    #[error("the bridge {0} does not exist")]
    NoBridge(String),
    /// A container's interface vanished while it was being made.
    #[error("the interface at the other end of {0} is gone: its network namespace has ended")]
    NoInterface(String),
    /// The host uses these addresses for something else.
    #[error(
        "the subnet {subnet} overlaps {address}/{prefix} of the interface {interface}; choose \
         another --subnet"
    )]
    SubnetInUse {
        /// The instance's subnet.
        subnet: Subnet,
        /// An address of the host.
        address: IpAddr,
        /// Its prefix.
        prefix: u8,
        /// The interface that has it.
        interface: String,
    },
    /// A kernel parameter could not be set.
    #[error("cannot write {value:?} to {path}: {source}")]
    Sysctl {
        /// Its file.
        path: String,
        /// What was to be written.
        value: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// A published port is taken.
    #[error("cannot publish {ip}:{port}/{protocol}: the port is in use on the host")]
    PortInUse {
        /// The host's address.
        ip: IpAddr,
        /// The host's port.
        port: u16,
        /// The transport.
        protocol: Transport,
    },
    /// A port cannot be bound for another reason, such as an address that the host does not have.
    #[error("cannot publish {ip}:{port}/{protocol}: {source}")]
    Port {
        /// The host's address.
        ip: IpAddr,
        /// The host's port.
        port: u16,
        /// The transport.
        protocol: Transport,
        /// Why not.
        source: io::Error,
    },
    /// The host's address of a published port is an IPv6 one.
    #[error("cannot publish [{ip}]:{port}: ports can be published on IPv4 addresses only")]
    Ipv6Port {
        /// The address.
        ip: IpAddr,
        /// The host's port.
        port: u16,
    },
}
