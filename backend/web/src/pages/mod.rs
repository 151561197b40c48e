//! The pages, a module for each noun; each page's struct stands above its handler.

pub(crate) mod account;
pub(crate) mod builds;
pub(crate) mod containers;
mod error;
pub(crate) mod host;
pub(crate) mod images;
pub(crate) mod jobs;
pub(crate) mod style;

pub(crate) use error::error_page;

#[cfg(test)]
mod tests;
