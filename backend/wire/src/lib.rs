//! Words and sockets between Orlop's own processes.
//!
//! `request` and `reply` are what the server and the worker say to each other, `shim` what the
//! server and a shim say, `frame` how a log segment is written, `record` what a shim leaves in
//! the run directory. Only `channel` touches a socket.
#![deny(unsafe_code)]

pub mod channel;
pub mod fault;
pub mod frame;
pub mod record;
pub mod reply;
pub mod request;
pub mod shim;
