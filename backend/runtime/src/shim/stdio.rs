//! The shim's ends of a process's terminal or pipes.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use orlop_wire::frame::Stream;

/// Input that waits for the process at most; clients wait beyond it.
const MOST_INPUT: usize = 256 * 1024;

/// Terminal or pipes.
#[derive(Debug, Default)]
pub(crate) struct Stdio {
    /// The terminal's master: input and output.
    pub(crate) master: Option<OwnedFd>,
    pub(crate) stdin: Option<OwnedFd>,
    pub(crate) stdout: Option<OwnedFd>,
    pub(crate) stderr: Option<OwnedFd>,
    input: VecDeque<u8>,
    /// Standard input ends when what waits is written.
    ending: bool,
}

/// What a read gave.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Bytes(usize),
    Nothing,
    End,
}

impl Stdio {
    /// The shim's ends of pipes.
    pub(crate) fn of_pipes(stdin: Option<OwnedFd>, stdout: OwnedFd, stderr: OwnedFd) -> Self {
        Self {
            stdin,
            stdout: Some(stdout),
            stderr: Some(stderr),
            ..Self::default()
        }
    }

    /// Makes every end non-blocking.
    pub(crate) fn set_nonblocking(&self) -> io::Result<()> {
        for fd in [&self.master, &self.stdin, &self.stdout, &self.stderr]
            .into_iter()
            .flatten()
        {
            let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
            fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
        }
        Ok(())
    }

    /// Descriptors with output, and which stream each is.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = (Stream, BorrowedFd<'_>)> {
        let first = self.master.as_ref().or(self.stdout.as_ref());
        let first = first.map(|fd| (Stream::Stdout, fd.as_fd()));
        let second = self.stderr.as_ref().map(|fd| (Stream::Stderr, fd.as_fd()));
        first.into_iter().chain(second)
    }

    /// Reads output of a stream.
    pub(crate) fn read(&mut self, stream: Stream, buffer: &mut [u8]) -> Read {
        let slot = match stream {
            Stream::Stderr => &mut self.stderr,
            Stream::Stdout if self.master.is_some() => &mut self.master,
            Stream::Stdout => &mut self.stdout,
        };
        let Some(fd) = slot else { return Read::End };
        match nix::unistd::read(fd.as_fd(), buffer) {
            Ok(count @ 1..) => Read::Bytes(count),
            Err(Errno::EAGAIN | Errno::EINTR) => Read::Nothing,
            // EIO: the last process that had the terminal open is gone (pty(7)).
            Ok(_) | Err(_) => {
                *slot = None;
                Read::End
            }
        }
    }

    /// Whether more input may come; what comes after its end is dropped.
    pub(crate) fn takes_input(&self) -> bool {
        self.input.len() < MOST_INPUT
    }

    /// The descriptor that input is written to, while some waits.
    pub(crate) fn wants_to_write(&self) -> Option<BorrowedFd<'_>> {
        if self.input.is_empty() {
            return None;
        }
        self.master
            .as_ref()
            .or(self.stdin.as_ref())
            .map(std::os::fd::AsFd::as_fd)
    }

    /// Takes input for the process; without anybody to read it, it is dropped.
    pub(crate) fn push_input(&mut self, bytes: &[u8]) {
        if !self.ending && (self.master.is_some() || self.stdin.is_some()) {
            self.input.extend(bytes);
        }
    }

    /// Ends standard input when what waits is written; a terminal has no end, and whoever comes
    /// next types on.
    pub(crate) fn end_input(&mut self) {
        if self.master.is_none() {
            self.ending = true;
            self.write_input();
        }
    }

    /// Writes what the process takes.
    pub(crate) fn write_input(&mut self) {
        while !self.input.is_empty() {
            let Some(fd) = self.master.as_ref().or(self.stdin.as_ref()) else {
                self.input.clear();
                break;
            };
            match nix::unistd::write(fd.as_fd(), self.input.as_slices().0) {
                Ok(count) => drop(self.input.drain(..count)),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) => return,
                // Nobody reads any more.
                Err(_) => {
                    self.input.clear();
                    self.stdin = None;
                }
            }
        }
        if self.ending {
            self.stdin = None;
        }
    }

    /// Whether no output can come any more.
    pub(crate) fn is_finished(&self) -> bool {
        self.master.is_none() && self.stdout.is_none() && self.stderr.is_none()
    }
}
