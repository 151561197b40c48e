//! The instance's bridge and table: made, repeated, beside other software, and taken away.

mod support;

use std::time::Instant;

use orlop_model::network::PublishedPort;
use orlop_network::{NetworkError, bridge, endpoint, forward, publish};
use support::{Host, Netns, seen_as, while_serving};

fn links(netns: &Netns) -> String {
    netns.command("ip -brief link")
}

#[test]
fn making_it_twice_changes_nothing_and_removing_it_leaves_nothing() {
    let host = Host::bare();
    let first = host.run(|k, i| bridge::ensure(k, i).expect("ensure"));
    assert!(first.created && first.forwarding_enabled);
    assert_eq!(first.warnings, Vec::<String>::new());
    let web = host.container(2);
    host.publish(&web, "8080:80");
    let rules = host.netns.command("nft list ruleset");
    let second = host.run(|k, i| bridge::ensure(k, i).expect("ensure"));
    assert!(!second.created && !second.forwarding_enabled);
    assert_eq!(host.netns.command("nft list ruleset"), rules);

    let failed = host.run(|k, i| bridge::remove(k, &i.bridge));
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(host.netns.command("nft list ruleset"), "");
    assert_eq!(links(&host.netns).lines().count(), 1, "only lo is left");
    assert!(
        host.run(|k, i| bridge::remove(k, &i.bridge)).is_empty(),
        "removing is repeatable"
    );
}

#[test]
fn the_table_reads_as_it_was_meant() {
    let host = Host::new();
    let web = host.container(2);
    host.publish(&web, "8080:80");
    host.publish(&web, "127.0.0.1:5300:53/udp");
    let text = host.netns.command("nft list table ip orlop_orltest0");
    for line in [
        "type inet_proto . inet_service : ipv4_addr . inet_service",
        "elements = { tcp . 8080 comment \"10.77.0.2\" : 10.77.0.2 . 80 }",
        "elements = { 127.0.0.1 . udp . 5300 comment \"10.77.0.2\" : 10.77.0.2 . 53 }",
        "type nat hook prerouting priority dstnat; policy accept;",
        "type nat hook output priority -100; policy accept;",
        "type nat hook postrouting priority srcnat; policy accept;",
        "type filter hook forward priority filter; policy accept;",
        "type filter hook prerouting priority raw; policy accept;",
        "iifname \"orltest0\" ip daddr 127.0.0.0/8 drop",
        "ip daddr != 127.0.0.0/8 fib daddr type local dnat ip to meta l4proto . th dport map @published",
        "fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @published_at",
        "ip saddr 10.77.0.0/24 oifname != \"orltest0\" masquerade",
        "ct status dnat ip saddr 10.77.0.0/24 oifname \"orltest0\" masquerade",
        "oifname \"orltest0\" ct state established,related accept",
        "oifname \"orltest0\" drop",
    ] {
        assert!(text.contains(line), "{line}\nis not in\n{text}");
    }
}

#[test]
fn a_port_that_another_container_has_is_refused_and_named() {
    let host = Host::new();
    let (web, other) = (host.container(2), host.container(3));
    host.publish(&web, "8080:80");
    let ports: Vec<_> = ["8081:80", "8080:80"]
        .iter()
        .flat_map(|p| PublishedPort::parse(p).expect("ports"))
        .collect();
    host.run(|k, i| {
        let error = publish::open(k, &i.bridge, other.endpoint.address, &ports, "other")
            .expect_err("8080 is taken");
        assert!(
            matches!(error, NetworkError::PortInUse { port: 8080, .. }),
            "{error}"
        );
        // Nothing of the refused request is there, and closing touches only one's own.
        publish::close(k, &i.bridge, "other").expect("close");
    });
    let text = host.netns.command("nft list table ip orlop_orltest0");
    assert!(
        text.contains("tcp . 8080") && !text.contains("tcp . 8081"),
        "{text}"
    );
    host.run(|k, i| publish::close(k, &i.bridge, "10.77.0.2").expect("close"));
    let text = host.netns.command("nft list table ip orlop_orltest0");
    assert!(!text.contains("tcp . 8080"), "{text}");
}

#[test]
fn a_reserved_port_is_nobody_elses() {
    let host = Host::bare();
    host.run(|_, _| {
        let ports: Vec<_> = ["127.0.0.1::80", "0:53/udp"]
            .iter()
            .flat_map(|p| PublishedPort::parse(p).expect("ports"))
            .collect();
        let held = publish::reserve(&ports).expect("reserve");
        assert!(held.ports.iter().all(|p| p.host_port != 0));
        for port in &held.ports {
            let error = publish::reserve(&[*port]).expect_err("it is held");
            assert!(matches!(error, NetworkError::PortInUse { .. }), "{error}");
        }
        let again = held.ports.clone();
        drop(held);
        publish::reserve(&again).expect("free again");
        let elsewhere = PublishedPort::parse("203.0.113.9:80:80").expect("ports");
        let error = publish::reserve(&elsewhere).expect_err("not an address of the host");
        assert!(error.to_string().contains("203.0.113.9:80/tcp"), "{error}");
        let six = PublishedPort::parse("[::1]:80:80").expect("ports");
        assert!(matches!(
            publish::reserve(&six),
            Err(NetworkError::Ipv6Port { .. })
        ));
    });
}

