//! A forked child that handles bytes which somebody else made: with a root directory of its own,
//! no network, little memory, no descriptor but those it works with, and only the capabilities
//! that its task needs.
//!
//! For programs with one thread: the child goes on running ordinary code after the fork.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, RawFd};

use nix::sched::CloneFlags;
use nix::sys::prctl;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::unistd::Pid;

use crate::capability::{self, CapabilitySet};
use crate::process::{self, Child, Ended};

/// What a child may do to files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// Read any tree, and remove what is in it.
    Read,
    /// The same, and see overlayfs's marks, which only `CAP_SYS_ADMIN` does (xattr(7)).
    ReadMarks,
    /// Make any file: owners, permissions, devices, file capabilities.
    Write,
}

impl Rights {
    fn capabilities(self) -> CapabilitySet {
        let names: &[&str] = match self {
            Self::Read => &["DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER"],
            Self::ReadMarks => &["DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "SYS_ADMIN"],
            Self::Write => &[
                "CHOWN",
                "DAC_OVERRIDE",
                "FOWNER",
                "FSETID",
                "MKNOD",
                "SETFCAP",
            ],
        };
        // Every name is a capability's; one that were not would be a right less.
        CapabilitySet::from_names(names).unwrap_or(CapabilitySet::EMPTY)
    }
}

/// Exit code of a child that could not take its place.
const EXIT_NOT_CONFINED: i32 = 125;

/// How a child is confined.
#[derive(Debug, Clone, Copy)]
pub struct Confinement<'a> {
    /// Its root and working directory; the caller's when absent.
    pub root: Option<BorrowedFd<'a>>,
    /// What it may do to files.
    pub rights: Rights,
    /// Bytes of address space; what asks for more is aborted.
    pub memory: u64,
    /// The descriptors that it works with; beyond these it has standard input, output and error.
    pub keep: &'a [BorrowedFd<'a>],
}

/// A confined child; killed and reaped when dropped.
#[derive(Debug)]
pub struct Confined {
    child: Child,
    reaped: bool,
}

impl Confined {
    /// Runs `work` in a confined child, whose exit code it gives. The child dies with its parent.
    ///
    /// # Errors
    /// If there can be no further process.
    pub fn start(confinement: Confinement<'_>, work: impl FnOnce() -> i32) -> io::Result<Self> {
        let parent = nix::unistd::getpid();
        let flags = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWIPC;
        let child = process::clone(flags, None, || match confine(confinement, parent) {
            Ok(()) => work(),
            Err(_) => EXIT_NOT_CONFINED,
        })?;
        Ok(Self {
            child,
            reaped: false,
        })
    }

    /// Becomes readable when the child ends.
    #[must_use]
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.child.pidfd.as_fd()
    }

    /// Waits for the end.
    ///
    /// # Errors
    /// As waitid(2).
    pub fn wait(mut self) -> io::Result<Ended> {
        self.reaped = true;
        process::wait(self.pidfd())
    }
}

impl Drop for Confined {
    fn drop(&mut self) {
        if !self.reaped {
            // It may have ended by itself; it is reaped in either case.
            let _ = process::send_signal(self.pidfd(), libc::SIGKILL);
            let _ = process::wait(self.pidfd());
        }
    }
}

