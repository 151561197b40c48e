//! Starting Orlop's own processes from a sealed copy of the executable.
//!
//! `/proc/<pid>/exe` of everything that is started from a sealed memfd points to memory that
//! nobody can write, so a container cannot overwrite the runtime (CVE-2019-5736). For programs
//! with one thread; nothing here runs between fork and exec but what the standard library does.

use std::ffi::{CStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::signal::Signal;

/// The name that `/proc/<pid>/exe` shows behind `/memfd:`.
const MEMFD_NAME: &CStr = c"orlop";

/// `MFD_EXEC` of memfd_create(2): executable, also where the host's default says otherwise.
const MFD_EXEC: MFdFlags = MFdFlags::from_bits_retain(0x10);

/// A copy of the running executable in memory that nobody can change any more.
#[derive(Debug)]
pub struct SealedExecutable(OwnedFd);

impl SealedExecutable {
    /// Copies and seals the running executable.
    ///
    /// # Errors
    /// If it cannot be read, or memory is short.
    pub fn of_self() -> io::Result<Self> {
        let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
        let memfd = memfd_create(MEMFD_NAME, flags | MFD_EXEC)
            // Kernels before 6.3 do not know the flag and make memfds executable anyway.
            .or_else(|_| memfd_create(MEMFD_NAME, flags))?;
        let mut copy = File::from(memfd);
        io::copy(&mut File::open("/proc/self/exe")?, &mut copy)?;
        let seals = SealFlag::F_SEAL_WRITE
            | SealFlag::F_SEAL_SHRINK
            | SealFlag::F_SEAL_GROW
            | SealFlag::F_SEAL_SEAL;
        fcntl(&copy, FcntlArg::F_ADD_SEALS(seals))?;
        Ok(Self(OwnedFd::from(copy)))
    }
}

/// Makes sure that this process runs from a file that nobody can write through its
/// `/proc/<pid>/exe`: if need be it starts itself anew, with the same arguments and environment,
/// from a mount of its own executable that is read only and that no namespace shows, so that none
/// can change it; where such a mount cannot be had, from a sealed copy. Much quicker than the
/// copy, which [`SealedExecutable`] makes once for many.
///
/// # Errors
/// If neither can be had.
pub fn seal_self() -> io::Result<()> {
    if is_sealed()? {
        return Ok(());
    }
    let executable = read_only_self().or_else(|_| SealedExecutable::of_self().map(|s| s.0))?;
    let text = |text: OsString| {
        std::ffi::CString::new(text.into_encoded_bytes())
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
    };
    let arguments: Vec<_> = std::env::args_os().map(text).collect::<io::Result<_>>()?;
    let environment: Vec<_> = std::env::vars_os()
        .map(|(mut name, value)| {
            name.push("=");
            name.push(value);
            text(name)
        })
        .collect::<io::Result<_>>()?;
    match nix::unistd::fexecve(&executable, &arguments, &environment) {
        Ok(never) => match never {},
        Err(errno) => Err(errno.into()),
    }
}

fn is_sealed() -> io::Result<bool> {
    use nix::sys::statvfs::{FsFlags, fstatvfs};
    let executable = File::open("/proc/self/exe")?;
    let flags = fstatvfs(&executable)?.flags();
    let seals = fcntl(&executable, FcntlArg::F_GET_SEALS).unwrap_or(0);
    Ok(flags.contains(FsFlags::ST_RDONLY) || seals & SealFlag::F_SEAL_WRITE.bits() != 0)
}

/// The executable by a mount that is attached nowhere. When its descriptor is closed by the exec
/// it belongs to no namespace any more, and so nothing can make it writable again.
fn read_only_self() -> io::Result<OwnedFd> {
    use crate::mount::{Attributes, alter, copy_of_fd};
    let executable = File::open("/proc/self/exe")?;
    let mount = copy_of_fd(executable.as_fd(), false)?;
    let attributes = Attributes::MOUNT_ATTR_RDONLY;
    alter(&mount, false, attributes, Attributes::empty())?;
    Ok(mount)
}

/// A process about to be started.
#[derive(Debug)]
pub struct Spawn {
    command: Command,
    passed: Vec<OwnedFd>,
}

impl Spawn {
    /// The sealed executable under this name, which is its `argv[0]`. Standard input is
    /// `/dev/null`; the process group is its own, so that Ctrl-C reaches only who asked for it.
    #[must_use]
    pub fn new(executable: &SealedExecutable, name: &str) -> Self {
        let mut command = Command::new(format!("/proc/self/fd/{}", executable.0.as_raw_fd()));
        command.arg0(name).stdin(Stdio::null()).process_group(0);
        Self {
            command,
            passed: Vec::new(),
        }
    }

    /// Hands a descriptor over and tells its number in the new process.
    ///
    /// # Errors
    /// If no descriptor is left.
    pub fn pass(&mut self, fd: BorrowedFd<'_>) -> io::Result<RawFd> {
        let copy = fd.try_clone_to_owned()?;
        // This copy alone survives exec, and it is closed here when the process was started.
        fcntl(&copy, FcntlArg::F_SETFD(FdFlag::empty()))?;
        let number = copy.as_raw_fd();
        self.passed.push(copy);
        Ok(number)
    }

    /// Adds an argument.
    #[must_use]
    pub fn argument(mut self, argument: impl Into<OsString>) -> Self {
        self.command.arg(argument.into());
        self
    }

    /// Starts it as this user and group, without any other group and without capabilities.
    #[must_use]
    pub fn as_user(mut self, uid: u32, gid: u32) -> Self {
        if uid != 0 {
            self.command.uid(uid).gid(gid);
        }
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// As fork(2) and execve(2).
    pub fn start(mut self) -> io::Result<Child> {
        self.command.spawn()
    }
}

/// Takes over a descriptor that the parent passed by number.
///
/// # Errors
/// If there is no such descriptor.
pub fn inherited_fd(number: RawFd) -> io::Result<OwnedFd> {
    if number <= 2 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the number was handed over for this very use, and it is borrowed only for the
    // duplicate; a number without a descriptor is an error of fcntl(2), not undefined.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let owned = borrowed.as_fd().try_clone_to_owned()?;
    // SAFETY: the duplicate shows that the number is open; the parent passed it to this process
    // alone, so nothing else owns it, and it is closed here.
    drop(unsafe { OwnedFd::from_raw_fd(number) });
    Ok(owned)
}

/// Ends this process when its parent ends.
///
/// # Errors
/// If `parent` is not the parent, which means that it has ended already.
pub fn die_with_parent(parent: u32) -> io::Result<()> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    let now = nix::unistd::getppid().as_raw();
    if u32::try_from(now) == Ok(parent) {
        Ok(())
    } else {
        Err(io::Error::other(
            "the process that started this one has ended",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_copy_cannot_be_written() {
        let sealed = SealedExecutable::of_self().expect("seal");
        let path = format!("/proc/self/fd/{}", sealed.0.as_raw_fd());
        let error = match File::options().write(true).open(path) {
            Ok(file) => io::Write::write_all(&mut &file, b"x").expect_err("sealed"),
            Err(error) => error,
        };
        assert!(matches!(
            error.raw_os_error(),
            Some(nix::libc::EPERM | nix::libc::ETXTBSY)
        ));
    }

    #[test]
    fn an_unknown_number_is_refused() {
        assert!(inherited_fd(1).is_err());
        assert!(inherited_fd(9_999).is_err());
    }
}
