//! Processes: clone3(2) with a pidfd, waiting, signals that cannot hit the wrong one, namespaces.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use nix::errno::Errno;
use nix::sched::CloneFlags;
use nix::sys::signal::Signal;
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};

/// A child and its pidfd.
#[derive(Debug)]
pub struct Child {
    /// Its number, as the caller of [`clone`] sees it.
    pub pid: u32,
    /// Stays this process for ever, whoever gets the number next.
    pub pidfd: OwnedFd,
}

/// `struct clone_args` of clone3(2), up to `cgroup`.
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
    cgroup: u64,
}

/// `CLONE_INTO_CGROUP` of clone3(2).
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// Forks with these namespaces and flags, into a cgroup (version 2) where one is given; `work`
/// runs in the child, whose exit code it gives.
///
/// For programs with one thread: the child goes on running ordinary code.
///
/// # Errors
/// As clone3(2).
pub fn clone(
    flags: CloneFlags,
    cgroup: Option<BorrowedFd<'_>>,
    work: impl FnOnce() -> i32,
) -> io::Result<Child> {
    let mut pidfd: RawFd = -1;
    let is_sibling = flags.contains(CloneFlags::CLONE_PARENT);
    let mut args = CloneArgs {
        flags: u64::from(flags.bits().cast_unsigned()) | libc::CLONE_PIDFD.cast_unsigned() as u64,
        pidfd: (&raw mut pidfd).expose_provenance() as u64,
        // With CLONE_PARENT the signal is the caller's own, and none may be named.
        exit_signal: if is_sibling {
            0
        } else {
            libc::SIGCHLD.cast_unsigned().into()
        },
        ..CloneArgs::default()
    };
    if let Some(cgroup) = cgroup {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = u64::from(cgroup.as_raw_fd().cast_unsigned());
    }
    // SAFETY: the arguments are of the size that is passed and outlive the call; without
    // CLONE_VM the child has memory of its own, and its one thread finds all locks consistent.
    let result =
        unsafe { libc::syscall(libc::SYS_clone3, &raw const args, size_of::<CloneArgs>()) };
    match Errno::result(result)? {
        0 => {
            let run = std::panic::AssertUnwindSafe(work);
            let code = std::panic::catch_unwind(run).unwrap_or(101);
            exit(code)
        }
        pid => Ok(Child {
            pid: u32::try_from(pid).map_err(io::Error::other)?,
            // SAFETY: the kernel has made this descriptor for us and nobody else knows it.
            pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) },
        }),
    }
}

/// Forks: the child's number in the parent, nothing in the child. For programs with one thread.
///
/// # Errors
/// If there can be no further process.
pub fn fork() -> io::Result<Option<nix::unistd::Pid>> {
    // SAFETY: the process has one thread, so the child finds all locks and the allocator
    // consistent and may run any code.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Parent { child } => Ok(Some(child)),
        nix::unistd::ForkResult::Child => Ok(None),
    }
}

/// Ends this process at once; destructors of what a parent shares do not run.
pub fn exit(code: i32) -> ! {
    // SAFETY: _exit(2) has no preconditions.
    unsafe { libc::_exit(code) }
}

/// Opens a pidfd.
///
/// # Errors
/// If there is no such process.
pub fn open_pid(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    let pid = pid.ok_or(io::ErrorKind::InvalidInput)?;
    Ok(rustix::process::pidfd_open(
        pid,
        rustix::process::PidfdFlags::empty(),
    )?)
}

/// Sends a signal by number (real-time ones have no name) to the process of a pidfd.
///
/// # Errors
/// `ESRCH` when it has ended.
pub fn send_signal(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    // SAFETY: without a siginfo the kernel makes one; no memory is touched.
    let result = unsafe {
        libc::syscall(
            libc::SYS_pidfd_send_signal,
            pidfd.as_raw_fd(),
            signal,
            std::ptr::null::<libc::siginfo_t>(),
            0,
        )
    };
    Ok(Errno::result(result).map(drop)?)
}

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