fn confine(confinement: Confinement<'_>, parent: Pid) -> io::Result<()> {
    process::die_with_parent_signal()?;
    if nix::unistd::getppid() != parent {
        return Err(io::ErrorKind::NotConnected.into());
    }
    nix::sys::stat::umask(nix::sys::stat::Mode::empty());
    // While there is a /proc to read them from.
    let capabilities = confinement
        .rights
        .capabilities()
        .intersection(CapabilitySet::effective()?);
    if let Some(root) = confinement.root {
        nix::unistd::fchdir(root)?;
        nix::unistd::chroot(".")?;
    }
    let keep: Vec<RawFd> = confinement
        .keep
        .iter()
        .map(std::os::fd::AsRawFd::as_raw_fd)
        .collect();
    process::close_all_but(libc::STDERR_FILENO.unsigned_abs(), &keep)?;
    // A lower hard limit of the parent's stays.
    let (_, hard) = getrlimit(Resource::RLIMIT_AS)?;
    let memory = confinement.memory.min(hard);
    setrlimit(Resource::RLIMIT_AS, memory, memory)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    process::set_dumpable(false)?;
    prctl::set_no_new_privs()?;
    Ok(capability::apply(capabilities, capabilities)?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const MEMORY: u64 = 1 << 30;

    fn run(root: Option<BorrowedFd<'_>>, work: impl FnOnce() -> bool) -> Ended {
        let confinement = Confinement {
            root,
            rights: Rights::Read,
            memory: MEMORY,
            keep: &[],
        };
        Confined::start(confinement, || i32::from(!work()))
            .unwrap()
            .wait()
            .unwrap()
    }

    #[test]
    fn a_child_sees_its_root_alone_and_has_few_rights() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("inside"), "x").unwrap();
        let root = fs::File::open(dir.path()).unwrap();
        let status = run(Some(root.as_fd()), || {
            let only = fs::read_dir("/").is_ok_and(|all| all.count() == 1);
            let no_mount = nix::mount::umount("/").is_err();
            let no_device = nix::sys::stat::mknod(
                "/device",
                nix::sys::stat::SFlag::S_IFCHR,
                nix::sys::stat::Mode::S_IRUSR,
                nix::sys::stat::makedev(1, 3),
            );
            only && fs::write("/made", "y").is_ok() && no_device.is_err() && no_mount
        });
        assert_eq!(status, Ended::Code(0));
        assert_eq!(fs::read(dir.path().join("made")).unwrap(), b"y");
    }

    #[test]
    fn a_child_has_the_descriptors_that_were_named_and_no_other() {
        let files: Vec<_> = (0..6)
            .map(|_| fs::File::open("/dev/null").unwrap())
            .collect();
        let keep = [files[4].as_fd(), files[1].as_fd()];
        let confinement = Confinement {
            root: None,
            rights: Rights::Read,
            memory: MEMORY,
            keep: &keep,
        };
        let child = Confined::start(confinement, || {
            let is_open = |fd: &fs::File| nix::sys::stat::fstat(fd).is_ok();
            let open: Vec<bool> = files.iter().map(is_open).collect();
            let right = open == [false, true, false, false, true, false];
            // Standard error among them; no more, however many there were.
            let above =
                (3..200).filter(|fd| fs::exists(format!("/proc/self/fd/{fd}")).unwrap_or(true));
            i32::from(!right || above.count() != 2)
        });
        let status = child.unwrap().wait().unwrap();
        assert_eq!(status, Ended::Code(0));
    }

    #[test]
    fn memory_is_bounded_and_failures_are_seen() {
        let status = run(None, || {
            let mut all: Vec<Vec<u8>> = Vec::new();
            (0..64).all(|_| {
                let mut more = Vec::new();
                let fits = more.try_reserve_exact(64 << 20).is_ok();
                all.push(more);
                fits
            })
        });
        assert_eq!(status, Ended::Code(1));
        let status = run(None, || std::panic::panic_any("in the child"));
        assert_eq!(status, Ended::Code(101));
    }

    #[test]
    fn a_dropped_child_is_gone() {
        let confinement = Confinement {
            root: None,
            rights: Rights::Read,
            memory: MEMORY,
            keep: &[],
        };
        let child = Confined::start(confinement, || {
            std::thread::sleep(std::time::Duration::from_secs(600));
            0
        })
        .unwrap();
        let pid = i32::try_from(child.child.pid).unwrap();
        drop(child);
        assert_eq!(
            nix::sys::signal::kill(Pid::from_raw(pid), None),
            Err(nix::errno::Errno::ESRCH)
        );
    }
}
