//! The bridge network: addresses, names, the way out, published ports.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use acceptance::server::Server;
use acceptance::{fixture, wait};

fn server() -> Server {
    let server = Server::start();
    fixture::import_busybox(&server);
    server
}

fn port(server: &Server, name: &str, inside: &str) -> u16 {
    let template =
        format!("{{{{(index (index .NetworkSettings.Ports \"{inside}\") 0).HostPort}}}}");
    server.inspect(name, &template).parse().expect("port")
}

/// Says a line and returns the answer; tries until the other side listens.
fn ask(address: &str, port: u16, line: &str) -> String {
    wait::until("an answer", || {
        let mut stream = TcpStream::connect((address, port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
        stream.write_all(line.as_bytes()).ok()?;
        stream.shutdown(std::net::Shutdown::Write).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        (!answer.is_empty()).then_some(answer)
    })
}

#[test]
fn a_container_has_loopback_and_an_address_of_its_own() {
    let server = server();
    let seen = server
        .docker(&[
            "run",
            "--rm",
            "busybox",
            "sh",
            "-c",
            "ls /sys/class/net | tr '\\n' ' '; ip -4 addr show eth0; ip route",
        ])
        .ok();
    assert!(seen.starts_with("eth0 lo"), "{seen}");
    assert!(seen.contains("default via 10."), "{seen}");
    let none = server
        .docker(&[
            "run",
            "--rm",
            "--network",
            "none",
            "busybox",
            "ls",
            "/sys/class/net",
        ])
        .ok();
    assert_eq!(none, "lo");
    let host = server
        .docker(&[
            "run",
            "--rm",
            "--network",
            "host",
            "busybox",
            "ls",
            "/sys/class/net",
        ])
        .ok();
    assert!(host.contains(&server.bridge()), "{host}");
}

#[test]
fn containers_of_a_network_reach_each_other_and_the_gateway() {
    let server = server();
    server
        .docker(&[
            "run", "-d", "--name", "web", "busybox", "nc", "-ll", "-p", "80", "-e", "echo", "hello",
        ])
        .ok();
    let address = server.inspect("web", "{{.NetworkSettings.IPAddress}}");
    let command = format!(
        "for i in $(seq 50); do nc -w 2 {address} 80 </dev/null && exit 0; sleep 0.1; done; exit 1"
    );
    assert_eq!(
        server
            .docker(&["run", "--rm", "busybox", "sh", "-c", &command])
            .ok(),
        "hello"
    );
    let gateway = server.inspect("web", "{{.NetworkSettings.Gateway}}");
    let ping = server
        .docker(&[
            "run", "--rm", "busybox", "ping", "-c", "1", "-W", "5", &gateway,
        ])
        .ok();
    assert!(ping.contains("1 packets received"), "{ping}");
}

#[test]
fn a_published_tcp_port_answers_on_loopback_and_on_the_hosts_addresses() {
    let server = server();
    server
        .docker(&[
            "run",
            "-d",
            "--name",
            "web",
            "-p",
            "127.0.0.1::80",
            "-p",
            "81",
            "busybox",
            "sh",
            "-c",
            "nc -ll -p 81 -e echo eighty-one & nc -ll -p 80 -e echo eighty",
        ])
        .ok();
    assert_eq!(
        ask("127.0.0.1", port(&server, "web", "80/tcp"), "").trim(),
        "eighty"
    );
    assert_eq!(
        ask("127.0.0.1", port(&server, "web", "81/tcp"), "").trim(),
        "eighty-one"
    );
    let gateway = server.inspect("web", "{{.NetworkSettings.Gateway}}");
    assert_eq!(
        ask(&gateway, port(&server, "web", "81/tcp"), "").trim(),
        "eighty-one"
    );
    let list = server.docker(&["ps", "--format", "{{.Ports}}"]).ok();
    assert!(
        list.contains("->80/tcp") && list.contains("0.0.0.0:"),
        "{list}"
    );
}

#[test]
fn a_published_udp_port_answers() {
    let server = server();
    // The host's perl, which every Debian has, seen through read-only binds.
    let echo = "my $s = IO::Socket::INET->new(LocalPort => 9, Proto => 'udp') or die; \
                while ($s->recv(my $m, 99)) { $s->send($m) }";
    let binds = ["/usr:/usr:ro", "/lib:/lib:ro", "/lib64:/lib64:ro"];
    let mut arguments = vec!["run", "-d", "--name", "echo", "-p", "127.0.0.1::9/udp"];
    arguments.extend(binds.iter().flat_map(|bind| ["-v", *bind]));
    arguments.extend(["busybox", "/usr/bin/perl", "-MIO::Socket::INET", "-e", echo]);
    server.docker(&arguments).ok();
    let port = port(&server, "echo", "9/udp");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("bind");
    socket
        .set_read_timeout(Some(Duration::from_millis(200)))
        .expect("time-out");
    let mut buffer = [0; 16];
    let answer = wait::until("an echo", || {
        socket.send_to(b"ping", ("127.0.0.1", port)).ok()?;
        socket.recv(&mut buffer).ok()
    });
    assert_eq!(&buffer[..answer], b"ping");
}

#[test]
fn a_container_reaches_itself_and_others_through_the_published_port() {
    let server = server();
    server
        .docker(&[
            "run", "-d", "--name", "web", "-p", "80", "busybox", "nc", "-ll", "-p", "80", "-e",
            "echo", "hairpin",
        ])
        .ok();
    let (gateway, port) = (
        server.inspect("web", "{{.NetworkSettings.Gateway}}"),
        port(&server, "web", "80/tcp"),
    );
    let command = format!(
        "for i in $(seq 50); do nc -w 2 {gateway} {port} </dev/null && exit 0; sleep 0.1; done; exit 1"
    );
    assert_eq!(
        server
            .docker(&["run", "--rm", "busybox", "sh", "-c", &command])
            .ok(),
        "hairpin"
    );
    assert_eq!(
        server.docker(&["exec", "web", "sh", "-c", &command]).ok(),
        "hairpin"
    );
}

#[test]
fn a_taken_port_is_refused_by_name_and_a_stopped_one_is_free_again() {
    let server = server();
    let taken = TcpListener::bind("127.0.0.1:0").expect("bind");
    let port = taken.local_addr().expect("address").port();
    let publish = format!("127.0.0.1:{port}:80");
    let ended = server.docker(&[
        "run", "-d", "--name", "one", "-p", &publish, "busybox", "sleep", "100",
    ]);
    assert_eq!(ended.code, 125);
    assert!(ended.err.contains(&port.to_string()), "{}", ended.err);
    drop(taken);
    server.docker(&["start", "one"]).ok();
    let second = server.docker(&[
        "run", "-d", "--name", "two", "-p", &publish, "busybox", "sleep", "100",
    ]);
    assert_eq!(second.code, 125, "{second:?}");
    server.docker(&["rm", "-f", "one"]).ok();
    server.docker(&["start", "two"]).ok();
}

#[test]
fn two_servers_run_side_by_side() {
    let (one, two) = (server(), server());
    let run = |server: &Server| {
        server
            .docker(&[
                "run", "-d", "--name", "web", "-p", "80", "busybox", "nc", "-ll", "-p", "80", "-e",
                "hostname",
            ])
            .ok()
    };
    let (first, second) = (run(&one), run(&two));
    assert_eq!(
        ask("127.0.0.1", port(&one, "web", "80/tcp"), "").trim(),
        &first[..12]
    );
    assert_eq!(
        ask("127.0.0.1", port(&two, "web", "80/tcp"), "").trim(),
        &second[..12]
    );
}

#[test]
fn resolv_conf_and_hosts_are_made_for_the_container() {
    let server = server();
    let shown = server
        .docker(&[
            "run",
            "--rm",
            "--dns",
            "9.9.9.9",
            "--add-host",
            "db:10.9.8.7",
            "busybox",
            "cat",
            "/etc/resolv.conf",
            "/etc/hosts",
        ])
        .ok();
    assert!(shown.contains("nameserver 9.9.9.9"), "{shown}");
    assert!(
        shown.contains("10.9.8.7\tdb") && shown.contains("127.0.0.1\tlocalhost"),
        "{shown}"
    );
}
