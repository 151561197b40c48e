//! Limits as writes to files of control groups: pure.

mod block;
mod choose;
mod cpu;
mod memory;
#[cfg(test)]
mod tests;
mod write;

pub(super) use cpu::RT_RUNTIME;

pub use choose::{initial, update};
pub use write::{Lacking, Place, Plan, Write};
