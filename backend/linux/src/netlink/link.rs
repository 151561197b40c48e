//! Links: bridges, veth pairs and their state. Pure requests, and reading the kernel's list.
//!
//! Requests name links instead of numbering them where the kernel allows it, so that several
//! that depend on each other can go in one datagram.

use std::fmt;
use std::os::fd::{AsRawFd as _, BorrowedFd};

use super::message::{Message, attribute, flags, number32, text};
use super::socket::{NetlinkError, Request, Socket, dump};

/// The most bytes of an interface's name (`IFNAMSIZ` less the final NUL).
pub const MAX_NAME_LEN: usize = 15;
/// Bytes of `struct ifinfomsg`.
const INFO_LEN: usize = 16;
/// `VETH_INFO_PEER`, the other end in a veth's data.
const VETH_PEER: u16 = 1;
/// `IFLA_INFO_SLAVE_KIND` and `IFLA_INFO_SLAVE_DATA`.
const PORT_KIND: u16 = 4;
const PORT_DATA: u16 = 5;
/// `IFLA_BRPORT_MODE`, which is hairpin.
const PORT_HAIRPIN: u16 = 4;
/// `RTEXT_FILTER_SKIP_STATS`: a list without counters is a third as long.
const WITHOUT_COUNTERS: u32 = 1 << 3;

/// A hardware address.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Mac(pub [u8; 6]);

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A link as the kernel lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its number in its network namespace.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// `bridge`, `veth`, …; empty for hardware and loopback.
    pub kind: String,
    /// It is up.
    pub up: bool,
    /// It is up, its other end too, and packets pass.
    pub running: bool,
    /// The number of the bridge that it is a port of.
    pub master: Option<u32>,
    /// Its hardware address.
    pub mac: Option<Mac>,
    /// The largest packet it takes.
    pub mtu: u32,
}

/// One end of a veth pair.
#[derive(Debug, Clone, Copy)]
pub struct VethEnd<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its hardware address; the kernel draws one when absent.
    pub mac: Option<Mac>,
}

/// A veth pair: one end on a bridge of this namespace, the other born in another namespace.
#[derive(Debug, Clone, Copy)]
pub struct Veth<'a> {
    /// The end in the socket's namespace.
    pub host: VethEnd<'a>,
    /// Number of the bridge that the host's end becomes a port of.
    pub bridge: u32,
    /// The other end.
    pub peer: VethEnd<'a>,
    /// The namespace of the other end.
    pub netns: BorrowedFd<'a>,
    /// The largest packet, both ends.
    pub mtu: u32,
}

/// Creates a bridge that is up. Its hardware address is fixed: without one it would change with
/// its ports, and neighbours would send to the old one for a while.
#[must_use]
pub fn create_bridge(name: &str, mac: Mac, mtu: u32) -> Request {
    let message = Message::new(libc::RTM_NEWLINK, flags::CREATE | flags::EXCL)
        .fixed(&info(0, UP, UP))
        .text(libc::IFLA_IFNAME, name)
        .attribute(libc::IFLA_ADDRESS, &mac.0)
        .attribute(libc::IFLA_MTU, &mtu.to_ne_bytes())
        .nested(libc::IFLA_LINKINFO, |m| {
            m.text(libc::IFLA_INFO_KIND, "bridge")
        });
    Request::new(format!("create the bridge {name}"), message)
}

/// Creates a veth pair, the host's end up and on its bridge. The other end stays down: the kernel
/// would refuse to set it up before the two know each other (`ENOTCONN`).
#[must_use]
pub fn create_veth(veth: &Veth<'_>) -> Request {
    let end = |message: Message, end: &VethEnd<'_>| {
        let message = message
            .text(libc::IFLA_IFNAME, end.name)
            .attribute(libc::IFLA_MTU, &veth.mtu.to_ne_bytes());
        match end.mac {
            Some(mac) => message.attribute(libc::IFLA_ADDRESS, &mac.0),
            None => message,
        }
    };
    let message =
        Message::new(libc::RTM_NEWLINK, flags::CREATE | flags::EXCL).fixed(&info(0, UP, UP));
    let message = end(message, &veth.host)
        .attribute(libc::IFLA_MASTER, &veth.bridge.to_ne_bytes())
        .nested(libc::IFLA_LINKINFO, |m| {
            m.text(libc::IFLA_INFO_KIND, "veth")
                .nested(libc::IFLA_INFO_DATA, |m| {
                    m.nested(VETH_PEER, |m| {
                        let netns = veth.netns.as_raw_fd().to_ne_bytes();
                        end(m.fixed(&info(0, 0, 0)), &veth.peer)
                            .attribute(libc::IFLA_NET_NS_FD, &netns)
                    })
                })
        });
    Request::new(format!("create the veth pair {}", veth.host.name), message)
}

/// Lets a bridge port send a frame back to where it came from: a container that speaks to its
/// own published port needs it.
#[must_use]
pub fn set_hairpin(port: &str) -> Request {
    let message = Message::new(libc::RTM_NEWLINK, 0)
        .fixed(&info(0, 0, 0))
        .text(libc::IFLA_IFNAME, port)
        .nested(libc::IFLA_LINKINFO, |m| {
            m.text(PORT_KIND, "bridge")
                .nested(PORT_DATA, |m| m.attribute(PORT_HAIRPIN, &[1]))
        });
    Request::new(format!("set hairpin mode on {port}"), message)
}

