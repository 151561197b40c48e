//! Devices of a bundle: those that every container has, and those that it asks for. In a user
//! namespace, where nodes cannot be made, the host's are shown.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::symlink;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open};
use nix::sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, fstat, makedev, mknodat};
use nix::unistd::fchownat;
use orlop_linux::mount;
use orlop_wire::reply::Failure;

use super::plan::DeviceNode;
use crate::failure::{Step as _, invalid};
use crate::init::place::{Missing, place};

/// Name, major and minor number (OCI runtime specification, "Default Devices").
const DEFAULT: [(&str, u64, u64); 6] = [
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
];

const LINKS: [(&str, &str); 5] = [
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("pts/ptmx", "/dev/ptmx"),
];

/// The harmless devices, and then those of the bundle; the last word on a path counts.
pub(super) fn all_of(wanted: &[DeviceNode]) -> Vec<DeviceNode> {
    let defaults = DEFAULT.iter().map(|(path, major, minor)| DeviceNode {
        path: (*path).to_owned(),
        kind: 'c',
        number: (*major, *minor),
        mode: 0o666,
        uid: 0,
        gid: 0,
    });
    defaults
        .filter(|default| wanted.iter().all(|device| device.path != default.path))
        .chain(wanted.iter().cloned())
        .collect()
}

/// Copies of the host's devices for a container that cannot make nodes.
pub(super) fn of_host(devices: &[DeviceNode]) -> Result<Vec<(DeviceNode, OwnedFd)>, Failure> {
    let copy = |device: &DeviceNode| -> Result<(DeviceNode, OwnedFd), Failure> {
        let what = || format!("opening the device {} of the host", device.path);
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        let found = open(device.path.as_str(), flags, Mode::empty()).step(what())?;
        if fstat(&found).step(what())?.st_rdev != makedev(device.number.0, device.number.1) {
            return Err(invalid(format!(
                "linux.devices: {} has other numbers on the host, and in a user namespace a \
                 device is the host's",
                device.path
            )));
        }
        let copy = mount::copy_of_fd(found.as_fd(), false).step(what())?;
        Ok((device.clone(), copy))
    };
    devices.iter().map(copy).collect()
}

/// Makes the nodes, where there are none yet.
pub(super) fn make(devices: &[DeviceNode]) -> Result<(), Failure> {
    // mknod(2) takes the umask off.
    let old = nix::sys::stat::umask(Mode::empty());
    let made = devices.iter().try_for_each(node);
    nix::sys::stat::umask(old);
    made
}

fn node(device: &DeviceNode) -> Result<(), Failure> {
    let what = || format!("making the device {}", device.path);
    let path = Path::new(&device.path);
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(invalid(format!(
            "linux.devices: {:?} is no path of a device",
            device.path
        )));
    };
    let folder = place(folder, Missing::Directory).step(what())?;
    let kind = match device.kind {
        'b' => SFlag::S_IFBLK,
        'p' => SFlag::S_IFIFO,
        _ => SFlag::S_IFCHR,
    };
    let mode = Mode::from_bits_truncate(device.mode);
    let number = makedev(device.number.0, device.number.1);
    match mknodat(&folder, name, kind, mode, number) {
        Ok(()) => {
            let (uid, gid) = (Some(device.uid.into()), Some(device.gid.into()));
            fchownat(&folder, name, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW).step(what())?;
            // Owners changed, some bits are gone.
            fchmodat(&folder, name, mode, FchmodatFlags::FollowSymlink).step(what())
        }
        // A `/dev` of the host's, or one of the image's making.
        Err(Errno::EEXIST) => Ok(()),
        Err(errno) => Err(errno).step(what()),
    }
}

/// Shows the host's devices.
pub(super) fn show(devices: Vec<(DeviceNode, OwnedFd)>) -> Result<(), Failure> {
    for (device, copy) in devices {
        let what = || format!("showing the device {}", device.path);
        let over = place(Path::new(&device.path), Missing::File).step(what())?;
        mount::attach(&copy, over).step(what())?;
    }
    Ok(())
}

/// Makes the links that programs expect, where nothing is yet.
pub(super) fn link() -> Result<(), Failure> {
    for (to, from) in LINKS {
        match symlink(to, from) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // A `/dev` that is read only holds what its maker wanted in it.
            Err(error) if error.raw_os_error() == Some(Errno::EROFS as i32) => {}
            made => made.step(format!("making {from}"))?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundles_own_device_takes_the_place_of_the_usual_one() {
        let own = DeviceNode {
            path: "/dev/null".to_owned(),
            kind: 'c',
            number: (1, 3),
            mode: 0o600,
            uid: 5,
            gid: 5,
        };
        let all = all_of(std::slice::from_ref(&own));
        assert_eq!(all.len(), DEFAULT.len());
        assert_eq!(all.last(), Some(&own));
    }
}
