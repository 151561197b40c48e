//! Orlop: one executable for every role.
//!
//! The role is chosen before any thread or runtime starts: the supervisor starts the worker and
//! the server from a sealed copy of this executable, under names of their own; every other call
//! is a person's command line.
#![forbid(unsafe_code)]

mod cli;
mod config;
mod role;
mod telemetry;

use std::process::ExitCode;

fn main() -> ExitCode {
    let name = std::env::args().next().unwrap_or_default();
    let outcome = match name.as_str() {
        role::WORKER => role::worker::run(),
        role::SERVER => role::server::run(),
        _ => cli::run(),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            telemetry::complain(&error);
            ExitCode::FAILURE
        }
    }
}
