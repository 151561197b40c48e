//! A directory tree as a root of its own: every path is resolved inside it, as if the process had
//! been chrooted there, but without the race between looking and acting.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use orlop_image::layer::EntryPath;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawMode, ResolveFlags, Stat};
use rustix::io::Errno;

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("{action} {path}: {source}")]
pub struct FileError {
    /// What was being done.
    pub action: &'static str,
    /// To what, inside the tree.
    pub path: String,
    /// Why it failed.
    pub source: io::Error,
}

/// Turns a kernel error into a [`FileError`].
pub(crate) fn failed<E: Into<io::Error>>(
    action: &'static str,
    path: impl std::fmt::Display,
) -> impl FnOnce(E) -> FileError {
    move |source| FileError {
        action,
        path: path.to_string(),
        source: source.into(),
    }
}

/// The permission bits, with set-id and sticky.
pub const PERMISSIONS: RawMode = 0o7777;

/// For opening a directory to act in it.
pub(crate) const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// A directory that is the root of everything asked for through it.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
    /// Held, not used: the mount that the root is the top of.
    #[expect(dead_code, reason = "it is there to be kept")]
    mount: Option<OwnedFd>,
}

/// Tries of a look-up that others disturb. More than any honest storm of renames takes.
const MOST_TRIES: u32 = 10_000;

