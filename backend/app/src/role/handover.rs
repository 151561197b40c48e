//! What the supervisor hands to the processes that it starts: settings as JSON in the first
//! argument, and open sockets by number.

use std::os::fd::RawFd;

use anyhow::Context as _;
use nix::sys::signal::SigSet;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::Settings;

/// For the worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ForWorker {
    /// Pid of the supervisor.
    pub(crate) supervisor: u32,
    pub(crate) settings: Settings,
    /// The server's user and group.
    pub(crate) server_uid: u32,
    pub(crate) server_gid: u32,
    /// Listening socket for requests.
    pub(crate) requests: RawFd,
}

/// For the server.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ForServer {
    /// Pid of the supervisor.
    pub(crate) supervisor: u32,
    pub(crate) settings: Settings,
    /// Listening socket of the Docker API.
    pub(crate) api: RawFd,
    /// Listening socket of the console.
    pub(crate) console: RawFd,
}

/// Reads what was handed over.
///
/// # Errors
/// If a person started the role by its name.
pub(crate) fn receive<T: DeserializeOwned>() -> anyhow::Result<T> {
    // The supervisor waits for its signals with these blocked, and a child starts with its
    // parent's mask: the server would never hear of SIGTERM.
    SigSet::empty()
        .thread_set_mask()
        .context("cannot unblock signals")?;
    let text = std::env::args()
        .nth(1)
        .context("this role is started by orlop serve alone")?;
    serde_json::from_str(&text).context("this role is started by orlop serve alone")
}
