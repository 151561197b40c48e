//! Why a registry could not give what was asked for, in words that tell a person what to do.

use std::time::Duration;

use orlop_image::config::ConfigError;
use orlop_image::digest::{Digest, Mismatch};
use orlop_image::manifest::ManifestError;

use crate::error::{EngineError, ErrorKind};
use crate::registry::guard::Refused;

/// Why a registry could not give what was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RegistryError {
    /// No answer.
    #[error("cannot reach {host}: {reason}")]
    Unreachable {
        /// Host and port.
        host: String,
        /// The innermost reason.
        reason: String,
    },
    /// The connection broke in the middle of an answer.
    #[error("the connection to {host} broke: {reason}")]
    Broken {
        /// Host and port.
        host: String,
        /// The innermost reason.
        reason: String,
    },
    /// It wants a log-in, or another one.
    #[error("unauthorized: {host} refused the log-in: {reason}")]
    Unauthorized {
        /// Host and port.
        host: String,
        /// What it said.
        reason: String,
    },
    /// There is no such repository, or it is private.
    #[error(
        "pull access denied for {repository}, repository does not exist or may require 'docker login': {reason}"
    )]
    AccessDenied {
        /// As people write it.
        repository: String,
        /// What the registry said.
        reason: String,
    },
    /// There is no such manifest.
    #[error("manifest for {reference} not found: {reason}")]
    ManifestUnknown {
        /// As people write it.
        reference: String,
        /// What the registry said.
        reason: String,
    },
    /// There is no such blob, although a manifest names it.
    #[error("{host} does not have blob {digest}, which the manifest names")]
    BlobUnknown {
        /// Host and port.
        host: String,
        /// Which.
        digest: Digest,
    },
    /// Too many requests.
    #[error("toomanyrequests: {host} limits how much may be pulled: {reason}{}", patience(.retry_after))]
    RateLimited {
        /// Host and port.
        host: String,
        /// What it said.
        reason: String,
        /// When it takes requests again.
        retry_after: Option<Duration>,
    },
    /// Any other status.
    #[error("{host} answered {status}: {reason}")]
    Status {
        /// Host and port.
        host: String,
        /// HTTP status.
        status: u16,
        /// What it said.
        reason: String,
    },
    /// The answer does not follow the protocol.
    #[error("{host} does not speak the registry protocol: {reason}")]
    Protocol {
        /// Host and port.
        host: String,
        /// What is wrong.
        reason: String,
    },
    /// It sent us where it may not.
    #[error("{host} sent a redirect: {source}")]
    Redirect {
        /// Host and port.
        host: String,
        /// To where.
        source: Refused,
    },
    /// The manifest cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The bytes are not the promised ones.
    #[error("{host} sent wrong bytes: {source}")]
    Mismatch {
        /// Host and port.
        host: String,
        /// What is wrong with them.
        source: Mismatch,
    },
    /// The index has nothing for this machine.
    #[error("no matching manifest for {wanted} in the manifest list entries; it offers {offered}")]
    NoPlatform {
        /// This machine.
        wanted: String,
        /// What there is.
        offered: String,
    },
    /// The registry itself failed after its mirrors had.
    #[error("{source} (before it, {mirrors})")]
    AfterMirrors {
        /// The registry's failure.
        source: Box<RegistryError>,
        /// What its mirrors said.
        mirrors: String,
    },
    /// No TLS.
    #[error("cannot prepare encrypted connections: {0}")]
    Tls(String),
}

fn patience(retry_after: &Option<Duration>) -> String {
    retry_after
        .map(|pause| format!(" (try again in {} seconds)", pause.as_secs()))
        .unwrap_or_default()
}

impl RegistryError {
    /// The request could not even be made.
    pub(crate) fn unreachable(host: &str, error: reqwest::Error) -> Self {
        Self::Unreachable {
            host: host.to_owned(),
            reason: innermost(error),
        }
    }

    /// The answer broke off.
    pub(crate) fn broken(host: &str, error: reqwest::Error) -> Self {
        Self::Broken {
            host: host.to_owned(),
            reason: innermost(error),
        }
    }

    /// The answer makes no sense.
    pub(crate) fn protocol(host: &str, reason: impl Into<String>) -> Self {
        Self::Protocol {
            host: host.to_owned(),
            reason: reason.into(),
        }
    }

    /// Whether the same request may well succeed a moment later.
    pub(crate) fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Broken { .. } | Self::RateLimited { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 500 | 502 | 503 | 504),
            _ => false,
        }
    }

    /// How long the other side asks us to wait.
    pub(crate) fn asked_pause(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// The last of an error's sources, which names the real reason, without the address: that may
/// carry a signature.
fn innermost(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut last: &dyn std::error::Error = &error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

impl From<RegistryError> for EngineError {
    fn from(error: RegistryError) -> Self {
        Self::new(kind(&error), error.to_string())
    }
}

fn kind(error: &RegistryError) -> ErrorKind {
    match error {
        RegistryError::AccessDenied { .. }
        | RegistryError::ManifestUnknown { .. }
        | RegistryError::NoPlatform { .. } => ErrorKind::NotFound,
        RegistryError::Unauthorized { .. } => ErrorKind::Denied,
        RegistryError::RateLimited { .. } => ErrorKind::Throttled,
        RegistryError::AfterMirrors { source, .. } => kind(source),
        _ => ErrorKind::Internal,
    }
}
