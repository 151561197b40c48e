//! Containers: create, run, list, change, remove.
//!
//! One owner per container: whoever changes its record holds its [`live::Slot`]'s lock. What
//! others wait for (an exit, a start, the removal) is broadcast from the slot.

mod address;
mod capabilities;
mod create;
mod health;
mod limits;
mod list;
mod live;
mod merge;
mod names;
mod namespaces;
mod reconcile;
mod remove;
mod resolve;
mod restart;
mod signal;
mod start;
mod stop;
mod update;
mod volumes;
mod wait;
pub(crate) mod watch;

use orlop_model::id::ContainerId;

pub(crate) use live::Live;
pub use wait::WaitFor;

/// A container that was made.
#[derive(Debug, Clone)]
pub struct CreatedContainer {
    /// Its id.
    pub id: ContainerId,
    /// What the person should know.
    pub warnings: Vec<String>,
}

/// Processes of a container.
#[derive(Debug, Clone)]
pub struct ProcessTable {
    /// Column titles.
    pub titles: Vec<String>,
    /// A row for each process.
    pub rows: Vec<Vec<String>>,
}

/// The capabilities that Docker gives by default, for the steps of a build.
pub(crate) fn default_capabilities() -> Result<Vec<String>, crate::EngineError> {
    capabilities::resolve(false, &[], &[])
}

/// Every capability, for a privileged exec session.
pub(crate) fn all_capabilities() -> Result<Vec<String>, crate::EngineError> {
    capabilities::resolve(true, &[], &[])
}
