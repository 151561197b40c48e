//! A host and its containers as network namespaces, for the tests of this crate.
#![allow(dead_code)] // each test file uses its own part

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd as _;
use std::time::Duration;

use orlop_model::id::ContainerId;
use orlop_model::network::{Endpoint, PublishedPort};
use orlop_network::{Instance, Kernel, bridge, endpoint, publish};

#[path = "../../../linux/tests/support/netns.rs"]
mod netns;
pub(crate) use netns::Netns;

/// How long something that shall happen is waited for, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long something that must not happen is waited for.
const REFUSED_AFTER: Duration = Duration::from_millis(400);

/// A host with a network of its own.
pub(crate) struct Host {
    pub(crate) netns: Netns,
    pub(crate) instance: Instance,
}

impl Host {
    /// A host whose network is made.
    pub(crate) fn new() -> Self {
        let host = Self::bare();
        host.run(|kernel, instance| {
            bridge::ensure(kernel, instance).expect("ensure");
        });
        host
    }

    /// A host without a network yet.
    pub(crate) fn bare() -> Self {
        let netns = Netns::new();
        netns.command("ip link set lo up");
        // A new namespace begins with what the machine's first one has.
        netns.command("sysctl -qw net.ipv4.ip_forward=0");
        Self {
            netns,
            instance: Instance {
                bridge: "orltest0".to_owned(),
                subnet: "10.77.0.0/24".parse().expect("subnet"),
            },
        }
    }

    /// Runs on the host, with its sockets.
    pub(crate) fn run<T: Send>(&self, work: impl FnOnce(&mut Kernel, &Instance) -> T + Send) -> T {
        self.netns.run(|| {
            let mut kernel = Kernel::open().expect("kernel");
            work(&mut kernel, &self.instance)
        })
    }

    /// A container with the address that ends in `number`.
    pub(crate) fn container(&self, number: u8) -> Container {
        let id = ContainerId::from_bytes([number; 32]);
        let address = Ipv4Addr::new(10, 77, 0, number);
        let endpoint = self
            .instance
            .subnet
            .endpoint(&self.instance.bridge, &id, address);
        let netns = Netns::new();
        self.run(|kernel, _| endpoint::attach(kernel, &endpoint, netns.as_fd()).expect("attach"));
        Container { netns, endpoint }
    }

    /// Publishes ports of a container.
    pub(crate) fn publish(&self, container: &Container, ports: &str) {
        let ports = PublishedPort::parse(ports).expect("ports");
        let address = container.endpoint.address;
        self.run(|kernel, instance| {
            publish::open(
                kernel,
                &instance.bridge,
                address,
                &ports,
                &address.to_string(),
            )
            .expect("publish");
        });
    }

    /// A machine on the same wire as the host; the host is 192.0.2.1, the machine 192.0.2.2.
    pub(crate) fn neighbour(&self) -> Netns {
        let neighbour = Netns::new();
        self.netns
            .command("ip link add wire0 type veth peer name wire1");
        self.netns.run(|| {
            use orlop_linux::netlink::{
                Message, Protocol, Socket, message::flags, socket::Request,
            };
            // ip(8) can only name a namespace by path or process; this is `ip link set netns FD`.
            let fd = std::os::fd::AsRawFd::as_raw_fd(&neighbour.as_fd()).to_ne_bytes();
            let message = Message::new(16, flags::ACK)
                .fixed(&[0; 16])
                .text(3, "wire1")
                .attribute(28, &fd);
            Socket::open(Protocol::Route)
                .expect("socket")
                .apply(&[Request::new("move wire1", message)])
                .expect("move");
        });
        self.netns.command("ip addr add 192.0.2.1/24 dev wire0");
        self.netns.command("ip link set wire0 up");
        neighbour.command("ip link set lo up");
        neighbour.command("ip addr add 192.0.2.2/24 dev wire1");
        neighbour.command("ip link set wire1 up");
        neighbour
    }
}

/// A container.
pub(crate) struct Container {
    pub(crate) netns: Netns,
    pub(crate) endpoint: Endpoint,
}

/// Serves one TCP connection in `netns` while `work` runs: it answers with the peer's address.
pub(crate) fn while_serving<T>(netns: &Netns, port: u16, work: impl FnOnce() -> T) -> T {
    let listener = netns.run(|| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).expect("listen"));
    listener.set_nonblocking(true).expect("nonblocking");
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(std::sync::atomic::Ordering::Relaxed) {
                if let Ok((mut stream, peer)) = listener.accept() {
                    let _ = stream.write_all(peer.ip().to_string().as_bytes());
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Connects from `netns` and returns the address under which the server saw it.
pub(crate) fn seen_as(netns: &Netns, to: &str) -> String {
    connect(netns, to, PATIENCE).expect(to)
}

/// Nobody answers when `netns` connects there.
pub(crate) fn is_out_of_reach(netns: &Netns, to: &str) -> bool {
    connect(netns, to, REFUSED_AFTER).is_none()
}

fn connect(netns: &Netns, to: &str, patience: Duration) -> Option<String> {
    let to: SocketAddr = to.parse().expect("address");
    netns.run(|| {
        let mut stream = TcpStream::connect_timeout(&to, patience).ok()?;
        stream.set_read_timeout(Some(patience)).expect("timeout");
        let mut text = String::new();
        stream.read_to_string(&mut text).ok()?;
        Some(text).filter(|t| !t.is_empty())
    })
}

/// Sends a datagram from `from` to `to`; whether `server`, bound to `port`, received it.
pub(crate) fn datagram(server: &Netns, port: u16, from: &Netns, to: &str, wanted: bool) -> bool {
    let bound = server.run(|| UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port)).expect("bind"));
    let patience = if wanted { PATIENCE } else { REFUSED_AFTER };
    bound.set_read_timeout(Some(patience)).expect("timeout");
    from.run(|| {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).expect("bind");
        socket.send_to(b"ping", to).expect("send");
    });
    let mut buffer = [0; 16];
    bound
        .recv_from(&mut buffer)
        .is_ok_and(|(length, _)| &buffer[..length] == b"ping")
}
