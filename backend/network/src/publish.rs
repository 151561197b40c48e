//! A container's ports on the host: reserved, opened and closed.
//!
//! The kernel itself carries a published port's packets (`ruleset`); no process stands between.
//! `[::1]` and other IPv6 addresses of the host would need a proxy and are refused.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use orlop_linux::nftables;
use orlop_model::network::{Protocol, PublishedPort};

use crate::kernel::{Kernel, NetworkError};
use crate::ruleset::{self, PUBLISHED, PUBLISHED_AT};

/// Ports of the host that are kept for a container: while these sockets are open, nobody else
/// can listen there, so that no program believes to serve a port whose packets go elsewhere.
#[derive(Debug)]
pub struct Reservation {
    /// The ports, each with the host's port that was found for it.
    pub ports: Vec<PublishedPort>,
    /// Sockets that hold them. Nothing ever arrives here.
    pub sockets: Vec<OwnedFd>,
}

/// Reserves ports; one that asks for any host port gets a free one.
///
/// # Errors
/// If a port is in use or an address is not the host's.
pub fn reserve(ports: &[PublishedPort]) -> Result<Reservation, NetworkError> {
    let mut reservation = Reservation {
        ports: Vec::with_capacity(ports.len()),
        sockets: Vec::with_capacity(ports.len()),
    };
    for port in ports {
        let IpAddr::V4(ip) = port.host_ip else {
            return Err(NetworkError::Ipv6Port {
                ip: port.host_ip,
                port: port.host_port,
            });
        };
        let (socket, host_port) =
            bind(port.port.protocol, ip, port.host_port).map_err(|source| refused(port, source))?;
        reservation.sockets.push(socket);
        reservation.ports.push(PublishedPort { host_port, ..*port });
    }
    Ok(reservation)
}

/// Binds a port; the socket, and the port's number.
fn bind(protocol: Protocol, ip: Ipv4Addr, port: u16) -> io::Result<(OwnedFd, u16)> {
    let address = SocketAddrV4::new(ip, port);
    let (socket, bound): (OwnedFd, SocketAddr) = match protocol {
        // Listening, as two sockets with SO_REUSEADDR may share a port until one of them does.
        Protocol::Tcp => {
            let listener = TcpListener::bind(address)?;
            let bound = listener.local_addr()?;
            (listener.into(), bound)
        }
        Protocol::Udp => {
            let socket = UdpSocket::bind(address)?;
            let bound = socket.local_addr()?;
            (socket.into(), bound)
        }
    };
    Ok((socket, bound.port()))
}

fn refused(port: &PublishedPort, source: io::Error) -> NetworkError {
    let (ip, number, protocol) = (port.host_ip, port.host_port, port.port.protocol);
    if source.kind() == io::ErrorKind::AddrInUse {
        NetworkError::PortInUse {
            ip,
            port: number,
            protocol,
        }
    } else {
        NetworkError::Port {
            ip,
            port: number,
            protocol,
            source,
        }
    }
}

/// Sends a container's ports to its address. All of them or, on an error, none.
///
/// # Errors
/// If another container of this instance has one of them.
pub fn open(
    kernel: &mut Kernel,
    bridge: &str,
    address: Ipv4Addr,
    ports: &[PublishedPort],
    owner: &str,
) -> Result<(), NetworkError> {
    let batch = ruleset::publish(bridge, address, ports, owner);
    match nftables::commit(&mut kernel.netfilter, &batch) {
        Err(error) if error.errno() == Some(Errno::EEXIST) => {
            let port = taken(kernel, bridge, ports)?;
            Err(port.map_or(error.into(), |port| {
                refused(&port, io::ErrorKind::AddrInUse.into())
            }))
        }
        result => Ok(result?),
    }
}

/// Closes the ports of `owner`, whatever they are; none is no error.
///
/// # Errors
/// If the kernel refuses.
pub fn close(kernel: &mut Kernel, bridge: &str, owner: &str) -> Result<(), NetworkError> {
    let table = ruleset::table(bridge);
    let mut batch = nftables::Batch::new();
    for map in [PUBLISHED, PUBLISHED_AT] {
        let mut own = nftables::list_elements(&mut kernel.netfilter, &table, map.name)?;
        own.retain(|element| element.comment == owner);
        batch = batch.delete_elements(&table, map.name, &own);
    }
    Ok(nftables::commit(&mut kernel.netfilter, &batch)?)
}

/// The first of the ports that another container has.
fn taken(
    kernel: &mut Kernel,
    bridge: &str,
    ports: &[PublishedPort],
) -> Result<Option<PublishedPort>, NetworkError> {
    let table = ruleset::table(bridge);
    for port in ports {
        let own = ruleset::entries(Ipv4Addr::UNSPECIFIED, std::slice::from_ref(port), "");
        for (map, entries) in own {
            let present = nftables::list_elements(&mut kernel.netfilter, &table, map.name)?;
            if present
                .iter()
                .any(|e| entries.iter().any(|own| own.key == e.key))
            {
                return Ok(Some(*port));
            }
        }
    }
    Ok(None)
}
