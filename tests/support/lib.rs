//! What every acceptance test needs: the real binary with a data folder, bridge and subnet of its
//! own, and the clients that people use.
#![forbid(unsafe_code)]

pub mod browser;
pub mod bundle;
pub mod client;
pub mod fixture;
pub mod host;
pub mod http;
pub mod registry;
pub mod server;
pub mod wait;
