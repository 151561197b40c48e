//! Filling a fresh file system with what it covers (`tmpcopyup`): folders, files, links, their
//! owners and modes. By descriptors only, and no link is followed.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::dir::{Dir, Type};
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, readlinkat};
use nix::sys::stat::{FchmodatFlags, FileStat, Mode, fchmodat, fstatat, mkdirat};
use nix::unistd::{fchownat, symlinkat};

/// How deep folders may lie in each other.
const MOST_DEPTH: u32 = 64;

/// Copies what lies in the folder `from` into the folder `to`.
pub(super) fn copy(from: &OwnedFd, to: &OwnedFd) -> io::Result<()> {
    // Of one opened as a path only, this opens the folder itself and not what covers it.
    let from = folder(from, ".")?;
    let to = folder(to, ".")?;
    copy_folder(&from, &to, MOST_DEPTH)
}

fn folder(at: impl AsFd, name: &str) -> io::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    Ok(openat(at, name, flags, Mode::empty())?)
}

fn copy_folder(from: &OwnedFd, to: &OwnedFd, depth: u32) -> io::Result<()> {
    if depth == 0 {
        return Err(Errno::ELOOP.into());
    }
    let mut listing = Dir::from_fd(folder(from, ".")?)?;
    for entry in listing.iter() {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let stat = fstatat(from, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        match entry.file_type() {
            Some(Type::Directory) => {
                mkdirat(to, name, Mode::from_bits_truncate(0o700))?;
                let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
                let open = |at| openat(at, name, flags | OFlag::O_CLOEXEC, Mode::empty());
                copy_folder(&open(from)?, &open(to)?, depth - 1)?;
                own(to, name, &stat)?;
            }
            Some(Type::Symlink) => {
                let text = readlinkat(from, name)?;
                symlinkat(text.as_os_str(), to, name)?;
                let (uid, gid) = (Some(stat.st_uid.into()), Some(stat.st_gid.into()));
                fchownat(to, name, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW)?;
            }
            Some(Type::File) => {
                let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
                let mut source = File::from(openat(from, name, flags, Mode::empty())?);
                let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_CLOEXEC;
                let made = openat(to, name, flags, Mode::from_bits_truncate(0o600))?;
                io::copy(&mut source, &mut File::from(made))?;
                own(to, name, &stat)?;
            }
            // Sockets, pipes and devices mean nothing without who made them.
            _ => {}
        }
    }
    // The folder's own look.
    let stat = nix::sys::stat::fstat(from)?;
    nix::unistd::fchown(to, Some(stat.st_uid.into()), Some(stat.st_gid.into()))?;
    nix::sys::stat::fchmod(to, Mode::from_bits_truncate(stat.st_mode & 0o7777))?;
    Ok(())
}

fn own(at: &OwnedFd, name: &std::ffi::CStr, stat: &FileStat) -> io::Result<()> {
    let (uid, gid) = (Some(stat.st_uid.into()), Some(stat.st_gid.into()));
    fchownat(at, name, uid, gid, AtFlags::AT_SYMLINK_NOFOLLOW)?;
    let mode = Mode::from_bits_truncate(stat.st_mode & 0o7777);
    Ok(fchmodat(at, name, mode, FchmodatFlags::FollowSymlink)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn folders_files_and_links_are_copied_with_their_modes() {
        let (from, to) = (
            tempfile::tempdir().expect("from"),
            tempfile::tempdir().expect("to"),
        );
        let at = |name: &str| from.path().join(name);
        std::fs::create_dir(at("sub")).expect("folder");
        std::fs::write(at("sub/file"), "text").expect("file");
        std::fs::set_permissions(at("sub/file"), Permissions::from_mode(0o4711)).expect("mode");
        symlink("/etc/shadow", at("link")).expect("link");
        let open = |path: &std::path::Path| OwnedFd::from(File::open(path).expect("open"));
        copy(&open(from.path()), &open(to.path())).expect("copy");
        let copied = to.path().join("sub/file");
        assert_eq!(std::fs::read_to_string(&copied).expect("read"), "text");
        let mode = std::fs::metadata(&copied).expect("stat").permissions();
        assert_eq!(mode.mode() & 0o7777, 0o4711);
        let link = std::fs::read_link(to.path().join("link")).expect("link");
        assert_eq!(link, std::path::Path::new("/etc/shadow"));
    }
}
