//! Nodes of the host's devices that a container was given.
//!
//! Made from numbers that the worker has read and judged: nothing of the host is opened here.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, makedev, mknodat};
use nix::unistd::{Gid, Uid, fchownat};
use orlop_model::device::DeviceKind;
use orlop_wire::reply::Failure;

use super::place::{Missing, place};
use crate::failure::{Step as _, invalid};
use crate::plan::{DeviceNode, check_target};

/// Makes the nodes; one that is there already must be that very device.
pub(super) fn make(nodes: &[DeviceNode]) -> Result<(), Failure> {
    // mknod(2) takes the umask off.
    let old = nix::sys::stat::umask(Mode::empty());
    let made = nodes.iter().try_for_each(make_one);
    nix::sys::stat::umask(old);
    made
}

fn make_one(node: &DeviceNode) -> Result<(), Failure> {
    let what = || format!("making the device {}", node.path);
    check_target(&node.path)?;
    let path = Path::new(&node.path);
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(invalid(format!("{:?} is no place for a device", node.path)));
    };
    let folder = place(folder, Missing::Directory).step(what())?;
    let kind = match node.kind {
        DeviceKind::Block => SFlag::S_IFBLK,
        DeviceKind::Character | DeviceKind::All => SFlag::S_IFCHR,
    };
    let number = makedev(node.major.into(), node.minor.into());
    let mode = Mode::from_bits_truncate(node.mode & 0o777);
    match mknodat(&folder, name, kind, mode, number) {
        Ok(()) => {
            let (uid, gid) = (Uid::from_raw(node.uid), Gid::from_raw(node.gid));
            let flags = AtFlags::AT_SYMLINK_NOFOLLOW;
            fchownat(folder.as_fd(), name, Some(uid), Some(gid), flags).step(what())
        }
        Err(Errno::EEXIST) => {
            let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let there: OwnedFd = openat(&folder, name, flags, Mode::empty()).step(what())?;
            if is(&fstat(&there).step(what())?, kind, number) {
                Ok(())
            } else {
                Err(invalid(format!(
                    "the container has something else at {}: choose another path for the device",
                    node.path
                )))
            }
        }
        Err(errno) => Err(errno).step(what()),
    }
}

fn is(stat: &FileStat, kind: SFlag, number: u64) -> bool {
    stat.st_mode & SFlag::S_IFMT.bits() == kind.bits() && stat.st_rdev == number
}
