//! Containers: list, create, look into, act on.

pub(crate) mod actions;
pub(crate) mod create;
pub(crate) mod detail;
pub(crate) mod list;
pub(crate) mod logs;
pub(crate) mod resources;
pub(crate) mod row;
pub(crate) mod shell;
mod view;