/// Waits for a child's end and reaps it.
///
/// # Errors
/// If it is no child of the caller.
pub fn wait(pidfd: BorrowedFd<'_>) -> io::Result<Ended> {
    loop {
        match waitid(Id::PIDFd(pidfd), WaitPidFlag::WEXITED) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(Ended::Code(code)),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(Ended::Signal(signal as i32)),
            Ok(_) | Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Start time of a living process, clock ticks after boot: field 22 of proc_pid_stat(5), counted
/// behind the name, which may hold anything.
#[must_use]
pub fn start_time(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    // A zombie has ended.
    if matches!(state, "Z" | "X") {
        None
    } else {
        fields.nth(18)?.parse().ok()
    }
}

/// A pidfd of the very process that had this number and start time.
///
/// # Errors
/// `ESRCH` when it has ended, whoever has the number now.
pub fn open_exact(pid: u32, started: u64) -> io::Result<OwnedFd> {
    let pidfd = open_pid(pid)?;
    // The descriptor is there: a time that fits now is of this process.
    if start_time(pid) == Some(started) {
        Ok(pidfd)
    } else {
        Err(Errno::ESRCH.into())
    }
}

/// Moves the calling thread into namespaces of another process.
///
/// # Errors
/// As setns(2).
pub fn join_namespaces(pidfd: BorrowedFd<'_>, kinds: CloneFlags) -> io::Result<()> {
    Ok(nix::sched::setns(pidfd, kinds)?)
}

/// Closes every descriptor above `last`, save those on the list.
///
/// # Errors
/// As close_range(2).
pub fn close_all_but(last: u32, keep: &[RawFd]) -> io::Result<()> {
    let mut keep: Vec<u32> = keep
        .iter()
        .filter_map(|fd| u32::try_from(*fd).ok())
        .collect();
    keep.sort_unstable();
    let mut from = last + 1;
    for fd in keep.into_iter().filter(|fd| *fd > last) {
        if fd > from {
            close_range(from, fd - 1)?;
        }
        from = fd + 1;
    }
    close_range(from, u32::MAX)
}

/// Marks every descriptor above `last` to be closed by execve(2), whoever made it and forgot to.
/// Until then they can be used: a failed exec can still be told.
///
/// # Errors
/// As close_range(2).
pub fn close_on_exec_above(last: u32) -> io::Result<()> {
    // SAFETY: no descriptor is closed by this call; it touches no memory.
    let result = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            last + 1,
            u32::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    Ok(Errno::result(result).map(drop)?)
}

fn close_range(first: u32, last: u32) -> io::Result<()> {
    // SAFETY: the numbers are not used any more: callers keep what they need by name, and this
    // process goes on to exec or is its own from here on.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
    Ok(Errno::result(result).map(drop)?)
}

/// Becomes another program; returns only the error.
#[must_use]
pub fn execute(program: &CString, arguments: &[CString], environment: &[CString]) -> Errno {
    match nix::unistd::execve(program, arguments, environment) {
        Ok(never) => match never {},
        Err(errno) => errno,
    }
}

/// Ends this process when the parent ends. Lost when the user changes, so set it after that.
///
/// # Errors
/// As prctl(2).
pub fn die_with_parent_signal() -> io::Result<()> {
    Ok(nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?)
}

/// Goes on when the parent ends.
///
/// # Errors
/// As prctl(2).
pub fn outlive_parent() -> io::Result<()> {
    Ok(nix::sys::prctl::set_pdeathsig(None)?)
}

/// Whether others may trace this process and read its `/proc` entries (prctl(2)).
///
/// # Errors
/// As prctl(2).
pub fn set_dumpable(dumpable: bool) -> io::Result<()> {
    Ok(nix::sys::prctl::set_dumpable(dumpable)?)
}

/// A new, empty session keyring, so that none is shared with whoever started this process
/// (keyctl(2)). A kernel without keyrings has none to share.
pub fn leave_session_keyring() {
    /// `KEYCTL_JOIN_SESSION_KEYRING`.
    const JOIN_SESSION_KEYRING: libc::c_int = 1;
    // SAFETY: a null name makes an anonymous keyring; no memory is touched.
    unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            JOIN_SESSION_KEYRING,
            std::ptr::null::<libc::c_char>(),
        );
    }
}

