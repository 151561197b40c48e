//! A start that went wrong while its init was waiting.

use std::os::fd::AsFd as _;

use orlop_wire::channel;
use orlop_wire::reply::Failure;

use crate::init::FromInit;
use crate::launch::Born;

impl Born {
    /// What init has said before it ended, if it has; the start is given up.
    #[must_use]
    pub fn failure(self) -> Option<Failure> {
        self.init.set_nonblocking(true).ok()?;
        match channel::receive::<FromInit>(self.init.as_fd()) {
            Ok((FromInit::Failed(failure), _)) => Some(failure),
            _ => None,
        }
    }
}
