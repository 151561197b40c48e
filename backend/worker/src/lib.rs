//! The privileged process: answers a short list of typed requests, each in a child of its own.
//!
//! Root, one thread, no async runtime. It keeps no state: what there is lies in the data and run
//! directories and in the kernel, so that its death loses nothing.
#![forbid(unsafe_code)]

mod cleanup;
mod context;
mod ops;
mod parent;
mod policy;
mod serve;
mod supervise;

pub use cleanup::clean_up;
pub use context::{SubordinateIds, WorkerConfig};
pub use serve::run;
