//! Orlop: one executable for every role.
//!
//! The role is chosen before any thread or runtime starts: the supervisor starts the worker and
//! the server from a sealed copy of this executable, under names of their own; `orlop oci`, or a
//! link named `orlop-oci` for programs that know no second word, is the OCI runtime; every other
//! call is a person's command line.
#![forbid(unsafe_code)]

mod cli;
mod config;
mod role;
mod telemetry;

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let name = std::env::args().next().unwrap_or_default();
    if let Some(arguments) = oci_arguments() {
        return orlop_oci::main(arguments);
    }
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

/// The arguments of the OCI runtime, if this call is for it; its own name first.
fn oci_arguments() -> Option<Vec<OsString>> {
    let mut arguments = std::env::args_os();
    let name = arguments.next()?;
    if Path::new(&name).file_name() == Some(OsStr::new(role::OCI)) {
        return Some(std::env::args_os().collect());
    }
    if arguments.next()? != "oci" {
        return None;
    }
    Some(
        std::iter::once(OsString::from("orlop oci"))
            .chain(arguments)
            .collect(),
    )
}
