//! The instance's bridge with its address, its table and the host's forwarding: made, and taken
//! away. Both are safe to repeat.

use std::fs;

use nix::errno::Errno;
use orlop_linux::netlink::address::{add_address, addresses};
use orlop_linux::netlink::link::{self, Link, Mac};
use orlop_linux::nftables;
use orlop_model::subnet;

use crate::forward;
use crate::kernel::{Kernel, NetworkError};
use crate::ruleset::{self, Instance};
use crate::sysctl;

/// The largest packet where the host has no default route to learn it from.
const DEFAULT_MTU: u32 = 1500;

/// What making the network found and did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ensured {
    /// The bridge was not there.
    pub created: bool,
    /// The host did not forward packets before.
    pub forwarding_enabled: bool,
    /// What keeps the network from working in full, in words for people.
    pub warnings: Vec<String>,
}

/// Makes the bridge, its address, the table and forwarding, as far as they are not there.
///
/// # Errors
/// If the name or the subnet belongs to something else, or the kernel refuses.
pub fn ensure(kernel: &mut Kernel, instance: &Instance) -> Result<Ensured, NetworkError> {
    let mut ensured = Ensured::default();
    refuse_foreign_subnet(kernel, instance)?;
    let bridge = match link::find(&mut kernel.route, &instance.bridge)? {
        Some(link) => existing(kernel, link)?,
        None => {
            ensured.created = true;
            create(kernel, instance)?
        }
    };
    let gateway = instance.subnet.gateway().into();
    let request = add_address(bridge.index, gateway, instance.subnet.prefix());
    match kernel.route.apply(&[request]) {
        Err(error) if error.errno() != Some(Errno::EEXIST) => return Err(error.into()),
        _ => {}
    }
    // Lets packets from 127.0.0.1 leave by the bridge, for ports published there.
    sysctl::ensure(&format!("conf/{}/route_localnet", instance.bridge), "1")?;
    ensured.forwarding_enabled = sysctl::ensure("ip_forward", "1")?;
    nftables::commit(&mut kernel.netfilter, &ruleset::base(instance))?;
    ensured.warnings = forward::let_through(kernel, &instance.bridge)?;
    Ok(ensured)
}

/// Takes away the table, the bridge and every container's interface on it. Tries everything and
/// returns all that failed; what is gone already is no failure.
pub fn remove(kernel: &mut Kernel, bridge: &str) -> Vec<NetworkError> {
    let mut failed = Vec::new();
    let mut note = |result: Result<(), NetworkError>| match result {
        Err(NetworkError::Netlink(error))
            if matches!(error.errno(), Some(Errno::ENOENT | Errno::ENODEV)) => {}
        Err(error) => failed.push(error),
        Ok(()) => {}
    };
    note(forward::withdraw(kernel, bridge));
    note(nftables::commit(&mut kernel.netfilter, &ruleset::remove(bridge)).map_err(Into::into));
    let names = match ports_and_bridge(kernel, bridge) {
        Ok(names) => names,
        Err(error) => {
            note(Err(error));
            Vec::new()
        }
    };
    for name in names {
        note(
            kernel
                .route
                .apply(&[link::delete(&name)])
                .map_err(Into::into),
        );
    }
    failed
}

/// Our interfaces on the bridge, and last the bridge itself.
fn ports_and_bridge(kernel: &mut Kernel, name: &str) -> Result<Vec<String>, NetworkError> {
    let links = link::links(&mut kernel.route)?;
    let bridge = links.iter().find(|l| l.name == name && l.kind == "bridge");
    let Some(bridge) = bridge else {
        return Ok(Vec::new());
    };
    let ports = links
        .iter()
        .filter(|l| l.master == Some(bridge.index) && l.name.starts_with(subnet::INTERFACE_PREFIX))
        .map(|l| l.name.clone());
    Ok(ports.chain([bridge.name.clone()]).collect())
}

fn refuse_foreign_subnet(kernel: &mut Kernel, instance: &Instance) -> Result<(), NetworkError> {
    let links = link::links(&mut kernel.route)?;
    for found in addresses(&mut kernel.route)? {
        let std::net::IpAddr::V4(address) = found.address else {
            continue;
        };
        let interface = links
            .iter()
            .find(|l| l.index == found.index)
            .map_or("", |l| &*l.name);
        if interface != instance.bridge && instance.subnet.overlaps(address, found.prefix) {
            return Err(NetworkError::SubnetInUse {
                subnet: instance.subnet,
                address: found.address,
                prefix: found.prefix,
                interface: interface.to_owned(),
            });
        }
    }
    Ok(())
}

fn existing(kernel: &mut Kernel, link: Link) -> Result<Link, NetworkError> {
    if link.kind != "bridge" {
        return Err(NetworkError::NotABridge { name: link.name });
    }
    if !link.up {
        kernel.route.apply(&[link::set_up(&link.name)])?;
    }
    Ok(link)
}

fn create(kernel: &mut Kernel, instance: &Instance) -> Result<Link, NetworkError> {
    let mac = Mac(subnet::mac(instance.subnet.gateway()));
    let mtu = uplink_mtu(kernel)?;
    kernel
        .route
        .apply(&[link::create_bridge(&instance.bridge, mac, mtu)])?;
    link::find(&mut kernel.route, &instance.bridge)?
        .ok_or_else(|| NetworkError::NoBridge(instance.bridge.clone()))
}

/// The largest packet that the host's way out takes: a larger one on the bridge would make
/// connections hang wherever the messages about it are filtered.
fn uplink_mtu(kernel: &mut Kernel) -> Result<u32, NetworkError> {
    let routes = fs::read_to_string("/proc/thread-self/net/route").unwrap_or_default();
    let Some(name) = default_route(&routes) else {
        return Ok(DEFAULT_MTU);
    };
    let link = link::find(&mut kernel.route, name)?;
    Ok(link.map_or(DEFAULT_MTU, |l| l.mtu))
}

/// The interface of the default route in `/proc/net/route`.
fn default_route(routes: &str) -> Option<&str> {
    routes.lines().skip(1).find_map(|line| {
        let mut fields = line.split_whitespace();
        let (interface, destination) = (fields.next()?, fields.next()?);
        let mask = fields.nth(5)?;
        (destination == "00000000" && mask == "00000000").then_some(interface)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_route_is_the_one_to_everywhere() {
        let routes = "Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\n\
            eth1\t0000A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\n\
            eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\t0\n";
        assert_eq!(default_route(routes), Some("eth0"));
        assert_eq!(default_route("Iface\tDestination\n"), None);
        assert_eq!(default_route(""), None);
    }
}
