//! The master of a container's terminal: handed to the socket that the caller named, or shown on
//! the caller's own terminal.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr};
use nix::unistd::{read, write};
use orlop_wire::channel;

/// What goes with the descriptor; receivers want some byte, and show it at most.
const NAME: &[u8] = b"/dev/ptmx";

/// Hands the master to a socket.
pub(crate) fn hand_over(socket: &Path, master: BorrowedFd<'_>) -> io::Result<()> {
    let folder = socket.parent().unwrap_or(Path::new("."));
    let name = socket.file_name().unwrap_or_default();
    // By the folder's descriptor, since a path may be longer than a socket's name (unix(7)).
    let folder = if folder.as_os_str().is_empty() {
        std::fs::File::open(".")?
    } else {
        std::fs::File::open(folder)?
    };
    let path = Path::new("/proc/self/fd")
        .join(folder.as_raw_fd().to_string())
        .join(name);
    let stream = UnixStream::connect(path)?;
    channel::send_some(stream.as_fd(), NAME, &[master]).map(drop)
}

/// A master on the caller's terminal. Dropped, that is as it was.
#[derive(Debug)]
pub(crate) struct Relay {
    master: OwnedFd,
    before: Option<Termios>,
    input_open: bool,
}

impl Relay {
    pub(crate) fn new(master: OwnedFd) -> Self {
        let relay = Self {
            before: tcgetattr(io::stdin()).ok(),
            master,
            input_open: true,
        };
        if let Some(before) = &relay.before {
            let mut raw = before.clone();
            cfmakeraw(&mut raw);
            // Shown without it, at worst a line late.
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, &raw);
        }
        relay.resize();
        relay
    }

    /// Gives it the size of the caller's terminal.
    pub(crate) fn resize(&self) {
        if let Some((rows, cols)) = orlop_linux::terminal::size(io::stdin().as_fd()) {
            let _ = orlop_linux::terminal::set_size(self.master.as_fd(), rows, cols);
        }
    }

    pub(crate) fn master(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }

    /// Standard input, as long as there is some.
    pub(crate) fn wants_input(&self) -> bool {
        self.input_open
    }

    /// Passes one piece of input on.
    pub(crate) fn pass_input(&mut self) {
        let mut bytes = [0; 4096];
        match read(io::stdin(), &mut bytes) {
            Ok(0) | Err(_) => self.input_open = false,
            Ok(len) => self.input_open = write_all(self.master.as_fd(), &bytes[..len]).is_ok(),
        }
    }

    /// Passes one piece of output on; `false` when there will be none any more.
    pub(crate) fn pass_output(&self) -> bool {
        let mut bytes = [0; 4096];
        match read(&self.master, &mut bytes) {
            Ok(0) => false,
            Ok(len) => write_all(io::stdout().as_fd(), &bytes[..len]).is_ok(),
            Err(Errno::EINTR) => true,
            // EIO: nobody has the other side open.
            Err(_) => false,
        }
    }

    /// Passes on what is there already.
    pub(crate) fn drain(&self) {
        let mut waiting = [PollFd::new(self.master.as_fd(), PollFlags::POLLIN)];
        while poll(&mut waiting, PollTimeout::ZERO) == Ok(1) && self.pass_output() {}
    }
}

fn write_all(fd: BorrowedFd<'_>, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match write(fd, bytes) {
            Ok(len) => bytes = &bytes[len..],
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

impl Drop for Relay {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(io::stdin(), SetArg::TCSANOW, before);
        }
    }
}
