//! Netlink without a runtime: the message format, one socket, and rtnetlink's links and addresses.
//!
//! `message`, `link` and `address` are pure: they build and read bytes. Only `socket` talks to
//! the kernel, synchronously, so a request is done when its call returns. The same socket and
//! format carry nftables (`crate::nftables`).

pub mod address;
pub mod counters;
pub mod link;
pub mod message;
pub mod socket;

pub use address::{add_address, add_default_route};
pub use link::{Link, Mac, Veth, VethEnd};
pub use message::Message;
pub use socket::{NetlinkError, Protocol, Socket};
