//! Places in the root for mounts and the working directory: found as the container would find
//! them, and made where they are missing.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, readlinkat};
use nix::sys::stat::{Mode, fstat, mkdirat};
use nix::unistd::{Gid, Uid, fchownat};
use orlop_linux::mount::{open_target, open_target_in};

/// As path_resolution(7).
const MOST_LINKS: u32 = 40;

/// What is made where nothing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    Directory,
    /// An empty file, in a directory that is made too.
    File,
}

/// Opens a path of the root (`O_PATH`) and makes it when it is missing, also where links lead to
/// something that is missing, as `/etc/resolv.conf` often does. A magic link is never followed.
pub(crate) fn place(target: &Path, missing: Missing) -> io::Result<OwnedFd> {
    place_in(slash()?.as_fd(), target, missing)
}

/// The same with a directory in the place of `/`, which nothing leads out of.
pub(crate) fn place_in(
    root: BorrowedFd<'_>,
    target: &Path,
    missing: Missing,
) -> io::Result<OwnedFd> {
    match open_target_in(root, target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => walk(root, target, missing),
        other => other,
    }
}

fn slash() -> io::Result<OwnedFd> {
    Ok(open("/", OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())?)
}

/// The same for a directory that belongs to somebody when it had to be made.
pub(super) fn place_of(target: &Path, uid: u32, gid: u32) -> io::Result<OwnedFd> {
    match open_target(target) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let made = walk(slash()?.as_fd(), target, Missing::Directory)?;
            let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
            fchownat(&made, "", Some(uid), Some(gid), AtFlags::AT_EMPTY_PATH)?;
            Ok(made)
        }
        other => other,
    }
}

fn walk(root: BorrowedFd<'_>, target: &Path, missing: Missing) -> io::Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW;
    // Where we are, and every directory above it.
    let mut stack = vec![root.try_clone_to_owned()?];
    let mut ahead: VecDeque<OsString> = names(target);
    let mut links = 0;
    while let Some(name) = ahead.pop_front() {
        if name == ".." {
            // The root's parent is the root.
            if stack.len() > 1 {
                stack.pop();
            }
            continue;
        }
        // The root is never popped.
        let Some(here) = stack.last() else { break };
        match openat(here, name.as_os_str(), flags, Mode::empty()) {
            Ok(found) if is_link(&found)? => {
                links += 1;
                if links > MOST_LINKS {
                    return Err(Errno::ELOOP.into());
                }
                // Only its text is used: where a magic link really leads does not matter.
                let text = readlinkat(&found, "")?;
                if Path::new(&text).is_absolute() {
                    stack.truncate(1);
                }
                for name in names(Path::new(&text)).into_iter().rev() {
                    ahead.push_front(name);
                }
            }
            Ok(found) => stack.push(found),
            Err(Errno::ENOENT) => {
                let made = if ahead.is_empty() && missing == Missing::File {
                    let flags = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
                    openat(
                        here,
                        name.as_os_str(),
                        flags,
                        Mode::from_bits_truncate(0o644),
                    )
                    .map(drop)
                } else {
                    mkdirat(here, name.as_os_str(), Mode::from_bits_truncate(0o755))
                };
                match made {
                    // Somebody who shares a volume with us may have been quicker.
                    Ok(()) | Err(Errno::EEXIST) => ahead.push_front(name),
                    Err(errno) => return Err(errno.into()),
                }
            }
            Err(errno) => return Err(errno.into()),
        }
    }
    stack.pop().ok_or_else(|| Errno::ENOENT.into())
}

fn names(path: &Path) -> VecDeque<OsString> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    parts.collect()
}

fn is_link(fd: &OwnedFd) -> io::Result<bool> {
    Ok(fstat(fd)?.st_mode & nix::libc::S_IFMT == nix::libc::S_IFLNK)
}
