//! Live connections to processes: attach to a container, exec sessions, terminals.

mod attach;
pub(crate) mod connection;
mod exec;
mod probe;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

pub(crate) use attach::attach_in;
use bytes::Bytes;
pub use connection::SessionInput;
use futures_util::stream::BoxStream;
use orlop_model::id::{ContainerId, ExecId};
use orlop_model::lifecycle::Exit;
use orlop_model::request::ExecRequest;
use orlop_wire::frame::Stream;

use crate::EngineError;

/// How to attach.
#[derive(Debug, Clone, Copy, Default)]
pub struct AttachOptions {
    /// Wants output.
    pub output: bool,
    /// Brings input.
    pub input: bool,
    /// From which byte on; `None` is from now. `Some(0)` for a container that is yet to start.
    pub from: Option<u64>,
    /// Never skip output: rather hold the process back.
    pub lossless: bool,
}

/// What an attached client hears.
#[derive(Debug, Clone)]
pub enum SessionEvent {
    /// Output, numbered by byte from the process's start; a jump in the numbers is a gap.
    Output {
        /// Number of the first byte.
        seq: u64,
        /// Where it came from.
        stream: Stream,
        /// The bytes.
        bytes: Bytes,
    },
    /// The process ended; the last event.
    Exited(Exit),
}

/// A connection to a process.
pub struct Session {
    /// Output, then the end. Bounded: when it is not read, the shim is not read either.
    pub events: BoxStream<'static, Result<SessionEvent, EngineError>>,
    /// Number of the next byte that the process would write when this client attached: output
    /// below it is a replay. 0 for a container that is yet to start.
    pub next: u64,
    /// Input and resize.
    pub input: SessionInput,
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

/// What is known of an exec session.
#[derive(Debug, Clone)]
pub struct ExecInfo {
    /// Its id.
    pub id: ExecId,
    /// Its container.
    pub container: ContainerId,
    /// What was asked for.
    pub request: ExecRequest,
    /// Whether it was started and has not ended.
    pub running: bool,
    /// Host pid, 0 when it does not run.
    pub pid: u32,
    /// How it ended.
    pub exit: Option<Exit>,
}

/// Exec sessions that are known.
#[derive(Debug, Default)]
pub(crate) struct Execs(Mutex<HashMap<ExecId, ExecInfo>>);

impl Execs {
    fn with<T>(&self, act: impl FnOnce(&mut HashMap<ExecId, ExecInfo>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
