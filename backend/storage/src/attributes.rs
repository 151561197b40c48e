//! Owners, permissions, times and extended attributes of files, by descriptor.
//!
//! Of the extended attributes only `user.*` and file capabilities travel between trees. All others
//! mean something to this host alone (overlayfs's own marks above all: a forged `trusted.overlay.*`
//! in an archive could redirect a directory), so they are neither read nor written.

use std::ffi::{CStr, CString};
use std::os::fd::AsFd;

use orlop_image::layer::{Time, Xattr};
use rustix::fs::{AtFlags, Gid, Mode, RawMode, Stat, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

/// overlayfs's mark for a directory that hides what lower layers have in it.
const OPAQUE: &CStr = c"trusted.overlay.opaque";
/// Marks of overlayfs features that a container's mount does not use; a tree that has them does
/// not hold all its data itself.
const FOREIGN: [&CStr; 2] = [c"trusted.overlay.redirect", c"trusted.overlay.metacopy"];
/// The kernel's own bound for a value (linux/limits.h `XATTR_SIZE_MAX`).
const MAX_VALUE_BYTES: usize = 64 << 10;
/// The kernel's own bound for all names of a file (`XATTR_LIST_MAX`).
const MAX_NAMES_BYTES: usize = 64 << 10;

/// Whether an attribute travels with its file.
#[must_use]
pub fn is_kept(name: &[u8]) -> bool {
    name == b"security.capability"
        || (name.starts_with(b"user.") && !name.starts_with(b"user.overlay."))
}

/// Whether a directory hides what lower layers have in it.
pub(crate) fn is_opaque(directory: impl AsFd) -> Result<bool, Errno> {
    Ok(inspect(directory)?.opaque)
}

/// What the extended attributes of a file say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Inspected {
    /// Those that travel, sorted by name.
    pub(crate) xattrs: Vec<Xattr>,
    /// It is a directory that hides what lower layers have in it.
    pub(crate) opaque: bool,
    /// Its content or its children are really somewhere else.
    pub(crate) foreign: bool,
}

/// Reads the extended attributes of a file.
pub(crate) fn inspect(fd: impl AsFd) -> Result<Inspected, Errno> {
    let names = match list_names(&fd) {
        Err(Errno::NOTSUP) => return Ok(Inspected::default()),
        other => other?,
    };
    let mut all = Inspected::default();
    for name in names.split(|byte| *byte == 0) {
        let Ok(c_name) = CString::new(name) else {
            continue;
        };
        if is_kept(name) {
            if let Some(value) = read_xattr(&fd, &c_name)? {
                all.xattrs.push(Xattr {
                    name: name.to_vec(),
                    value,
                });
            }
        } else if *c_name == *OPAQUE {
            // Newer kernels also write "x", on directories that hold other marks; it hides nothing.
            all.opaque = read_xattr(&fd, OPAQUE)?.is_some_and(|value| value == b"y");
        } else if FOREIGN.contains(&&*c_name) {
            all.foreign = true;
        }
    }
    all.xattrs.sort();
    Ok(all)
}

fn list_names(fd: impl AsFd) -> Result<Vec<u8>, Errno> {
    let mut names = vec![0; 1024];
    loop {
        match rustix::fs::flistxattr(&fd, &mut names[..]) {
            Ok(length) => {
                names.truncate(length);
                return Ok(names);
            }
            Err(Errno::RANGE) if names.len() < MAX_NAMES_BYTES => names.resize(MAX_NAMES_BYTES, 0),
            Err(errno) => return Err(errno),
        }
    }
}

fn read_xattr(fd: impl AsFd, name: &CStr) -> Result<Option<Vec<u8>>, Errno> {
    let mut value = vec![0; 256];
    loop {
        match rustix::fs::fgetxattr(&fd, name, &mut value[..]) {
            Ok(length) => {
                value.truncate(length);
                return Ok(Some(value));
            }
            Err(Errno::NODATA | Errno::NOTSUP) => return Ok(None),
            Err(Errno::RANGE) if value.len() < MAX_VALUE_BYTES => value.resize(MAX_VALUE_BYTES, 0),
            Err(errno) => return Err(errno),
        }
    }
}

/// Sets the attributes that travel; says how many the file system would not take (it knows no
/// `user.*`, has no room for so many, or the value makes no sense to it).
pub(crate) fn write_xattrs(fd: impl AsFd, xattrs: &[Xattr]) -> Result<u64, Errno> {
    let mut refused = 0;
    for xattr in xattrs.iter().filter(|xattr| is_kept(&xattr.name)) {
        let Ok(name) = CString::new(&xattr.name[..]) else {
            continue;
        };
        match rustix::fs::fsetxattr(&fd, &name, &xattr.value, XattrFlags::empty()) {
            Ok(()) => {}
            Err(
                Errno::NOTSUP
                | Errno::PERM
                | Errno::INVAL
                | Errno::RANGE
                | Errno::TOOBIG
                | Errno::NOSPC,
            ) => refused += 1,
            Err(errno) => return Err(errno),
        }
    }
    Ok(refused)
}

