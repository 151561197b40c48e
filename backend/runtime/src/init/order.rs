//! Mounts in the order in which they were asked for: outer ones first, of whatever kind.

use orlop_model::mount::{Mount, MountSource};
use orlop_wire::reply::Failure;

use super::rootfs;
use crate::plan::PreparedMount;

/// Gives every mount its place. What is prepared comes in the order of the list, and behind it
/// what is on no list: the three files that each container gets.
pub(super) fn attach(prepared: Vec<PreparedMount>, wanted: &[Mount]) -> Result<(), Failure> {
    let mut prepared = prepared.into_iter().peekable();
    for mount in wanted {
        if matches!(mount.source, MountSource::Tmpfs { .. }) {
            rootfs::mount_memory(std::slice::from_ref(mount))?;
        } else if let Some(next) = prepared.next_if(|next| next.target == mount.target) {
            rootfs::attach(vec![next])?;
        }
    }
    rootfs::attach(prepared.collect())
}
