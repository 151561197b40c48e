//! Overlay mounts that are attached nowhere, on new kernels and on old ones.
//!
//! Linux 6.8 takes any number of layers one by one (`lowerdir+`). Before that all of them go into
//! one option of mount(2), a page at most, so they are named by their descriptors, and the mount
//! is made at a place in a mount namespace of its own and taken away from there again.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::Path;

use nix::mount::{MntFlags, MsFlags};
use nix::sched::CloneFlags;

use crate::mount::{self, Attributes, FsOption};

/// What an overlay mount is made of.
#[derive(Debug, Clone, Copy)]
pub struct Overlay<'a> {
    /// The lower directories, highest first; at least one, or two without an upper directory.
    pub lower: &'a [&'a Path],
    /// The upper directory and overlayfs's own folder beside it.
    pub upper: Option<(&'a Path, &'a Path)>,
}

/// Features that let a directory hold less than all its data: a layer must be whole in itself.
const OFF: [&str; 3] = ["index", "metacopy", "redirect_dir"];

/// The longest option text of mount(2), with its closing NUL.
const PAGE_BYTES: usize = 4096;

impl Overlay<'_> {
    /// Makes the mount.
    ///
    /// # Errors
    /// As the kernel says; on an old kernel also when there are too many layers (about 200).
    pub fn make(&self, attributes: Attributes) -> io::Result<OwnedFd> {
        match self.make_one_by_one(attributes) {
            // An option that the kernel does not know.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                self.make_by_text(attributes)
            }
            other => other,
        }
    }

    fn make_one_by_one(&self, attributes: Attributes) -> io::Result<OwnedFd> {
        let mut options: Vec<_> = self
            .lower
            .iter()
            .map(|layer| FsOption::Value("lowerdir+", layer))
            .collect();
        if let Some((upper, work)) = self.upper {
            options.push(FsOption::Value("upperdir", upper));
            options.push(FsOption::Value("workdir", work));
            options.extend(OFF.map(|name| FsOption::Value(name, Path::new("off"))));
        }
        mount::make("overlay", None, &options, attributes)
    }

    fn make_by_text(&self, attributes: Attributes) -> io::Result<OwnedFd> {
        // First of all: only files of one's own mount namespace can become layers.
        nix::sched::unshare(CloneFlags::CLONE_NEWNS)?;
        mount::make_all_private()?;
        let mut held = Vec::new();
        let mut name = |path: &Path| {
            let file = File::open(path)?;
            let name = format!("/proc/self/fd/{}", file.as_raw_fd());
            held.push(file);
            io::Result::Ok(name)
        };
        let lower: Vec<String> = self
            .lower
            .iter()
            .map(|path| name(path))
            .collect::<io::Result<_>>()?;
        let mut text = format!("lowerdir={}", lower.join(":"));
        if let Some((upper, work)) = self.upper {
            // Writing to a String never fails.
            let _ = write!(text, ",upperdir={},workdir={}", name(upper)?, name(work)?);
            OFF.iter().for_each(|feature| {
                let _ = write!(text, ",{feature}=off");
            });
        }
        if text.len() >= PAGE_BYTES {
            let message = format!("this kernel cannot mount {} layers", self.lower.len());
            return Err(io::Error::new(io::ErrorKind::Unsupported, message));
        }
        let place = self.lower.first().ok_or(io::ErrorKind::InvalidInput)?;
        attach_and_take(place, &text, attributes)
    }
}

/// Mounts at a place, takes a detached copy, and unmounts; nobody else sees this namespace.
fn attach_and_take(place: &Path, text: &str, attributes: Attributes) -> io::Result<OwnedFd> {
    let none = None::<&str>;
    nix::mount::mount(none, place, Some("overlay"), MsFlags::empty(), Some(text))?;
    let taken = mount::copy_of(place, false);
    nix::mount::umount2(place, MntFlags::MNT_DETACH)?;
    let taken = taken?;
    mount::change(&taken, false, attributes, None)?;
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn both_ways_give_the_same_tree_and_attach_nothing() {
        let dir = tempfile::tempdir().expect("folder");
        let path = |name: &str| dir.path().join(name);
        for name in ["low", "high", "upper", "work"] {
            fs::create_dir(path(name)).expect("folder");
            fs::write(path(name).join(name), name).expect("file");
        }
        fs::remove_file(path("work/work")).expect("empty");
        let mounts = || fs::read_to_string("/proc/thread-self/mountinfo").expect("mounts");
        let before = mounts().lines().count();
        let (low, high, upper, work) = (path("low"), path("high"), path("upper"), path("work"));
        let lower = [&*high, &*low];
        let overlay = Overlay {
            lower: &lower,
            upper: Some((&upper, &work)),
        };
        let list = |mount: &OwnedFd| {
            let top = format!("/proc/self/fd/{}", mount.as_raw_fd());
            let all = fs::read_dir(top).expect("list");
            let mut names: Vec<_> = all.map(|entry| entry.expect("entry").file_name()).collect();
            names.sort();
            names
        };
        let first = overlay
            .make_one_by_one(Attributes::MOUNT_ATTR_NODEV)
            .expect("new way");
        let names = list(&first);
        assert_eq!(names, ["high", "low", "upper"]);
        drop(first);
        let second = overlay
            .make_by_text(Attributes::MOUNT_ATTR_NODEV)
            .expect("old way");
        assert_eq!(list(&second), names);
        assert_eq!(mounts().lines().count(), before);
        let made = format!("/proc/self/fd/{}/made", second.as_raw_fd());
        fs::write(made, "x").expect("write");
        assert!(path("upper/made").exists());
    }

    #[test]
    fn many_layers_fit() {
        let dir = tempfile::tempdir().expect("folder");
        let all: Vec<_> = (0..300)
            .map(|n| dir.path().join(format!("{n:064}")))
            .collect();
        all.iter()
            .for_each(|path| fs::create_dir(path).expect("folder"));
        let lower: Vec<&Path> = all.iter().map(std::path::PathBuf::as_path).collect();
        let overlay = Overlay {
            lower: &lower,
            upper: None,
        };
        overlay.make(Attributes::empty()).expect("300 layers");
        let old = Overlay {
            lower: &lower[..150],
            upper: None,
        };
        old.make_by_text(Attributes::empty())
            .expect("150 layers on an old kernel");
        let error = overlay
            .make_by_text(Attributes::empty())
            .expect_err("too many");
        assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    }
}
