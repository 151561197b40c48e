//! What Orlop knows, in SQLite; the only crate that names SQL.
//!
//! Every verb is one statement or one transaction, so that a crash at any instant leaves the old
//! state or the new one. Bulk bytes (layers, blobs, logs) are files; only their names are here.
#![forbid(unsafe_code)]

pub mod accounts;
pub mod build_cache;
pub mod containers;
pub mod error;
pub mod events;
pub mod images;
pub mod jobs;
pub mod layers;
pub mod leases;
mod pool;
mod row;

pub use error::RecordsError;
pub use pool::Records;
