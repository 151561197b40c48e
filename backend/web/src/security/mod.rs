//! What every request passes before any handler sees it, and what every answer carries.
//!
//! The decision is pure ([`decide`]); the middleware ([`guard`]) applies it and adds the headers,
//! so that no page can forget either.

mod decide;
mod guard;
mod headers;
mod hosts;
mod path;

pub(crate) use guard::{guard, wants_page};
pub(crate) use hosts::HostRules;
pub(crate) use path::local_path;
