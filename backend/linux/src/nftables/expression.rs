//! What a rule looks at and what it does: a small part of nftables' virtual machine, pure.
//!
//! Values travel through registers of four bytes; a concatenation takes one for each part. An
//! expression that does not match ends its rule. Numbers of packets are in network order.

use super::names::{common, rule};
use crate::netlink::Message;

/// The first register of four bytes (`NFT_REG32_00`).
const FIRST_REGISTER: u32 = 8;
/// The register that takes a verdict (`NFT_REG_VERDICT`).
const VERDICT_REGISTER: u32 = 0;
/// Bytes of an interface's name (`IFNAMSIZ`).
const NAME_LEN: usize = 16;
/// `NF_NAT_RANGE_PROTO_SPECIFIED` is implied by a port register; this is `NFT_NAT_DNAT`.
const NAT_DESTINATION: u32 = 1;
/// `RTN_LOCAL`: an address of this host.
const LOCAL_ADDRESS: u32 = 2;

/// What a part of a key or value is; `nft list ruleset` shows it so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataType {
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A transport protocol's number.
    Protocol,
    /// A port.
    Port,
}

impl DataType {
    /// Number of the type in the nft program (`enum datatypes`), which the kernel only keeps.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::Ipv4 => 7,
            Self::Ipv6 => 8,
            Self::Protocol => 12,
            Self::Port => 13,
        }
    }

    /// Bytes that it takes in a concatenation: whole registers.
    pub(super) fn len(self) -> u32 {
        match self {
            Self::Ipv6 => 16,
            Self::Ipv4 | Self::Protocol | Self::Port => 4,
        }
    }
}

/// Which address of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Where it comes from.
    Source,
    /// Where it goes to.
    Destination,
}

/// Which interface of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The one it came in by.
    In,
    /// The one it leaves by.
    Out,
}

/// One step of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expression {
    /// The packet's interface has this name (or, with `false`, another).
    Interface(Way, String, bool),
    /// The IPv4 address is in this subnet (or, with `false`, outside).
    Subnet(Side, [u8; 4], u8, bool),
    /// The destination is an address of this host.
    ToLocalAddress,
    /// The connection is known, or belongs to one that is.
    Established,
    /// The connection's destination was translated.
    Translated,
    /// Translate the destination to what the map says for the parts of the packet that its key
    /// names; without an entry the rule ends.
    TranslateBy {
        /// Name of the map; its values are an IPv4 address and a port.
        map: &'static str,
        /// The parts of its key: `Ipv4` is the destination, `Port` the destination port.
        key: &'static [DataType],
    },
    /// Translate the source to the address of the interface that the packet leaves by.
    Masquerade,
    /// Let the packet through this chain.
    Accept,
    /// Drop the packet.
    Drop,
}

/// Appends a rule's steps as `NFTA_RULE_EXPRESSIONS`.
pub(super) fn append(message: Message, expressions: &[Expression]) -> Message {
    message.nested(rule::EXPRESSIONS, |message| {
        expressions
            .iter()
            .fold(message, |message, expression| expression.append(message))
    })
}

impl Expression {
    fn append(&self, message: Message) -> Message {
        match self {
            Self::Interface(way, name, equal) => {
                let mut bytes = [0; NAME_LEN];
                let length = name.len().min(NAME_LEN - 1);
                bytes[..length].copy_from_slice(&name.as_bytes()[..length]);
                let key = match way {
                    Way::In => meta::INPUT_NAME,
                    Way::Out => meta::OUTPUT_NAME,
                };
                compare(load_meta(message, key, FIRST_REGISTER), *equal, &bytes)
            }
            Self::Subnet(side, address, prefix, equal) => {
                let offset = match side {
                    Side::Source => 12,
                    Side::Destination => 16,
                };
                let mask = u32::MAX
                    .checked_shl(32 - u32::from(*prefix).min(32))
                    .unwrap_or(0);
                let network = (u32::from_be_bytes(*address) & mask).to_be_bytes();
                let message = load_payload(message, NETWORK_HEADER, offset, 4, FIRST_REGISTER);
                compare(keep_bits(message, &mask.to_be_bytes()), *equal, &network)
            }
            Self::ToLocalAddress => {
                let message = step(message, "fib", |m| {
                    number(m, 1, FIRST_REGISTER)
                        .attribute(2, &FIB_ADDRESS_TYPE.to_be_bytes())
                        .attribute(3, &FIB_DESTINATION.to_be_bytes())
                });
                compare(message, true, &LOCAL_ADDRESS.to_ne_bytes())
            }
            Self::Established => any_bit(message, ct::STATE, ct::ESTABLISHED | ct::RELATED),
            Self::Translated => any_bit(message, ct::STATUS, ct::DESTINATION_TRANSLATED),
            Self::TranslateBy { map, key } => translate(message, map, key),
            Self::Masquerade => step(message, "masq", |m| m),
            Self::Accept => verdict(message, libc::NF_ACCEPT),
            Self::Drop => verdict(message, libc::NF_DROP),
        }
    }
}

