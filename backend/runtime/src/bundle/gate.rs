//! The gate between create and start: the first process waits at a socket in the container's
//! state folder, and goes on when somebody connects and says so. The socket is closed by the
//! exec, so who connects later is refused: only one start can win, and whether a container still
//! waits is asked of the kernel and not of a record.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use orlop_wire::channel::{self, ChannelError};
use orlop_wire::reply::{Failure, FailureKind};

use crate::failure::Step as _;
use crate::init::FromInit;

/// Name of the socket.
const NAME: &str = "start.sock";

/// The waiting side.
#[derive(Debug)]
pub struct Gate(UnixListener);

/// The socket's path by its folder's descriptor, since a path may be longer than the 108 bytes
/// that a socket's name may have (unix(7)).
fn by_descriptor(folder: &File) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}/{NAME}", folder.as_raw_fd()))
}

impl Gate {
    /// Makes the socket; whoever may enter the folder may open the gate.
    ///
    /// # Errors
    /// If it is there already, or the folder is not.
    pub fn make(folder: &Path) -> io::Result<Self> {
        let folder = File::open(folder)?;
        Ok(Self(UnixListener::bind(by_descriptor(&folder))?))
    }

    /// Waits for the word; returns the line to who gave it, which the exec closes.
    pub(super) fn wait(self) -> Result<UnixStream, Failure> {
        loop {
            let (line, _) = self.0.accept().step("waiting for the start")?;
            // One that only wanted to know whether we wait says nothing.
            if channel::receive::<()>(line.as_fd()).is_ok() {
                return Ok(line);
            }
        }
    }
}

fn connect(folder: &Path) -> io::Result<UnixStream> {
    UnixStream::connect(by_descriptor(&File::open(folder)?))
}

/// Whether the first process of a container waits for its start.
#[must_use]
pub fn is_waiting(folder: &Path) -> bool {
    connect(folder).is_ok()
}

/// Lets the program begin; returns when it runs.
///
/// # Errors
/// If the container has been started already, or why the program could not start.
pub fn open_gate(folder: &Path) -> Result<(), Failure> {
    let line = connect(folder).map_err(|error| {
        Failure::new(
            FailureKind::Conflict,
            format!("the container does not wait for its start: {error}"),
        )
    })?;
    let lost = |error: ChannelError| {
        Failure::new(
            FailureKind::Conflict,
            format!("the container does not wait for its start any more: {error}"),
        )
    };
    channel::send(line.as_fd(), &(), &[]).map_err(lost)?;
    match channel::receive::<FromInit>(line.as_fd()) {
        // Its end of the line goes with the exec.
        Err(ChannelError::Closed) => Ok(()),
        Ok((FromInit::Failed(failure), _)) => Err(failure),
        Ok((FromInit::Ready, _)) => Err(Failure::new(
            FailureKind::Internal,
            "the container's first process is confused",
        )),
        Err(error) => Err(lost(error)),
    }
}
