//! What a shim leaves in the run directory, as JSON, written whole and renamed into place.
//!
//! `RUN/containers/<id>/` and `RUN/execs/<id>/` each hold `state.json` ([`ShimState`]) from the
//! start, `exit.json` ([`orlop_model::lifecycle::Exit`]) from the end, and `shim.sock`.

use jiff::Timestamp;
use orlop_model::id::ContainerId;
use serde::{Deserialize, Serialize};

/// Name of the state record.
pub const STATE_FILE: &str = "state.json";
/// Name of the exit record.
pub const EXIT_FILE: &str = "exit.json";
/// Name of the shim's socket.
pub const SOCKET_FILE: &str = "shim.sock";

/// A shim and its process. Pids are only ever believed together with their start time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShimState {
    /// The container.
    pub container: ContainerId,
    /// Host pid of the shim.
    pub shim_pid: u32,
    /// The shim's start time, clock ticks after boot (proc_pid_stat(5), field 22).
    pub shim_start_time: u64,
    /// Host pid of the process.
    pub pid: u32,
    /// The process's start time, in the same unit.
    pub start_time: u64,
    /// When it was started.
    pub started_at: Timestamp,
    /// It has a terminal.
    pub tty: bool,
    /// It shares a namespace with the host, or with a container that does.
    #[serde(default)]
    pub of_host: bool,
}