/// Signals as a new program expects them: none blocked, none ignored.
///
/// # Errors
/// As sigprocmask(2).
pub fn reset_signals() -> io::Result<()> {
    use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
    /// `struct sigaction` of the kernel, all zero: the default action.
    const DEFAULT: [u64; 4] = [0; 4];
    /// Bytes of the kernel's set of signals.
    const SET_BYTES: usize = 8;
    // Those of the C library's own among them, which its signal(3) does not touch.
    for number in 1..=64 {
        // SAFETY: the kernel reads one structure of at most this size; the default action is no
        // function of ours. SIGKILL and SIGSTOP are refused, which changes nothing.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                number,
                DEFAULT.as_ptr(),
                std::ptr::null_mut::<u64>(),
                SET_BYTES,
            );
        }
    }
    Ok(sigprocmask(
        SigmaskHow::SIG_SETMASK,
        Some(&SigSet::empty()),
        None,
    )?)
}

/// Sets a resource limit by setrlimit(2), no higher than what this process may give; whether it
/// had to be clamped.
///
/// # Errors
/// If the name is no resource.
pub fn set_limit(name: &str, soft: i64, hard: i64) -> io::Result<bool> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let resource = match name {
        "as" => Resource::RLIMIT_AS,
        "core" => Resource::RLIMIT_CORE,
        "cpu" => Resource::RLIMIT_CPU,
        "data" => Resource::RLIMIT_DATA,
        "fsize" => Resource::RLIMIT_FSIZE,
        "locks" => Resource::RLIMIT_LOCKS,
        "memlock" => Resource::RLIMIT_MEMLOCK,
        "msgqueue" => Resource::RLIMIT_MSGQUEUE,
        "nice" => Resource::RLIMIT_NICE,
        "nofile" => Resource::RLIMIT_NOFILE,
        "nproc" => Resource::RLIMIT_NPROC,
        "rss" => Resource::RLIMIT_RSS,
        "rtprio" => Resource::RLIMIT_RTPRIO,
        "rttime" => Resource::RLIMIT_RTTIME,
        "sigpending" => Resource::RLIMIT_SIGPENDING,
        "stack" => Resource::RLIMIT_STACK,
        _ => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{name:?} is no ulimit"),
            ));
        }
    };
    // -1 is without limit, which is the largest number of the unsigned type.
    let (soft, hard) = (soft.cast_unsigned(), hard.cast_unsigned());
    if setrlimit(resource, soft, hard).is_ok() {
        return Ok(false);
    }
    let (_, most) = getrlimit(resource)?;
    setrlimit(resource, soft.min(most), hard.min(most))?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn a_child_is_waited_for_by_its_pidfd() {
        let child = clone(CloneFlags::empty(), None, || 7).expect("clone");
        assert_eq!(wait(child.pidfd.as_fd()).expect("wait"), Ended::Code(7));
        let child = clone(CloneFlags::empty(), None, || {
            loop {
                std::thread::park();
            }
        });
        let child = child.expect("clone");
        send_signal(child.pidfd.as_fd(), 9).expect("signal");
        assert_eq!(wait(child.pidfd.as_fd()).expect("wait"), Ended::Signal(9));
        assert_eq!(start_time(child.pid), None);
    }

    #[test]
    fn a_number_with_another_start_time_is_somebody_else() {
        let own = std::process::id();
        let started = start_time(own).expect("alive");
        assert!(open_exact(own, started).is_ok());
        assert!(open_exact(own, started + 1).is_err());
    }
}
