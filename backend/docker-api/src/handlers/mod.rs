//! Handlers, a file for each resource. Each extracts, calls one verb of the engine and renders.

pub(crate) mod build;
pub(crate) mod containers;
pub(crate) mod events;
pub(crate) mod exec;
pub(crate) mod images;
pub(crate) mod streams;
pub(crate) mod system;
pub(crate) mod update;
