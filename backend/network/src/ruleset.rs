//! The instance's nftables table as data: what it contains, and what a container adds. Pure.
//!
//! Published ports are entries of two maps, so that publishing is one message to the kernel,
//! however many containers there are:
//!
//! | map | key | value |
//! |---|---|---|
//! | `published` | protocol, port | container's address and port |
//! | `published_at` | host's address, protocol, port | container's address and port |

use std::net::{IpAddr, Ipv4Addr};

use orlop_linux::nftables::expression::{Side, Way};
use orlop_linux::nftables::{
    Batch, Chain, DataType, Element, Expression, Family, Hook, Map, Table,
};
use orlop_model::network::{Protocol, PublishedPort};
use orlop_model::subnet::Subnet;

/// One Orlop's network: everything that it makes is named after its bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// Name of the bridge.
    pub bridge: String,
    /// Its subnet; the first address is the bridge's.
    pub subnet: Subnet,
}

/// Ports published on every address of the host.
pub(crate) const PUBLISHED: Map = Map {
    name: "published",
    key: &[DataType::Protocol, DataType::Port],
    value: &[DataType::Ipv4, DataType::Port],
};

/// Ports published on one address of the host.
pub(crate) const PUBLISHED_AT: Map = Map {
    name: "published_at",
    key: &[DataType::Ipv4, DataType::Protocol, DataType::Port],
    value: &[DataType::Ipv4, DataType::Port],
};

/// The host's own addresses for itself.
const LOOPBACK: ([u8; 4], u8) = ([127, 0, 0, 0], 8);

/// Before connection tracking knows the packet (`raw`).
const GUARD: Chain = chain("guard", "filter", Hook::Prerouting, -300);
/// For packets that come in (`dstnat`).
const INCOMING: Chain = chain("incoming", "nat", Hook::Prerouting, -100);
/// For packets of the host itself, which never pass the chain above.
const LOCAL: Chain = chain("local", "nat", Hook::Output, -100);
/// Who may reach a container.
const FORWARD: Chain = chain("forward", "filter", Hook::Forward, 0);
/// For packets that leave (`srcnat`).
const OUTGOING: Chain = chain("outgoing", "nat", Hook::Postrouting, 100);

const fn chain(name: &'static str, kind: &'static str, hook: Hook, priority: i32) -> Chain {
    Chain {
        name,
        kind,
        hook,
        priority,
    }
}

/// The table of the instance with this bridge.
#[must_use]
pub fn table(bridge: &str) -> Table {
    Table {
        family: Family::Ipv4,
        name: format!("orlop_{bridge}"),
    }
}

/// The table with all its rules. Safe to repeat: rules are replaced, published ports stay.
#[must_use]
pub fn base(instance: &Instance) -> Batch {
    let table = table(&instance.bridge);
    let batch = Batch::new()
        .add_table(&table)
        .add_map(&table, &PUBLISHED)
        .add_map(&table, &PUBLISHED_AT);
    rules(instance)
        .into_iter()
        .fold(batch, |batch, (chain, rules)| {
            let batch = batch
                .add_chain(&table, &chain)
                .flush_chain(&table, chain.name);
            rules.iter().fold(batch, |batch, rule| {
                batch.add_rule(&table, chain.name, rule)
            })
        })
}

