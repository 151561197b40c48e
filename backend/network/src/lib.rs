//! The network of an instance: its bridge, the containers' endpoints, published ports.
//!
//! `ruleset`, `resolver` and `hosts` are pure and say what shall be; `bridge`, `endpoint`,
//! `publish` and `forward` do it over netlink, synchronously and without any program. Everything
//! an instance makes carries the name of its bridge, so that several live side by side, and
//! nothing of anyone else's is touched (with the one exception that `forward` explains).
#![forbid(unsafe_code)]

pub mod bridge;
pub mod endpoint;
pub mod forward;
pub mod hosts;
pub mod kernel;
pub mod publish;
pub mod resolver;
pub mod ruleset;
mod sysctl;

pub use bridge::Ensured;
pub use kernel::{Kernel, NetworkError};
pub use publish::Reservation;
pub use ruleset::Instance;
