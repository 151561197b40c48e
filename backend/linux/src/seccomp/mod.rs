//! System call filters: what a container's processes may ask of the kernel.
//!
//! `profile` is the list, by name and with the reasons; `numbers` says which number a name has
//! on each architecture; `program` makes a classic BPF program of both; `custom` does so for
//! profiles that people bring. All of that is pure. `install` hands the program to the kernel.

mod aarch64;
pub mod custom;
pub mod install;
pub mod numbers;
pub mod profile;
pub mod program;
mod x86;

pub use install::{Flags, install, install_with};
pub use numbers::Architecture;
pub use program::Program;

use crate::capability::CapabilitySet;

/// The default filter for a container whose root has these capabilities, on this machine.
#[must_use]
pub fn default_filter(capabilities: CapabilitySet) -> Program {
    program::compile(Architecture::NATIVE, &profile::verdicts(capabilities))
}
