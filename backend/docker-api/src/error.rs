//! Errors as Docker's clients expect them: a status and `{"message": …}`.

use hyper::{Response, StatusCode};
use orlop_engine::{EngineError, ErrorKind};
use serde::Serialize;

use crate::body::{Body, full, with_type};

/// An error on its way to a client.
#[derive(Debug)]
pub(crate) struct ApiError {
    status: StatusCode,
    message: String,
}

#[derive(Serialize)]
struct Message<'a> {
    message: &'a str,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    /// The response.
    pub(crate) fn respond(&self) -> Response<Body> {
        if self.status == StatusCode::NOT_MODIFIED {
            let mut response = Response::new(full(""));
            *response.status_mut() = self.status;
            return response;
        }
        // A struct of one text always serialises.
        let bytes = serde_json::to_vec(&Message {
            message: &self.message,
        })
        .unwrap_or_default();
        with_type(self.status, "application/json", full(bytes))
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        let status = match error.kind() {
            // A start whose command is missing or not executable is the client's mistake; clients
            // read the exit code (127, 126) off the container.
            ErrorKind::Invalid | ErrorKind::CommandNotFound | ErrorKind::CommandNotExecutable => {
                StatusCode::BAD_REQUEST
            }
            ErrorKind::Unauthenticated => StatusCode::UNAUTHORIZED,
            ErrorKind::Denied => StatusCode::FORBIDDEN,
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Conflict | ErrorKind::Cancelled => StatusCode::CONFLICT,
            ErrorKind::NotModified => StatusCode::NOT_MODIFIED,
            ErrorKind::Throttled => StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::Unsupported => StatusCode::NOT_IMPLEMENTED,
            ErrorKind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}
