//! What each request does, in the process of its own that it gets.

pub(crate) mod bootstrap;
pub(crate) mod containers;
mod contexts;
mod copies;
mod devices;
pub(crate) mod exec;
mod failures;
mod files;
mod layers;
mod mounts;
pub(crate) mod networks;
pub(crate) mod processes;
pub(crate) mod release;
mod shared;
mod sources;
pub(crate) mod stage;
pub(crate) mod stats;
pub(crate) mod storage;
mod sweep;
pub(crate) mod top;
mod users;
pub(crate) mod volumes;

#[cfg(test)]
mod tests;