#[test]
fn names_and_addresses_of_others_are_left_alone() {
    let host = Host::bare();
    host.netns
        .command("ip link add orltest0 type veth peer name x");
    let error = host.run(|k, i| bridge::ensure(k, i).expect_err("no bridge"));
    assert!(matches!(error, NetworkError::NotABridge { .. }), "{error}");
    host.netns.command("ip link del x");
    host.netns.command("ip link add lan type bridge");
    host.netns.command("ip addr add 10.77.0.200/16 dev lan");
    let error = host.run(|k, i| bridge::ensure(k, i).expect_err("in use"));
    assert!(
        error
            .to_string()
            .contains("10.77.0.200/16 of the interface lan"),
        "{error}"
    );
}

#[test]
fn a_forward_policy_of_docker_is_opened_for_this_bridge_only() {
    for docker_user in [false, true] {
        let host = Host::bare();
        let neighbour = host.neighbour();
        host.netns.command("iptables -P FORWARD DROP");
        let chain = if docker_user {
            host.netns.command("iptables -N DOCKER-USER");
            host.netns.command("iptables -A DOCKER-USER -j RETURN");
            host.netns.command("iptables -I FORWARD -j DOCKER-USER");
            "DOCKER-USER"
        } else {
            "FORWARD"
        };
        let before = host.netns.command("iptables -S");
        for _ in 0..2 {
            host.run(|k, i| bridge::ensure(k, i).expect("ensure"));
        }
        let rules = host.netns.command("iptables -S");
        for way in ["-i", "-o"] {
            let line = format!("-A {chain} {way} orltest0 -m comment");
            assert_eq!(rules.matches(&line).count(), 1, "{line}\n{rules}");
        }
        let web = host.container(2);
        host.publish(&web, "8080:80");
        while_serving(&web.netns, 80, || {
            seen_as(&neighbour, "192.0.2.1:8080");
        });
        // Docker starts again, and with it its rules; the next container finds its way.
        host.netns.command(&format!("iptables -F {chain}"));
        let again = host.container(3);
        while_serving(&neighbour, 7000, || {
            assert_eq!(seen_as(&again.netns, "192.0.2.2:7000"), "192.0.2.1");
        });
        assert!(host.run(|k, i| bridge::remove(k, &i.bridge)).is_empty());
        let after = host.netns.command("iptables -S");
        assert!(!after.contains("orltest0"), "{before}\nis now\n{after}");
    }
}

#[test]
fn a_dropping_chain_of_other_software_is_told() {
    let host = Host::bare();
    host.netns.command("nft add table inet firewall");
    host.netns.run(|| {
        let status = std::process::Command::new("nft")
            .arg("add chain inet firewall outward { type filter hook forward priority 10; policy drop; }")
            .status();
        assert!(status.expect("nft").success());
    });
    let ensured = host.run(|k, i| bridge::ensure(k, i).expect("ensure"));
    assert_eq!(ensured.warnings.len(), 1);
    assert!(ensured.warnings[0].contains("chain outward of the nftables table firewall"));
}

#[test]
fn a_left_over_interface_is_replaced() {
    let host = Host::new();
    let first = host.container(2);
    // The same name again, while the old one is still there.
    let second = host.container(2);
    assert!(links(&second.netns).contains("eth0"));
    assert!(!links(&first.netns).contains("eth0"));
    host.run(|k, _| {
        endpoint::detach(k, &second.endpoint.host_interface).expect("detach");
        endpoint::detach(k, &second.endpoint.host_interface).expect("detaching is repeatable");
    });
}

#[test]
fn an_endpoint_and_its_ports_take_a_few_milliseconds_at_most() {
    let host = Host::new();
    let netns: Vec<_> = (0..20).map(|_| Netns::new()).collect();
    let micros = host.run(|kernel, instance| {
        let mut attach = Vec::new();
        let mut open = Vec::new();
        for (number, netns) in (2..).zip(&netns) {
            let id = orlop_model::id::ContainerId::from_bytes([number; 32]);
            let address = std::net::Ipv4Addr::new(10, 77, 0, number);
            let endpoint = instance.subnet.endpoint(&instance.bridge, &id, address);
            let ports = PublishedPort::parse(&format!("{}:80", 8000 + u16::from(number)));
            let begun = Instant::now();
            endpoint::attach(kernel, &endpoint, std::os::fd::AsFd::as_fd(netns)).expect("attach");
            attach.push(begun.elapsed().as_micros());
            let begun = Instant::now();
            publish::open(
                kernel,
                &instance.bridge,
                address,
                &ports.expect("ports"),
                id.as_str(),
            )
            .expect("open");
            open.push(begun.elapsed().as_micros());
        }
        let begun = Instant::now();
        forward::let_through(kernel, &instance.bridge).expect("let through");
        println!("look at foreign rules: {} µs", begun.elapsed().as_micros());
        attach.sort_unstable();
        open.sort_unstable();
        (attach[attach.len() / 2], open[open.len() / 2])
    });
    println!("median: attach {} µs, publish {} µs", micros.0, micros.1);
    assert!(micros.0 < 20_000 && micros.1 < 20_000, "{micros:?}");
}
