//! Sources of mounts on the host's side: opened once, so that what is looked at is what is mounted.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat, openat2};
use nix::sys::stat::{Mode, fstat, mkdirat};
use orlop_model::mount::{Propagation, SubPath};
use orlop_wire::reply::{Failure, FailureKind};

use crate::context::internal;
use crate::policy::Policy;

/// An open source.
pub(super) struct Source {
    pub(super) fd: OwnedFd,
    pub(super) directory: bool,
}

impl Source {
    fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
        Self::of(open(path, flags, Mode::empty())?)
    }

    fn of(fd: OwnedFd) -> io::Result<Self> {
        let kind = fstat(&fd)?.st_mode & nix::libc::S_IFMT;
        Ok(Self {
            directory: kind == nix::libc::S_IFDIR,
            fd,
        })
    }

    /// Where it lies.
    fn place(&self) -> io::Result<PathBuf> {
        place_of(&self.fd)
    }
}

fn place_of(fd: &OwnedFd) -> io::Result<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()))
}

fn invalid(message: String) -> Failure {
    Failure::new(FailureKind::Invalid, message)
}

/// Opens a source of our own.
pub(super) fn own(path: &Path) -> Result<Source, Failure> {
    Source::open(path).map_err(|error| internal(format!("opening {}: {error}", path.display())))
}

/// Opens a path in a volume; nothing in the volume leads out of it.
pub(super) fn below(volume: &Path, sub: &SubPath) -> Result<Source, Failure> {
    let wrong = |error: io::Error| {
        invalid(format!(
            "volume-subpath {:?}: {}",
            sub.as_str(),
            match error.raw_os_error() {
                Some(nix::libc::EXDEV) => "it leads out of the volume".to_owned(),
                _ => error.to_string(),
            }
        ))
    };
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let top = open(volume, flags, Mode::empty());
    let top = top.map_err(|error| internal(format!("opening {}: {error}", volume.display())))?;
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    let fd = openat2(&top, sub.as_str(), how).map_err(|errno| wrong(errno.into()))?;
    Source::of(fd).map_err(wrong)
}

/// Opens a bind's source and asks the policy about the place where the descriptor really lies:
/// nobody can put a link in between.
pub(super) fn of_bind(
    policy: &Policy,
    path: &Path,
    create: bool,
    propagation: Propagation,
) -> Result<Source, Failure> {
    let opened = match Source::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && create => {
            make(policy, path)?;
            Source::open(path)
        }
        other => other,
    };
    let source = opened.map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => invalid(format!(
            "invalid mount config for type \"bind\": bind source path does not exist: {}",
            path.display()
        )),
        _ => invalid(format!("bind source {}: {error}", path.display())),
    })?;
    let place = source
        .place()
        .map_err(|error| internal(format!("finding {}: {error}", path.display())))?;
    policy.judge_bind(&place)?;
    check_propagation(&source, path, propagation)?;
    Ok(source)
}

/// Makes a missing folder and those above it. What exists of the way is judged by where it really
/// lies, and below it no link is followed: nothing is made in a place that may not be bound.
fn make(policy: &Policy, path: &Path) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        invalid(format!(
            "error while creating mount source path '{}': {error}",
            path.display()
        ))
    };
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut missing = Vec::new();
    let mut above = path;
    let mut folder = loop {
        match open(above, flags, Mode::empty()) {
            Ok(folder) => break folder,
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(failed(errno.into())),
        }
        let name = above
            .file_name()
            .ok_or_else(|| failed(Errno::EINVAL.into()))?;
        missing.push(name);
        above = above.parent().ok_or_else(|| failed(Errno::ENOENT.into()))?;
    };
    let place = place_of(&folder).map_err(failed)?;
    policy.judge_bind(
        &missing
            .iter()
            .rev()
            .fold(place, |path, name| path.join(name)),
    )?;
    for name in missing.into_iter().rev() {
        match mkdirat(&folder, name, Mode::from_bits_truncate(0o755)) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(failed(errno.into())),
        }
        folder = openat(&folder, name, flags | OFlag::O_NOFOLLOW, Mode::empty())
            .map_err(|errno| failed(errno.into()))?;
    }
    Ok(())
}

/// Events can only be passed on by a mount that passes them.
fn check_propagation(
    source: &Source,
    path: &Path,
    propagation: Propagation,
) -> Result<(), Failure> {
    let (needs, words) = match propagation {
        Propagation::Private | Propagation::Rprivate => return Ok(()),
        Propagation::Shared | Propagation::Rshared => (&["shared:"][..], "a shared mount"),
        Propagation::Slave | Propagation::Rslave => {
            (&["shared:", "master:"][..], "a shared or slave mount")
        }
    };
    let read = |file: String| {
        fs::read_to_string(&file).map_err(|error| internal(format!("reading {file}: {error}")))
    };
    let info = read(format!("/proc/self/fdinfo/{}", source.fd.as_raw_fd()))?;
    let table = read("/proc/self/mountinfo".to_owned())?;
    match mount_of(&info, &table) {
        Some((_, options)) if needs.iter().any(|need| options.contains(need)) => Ok(()),
        Some((point, _)) => Err(invalid(format!(
            "path {} is mounted on {point} but it is not {words}",
            path.display()
        ))),
        None => Err(internal(format!(
            "the mount of {} is not known",
            path.display()
        ))),
    }
}

/// Mount point and optional fields (proc_pid_mountinfo(5)) of the mount that a descriptor lies on.
fn mount_of<'a>(fdinfo: &str, table: &'a str) -> Option<(&'a str, String)> {
    let id = fdinfo
        .lines()
        .find_map(|line| line.strip_prefix("mnt_id:"))?;
    let id = id.trim();
    let fields = table
        .lines()
        .map(|line| line.split(' ').collect::<Vec<_>>())
        .find(|fields| fields.first() == Some(&id))?;
    let optional = fields.iter().skip(6).take_while(|field| **field != "-");
    let options = optional.copied().collect::<Vec<_>>().join(" ");
    Some((fields.get(4)?, options))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_found_with_what_it_passes() {
        let table = "22 1 0:5 / / rw - ext4 /dev/vda rw\n\
            35 22 0:9 / /srv rw,noatime shared:7 master:2 - tmpfs tmpfs rw\n";
        let found = mount_of("pos:\t0\nflags:\t012\nmnt_id:\t35\n", table);
        assert_eq!(found, Some(("/srv", "shared:7 master:2".to_owned())));
        let root = mount_of("mnt_id:\t22\n", table).expect("known");
        assert_eq!(root, ("/", String::new()));
        assert_eq!(mount_of("mnt_id:\t9\n", table), None);
    }
}
