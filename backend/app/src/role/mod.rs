//! The roles that this executable plays, apart from the command line.

pub(crate) mod handover;
pub(crate) mod prepare;
pub(crate) mod server;
mod subordinate;
pub(crate) mod supervisor;
pub(crate) mod worker;

/// Name under which the supervisor starts the worker.
pub(crate) const WORKER: &str = "orlop-worker";
/// Name under which the supervisor starts the server.
pub(crate) const SERVER: &str = "orlop-server";
/// Name under which other programs start the OCI runtime.
pub(crate) const OCI: &str = "orlop-oci";
