//! JSON of the Docker API, in Docker's spelling: what clients need of it, with `null`, `[]` and
//! `0` where they rely on them.

pub(crate) mod container;
pub(crate) mod create;
pub(crate) mod health;
pub(crate) mod image;
pub(crate) mod limits;
pub(crate) mod mounts;
pub(crate) mod security;
pub(crate) mod stats;
pub(crate) mod time;
