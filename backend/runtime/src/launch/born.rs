//! A start that waits for its end: let it begin, or give it up.

use std::os::fd::AsFd as _;

use orlop_wire::channel::{self, ChannelError};
use orlop_wire::reply::{Failure, FailureKind};

use super::{Born, FromShim, lost};
use crate::init::FromInit;

/// Dropped without [`Born::release`], a start is given up, and nothing of it stays.
impl Born {
    /// Gives the start up; what init has failed with, if that came first.
    #[must_use]
    pub fn give_up(self) -> Option<Failure> {
        let Self { shim, init, .. } = self;
        // Without the request the shim ends init, and with it the line from it.
        drop(shim);
        match channel::receive::<FromInit>(init.as_fd()) {
            Ok((FromInit::Failed(failure), _)) => Some(failure),
            _ => None,
        }
    }

    /// Lets the program begin; returns when it runs, or is about to with `wait_for_attach`.
    ///
    /// # Errors
    /// Why the program could not start.
    pub fn release(self) -> Result<u32, Failure> {
        let Self { pid, shim, init } = self;
        // An init that has failed already has said why.
        let _ = channel::send(init.as_fd(), &(), &[]);
        match channel::receive::<FromInit>(init.as_fd()) {
            // Its end of the line goes with the exec.
            Ok((FromInit::Ready, _)) | Err(ChannelError::Closed) => {}
            Ok((FromInit::Failed(failure), _)) => return Err(failure),
            Err(error) => return Err(lost(&error)),
        }
        channel::send(shim.as_fd(), &(), &[]).map_err(|error| lost(&error))?;
        match channel::receive::<FromShim>(shim.as_fd()) {
            Ok((FromShim::Recorded, _)) => Ok(pid),
            Ok((FromShim::Failed(failure), _)) => Err(failure),
            Ok((FromShim::Born(_), _)) => {
                Err(Failure::new(FailureKind::Internal, "the shim is confused"))
            }
            Err(error) => Err(lost(&error)),
        }
    }
}