/// Keys of the `meta` expression.
mod meta {
    pub(super) const INPUT_NAME: u32 = 6;
    pub(super) const OUTPUT_NAME: u32 = 7;
    pub(super) const TRANSPORT_PROTOCOL: u32 = 16;
}

/// Keys and bits of the `ct` expression; the bits are in host order.
mod ct {
    pub(super) const STATE: u32 = 0;
    pub(super) const STATUS: u32 = 2;
    pub(super) const ESTABLISHED: u32 = 1 << 1;
    pub(super) const RELATED: u32 = 1 << 2;
    /// `IPS_DST_NAT`.
    pub(super) const DESTINATION_TRANSLATED: u32 = 1 << 5;
}

/// Bases of the `payload` expression.
const NETWORK_HEADER: u32 = 1;
const TRANSPORT_HEADER: u32 = 2;
/// `NFT_FIB_RESULT_ADDRTYPE` and `NFTA_FIB_F_DADDR`.
const FIB_ADDRESS_TYPE: u32 = 3;
const FIB_DESTINATION: u32 = 2;

fn step(message: Message, name: &str, fill: impl FnOnce(Message) -> Message) -> Message {
    message.nested(common::LIST_ELEMENT, |m| {
        m.text(rule::EXPRESSION_NAME, name)
            .nested(rule::EXPRESSION_DATA, fill)
    })
}

fn number(message: Message, kind: u16, value: u32) -> Message {
    message.attribute(kind, &value.to_be_bytes())
}

fn data(message: Message, kind: u16, bytes: &[u8]) -> Message {
    message.nested(kind, |m| m.attribute(common::DATA_VALUE, bytes))
}

fn load_meta(message: Message, key: u32, register: u32) -> Message {
    step(message, "meta", |m| number(number(m, 1, register), 2, key))
}

fn load_payload(message: Message, base: u32, offset: u32, len: u32, register: u32) -> Message {
    step(message, "payload", |m| {
        [(1, register), (2, base), (3, offset), (4, len)]
            .into_iter()
            .fold(m, |m, (kind, value)| number(m, kind, value))
    })
}

/// `register = register & mask`.
fn keep_bits(message: Message, mask: &[u8; 4]) -> Message {
    step(message, "bitwise", |m| {
        let m = [(1, FIRST_REGISTER), (2, FIRST_REGISTER), (3, 4)]
            .into_iter()
            .fold(m, |m, (kind, value)| number(m, kind, value));
        data(data(m, 4, mask), 5, &[0; 4])
    })
}

fn compare(message: Message, equal: bool, value: &[u8]) -> Message {
    step(message, "cmp", |m| {
        let m = number(number(m, 1, FIRST_REGISTER), 2, u32::from(!equal));
        data(m, 3, value)
    })
}

fn any_bit(message: Message, key: u32, bits: u32) -> Message {
    let message = step(message, "ct", |m| {
        number(number(m, 1, FIRST_REGISTER), 2, key)
    });
    compare(keep_bits(message, &bits.to_ne_bytes()), false, &[0; 4])
}

fn verdict(message: Message, code: libc::c_int) -> Message {
    step(message, "immediate", |m| {
        number(m, 1, VERDICT_REGISTER).nested(2, |m| {
            m.nested(common::DATA_VERDICT, |m| {
                m.attribute(common::VERDICT_CODE, &code.to_be_bytes())
            })
        })
    })
}

fn translate(message: Message, map: &str, key: &[DataType]) -> Message {
    let mut register = FIRST_REGISTER;
    let mut message = message;
    for part in key {
        message = match part {
            DataType::Ipv4 => load_payload(message, NETWORK_HEADER, 16, 4, register),
            DataType::Ipv6 => load_payload(message, NETWORK_HEADER, 24, 16, register),
            DataType::Protocol => load_meta(message, meta::TRANSPORT_PROTOCOL, register),
            DataType::Port => load_payload(message, TRANSPORT_HEADER, 2, 2, register),
        };
        register += part.len() / 4;
    }
    let message = step(message, "lookup", |m| {
        number(number(m.text(1, map), 2, FIRST_REGISTER), 3, FIRST_REGISTER)
    });
    step(message, "nat", |m| {
        [
            (1, NAT_DESTINATION),
            (2, libc::NFPROTO_IPV4 as u32),
            (3, FIRST_REGISTER),
            (5, FIRST_REGISTER + 1),
        ]
        .into_iter()
        .fold(m, |m, (kind, value)| number(m, kind, value))
    })
}
