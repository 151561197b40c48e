//! `/dev`: the harmless devices, and the links that programs expect.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use orlop_linux::mount;
use orlop_wire::reply::Failure;

use crate::failure::Step as _;

/// Name, major and minor number (the kernel's admin-guide/devices).
const DEVICES: [(&str, u64, u64); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

const LINKS: [(&str, &str); 6] = [
    ("/proc/self/fd", "/dev/fd"),
    ("/proc/self/fd/0", "/dev/stdin"),
    ("/proc/self/fd/1", "/dev/stdout"),
    ("/proc/self/fd/2", "/dev/stderr"),
    ("/proc/kcore", "/dev/core"),
    ("pts/ptmx", "/dev/ptmx"),
];

/// How deep folders of devices are.
const MOST_DEPTH: usize = 3;

/// A device of the host, by its place below `/dev`.
#[derive(Debug)]
pub(super) struct Device {
    place: PathBuf,
    kind: SFlag,
    mode: Mode,
    number: u64,
}

/// Every device in the host's `/dev`; terminals are the container's own.
pub(super) fn of_host() -> Vec<Device> {
    let mut found = Vec::new();
    collect(Path::new("/dev"), MOST_DEPTH, &mut found);
    found
}

fn collect(folder: &Path, depth: usize, found: &mut Vec<Device>) {
    // What cannot be read is not there for the container either.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        let kind = SFlag::from_bits_truncate(metadata.mode() & SFlag::S_IFMT.bits());
        let Ok(place) = path.strip_prefix("/dev") else {
            continue;
        };
        let own = ["pts", "shm", "mqueue", "console", "ptmx"];
        if own.iter().any(|name| place == Path::new(name)) {
            continue;
        }
        if kind == SFlag::S_IFDIR && depth > 1 {
            collect(&path, depth - 1, found);
        } else if kind == SFlag::S_IFCHR || kind == SFlag::S_IFBLK {
            found.push(Device {
                place: place.to_owned(),
                kind,
                mode: Mode::from_bits_truncate(metadata.mode() & 0o777),
                number: metadata.rdev(),
            });
        }
    }
}

/// Fills the fresh `/dev`: with the harmless devices where they can be made, the links, and these
/// of the host.
pub(super) fn make(harmless: bool, more: &[Device]) -> Result<(), Failure> {
    let mode = Mode::from_bits_truncate(0o666);
    // mknod(2) takes the umask off.
    let old = nix::sys::stat::umask(Mode::empty());
    for (name, major, minor) in DEVICES.into_iter().filter(|_| harmless) {
        let path = format!("/dev/{name}");
        mknod(path.as_str(), SFlag::S_IFCHR, mode, makedev(major, minor))
            .step(format!("making {path}"))?;
    }
    for device in more {
        let path = Path::new("/dev").join(&device.place);
        let what = || format!("making {}", path.display());
        if let Some(folder) = path.parent() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o755)
                .create(folder)
                .step(what())?;
        }
        match mknod(&path, device.kind, device.mode, device.number) {
            // One of those above.
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno).step(what()),
        }
    }
    nix::sys::stat::umask(old);
    for (to, from) in LINKS {
        symlink(to, from).step(format!("making {from}"))?;
    }
    Ok(())
}

/// The null device, after a look that it is that very device (CVE-2025-31133: what stands at
/// `/dev/null` may be something else).
pub(crate) fn null() -> io::Result<OwnedFd> {
    let fd = mount::open_target(Path::new("/dev/null"))?;
    let stat = nix::sys::stat::fstat(&fd)?;
    let is_device = stat.st_mode & nix::libc::S_IFMT == nix::libc::S_IFCHR;
    if is_device && stat.st_rdev == makedev(1, 3) {
        Ok(fd)
    } else {
        Err(io::Error::other("/dev/null is not the null device"))
    }
}

/// Shows a terminal as `/dev/console`.
pub(crate) fn show_console(number: u32) -> Result<(), Failure> {
    let what = || "making /dev/console".to_owned();
    fs::File::create("/dev/console").step(what())?;
    let terminal = mount::open_target(Path::new(&format!("/dev/pts/{number}"))).step(what())?;
    let copy = mount::copy_of_fd(terminal.as_fd(), false).step(what())?;
    let over = mount::open_target(Path::new("/dev/console")).step(what())?;
    mount::attach(&copy, over).step(what())
}
