//! Registries: the distribution protocol as a client speaks it
//! (<https://github.com/opencontainers/distribution-spec>), mirrors and log-ins included.

mod auth;
mod blob;
mod challenge;
mod endpoint;
mod error;
mod guard;
mod place;
mod repository;
mod response;
mod retry;
mod transport;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use endpoint::Trust;
pub(crate) use error::RegistryError;
pub(crate) use repository::Repository;
pub(crate) use transport::{Get, Transport};

/// A log-in at a registry. Never shown, never logged.
#[derive(Clone)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password or token.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}
