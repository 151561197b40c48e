//! Hiding and closing what of `/proc` and `/sys` concerns the host.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use orlop_linux::mount::{self, Attributes};
use orlop_model::confinement::{Confinement, MASKED, READ_ONLY};
use orlop_wire::reply::Failure;

use crate::failure::{Step as _, invalid};

const RDONLY: Attributes = Attributes::MOUNT_ATTR_RDONLY;

/// Closes and covers what the lists name; what does not exist needs no cover.
pub(super) fn mask(confinement: &Confinement) -> Result<(), Failure> {
    let given = |own: &Option<Vec<String>>, usual: &[&str]| {
        let usual = || usual.iter().map(ToString::to_string).collect::<Vec<_>>();
        own.clone().unwrap_or_else(usual)
    };
    for path in given(&confinement.readonly_paths, &READ_ONLY) {
        close(&path)?;
    }
    let empty = mount::make(
        "tmpfs",
        Some("tmpfs"),
        &[],
        RDONLY
            | Attributes::MOUNT_ATTR_NOSUID
            | Attributes::MOUNT_ATTR_NODEV
            | Attributes::MOUNT_ATTR_NOEXEC,
    )
    .step("making an empty folder")?;
    let mut empty = Empty {
        mount: empty,
        attached: false,
    };
    for path in given(&confinement.masked_paths, &MASKED) {
        cover(&path, &mut empty)?;
    }
    if confinement.masked_paths.is_none() {
        for path in thermal_counters() {
            cover(&path, &mut empty)?;
        }
    }
    Ok(())
}

fn close(path: &str) -> Result<(), Failure> {
    let Some(over) = existing(path)? else {
        return Ok(());
    };
    let what = || format!("closing {path}");
    let copy = mount::copy_of_fd(over.as_fd(), true).step(what())?;
    mount::change(&copy, true, RDONLY, None).step(what())?;
    mount::attach(&copy, over).step(what())
}

/// An empty folder that covers others.
struct Empty {
    mount: OwnedFd,
    attached: bool,
}

impl Empty {
    /// Before Linux 6.15 only a mount that is attached somewhere can be copied: the first time it
    /// is given away itself.
    fn put(&mut self, over: OwnedFd) -> io::Result<()> {
        if self.attached {
            let copy = mount::copy_of_fd(self.mount.as_fd(), false)?;
            return mount::attach(&copy, over);
        }
        mount::attach(&self.mount, over)?;
        self.attached = true;
        Ok(())
    }
}

fn cover(path: &str, empty: &mut Empty) -> Result<(), Failure> {
    let Some(over) = existing(path)? else {
        return Ok(());
    };
    let what = || format!("masking {path}");
    let stat = nix::sys::stat::fstat(&over).step(what())?;
    let is_directory = stat.st_mode & nix::libc::S_IFMT == nix::libc::S_IFDIR;
    if is_directory {
        return empty.put(over).step(what());
    }
    let null = super::devices::null().and_then(|null| mount::copy_of_fd(null.as_fd(), false));
    mount::attach(&null.step(what())?, over).step(what())
}

/// What each CPU counts of its heat tells others what the host does.
fn thermal_counters() -> impl Iterator<Item = String> {
    let cpus = fs::read_dir("/sys/devices/system/cpu")
        .into_iter()
        .flatten();
    cpus.flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            name.strip_prefix("cpu")
                .is_some_and(|number| number.parse::<u32>().is_ok())
        })
        .map(|name| format!("/sys/devices/system/cpu/{name}/thermal_throttle"))
}

/// Opens a path. One of `/proc` or `/sys` must lie on a file system of the kernel and not on one
/// that a mount of the image's making put there.
fn existing(path: &str) -> Result<Option<OwnedFd>, Failure> {
    use nix::sys::statfs::{PROC_SUPER_MAGIC, SYSFS_MAGIC, fstatfs};
    match mount::open_target(Path::new(path)) {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error).step(format!("opening {path}")),
        Ok(fd) => {
            let mut parts = path.split('/').filter(|part| !matches!(*part, "" | "."));
            let of_kernel = matches!(parts.next(), Some("proc" | "sys"));
            let kind = fstatfs(&fd)
                .step(format!("looking at {path}"))?
                .filesystem_type();
            if !of_kernel || kind == PROC_SUPER_MAGIC || kind == SYSFS_MAGIC {
                Ok(Some(fd))
            } else {
                Err(invalid(format!("{path} is not the kernel's")))
            }
        }
    }
}
