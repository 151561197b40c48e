//! Who reaches a published port, and who does not, in namespaces of the real kernel.

mod support;

use support::{Host, datagram, is_out_of_reach, seen_as, while_serving};

#[test]
fn a_port_is_reached_from_everywhere_that_docker_users_expect() {
    let host = Host::new();
    let neighbour = host.neighbour();
    let (web, other) = (host.container(2), host.container(3));
    host.publish(&web, "8080:80");
    while_serving(&web.netns, 80, || {
        // The host, by its loopback and by its other addresses.
        assert_eq!(seen_as(&host.netns, "127.0.0.1:8080"), "10.77.0.1");
        seen_as(&host.netns, "10.77.0.1:8080");
        seen_as(&host.netns, "192.0.2.1:8080");
        // A neighbour, whose address the container sees.
        assert_eq!(seen_as(&neighbour, "192.0.2.1:8080"), "192.0.2.2");
        // Another container, and the container itself.
        seen_as(&other.netns, "192.0.2.1:8080");
        seen_as(&other.netns, "10.77.0.1:8080");
        seen_as(&web.netns, "10.77.0.1:8080");
        // Containers of one network reach each other without any publishing.
        assert_eq!(seen_as(&other.netns, "10.77.0.2:80"), "10.77.0.3");
    });
}

#[test]
fn a_port_on_the_loopback_is_for_the_host_alone() {
    let host = Host::new();
    let neighbour = host.neighbour();
    let web = host.container(2);
    host.publish(&web, "127.0.0.1:8080:80");
    neighbour.command("ip addr del 127.0.0.1/8 dev lo");
    neighbour.command("sysctl -qw net.ipv4.conf.wire1.route_localnet=1");
    neighbour.command("ip route add 127.0.0.0/8 via 192.0.2.1");
    while_serving(&web.netns, 80, || {
        seen_as(&host.netns, "127.0.0.1:8080");
        assert!(is_out_of_reach(&host.netns, "192.0.2.1:8080"));
        assert!(is_out_of_reach(&neighbour, "192.0.2.1:8080"));
        assert!(is_out_of_reach(&neighbour, "127.0.0.1:8080"));
    });
}

#[test]
fn what_is_not_published_is_not_reached_by_its_address() {
    let host = Host::new();
    let neighbour = host.neighbour();
    let web = host.container(2);
    host.publish(&web, "8080:80");
    neighbour.command("ip route add 10.77.0.0/24 via 192.0.2.1");
    while_serving(&web.netns, 80, || {
        assert!(is_out_of_reach(&neighbour, "10.77.0.2:80"));
        seen_as(&host.netns, "10.77.0.2:80");
    });
}

#[test]
fn a_container_does_not_reach_the_hosts_loopback() {
    let host = Host::new();
    let evil = host.container(2);
    evil.netns.command("ip addr del 127.0.0.1/8 dev lo");
    evil.netns
        .command("sysctl -qw net.ipv4.conf.eth0.route_localnet=1");
    evil.netns.command("ip route add 127.0.0.0/8 via 10.77.0.1");
    while_serving(&host.netns, 9000, || {
        assert!(is_out_of_reach(&evil.netns, "127.0.0.1:9000"));
        seen_as(&host.netns, "127.0.0.1:9000");
    });
}

#[test]
fn containers_go_out_under_the_hosts_address() {
    let host = Host::new();
    let neighbour = host.neighbour();
    let web = host.container(2);
    while_serving(&neighbour, 7000, || {
        assert_eq!(seen_as(&web.netns, "192.0.2.2:7000"), "192.0.2.1");
    });
}

#[test]
fn udp_is_published_too() {
    let host = Host::new();
    let neighbour = host.neighbour();
    let dns = host.container(2);
    host.publish(&dns, "5300:53/udp");
    for (from, to) in [
        (&neighbour, "192.0.2.1:5300"),
        (&host.netns, "127.0.0.1:5300"),
    ] {
        assert!(datagram(&dns.netns, 53, from, to, true), "{to}");
    }
    assert!(!datagram(
        &dns.netns,
        53,
        &neighbour,
        "192.0.2.1:5301",
        false
    ));
}

#[test]
fn the_first_packet_of_a_new_container_arrives() {
    for round in 0..10 {
        // The bridge's first port is the hardest case: the bridge itself wakes up with it.
        let host = Host::new();
        for number in 2..4 {
            let container = host.container(number);
            let begun = std::time::Instant::now();
            assert!(datagram(
                &host.netns,
                9000,
                &container.netns,
                "10.77.0.1:9000",
                true
            ));
            // Asking for the gateway's address again would take a second.
            let taken = begun.elapsed().as_millis();
            assert!(taken < 900, "round {round}: {taken} ms");
        }
    }
}
