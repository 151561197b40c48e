//! What a use case can fail with; each face maps [`ErrorKind`] to its own status once.

use orlop_wire::reply::{Failure, FailureKind};

/// Sort of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is wrong.
    Invalid,
    /// No valid log-in.
    Unauthenticated,
    /// Not allowed.
    Denied,
    /// What it names does not exist.
    NotFound,
    /// In use, or in the wrong state.
    Conflict,
    /// It is so already (Docker's 304).
    NotModified,
    /// Too many tries; come back later.
    Throttled,
    /// The command does not exist in the container (exit code 127).
    CommandNotFound,
    /// The command cannot be executed (exit code 126).
    CommandNotExecutable,
    /// The host lacks something.
    Unsupported,
    /// Ended on request.
    Cancelled,
    /// A fault of Orlop or of the host.
    Internal,
}

/// An error of a use case.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct EngineError {
    kind: ErrorKind,
    message: String,
    field: Option<&'static str>,
}

impl EngineError {
    /// An error of this sort.
    #[must_use]
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            field: None,
        }
    }

    /// The request is wrong.
    #[must_use]
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }

    /// The request is wrong in one field, by its form name, so that a page can say so beside it.
    #[must_use]
    pub fn field(field: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Invalid,
            message: message.into(),
            field: Some(field),
        }
    }

    /// A conflict over one field, by its form name.
    #[must_use]
    pub fn field_conflict(field: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind: ErrorKind::Conflict,
            message: message.into(),
            field: Some(field),
        }
    }

    /// What it names does not exist.
    #[must_use]
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }

    /// In use, or in the wrong state.
    #[must_use]
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Conflict, message)
    }

    /// A fault of Orlop or of the host.
    #[must_use]
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    /// What sort of error this is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The form field at fault, where there is one.
    #[must_use]
    pub fn field_name(&self) -> Option<&'static str> {
        self.field
    }
}

impl From<Failure> for EngineError {
    fn from(failure: Failure) -> Self {
        let kind = match failure.kind {
            FailureKind::Invalid => ErrorKind::Invalid,
            FailureKind::NotFound => ErrorKind::NotFound,
            FailureKind::Conflict => ErrorKind::Conflict,
            FailureKind::Denied => ErrorKind::Denied,
            FailureKind::CommandNotFound => ErrorKind::CommandNotFound,
            FailureKind::CommandNotExecutable => ErrorKind::CommandNotExecutable,
            FailureKind::Unsupported => ErrorKind::Unsupported,
            FailureKind::Cancelled => ErrorKind::Cancelled,
            FailureKind::Internal => ErrorKind::Internal,
        };
        Self::new(kind, failure.message)
    }
}

impl From<orlop_records::RecordsError> for EngineError {
    fn from(error: orlop_records::RecordsError) -> Self {
        let kind = match error {
            orlop_records::RecordsError::Taken(_) => ErrorKind::Conflict,
            _ => ErrorKind::Internal,
        };
        Self::new(kind, error.to_string())
    }
}
