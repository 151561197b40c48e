//! rtnetlink against the real kernel, each test in network namespaces of its own.

#[path = "support/netns.rs"]
mod netns;

use std::os::fd::AsFd as _;

use netns::Netns;
use nix::errno::Errno;
use orlop_linux::netlink::link::{self, Mac, Veth, VethEnd};
use orlop_linux::netlink::{Protocol, Socket, add_address, add_default_route};

const MAC: Mac = Mac([0x02, 0x6f, 0, 0, 0, 1]);

#[test]
fn a_veth_is_born_on_the_bridge_and_in_the_other_namespace() {
    let host = Netns::new();
    let container = Netns::new();
    let mut socket = Socket::open_in(host.as_fd(), Protocol::Route).expect("socket");
    socket
        .apply(&[link::create_bridge("br0", MAC, 1500)])
        .expect("bridge");
    let bridge = link::find(&mut socket, "br0").expect("find").expect("br0");
    let peer_mac = Mac([0x02, 0x6f, 0, 0, 0, 9]);
    let veth = Veth {
        host: VethEnd {
            name: "v0",
            mac: None,
        },
        bridge: bridge.index,
        peer: VethEnd {
            name: "eth0",
            mac: Some(peer_mac),
        },
        netns: container.as_fd(),
        mtu: 1400,
    };
    socket
        .apply(&[link::create_veth(&veth), link::set_hairpin("v0")])
        .expect("veth");
    let v0 = link::find(&mut socket, "v0").expect("find").expect("v0");
    assert_eq!((v0.master, v0.up, v0.mtu), (Some(bridge.index), true, 1400));
    assert_eq!(v0.kind, "veth");

    let mut inside = Socket::open_in(container.as_fd(), Protocol::Route).expect("socket");
    let eth0 = link::find(&mut inside, "eth0")
        .expect("find")
        .expect("eth0");
    assert_eq!((eth0.mac, eth0.up, eth0.mtu), (Some(peer_mac), false, 1400));
    inside
        .apply(&[
            link::set_up("lo"),
            link::set_up("eth0"),
            add_address(eth0.index, [10, 0, 0, 2].into(), 24),
            add_default_route(eth0.index, [10, 0, 0, 1].into()),
        ])
        .expect("configure");
    let names: Vec<_> = link::links(&mut inside)
        .expect("links")
        .into_iter()
        .map(|l| (l.name, l.up))
        .collect();
    assert_eq!(names, [("lo".to_owned(), true), ("eth0".to_owned(), true)]);
    let routes = container.read("/proc/thread-self/net/route");
    assert!(routes.contains("eth0\t00000000\t0100000A"), "{routes}");
    assert!(
        host.read("/sys/class/net/v0/brport/hairpin_mode")
            .contains('1'),
        "hairpin mode is not set"
    );

    socket.apply(&[link::delete("v0")]).expect("delete");
    assert!(link::find(&mut inside, "eth0").expect("find").is_none());
}

#[test]
fn a_refusal_names_what_was_being_done() {
    let host = Netns::new();
    let mut socket = Socket::open_in(host.as_fd(), Protocol::Route).expect("socket");
    let error = socket
        .apply(&[
            link::set_up("lo"),
            link::delete("nowhere"),
            link::set_up("lo"),
        ])
        .expect_err("there is no such link");
    assert_eq!(error.errno(), Some(Errno::ENODEV));
    assert!(error.to_string().contains("remove the link nowhere"));
    // The conversation is whole: the next request gets its own answer.
    socket.apply(&[link::set_up("lo")]).expect("lo");
    assert!(link::find(&mut socket, "nowhere").expect("find").is_none());
}

#[test]
fn the_thread_is_back_in_its_namespace_after_opening_a_socket_elsewhere() {
    let own = std::fs::read_link("/proc/thread-self/ns/net").expect("own namespace");
    let other = Netns::new();
    let _socket = Socket::open_in(other.as_fd(), Protocol::Route).expect("socket");
    let now = std::fs::read_link("/proc/thread-self/ns/net").expect("own namespace");
    assert_eq!(own, now);
}
