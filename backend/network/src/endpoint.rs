//! A container's interface: a veth pair from the bridge into its network namespace.

use std::os::fd::BorrowedFd;
use std::thread::sleep;
use std::time::Duration;

use nix::errno::Errno;
use orlop_linux::netlink::link::{self, Mac, Veth, VethEnd};
use orlop_linux::netlink::{Protocol, Socket, add_address, add_default_route};
use orlop_model::network::Endpoint;

use crate::forward;
use crate::kernel::{Kernel, NetworkError};

/// The interface's name inside of the container.
pub const INTERFACE: &str = "eth0";
const LOOPBACK: &str = "lo";
/// How often it is looked whether packets pass: for a fifth of a second.
const RUNNING_ATTEMPTS: u32 = 400;
/// The pause between two looks.
const RUNNING_PAUSE: Duration = Duration::from_micros(500);

/// Gives the network namespace `netns` its loopback, its interface, address and default route.
/// The calling thread visits it for a moment.
///
/// # Errors
/// If the bridge is missing or the kernel refuses; nothing is left behind then.
pub fn attach(
    kernel: &mut Kernel,
    endpoint: &Endpoint,
    netns: BorrowedFd<'_>,
) -> Result<(), NetworkError> {
    let bridge = link::find(&mut kernel.route, &endpoint.bridge)?
        .ok_or_else(|| NetworkError::NoBridge(endpoint.bridge.clone()))?;
    let veth = Veth {
        host: VethEnd {
            name: &endpoint.host_interface,
            mac: None,
        },
        bridge: bridge.index,
        peer: VethEnd {
            name: INTERFACE,
            mac: Some(Mac(endpoint.mac)),
        },
        netns,
        mtu: bridge.mtu,
    };
    let create = [
        link::create_veth(&veth),
        link::set_hairpin(&endpoint.host_interface),
    ];
    match kernel.route.apply(&create) {
        // Left over from a container that was killed together with the worker.
        Err(error) if error.errno() == Some(Errno::EEXIST) => {
            detach(kernel, &endpoint.host_interface)?;
            kernel.route.apply(&create)?;
        }
        result => result?,
    }
    let configured = configure(endpoint, netns).and_then(|()| {
        wait_until_running(kernel, &endpoint.host_interface)?;
        wait_until_running(kernel, &endpoint.bridge)?;
        // A Docker that was started after the bridge was made has closed the way meanwhile.
        forward::let_through(kernel, &endpoint.bridge).map(drop)
    });
    configured.inspect_err(|_| {
        // The first error is the one that tells; a veth whose other end goes with its namespace
        // cannot outlive the container anyway.
        let _ = detach(kernel, &endpoint.host_interface);
    })
}

/// Waits until packets pass. The kernel notices in the background that a link's other end is up;
/// a packet sent before is lost, and what asks for an address asks again only a second later.
/// Since Linux 6.8 looking at a link makes the kernel notice at once.
fn wait_until_running(kernel: &mut Kernel, name: &str) -> Result<(), NetworkError> {
    for _ in 0..RUNNING_ATTEMPTS {
        match link::find(&mut kernel.route, name)? {
            Some(link) if link.running => return Ok(()),
            Some(_) => sleep(RUNNING_PAUSE),
            None => return Err(NetworkError::NoInterface(name.to_owned())),
        }
    }
    // It will be a moment later.
    Ok(())
}

/// Gives a network namespace its loopback only.
///
/// # Errors
/// If the kernel refuses.
pub fn loopback_only(netns: BorrowedFd<'_>) -> Result<(), NetworkError> {
    let mut inside = Socket::open_in(netns, Protocol::Route)?;
    Ok(inside.apply(&[link::set_up(LOOPBACK)])?)
}

/// Removes an interface, both ends, by the name of the host's. That it is gone already is no error.
///
/// # Errors
/// If the kernel refuses.
pub fn detach(kernel: &mut Kernel, host_interface: &str) -> Result<(), NetworkError> {
    match kernel.route.apply(&[link::delete(host_interface)]) {
        Err(error) if error.errno() != Some(Errno::ENODEV) => Err(error.into()),
        _ => Ok(()),
    }
}

fn configure(endpoint: &Endpoint, netns: BorrowedFd<'_>) -> Result<(), NetworkError> {
    let mut inside = Socket::open_in(netns, Protocol::Route)?;
    let interface = link::find(&mut inside, INTERFACE)?
        .ok_or_else(|| NetworkError::NoInterface(endpoint.host_interface.clone()))?;
    Ok(inside.apply(&[
        link::set_up(LOOPBACK),
        link::set_up(INTERFACE),
        add_address(interface.index, endpoint.address.into(), endpoint.prefix),
        add_default_route(interface.index, endpoint.gateway.into()),
    ])?)
}
