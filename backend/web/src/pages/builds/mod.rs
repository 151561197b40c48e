//! Builds: list, form, one as it happens.

pub(crate) mod context;
pub(crate) mod detail;
pub(crate) mod form;
pub(crate) mod list;
pub(crate) mod steps;
