//! Control groups, version 1, version 2 and both at once.
//!
//! `layout` finds out where each controller is, `plan` turns limits into writes (pure) and `apply`
//! makes them, `v1` and
//! `v2` know one hierarchy's files each, `stats` reads counters, `devices` and `device_filter`
//! keep containers off the host's devices, and `group` is what others use: one container's group
//! in every hierarchy. Paths come from the layout, so that all of it also runs on a plain folder.

mod apply;
pub mod delegation;
pub mod device_filter;
pub mod devices;
mod file;
pub mod group;
pub mod layout;
pub mod plan;
pub mod stats;
mod v1;
mod v2;

pub use file::CgroupError;
pub use group::Cgroup;
pub use layout::{Controller, Layout};
