//! Containers as OCI bundles describe them: the same init, without a shim. What a bundle's
//! configuration says is followed to the letter; nothing is added that it does not name but the
//! harmless devices, as the specification wants.
//!
//! The first process is a child of the caller and outlives it: whoever is the next reaper above
//! (`conmon`, containerd's shim) becomes its parent. Standard input and output are the caller's.

mod copy_up;
mod cover;
mod devices;
mod exec;
mod finish;
mod gate;
mod hooks;
mod init;
mod launch;
mod mounts;
mod options;
mod plan;

pub use exec::{Entered, Entry, enter};
pub use gate::{Gate, is_waiting, open_gate};
pub use hooks::{Hook, HookError, run_hooks};
pub use launch::{BundleLaunch, Underway, begin};
pub use options::MountOptions;
pub use plan::{
    Bundle, BundleMount, BundleProcess, Content, DeviceNode, IdMaps, InnerHooks, Label, Namespaces,
    OwnCgroup, RootSpread,
};