impl Root {
    /// The directory at a path of the host that only root can change.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let fd = rustix::fs::open(path, DIRECTORY, Mode::empty())
            .map_err(failed("opening", path.display()))?;
        Ok(Self { fd, mount: None })
    }

    /// The root directory of a running process, with its own mounts. The caller makes sure, after
    /// this, that the number still is that process's.
    pub fn open_process(pid: u32) -> Result<Self, FileError> {
        let path = format!("/proc/{pid}/root");
        // The last name is a magic link and must be followed.
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(&path, flags, Mode::empty()).map_err(failed("opening", path))?;
        Ok(Self { fd, mount: None })
    }

    /// The directory behind a descriptor, such as a detached mount.
    #[must_use]
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self { fd, mount: None }
    }

    /// The top of a mount that is attached nowhere, whose own descriptor is kept. Without it the
    /// kernel would take the mount for one on its way out, count its users under the lock of all
    /// mounts, and find at every `..` behind a link that something was mounted meanwhile.
    #[must_use]
    pub fn of_mount(top: OwnedFd, mount: OwnedFd) -> Self {
        Self {
            fd: top,
            mount: Some(mount),
        }
    }

    /// Opens what `path` leads to inside the root; symbolic links on the way and at the end are
    /// followed, and cannot lead out.
    pub fn resolve(&self, path: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
        let flags = flags | OFlags::CLOEXEC;
        let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        // An empty path is an error for the kernel; the root is meant.
        let path = if path.is_empty() { c"." } else { path };
        let mut last = Errno::AGAIN;
        for _ in 0..MOST_TRIES {
            match rustix::fs::openat2(&self.fd, path, flags, Mode::empty(), resolve) {
                // Something was renamed or mounted while `..` was looked up (openat2(2)).
                Err(errno @ (Errno::AGAIN | Errno::INTR)) => last = errno,
                other => return other,
            }
        }
        Err(last)
    }

    /// Opens the directory that a path leads to, to act in it.
    pub fn directory(&self, path: &CStr) -> Result<OwnedFd, Errno> {
        self.resolve(path, OFlags::RDONLY | OFlags::DIRECTORY)
    }

    /// Opens a directory of the tree to act in it, making it and those above it where they are
    /// missing (mode 0755, root). Symbolic links to directories are followed inside the root.
    pub fn make_directories(&self, path: &EntryPath) -> Result<OwnedFd, FileError> {
        match self.directory(&path.to_c_string()) {
            Ok(fd) => return Ok(fd),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(failed("opening", path)(errno)),
        }
        let mut current = self.directory(c".").map_err(failed("opening", path))?;
        let mut done = EntryPath::top();
        for name in path.names() {
            done = done.join(name).map_err(|error| FileError {
                action: "making",
                path: path.to_string(),
                source: io::Error::other(error),
            })?;
            current = match self.directory(&done.to_c_string()) {
                Ok(fd) => fd,
                Err(Errno::NOENT) => make_directory(&current, &c_name(name), 0o755)
                    .map_err(failed("making", &done))?,
                Err(errno) => return Err(failed("opening", &done)(errno)),
            };
        }
        Ok(current)
    }

    /// Where a path's last name stands: the directory, resolved inside the root, and the name,
    /// which nobody has followed yet. A path that ends in `.` or `..`, or names the root itself,
    /// is resolved as a whole, and the name is then `.`.
    pub fn parent(&self, path: &[u8]) -> Result<(OwnedFd, CString), Errno> {
        let trimmed = path.strip_suffix(b"/").map_or(path, trim_slashes);
        let cut = trimmed.iter().rposition(|byte| *byte == b'/');
        let (parent, name) = match cut {
            Some(at) => (&trimmed[..=at], &trimmed[at + 1..]),
            None => (&b"."[..], trimmed),
        };
        if matches!(name, b"" | b"." | b"..") {
            return Ok((self.directory(&c_path(trimmed)?)?, c".".to_owned()));
        }
        Ok((self.directory(&c_path(parent)?)?, c_path(name)?))
    }

    /// The same, but a symbolic link under the last name is followed, inside the root, to what is
    /// no link. What is found may still be replaced by one: whoever acts on it does not follow.
    pub fn follow(&self, path: &[u8]) -> Result<(OwnedFd, CString), Errno> {
        // path_resolution(7): the kernel's own bound.
        const MAX_LINKS: usize = 40;
        let mut path = path.to_vec();
        for _ in 0..MAX_LINKS {
            let (parent, name) = self.parent(&path)?;
            let stat = look(&parent, &name)?.ok_or(Errno::NOENT)?;
            if file_type(&stat) != FileType::Symlink {
                return Ok((parent, name));
            }
            let target = read_link(&parent, &name)?;
            // The directory's path stays as it is, so that `..` in the target means its parent.
            path = if target.starts_with(b"/") {
                target
            } else {
                let trimmed = trim_slashes(&path);
                let cut = trimmed
                    .iter()
                    .rposition(|byte| *byte == b'/')
                    .map_or(0, |at| at + 1);
                [&trimmed[..cut], &target[..]].concat()
            };
        }
        Err(Errno::LOOP)
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn trim_slashes(path: &[u8]) -> &[u8] {
    let end = path
        .iter()
        .rposition(|byte| *byte != b'/')
        .map_or(0, |at| at + 1);
    &path[..end]
}

/// A path for a system call; a NUL in it means that no such file can exist.
pub(crate) fn c_path(path: &[u8]) -> Result<CString, Errno> {
    CString::new(path).map_err(|_| Errno::NOENT)
}

/// A name of an [`EntryPath`] for a system call.
pub(crate) fn c_name(name: &[u8]) -> CString {
    CString::new(name).unwrap_or_default() // never empty: an EntryPath holds no NUL
}

/// Makes a directory that must not exist yet, whatever the umask, and opens it.
pub(crate) fn make_directory(
    parent: impl AsFd,
    name: &CStr,
    mode: RawMode,
) -> Result<OwnedFd, Errno> {
    rustix::fs::mkdirat(&parent, name, Mode::from_raw_mode(0o700))?;
    let fd = rustix::fs::openat(&parent, name, DIRECTORY, Mode::empty())?;
    // A set-group-id parent would otherwise hand its group down.
    rustix::fs::fchown(
        &fd,
        Some(rustix::fs::Uid::ROOT),
        Some(rustix::fs::Gid::ROOT),
    )?;
    rustix::fs::fchmod(&fd, Mode::from_raw_mode(mode))?;
    Ok(fd)
}

/// What stands under a name, without following it; nothing when nothing does.
pub(crate) fn look(parent: impl AsFd, name: &CStr) -> Result<Option<Stat>, Errno> {
    match rustix::fs::statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// The type of what a `stat` is of.
pub(crate) fn file_type(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Whether this is overlayfs's mark for "nothing here" (a character device 0/0).
pub(crate) fn is_whiteout(stat: &Stat) -> bool {
    file_type(stat) == FileType::CharacterDevice && stat.st_rdev == 0
}

/// Opens a regular file for reading, without following its name; anything else, or something that
/// was put there since `stat`, gives `ELOOP`. Never waits (a pipe) and never reads a device.
pub(crate) fn open_regular(parent: impl AsFd, name: &CStr, stat: &Stat) -> Result<OwnedFd, Errno> {
    if file_type(stat) != FileType::RegularFile {
        return Err(Errno::LOOP);
    }
    let flags = OFlags::RDONLY
        | OFlags::NOFOLLOW
        | OFlags::NONBLOCK
        | OFlags::NOCTTY
        | OFlags::NOATIME
        | OFlags::CLOEXEC;
    let fd = match rustix::fs::openat(&parent, name, flags, Mode::empty()) {
        // Only an owner (in the eyes of this user namespace) may ask for O_NOATIME.
        Err(Errno::PERM) => {
            rustix::fs::openat(&parent, name, flags - OFlags::NOATIME, Mode::empty())?
        }
        other => other?,
    };
    let opened = rustix::fs::fstat(&fd)?;
    if (opened.st_dev, opened.st_ino) != (stat.st_dev, stat.st_ino)
        || file_type(&opened) != FileType::RegularFile
    {
        return Err(Errno::LOOP);
    }
    Ok(fd)
}

/// The target of a symbolic link.
pub(crate) fn read_link(parent: impl AsFd, name: &CStr) -> Result<Vec<u8>, Errno> {
    Ok(rustix::fs::readlinkat(parent, name, Vec::new())?.into_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn fixture() -> (tempfile::TempDir, Root) {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().join("root");
        std::fs::create_dir_all(top.join("etc")).unwrap();
        std::fs::write(top.join("etc/name"), "inside").unwrap();
        std::fs::create_dir(dir.path().join("etc")).unwrap();
        std::fs::write(dir.path().join("etc/name"), "outside").unwrap();
        symlink("/etc", top.join("absolute")).unwrap();
        symlink("../../../etc", top.join("climbing")).unwrap();
        symlink("loop", top.join("loop")).unwrap();
        let root = Root::open(&top).unwrap();
        (dir, root)
    }

    fn read(fd: OwnedFd) -> String {
        std::io::read_to_string(std::fs::File::from(fd)).unwrap()
    }

    #[test]
    fn no_path_leads_out() {
        let (_dir, root) = fixture();
        for path in [
            c"etc/name",
            c"/etc/name",
            c"absolute/name",
            c"climbing/name",
            c"../etc/name",
        ] {
            assert_eq!(
                read(root.resolve(path, OFlags::RDONLY).unwrap()),
                "inside",
                "{path:?}"
            );
        }
        assert_eq!(
            root.resolve(c"loop", OFlags::RDONLY).unwrap_err(),
            Errno::LOOP
        );
        let own = format!("/proc/{}", std::process::id());
        let magic = Root::open(Path::new(&own)).unwrap();
        assert_eq!(
            magic.resolve(c"root", OFlags::RDONLY).unwrap_err(),
            Errno::LOOP
        );
    }

    #[test]
    fn parents_are_resolved_and_last_names_are_not() {
        let (_dir, root) = fixture();
        for (path, name) in [
            (&b"/absolute/name"[..], c"name"),
            (b"absolute", c"absolute"),
            (b"/absolute//", c"absolute"),
            (b"absolute/..", c"."),
            (b"/", c"."),
            (b"", c"."),
            (b"..", c"."),
        ] {
            assert_eq!(root.parent(path).unwrap().1.as_c_str(), name);
        }
        assert_eq!(root.parent(b"no/where").unwrap_err(), Errno::NOENT);
        assert_eq!(root.parent(b"a\0b").unwrap_err(), Errno::NOENT);
    }

    #[test]
    fn last_links_are_followed_inside_when_that_is_wanted() {
        let (dir, root) = fixture();
        symlink("../etc/name", dir.path().join("root/etc/relative")).unwrap();
        symlink("/climbing/relative", dir.path().join("root/chain")).unwrap();
        for path in [&b"etc/name"[..], b"/chain", b"absolute/relative", b"chain/"] {
            let (parent, name) = root.follow(path).unwrap();
            let stat = look(&parent, &name).unwrap().unwrap();
            assert_eq!(
                read(open_regular(&parent, &name, &stat).unwrap()),
                "inside",
                "{path:?}"
            );
        }
        assert_eq!(root.follow(b"loop").unwrap_err(), Errno::LOOP);
        assert_eq!(root.follow(b"none").unwrap_err(), Errno::NOENT);
    }

    #[test]
    fn missing_directories_are_made_inside() {
        let (dir, root) = fixture();
        let path = EntryPath::parse(b"climbing/a/b").unwrap();
        root.make_directories(&path).unwrap();
        assert!(dir.path().join("root/etc/a/b").is_dir());
        assert!(!dir.path().join("etc/a").exists());
        let blocked = EntryPath::parse(b"etc/name/sub").unwrap();
        assert!(root.make_directories(&blocked).is_err());
    }

    #[test]
    fn only_regular_files_are_opened_for_reading() {
        let (dir, root) = fixture();
        let pipe = c"pipe";
        rustix::fs::mkfifoat(&root, pipe, Mode::from_raw_mode(0o600)).unwrap();
        for name in [pipe, c"absolute", c"etc"] {
            let stat = look(&root, name).unwrap().unwrap();
            assert_eq!(open_regular(&root, name, &stat).unwrap_err(), Errno::LOOP);
        }
        // Replaced between looking and opening.
        std::fs::write(dir.path().join("root/file"), "x").unwrap();
        let stat = look(&root, c"file").unwrap().unwrap();
        std::fs::remove_file(dir.path().join("root/file")).unwrap();
        symlink("etc/name", dir.path().join("root/file")).unwrap();
        assert_eq!(
            open_regular(&root, c"file", &stat).unwrap_err(),
            Errno::LOOP
        );
    }
}
