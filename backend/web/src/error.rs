//! What a request can end with instead of its page: one mapping from the engine's errors to
//! status, stable code and words.
//!
//! A handler returns a [`Problem`]; the middleware makes a page or JSON of it, as the client
//! prefers.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use orlop_engine::{EngineError, ErrorKind};

/// Why there is no page.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Problem {
    /// Status of the answer.
    pub(crate) status: StatusCode,
    /// Stable word for programs.
    pub(crate) code: &'static str,
    /// What happened and what to do, in words.
    pub(crate) message: String,
}

impl Problem {
    /// A problem of this status.
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    /// The request cannot be understood.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-request", message)
    }

    /// What the address names does not exist.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", message)
    }

    /// Not allowed.
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// The problem behind an answer that no handler of ours made: no route, wrong method.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (code, message) = match status {
            StatusCode::NOT_FOUND => ("not-found", "There is nothing at this address."),
            StatusCode::METHOD_NOT_ALLOWED => (
                "method",
                "This address does not take requests of this kind.",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "That is more than this form takes."),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => (
                "media-type",
                "This form does not take content of this type.",
            ),
            s if s.is_client_error() => ("bad-request", "The request cannot be understood."),
            _ => ("internal", "Something went wrong inside Orlop."),
        };
        Self::new(status, code, message)
    }

    /// Title of the error page.
    pub(crate) fn title(&self) -> &'static str {
        match self.status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::CONFLICT => "That does not work right now",
            StatusCode::FORBIDDEN => "Refused",
            StatusCode::UNAUTHORIZED => "Not logged in",
            StatusCode::TOO_MANY_REQUESTS => "Too many tries",
            StatusCode::MISDIRECTED_REQUEST => "Unknown host name",
            StatusCode::NOT_IMPLEMENTED => "Not possible on this host",
            s if s.is_server_error() => "Something went wrong",
            _ => "The request was refused",
        }
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::new(self.status);
        response.extensions_mut().insert(self.clone());
        response
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let (status, code) = match error.kind() {
            ErrorKind::Invalid => (StatusCode::BAD_REQUEST, "bad-request"),
            ErrorKind::Unauthenticated => (StatusCode::UNAUTHORIZED, "log-in"),
            ErrorKind::Denied => (StatusCode::FORBIDDEN, "forbidden"),
            ErrorKind::NotFound => (StatusCode::NOT_FOUND, "not-found"),
            ErrorKind::Conflict | ErrorKind::NotModified => (StatusCode::CONFLICT, "conflict"),
            ErrorKind::Cancelled => (StatusCode::CONFLICT, "cancelled"),
            ErrorKind::Throttled => (StatusCode::TOO_MANY_REQUESTS, "throttled"),
            ErrorKind::CommandNotFound => (StatusCode::UNPROCESSABLE_ENTITY, "command-not-found"),
            ErrorKind::CommandNotExecutable => {
                (StatusCode::UNPROCESSABLE_ENTITY, "command-not-executable")
            }
            ErrorKind::Unsupported => (StatusCode::NOT_IMPLEMENTED, "unsupported"),
            ErrorKind::Internal => {
                tracing::error!(%error, "a request failed");
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
        };
        Self::new(status, code, error.to_string())
    }
}
