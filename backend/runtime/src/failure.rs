//! A step that failed, on its way to the person: which step, on what, and why.

use std::io;

use orlop_wire::reply::{Failure, FailureKind};

/// Puts the step in front of an error.
pub(crate) trait Step<T> {
    /// Names the step.
    fn step(self, what: impl Into<String>) -> Result<T, Failure>;
}

impl<T, E: Into<io::Error>> Step<T> for Result<T, E> {
    fn step(self, what: impl Into<String>) -> Result<T, Failure> {
        self.map_err(|error| {
            let error: io::Error = error.into();
            Failure::new(
                FailureKind::Internal,
                format!("{}: {}", what.into(), plain(&error)),
            )
        })
    }
}

/// An error without the number that the standard library puts behind it.
pub(crate) fn plain(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(number) => nix::errno::Errno::from_raw(number).desc().to_lowercase(),
        None => error.to_string(),
    }
}

/// A request that makes no sense.
pub(crate) fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Invalid, message)
}
