//! The OCI runtime door: runc's command line over Orlop's own runtime, for Podman, containerd and
//! whoever else drives a runtime by bundles. No engine, no database, no daemon: every verb is one
//! short process, and what it must remember lies in a folder per container.
//!
//! `config` is the specification's JSON, `plan` what it means (pure), `store` the records,
//! `verbs` the commands. Needs root; one thread.
#![forbid(unsafe_code)]

mod cgroups;
mod cli;
mod config;
mod console;
mod log;
mod plan;
mod store;
mod supervise;
mod verbs;

pub use cli::main;