/// Every chain with its rules.
fn rules(instance: &Instance) -> Vec<(Chain, Vec<Vec<Expression>>)> {
    use Expression::{
        Accept, Drop, Established, Interface, Masquerade, Subnet, ToLocalAddress, Translated,
    };
    let from_bridge = Interface(Way::In, instance.bridge.clone(), true);
    let to_bridge = Interface(Way::Out, instance.bridge.clone(), true);
    let off_bridge = Interface(Way::Out, instance.bridge.clone(), false);
    let of_container = Subnet(
        Side::Source,
        instance.subnet.network().octets(),
        instance.subnet.prefix(),
        true,
    );
    let loopback = |side, equal| Subnet(side, LOOPBACK.0, LOOPBACK.1, equal);
    let translate = |map: &Map| Expression::TranslateBy {
        map: map.name,
        key: map.key,
    };
    vec![
        (
            GUARD,
            // route_localnet, which published ports on 127.0.0.1 need, would let a container
            // speak to what listens on the host's loopback (CVE-2020-8558).
            vec![vec![
                from_bridge.clone(),
                loopback(Side::Destination, true),
                Drop,
            ]],
        ),
        (
            INCOMING,
            // A neighbour on the wire must not reach a port published on 127.0.0.1 by sending
            // there: here that address is never a published one.
            [&PUBLISHED_AT, &PUBLISHED]
                .map(|map| {
                    vec![
                        loopback(Side::Destination, false),
                        ToLocalAddress,
                        translate(map),
                    ]
                })
                .to_vec(),
        ),
        (
            LOCAL,
            [&PUBLISHED_AT, &PUBLISHED]
                .map(|map| vec![ToLocalAddress, translate(map)])
                .to_vec(),
        ),
        (
            FORWARD,
            // Containers reach everything; from elsewhere, only published ports are reached,
            // also by who knows a container's address and sends there directly.
            vec![
                vec![from_bridge, Accept],
                vec![to_bridge.clone(), Established, Accept],
                vec![to_bridge.clone(), Translated, Accept],
                vec![to_bridge.clone(), Drop],
            ],
        ),
        (
            OUTGOING,
            vec![
                vec![of_container.clone(), off_bridge, Masquerade],
                // The host to a port published on its loopback.
                vec![loopback(Side::Source, true), to_bridge.clone(), Masquerade],
                // A container to a published port of its own network: the answer must come back
                // through here. Only translated connections: bridged packets pass here too
                // where br_netfilter is loaded.
                vec![Translated, of_container, to_bridge, Masquerade],
            ],
        ),
    ]
}

/// Removes the table.
#[must_use]
pub fn remove(bridge: &str) -> Batch {
    Batch::new().delete_table(&table(bridge))
}

/// Adds a container's published ports. `owner` is kept with each for `nft list` and for taking
/// them away again.
#[must_use]
pub fn publish(bridge: &str, address: Ipv4Addr, ports: &[PublishedPort], owner: &str) -> Batch {
    let table = table(bridge);
    entries(address, ports, owner)
        .into_iter()
        .fold(Batch::new(), |batch, (map, entries)| {
            batch.add_elements(&table, map.name, &entries)
        })
}

/// The maps' entries for a container's ports.
pub(crate) fn entries(
    address: Ipv4Addr,
    ports: &[PublishedPort],
    owner: &str,
) -> [(Map, Vec<Element>); 2] {
    let mut everywhere = Vec::new();
    let mut somewhere = Vec::new();
    for port in ports {
        let IpAddr::V4(host) = port.host_ip else {
            continue; // refused before, by `publish::reserve`
        };
        let mut key = vec![protocol_number(port.port.protocol), 0, 0, 0];
        key.extend(padded(port.host_port));
        let mut value = address.octets().to_vec();
        value.extend(padded(port.port.number));
        let list = if host.is_unspecified() {
            &mut everywhere
        } else {
            key.splice(0..0, host.octets());
            &mut somewhere
        };
        list.push(Element {
            key,
            value,
            comment: owner.to_owned(),
        });
    }
    [(PUBLISHED, everywhere), (PUBLISHED_AT, somewhere)]
}

/// A port as a whole register.
fn padded(port: u16) -> [u8; 4] {
    let [high, low] = port.to_be_bytes();
    [high, low, 0, 0]
}

/// The transport's number in an IP header.
fn protocol_number(protocol: Protocol) -> u8 {
    match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_goes_to_the_map_of_its_address() {
        let ports = PublishedPort::parse("8080:80")
            .into_iter()
            .chain(PublishedPort::parse("127.0.0.1:53:5353/udp"))
            .flatten()
            .collect::<Vec<_>>();
        let [(_, everywhere), (_, somewhere)] = entries(Ipv4Addr::new(10, 1, 2, 3), &ports, "web");
        assert_eq!(everywhere[0].key, [6, 0, 0, 0, 0x1f, 0x90, 0, 0]);
        assert_eq!(everywhere[0].value, [10, 1, 2, 3, 0, 80, 0, 0]);
        assert_eq!(somewhere[0].key, [127, 0, 0, 1, 17, 0, 0, 0, 0, 53, 0, 0]);
        assert_eq!(somewhere[0].value, [10, 1, 2, 3, 0x14, 0xe9, 0, 0]);
        assert_eq!((everywhere.len(), somewhere.len()), (1, 1));
    }
}
