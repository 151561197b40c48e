//! Addresses and routes of a link: pure requests, and reading the kernel's list, for both address
//! families.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::message::{Message, attribute, flags, number32};
use super::socket::{NetlinkError, Request, Socket, dump};

/// Bytes of `struct ifaddrmsg`.
const INFO_LEN: usize = 8;

/// `IFA_F_NODAD`: usable at once, without a second of asking whether someone else has it. An
/// address that we hand out is ours.
const NO_DUPLICATE_CHECK: u8 = 0x02;
/// `RTPROT_STATIC`: made by an administrator's program, not learnt.
const STATIC: u8 = 4;

/// An address of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkAddress {
    /// The link's number.
    pub index: u32,
    /// The address.
    pub address: IpAddr,
    /// Length of its subnet's prefix.
    pub prefix: u8,
}

/// Every address of every link of the socket's namespace.
///
/// # Errors
/// If the kernel refuses.
pub fn addresses(socket: &mut Socket) -> Result<Vec<LinkAddress>, NetlinkError> {
    let request = dump("list addresses", libc::RTM_GETADDR, &[0; INFO_LEN]);
    let mut found = Vec::new();
    socket.list(&request, |kind, body| {
        found.extend((kind == libc::RTM_NEWADDR).then(|| read(body)).flatten());
    })?;
    Ok(found)
}

/// Gives a link an address, and with it the route to its subnet.
#[must_use]
pub fn add_address(index: u32, address: IpAddr, prefix: u8) -> Request {
    let family = family(address);
    let flag = if address.is_ipv6() {
        NO_DUPLICATE_CHECK
    } else {
        0
    };
    let mut fixed = [0; INFO_LEN];
    fixed[..4].copy_from_slice(&[family, prefix, flag, libc::RT_SCOPE_UNIVERSE]);
    fixed[4..].copy_from_slice(&index.to_ne_bytes());
    let mut message = Message::new(libc::RTM_NEWADDR, flags::CREATE | flags::EXCL)
        .fixed(&fixed)
        .attribute(libc::IFA_LOCAL, &octets(address))
        .attribute(libc::IFA_ADDRESS, &octets(address));
    if let IpAddr::V4(v4) = address {
        let host_bits = u32::MAX.checked_shr(prefix.into()).unwrap_or(0);
        let broadcast = v4.to_bits() | host_bits;
        message = message.attribute(libc::IFA_BROADCAST, &broadcast.to_be_bytes());
    }
    Request::new(format!("set the address {address}/{prefix}"), message)
}

/// Sends everything without a better route to this gateway.
#[must_use]
pub fn add_default_route(index: u32, gateway: IpAddr) -> Request {
    let fixed = [
        family(gateway),
        0,
        0,
        0,
        libc::RT_TABLE_MAIN,
        STATIC,
        libc::RT_SCOPE_UNIVERSE,
        libc::RTN_UNICAST,
        0,
        0,
        0,
        0,
    ];
    let message = Message::new(libc::RTM_NEWROUTE, flags::CREATE | flags::EXCL)
        .fixed(&fixed)
        .attribute(libc::RTA_GATEWAY, &octets(gateway))
        .attribute(libc::RTA_OIF, &index.to_ne_bytes());
    Request::new(format!("set the default route to {gateway}"), message)
}

fn read(body: &[u8]) -> Option<LinkAddress> {
    let rest = body.get(INFO_LEN..)?;
    // A point-to-point link has its own address in LOCAL and the other end's in ADDRESS; IPv6
    // has only ADDRESS.
    let bytes = attribute(rest, libc::IFA_LOCAL).or_else(|| attribute(rest, libc::IFA_ADDRESS))?;
    let address = match bytes.len() {
        4 => Ipv4Addr::from(<[u8; 4]>::try_from(bytes).ok()?).into(),
        _ => Ipv6Addr::from(<[u8; 16]>::try_from(bytes).ok()?).into(),
    };
    Some(LinkAddress {
        index: number32(body, 4)?,
        address,
        prefix: *body.get(1)?,
    })
}

fn family(address: IpAddr) -> u8 {
    // Both constants are small numbers.
    match address {
        IpAddr::V4(_) => libc::AF_INET as u8,
        IpAddr::V6(_) => libc::AF_INET6 as u8,
    }
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::netlink::message::{attribute, messages};

    fn body(request: &Request) -> Vec<u8> {
        let bytes = request.message.numbered(1, true);
        let message = messages(&bytes).next().expect("one message");
        message.body.to_vec()
    }

    #[test]
    fn an_ipv4_address_comes_with_its_broadcast() {
        for (prefix, broadcast) in [
            (16, [172, 29, 255, 255]),
            (30, [172, 29, 0, 3]),
            (32, [172, 29, 0, 2]),
        ] {
            let body = body(&add_address(5, [172, 29, 0, 2].into(), prefix));
            assert_eq!(&body[..8], [2, prefix, 0, 0, 5, 0, 0, 0]);
            assert_eq!(
                attribute(&body[8..], libc::IFA_LOCAL),
                Some(&[172, 29, 0, 2][..])
            );
            assert_eq!(
                attribute(&body[8..], libc::IFA_BROADCAST),
                Some(&broadcast[..])
            );
        }
    }

    #[test]
    fn an_ipv6_address_is_usable_at_once() {
        let address: IpAddr = "fd00::2".parse().expect("address");
        let body = body(&add_address(5, address, 64));
        assert_eq!(&body[..4], [10, 64, NO_DUPLICATE_CHECK, 0]);
        assert_eq!(attribute(&body[8..], libc::IFA_BROADCAST), None);
    }

    #[test]
    fn a_default_route_has_no_destination() {
        let body = body(&add_default_route(3, [10, 0, 0, 1].into()));
        assert_eq!(&body[..8], [2, 0, 0, 0, 254, 4, 0, 1]);
        assert_eq!(attribute(&body[12..], libc::RTA_DST), None);
        assert_eq!(
            attribute(&body[12..], libc::RTA_GATEWAY),
            Some(&[10, 0, 0, 1][..])
        );
    }
}