/// Makes a directory hide what lower layers have in it.
pub(crate) fn set_opaque(directory: impl AsFd) -> Result<(), Errno> {
    rustix::fs::fsetxattr(directory, OPAQUE, b"y", XattrFlags::empty())
}

/// Owner, permissions and time of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits, with set-id and sticky.
    pub mode: RawMode,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last change of the content.
    pub mtime: Time,
}

impl Attributes {
    /// Those that a `stat` tells.
    #[must_use]
    pub fn of(stat: &Stat) -> Self {
        Self {
            mode: stat.st_mode & crate::confine::PERMISSIONS,
            uid: stat.st_uid,
            gid: stat.st_gid,
            mtime: time_of(stat),
        }
    }

    /// Gives them to a file or directory; the time too, which later changes may move again.
    pub(crate) fn set(&self, fd: impl AsFd, xattrs: &[Xattr]) -> Result<u64, Errno> {
        // In this order: a change of owner takes set-id bits and capabilities away.
        rustix::fs::fchown(&fd, Some(uid(self.uid)), Some(gid(self.gid)))?;
        rustix::fs::fchmod(&fd, Mode::from_raw_mode(self.mode))?;
        let refused = write_xattrs(&fd, xattrs)?;
        rustix::fs::futimens(&fd, &timestamps(self.mtime))?;
        Ok(refused)
    }

    /// Gives owner and time to something that cannot be opened; its mode was set when it was made.
    pub(crate) fn set_at(&self, parent: impl AsFd, name: &CStr) -> Result<(), Errno> {
        let (owner, group) = (Some(uid(self.uid)), Some(gid(self.gid)));
        rustix::fs::chownat(&parent, name, owner, group, AtFlags::SYMLINK_NOFOLLOW)?;
        let times = timestamps(self.mtime);
        rustix::fs::utimensat(&parent, name, &times, AtFlags::SYMLINK_NOFOLLOW)
    }
}

/// The content's time of a `stat`.
pub(crate) fn time_of(stat: &Stat) -> Time {
    Time {
        seconds: stat.st_mtime,
        // Never a billion or more (inode(7)).
        nanoseconds: u32::try_from(stat.st_mtime_nsec).unwrap_or(0),
    }
}

/// The same for access and change of content.
pub(crate) fn timestamps(time: Time) -> Timestamps {
    let time = Timespec {
        tv_sec: time.seconds,
        tv_nsec: time.nanoseconds.into(),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

pub(crate) fn uid(raw: u32) -> Uid {
    Uid::from_raw_unchecked(raw)
}

pub(crate) fn gid(raw: u32) -> Gid {
    Gid::from_raw_unchecked(raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_attributes_that_mean_the_same_everywhere_travel() {
        for kept in [&b"user.note"[..], b"security.capability"] {
            assert!(is_kept(kept));
        }
        for left in [
            &b"trusted.overlay.redirect"[..],
            b"trusted.overlay.opaque",
            b"user.overlay.opaque",
            b"security.selinux",
            b"system.posix_acl_access",
            b"",
        ] {
            assert!(!is_kept(left));
        }
    }

    #[test]
    fn attributes_are_written_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let file = std::fs::File::create(dir.path().join("f")).unwrap();
        let xattr = |name: &str, value: Vec<u8>| Xattr {
            name: name.into(),
            value,
        };
        // Version 2, cap_net_bind_service effective (linux/capability.h `vfs_cap_data`).
        let capability = [&[1, 0, 0, 2, 0, 4][..], &[0; 14]].concat();
        let xattrs = [
            xattr("security.capability", capability),
            xattr("trusted.overlay.opaque", b"y".to_vec()),
            xattr("user.long", vec![7; 3000]),
        ];
        let mtime = Time {
            seconds: -5,
            nanoseconds: 9,
        };
        let attributes = Attributes {
            mode: 0o6751,
            uid: 5,
            gid: 6,
            mtime,
        };
        assert_eq!(attributes.set(&file, &xattrs).unwrap(), 0);
        assert_eq!(
            Attributes::of(&rustix::fs::fstat(&file).unwrap()),
            attributes
        );
        let read = inspect(&file).unwrap();
        assert!(!read.opaque && !read.foreign);
        assert_eq!(read.xattrs, [xattrs[0].clone(), xattrs[2].clone()]);
        let bad = [xattr("security.capability", b"nonsense".to_vec())];
        assert_eq!(write_xattrs(&file, &bad).unwrap(), 1);
    }
}
