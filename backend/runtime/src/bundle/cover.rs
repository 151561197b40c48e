//! Paths that a bundle wants shown empty or read only. The root is entered; no magic link is
//! followed, and what is to be covered in `/proc` must lie on procfs itself (CVE-2019-19921).

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use orlop_linux::mount::{self, Attributes};
use orlop_wire::reply::Failure;

use crate::failure::{Step as _, invalid};
use crate::init::null_device;

/// Opens a path; one that is not there needs no cover.
fn existing(path: &str) -> Result<Option<OwnedFd>, Failure> {
    let found = match mount::open_target(Path::new(path)) {
        Ok(found) => found,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error).step(format!("opening {path}")),
    };
    let is_proc = mount::is_procfs(found.as_fd()).step(format!("looking at {path}"))?;
    if path.starts_with("/proc/") && !is_proc {
        return Err(invalid(format!("{path} is not the kernel's")));
    }
    Ok(Some(found))
}

/// Closes paths for writing, with all that is mounted below.
pub(super) fn close(paths: &[String]) -> Result<(), Failure> {
    for path in paths {
        let Some(over) = existing(path)? else {
            continue;
        };
        let what = || format!("closing {path}");
        let copy = mount::copy_of_fd(over.as_fd(), true).step(what())?;
        mount::change(&copy, true, Attributes::MOUNT_ATTR_RDONLY, None).step(what())?;
        mount::attach(&copy, over).step(what())?;
    }
    Ok(())
}

/// Shows paths empty.
pub(super) fn mask(paths: &[String]) -> Result<(), Failure> {
    if paths.is_empty() {
        return Ok(());
    }
    let attributes = Attributes::MOUNT_ATTR_RDONLY
        | Attributes::MOUNT_ATTR_NOSUID
        | Attributes::MOUNT_ATTR_NODEV
        | Attributes::MOUNT_ATTR_NOEXEC;
    let empty =
        mount::make("tmpfs", Some("tmpfs"), &[], attributes).step("making an empty folder")?;
    for path in paths {
        let Some(over) = existing(path)? else {
            continue;
        };
        let what = || format!("masking {path}");
        let stat = nix::sys::stat::fstat(&over).step(what())?;
        let cover = if stat.st_mode & nix::libc::S_IFMT == nix::libc::S_IFDIR {
            mount::copy_of_fd(empty.as_fd(), false)
        } else {
            null_device().and_then(|null| mount::copy_of_fd(null.as_fd(), false))
        };
        mount::attach(&cover.step(what())?, over).step(what())?;
    }
    Ok(())
}
