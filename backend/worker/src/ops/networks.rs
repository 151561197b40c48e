//! The instance's network, and the files that tell a container of it.

use std::net::Ipv4Addr;

use orlop_model::id::ContainerId;
use orlop_model::network::{Endpoint, PublishedPort};
use orlop_model::spec::{ContainerSpec, Network};
use orlop_model::subnet::Subnet;
use orlop_network::{Instance, Kernel, NetworkError, bridge, hosts, publish as ports_of, resolver};
use orlop_wire::reply::{Failure, FailureKind, Reply};

use crate::context::{Context, internal};

fn failed(error: &NetworkError) -> Failure {
    internal(error.to_string())
}

fn instance(context: &Context, address: Ipv4Addr, prefix: u8) -> Result<Instance, Failure> {
    let subnet = Subnet::containing(address, prefix)
        .map_err(|error| Failure::new(FailureKind::Invalid, error.to_string()))?;
    Ok(Instance {
        bridge: context.config.bridge.clone(),
        subnet,
    })
}

/// Makes bridge, table and forwarding.
pub(crate) fn ensure(context: &Context, gateway: Ipv4Addr, prefix: u8) -> Result<Reply, Failure> {
    let instance = instance(context, gateway, prefix)?;
    let mut kernel = Kernel::open().map_err(|error| failed(&error))?;
    bridge::ensure(&mut kernel, &instance).map_err(|error| failed(&error))?;
    Ok(Reply::Done)
}

/// Takes bridge and table away.
pub(crate) fn remove(context: &Context) -> Result<Reply, Failure> {
    let mut kernel = Kernel::open().map_err(|error| failed(&error))?;
    let errors = bridge::remove(&mut kernel, &context.config.bridge);
    if errors.is_empty() {
        return Ok(Reply::Done);
    }
    let list: Vec<String> = errors.iter().map(ToString::to_string).collect();
    Err(internal(list.join("; ")))
}

/// Refuses an endpoint that is not the container's own on this instance's bridge: all in it
/// follows from its address, and nothing else of it is believed.
pub(crate) fn check(
    context: &Context,
    container: &ContainerId,
    endpoint: &Endpoint,
) -> Result<(), Failure> {
    let bridge = &context.config.bridge;
    let fits = Subnet::containing(endpoint.gateway, endpoint.prefix).is_ok_and(|subnet| {
        let (first, last) = subnet.containers();
        (first..=last).contains(&endpoint.address)
            && *endpoint == subnet.endpoint(bridge, container, endpoint.address)
    });
    if fits {
        Ok(())
    } else {
        let message = "the endpoint is not the container's own on this instance's bridge";
        Err(Failure::new(FailureKind::Denied, message))
    }
}

/// Publishes a container's ports.
pub(crate) fn publish(
    context: &Context,
    kernel: &mut Kernel,
    endpoint: &Endpoint,
    ports: &[PublishedPort],
    owner: &ContainerId,
) -> Result<(), Failure> {
    let name = &context.config.bridge;
    ports_of::open(kernel, name, endpoint.address, ports, owner.as_str())
        .map_err(|error| Failure::new(FailureKind::Conflict, error.to_string()))
}

/// Closes a container's ports.
pub(crate) fn unpublish(
    context: &Context,
    kernel: &mut Kernel,
    owner: &ContainerId,
) -> Result<(), Failure> {
    ports_of::close(kernel, &context.config.bridge, owner.as_str()).map_err(|error| failed(&error))
}

/// Name below `/etc` and text of the files that a container gets.
pub(crate) fn files(spec: &ContainerSpec) -> [(&'static str, String); 3] {
    let (address, gateway) = match &spec.network {
        Network::Bridge { endpoint, .. } => (Some(endpoint.address), Some(endpoint.gateway)),
        Network::None | Network::Host | Network::Container(_) => (None, None),
    };
    let hosts = hosts::hosts(
        &spec.hostname,
        &spec.domainname,
        address,
        gateway,
        &spec.extra_hosts,
    );
    let host = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let upstream = std::fs::read_to_string("/run/systemd/resolve/resolv.conf").ok();
    let wanted = resolver::Wanted {
        resolvers: &spec.dns,
        search: &spec.dns_search,
    };
    let resolv = resolver::resolv_conf(&host, upstream.as_deref(), &wanted);
    [
        ("hostname", format!("{}\n", spec.hostname)),
        ("hosts", hosts),
        ("resolv.conf", resolv),
    ]
}
