//! Bridges, veth pairs and nftables, by making them in a network namespace that is thrown away;
//! and what the host's own rules do to forwarded packets.

use std::fs::{self, File};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use orlop_model::probe::Finding;

use super::{fine, limited, missing};
use crate::netlink::link::{self, Mac, Veth, VethEnd};
use crate::netlink::{NetlinkError, Protocol, Socket};
use crate::nftables::expression::{Side, Way};
use crate::nftables::{self, Batch, Chain, Expression, Family, Hook, Policy, Table};

const BRIDGE: &str = "bridge";
const VETH: &str = "veth";
const NFTABLES: &str = "nftables";

pub(super) fn all() -> Vec<Finding> {
    let mut findings = tried();
    findings.push(forwarding());
    findings.push(foreign_rules());
    findings
}

/// What can be made in a network namespace of its own.
fn tried() -> Vec<Finding> {
    // On a thread: this one stays where it is, and the namespace ends with the other.
    let results = std::thread::scope(|scope| scope.spawn(try_all).join());
    match results {
        Ok(Ok(results)) => vec![
            found(BRIDGE, results.bridge, "modprobe bridge"),
            found(VETH, results.veth, "modprobe veth"),
            found(
                NFTABLES,
                results.nftables,
                "modprobe nf_tables nft_chain_nat nft_masq nft_fib_ipv4 nft_ct",
            ),
        ],
        Ok(Err(errno)) => [BRIDGE, VETH, NFTABLES]
            .map(|name| {
                let detail = format!("a network namespace could not be made: {errno}");
                missing(name, detail, "Run as root.")
            })
            .to_vec(),
        Err(_) => Vec::new(),
    }
}

struct Results {
    bridge: Result<(), NetlinkError>,
    veth: Result<(), NetlinkError>,
    nftables: Result<(), NetlinkError>,
}

fn try_all() -> Result<Results, Errno> {
    unshare(CloneFlags::CLONE_NEWNET)?;
    Ok(Results {
        bridge: try_bridge(),
        veth: try_veth(),
        nftables: try_nftables(),
    })
}

fn try_bridge() -> Result<(), NetlinkError> {
    let mut socket = Socket::open(Protocol::Route)?;
    socket.apply(&[link::create_bridge("br0", Mac([2, 0, 0, 0, 0, 1]), 1500)])
}

fn try_veth() -> Result<(), NetlinkError> {
    let own = File::open("/proc/thread-self/ns/net").map_err(NetlinkError::Namespace)?;
    let mut socket = Socket::open(Protocol::Route)?;
    let bridge = link::find(&mut socket, "br0")?.map_or(0, |found| found.index);
    let end = |name| VethEnd { name, mac: None };
    socket.apply(&[link::create_veth(&Veth {
        host: end("v0"),
        bridge,
        peer: end("v1"),
        netns: own.as_fd(),
        mtu: 1500,
    })])
}

/// Every kind of expression that the network's rules have.
fn try_nftables() -> Result<(), NetlinkError> {
    let table = Table {
        family: Family::Ipv4,
        name: "probe".to_owned(),
    };
    let nat = Chain {
        name: "nat",
        kind: "nat",
        hook: Hook::Postrouting,
        priority: 100,
    };
    let filter = Chain {
        name: "filter",
        kind: "filter",
        hook: Hook::Prerouting,
        priority: 0,
    };
    let batch = Batch::new()
        .add_table(&table)
        .add_chain(&table, &nat)
        .add_chain(&table, &filter)
        .add_rule(
            &table,
            nat.name,
            &[
                Expression::Translated,
                Expression::Subnet(Side::Source, [10, 0, 0, 0], 8, true),
                Expression::Masquerade,
            ],
        )
        .add_rule(
            &table,
            filter.name,
            &[
                Expression::Interface(Way::In, "br0".to_owned(), true),
                Expression::ToLocalAddress,
                Expression::Drop,
            ],
        );
    nftables::commit(&mut Socket::open(Protocol::Netfilter)?, &batch)
}

fn found(name: &str, result: Result<(), NetlinkError>, remedy: &str) -> Finding {
    match result {
        Ok(()) => fine(name, "works"),
        Err(error) => missing(name, format!("{error}; no bridge network"), remedy),
    }
}

fn forwarding() -> Finding {
    const NAME: &str = "ip forwarding";
    match fs::read_to_string("/proc/sys/net/ipv4/ip_forward") {
        Ok(text) if text.trim() == "1" => fine(NAME, "on"),
        _ => limited(
            NAME,
            "off; orlop serve switches it on",
            "sysctl net.ipv4.ip_forward=1, and in /etc/sysctl.d to keep it.",
        ),
    }
}

/// Who drops packets that are passed on.
fn foreign_rules() -> Finding {
    const NAME: &str = "forward rules";
    let chains = Socket::open(Protocol::Netfilter)
        .and_then(|mut socket| nftables::list_chains(&mut socket))
        .unwrap_or_default();
    let dropping: Vec<_> = chains
        .into_iter()
        .filter(|c| c.hook == Some(Hook::Forward) && c.policy == Some(Policy::Drop))
        .filter(|c| matches!(c.table.family, Family::Ipv4 | Family::Inet))
        .collect();
    let (iptables, others): (Vec<_>, Vec<_>) = dropping
        .iter()
        .partition(|c| c.table.name == "filter" && c.name == "FORWARD");
    if let Some(chain) = others.first() {
        let detail = format!(
            "the chain {} of the table {} drops what it does not accept",
            chain.name, chain.table.name
        );
        return limited(
            NAME,
            detail,
            "Let it accept what comes from or goes to Orlop's bridge (orlop0).",
        );
    }
    if !iptables.is_empty() {
        return fine(
            NAME,
            "iptables drops what it does not accept; Orlop adds an accept for its own bridge",
        );
    }
    if uses_old_iptables() {
        return limited(
            NAME,
            "iptables-legacy is in use, whose rules Orlop does not read",
            "If it drops forwarded packets: iptables-legacy -I FORWARD -i orlop0 -j ACCEPT, and \
             the same with -o.",
        );
    }
    fine(NAME, "nobody drops forwarded packets")
}

/// Whether the tables of the old iptables are there.
fn uses_old_iptables() -> bool {
    let tables: PathBuf = Path::new("/proc/net/ip_tables_names").into();
    fs::read_to_string(tables).is_ok_and(|names| names.lines().any(|n| n == "filter"))
}