/// Sets a link up.
#[must_use]
pub fn set_up(name: &str) -> Request {
    let message = Message::new(libc::RTM_NEWLINK, 0)
        .fixed(&info(0, UP, UP))
        .text(libc::IFLA_IFNAME, name);
    Request::new(format!("set {name} up"), message)
}

/// Removes a link; of a veth pair both ends go.
#[must_use]
pub fn delete(name: &str) -> Request {
    let message = Message::new(libc::RTM_DELLINK, 0)
        .fixed(&info(0, 0, 0))
        .text(libc::IFLA_IFNAME, name);
    Request::new(format!("remove the link {name}"), message)
}

/// Every link of the socket's namespace.
///
/// # Errors
/// If the kernel refuses.
pub fn links(socket: &mut Socket) -> Result<Vec<Link>, NetlinkError> {
    let mut request = dump("list links", libc::RTM_GETLINK, &info(0, 0, 0));
    request.message = request
        .message
        .attribute(libc::IFLA_EXT_MASK, &WITHOUT_COUNTERS.to_ne_bytes());
    let mut found = Vec::new();
    socket.list(&request, |kind, body| {
        found.extend((kind == libc::RTM_NEWLINK).then(|| read(body)).flatten());
    })?;
    Ok(found)
}

/// The link of this name in the socket's namespace.
///
/// # Errors
/// If the kernel refuses for another reason than that there is none.
pub fn find(socket: &mut Socket, name: &str) -> Result<Option<Link>, NetlinkError> {
    let message = Message::new(libc::RTM_GETLINK, flags::ACK)
        .fixed(&info(0, 0, 0))
        .text(libc::IFLA_IFNAME, name)
        .attribute(libc::IFLA_EXT_MASK, &WITHOUT_COUNTERS.to_ne_bytes());
    let request = Request::new(format!("look up the link {name}"), message);
    let mut found = None;
    match socket.list(&request, |_, body| found = read(body)) {
        Err(error) if error.errno() == Some(nix::errno::Errno::ENODEV) => Ok(None),
        Err(error) => Err(error),
        Ok(()) => Ok(found),
    }
}

const UP: u32 = libc::IFF_UP as u32;
const RUNNING: u32 = libc::IFF_RUNNING as u32;

/// `struct ifinfomsg`: family, padding, hardware type, index, flags, which flags to change.
fn info(index: u32, flags: u32, change: u32) -> [u8; INFO_LEN] {
    let mut bytes = [0; INFO_LEN];
    bytes[4..8].copy_from_slice(&index.to_ne_bytes());
    bytes[8..12].copy_from_slice(&flags.to_ne_bytes());
    bytes[12..16].copy_from_slice(&change.to_ne_bytes());
    bytes
}

fn read(body: &[u8]) -> Option<Link> {
    let index = number32(body, 4)?;
    let flags = number32(body, 8)?;
    let rest = body.get(INFO_LEN..)?;
    let number = |kind| attribute(rest, kind).and_then(|v| number32(v, 0));
    Some(Link {
        index,
        name: attribute(rest, libc::IFLA_IFNAME).map(text)?,
        kind: attribute(rest, libc::IFLA_LINKINFO)
            .and_then(|info| attribute(info, libc::IFLA_INFO_KIND))
            .map_or_else(String::new, text),
        up: flags & UP != 0,
        running: flags & RUNNING != 0,
        master: number(libc::IFLA_MASTER),
        mac: attribute(rest, libc::IFLA_ADDRESS)
            .and_then(|mac| mac.try_into().ok())
            .map(Mac),
        mtu: number(libc::IFLA_MTU).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::message::messages;

    #[test]
    fn a_bridge_request_is_read_back_as_a_link() {
        let mac = Mac([2, 0x6f, 10, 0, 0, 1]);
        let bytes = create_bridge("br-test", mac, 1450)
            .message
            .numbered(1, true);
        let message = messages(&bytes).next().expect("one message");
        assert_eq!(message.kind, libc::RTM_NEWLINK);
        let link = read(message.body).expect("a link");
        assert_eq!((&*link.name, &*link.kind), ("br-test", "bridge"));
        assert_eq!(
            link.mac.map(|m| m.to_string()).as_deref(),
            Some("02:6f:0a:00:00:01")
        );
        assert!(link.up);
    }

    #[test]
    fn both_ends_of_a_veth_are_in_one_request() {
        let file = std::fs::File::open("/dev/null").expect("null");
        let netns = std::os::fd::AsFd::as_fd(&file);
        let request = create_veth(&Veth {
            host: VethEnd {
                name: "v0",
                mac: None,
            },
            bridge: 7,
            peer: VethEnd {
                name: "eth0",
                mac: Some(Mac([2, 0, 0, 0, 0, 9])),
            },
            netns,
            mtu: 1400,
        });
        let bytes = request.message.numbered(1, true);
        let body = messages(&bytes).next().expect("one message").body;
        let link = read(body).expect("a link");
        assert_eq!((link.master, link.mtu, link.mac), (Some(7), 1400, None));
        let info = attribute(&body[INFO_LEN..], libc::IFLA_LINKINFO).expect("info");
        let data = attribute(info, libc::IFLA_INFO_DATA).expect("data");
        let peer = attribute(data, VETH_PEER).expect("peer");
        let link = read(peer).expect("the peer");
        assert_eq!(
            (&*link.name, link.mac),
            ("eth0", Some(Mac([2, 0, 0, 0, 0, 9])))
        );
        let fd = attribute(&peer[INFO_LEN..], libc::IFLA_NET_NS_FD).and_then(|v| number32(v, 0));
        assert_eq!(fd, u32::try_from(netns.as_raw_fd()).ok());
    }
}
