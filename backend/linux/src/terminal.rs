//! Pseudo-terminals (pty(7)).
//!
//! A container can put anything at any path of its `/dev`: what is opened there is looked at, and
//! the slave is had from the master and not by its name.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::Mode;
use nix::sys::statfs::{FsType, fstatfs};

/// `DEVPTS_SUPER_MAGIC` of statfs(2).
const DEVPTS_MAGIC: FsType = FsType(0x1cd1);

/// A new terminal of the devpts mounted at `/dev/pts`: master, slave, and the slave's number.
///
/// # Errors
/// If there is no devpts, or no terminal left in it.
pub fn open_terminal() -> io::Result<(OwnedFd, OwnedFd, u32)> {
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let master = open("/dev/pts/ptmx", flags, Mode::empty())?;
    if fstatfs(&master)?.filesystem_type() != DEVPTS_MAGIC {
        return Err(io::Error::other(
            "/dev/pts/ptmx is no terminal of the kernel's",
        ));
    }
    let unlock: libc::c_int = 0;
    // SAFETY: TIOCSPTLCK reads one int, which outlives the call.
    Errno::result(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &raw const unlock) })?;
    let mut number: libc::c_uint = 0;
    // SAFETY: TIOCGPTN writes one unsigned int, which outlives the call.
    Errno::result(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTN, &raw mut number) })?;
    // SAFETY: TIOCGPTPEER takes flags by value; the descriptor that it gives is nobody else's.
    let slave = unsafe {
        let raw = libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags.bits());
        OwnedFd::from_raw_fd(Errno::result(raw)?)
    };
    Ok((master, slave, number))
}

/// Sets a terminal's size.
///
/// # Errors
/// If the descriptor is no terminal.
pub fn set_size(terminal: BorrowedFd<'_>, rows: u16, cols: u16) -> io::Result<()> {
    let size = libc::winsize {
        ws_row: rows,
        ws_col: cols,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCSWINSZ reads one winsize, which outlives the call.
    let result = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCSWINSZ, &raw const size) };
    Ok(Errno::result(result).map(drop)?)
}

/// Makes this process the leader of a new session with this terminal, and the terminal its
/// standard input, output and error.
///
/// # Errors
/// If the process leads a group already.
pub fn take_over(slave: &OwnedFd) -> io::Result<()> {
    nix::unistd::setsid()?;
    // SAFETY: TIOCSCTTY takes a number and touches no memory.
    Errno::result(unsafe { libc::ioctl(slave.as_raw_fd(), libc::TIOCSCTTY, 0) })?;
    set_standard(slave.as_fd(), slave.as_fd(), slave.as_fd())
}

/// Makes these the standard input, output and error.
///
/// # Errors
/// As dup2(2).
pub fn set_standard(
    input: BorrowedFd<'_>,
    output: BorrowedFd<'_>,
    error: BorrowedFd<'_>,
) -> io::Result<()> {
    nix::unistd::dup2_stdin(input)?;
    nix::unistd::dup2_stdout(output)?;
    nix::unistd::dup2_stderr(error)?;
    Ok(())
}

/// A terminal's rows and columns; none if the descriptor is no terminal, or has no size.
#[must_use]
pub fn size(terminal: BorrowedFd<'_>) -> Option<(u16, u16)> {
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: TIOCGWINSZ writes one winsize, which outlives the call.
    let result = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TIOCGWINSZ, &raw mut size) };
    let known = Errno::result(result).is_ok() && size.ws_row > 0;
    known.then_some((size.ws_row, size.ws_col))
}
