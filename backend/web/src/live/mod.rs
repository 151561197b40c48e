//! Streams over WebSockets: lists that stay true, logs, terminals, builds, jobs.

pub(crate) mod build;
mod delta;
pub(crate) mod job;
pub(crate) mod logs;
pub(crate) mod page;
pub(crate) mod shell;
mod socket;
mod stats;
mod terminals;
mod topic;

pub(crate) use terminals::Terminals;
