//! Containers as processes: what happens between the clone and the program's first instruction
//! (`init`), and who watches the program afterwards (`shim`).
//!
//! No async runtime, no database, no network plumbing. Everything here runs in processes with
//! one thread, forked from the worker.
#![forbid(unsafe_code)]

pub mod bundle;
mod donor;
mod failure;
mod init;
mod launch;
mod plan;
mod shim;

pub use donor::Donor;
pub use launch::{Born, ExecLaunch, Launch, start_container, start_exec};
pub use plan::{DeviceNode, PreparedMount};
