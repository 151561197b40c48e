//! From a Dockerfile and an index of its context to the steps that make an image. Pure: nothing
//! here reads a file, opens a socket or runs a program.
//!
//! [`dockerfile`] is the language, [`context`] says which files an instruction means, [`plan`]
//! turns both into stages and steps with cache keys, [`config`] is what instructions do to an
//! image's configuration, and [`solve`] walks a plan over the effects of [`solve::Steps`].
#![forbid(unsafe_code)]

pub mod config;
pub mod context;
pub mod dockerfile;
pub mod plan;
pub mod solve;
