//! Staying with a process in the foreground: signals go to it, its terminal to the caller's, and
//! its exit code is the caller's.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use orlop_linux::process::{self, Ended};

use crate::console::Relay;

/// Signals, held back from the moment on when this is made.
#[derive(Debug)]
pub(crate) struct Signals(SignalFd);

impl Signals {
    pub(crate) fn hold() -> io::Result<Self> {
        let mut set = SigSet::all();
        // What the terminal's driver and broken programs send to this process is its own.
        for own in [
            Signal::SIGTTIN,
            Signal::SIGTTOU,
            Signal::SIGSEGV,
            Signal::SIGBUS,
            Signal::SIGFPE,
            Signal::SIGILL,
            Signal::SIGABRT,
        ] {
            set.remove(own);
        }
        set.thread_block()?;
        Ok(Self(SignalFd::with_flags(
            &set,
            SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK,
        )?))
    }
}

/// Stays until the process ends; its exit code, as a shell counts it.
pub(crate) fn stay(
    signals: &Signals,
    process: &OwnedFd,
    mut relay: Option<Relay>,
) -> io::Result<i32> {
    loop {
        let [mut output, mut input] = [false, false];
        {
            let mut waiting = vec![
                PollFd::new(process.as_fd(), PollFlags::POLLIN),
                PollFd::new(signals.0.as_fd(), PollFlags::POLLIN),
            ];
            let stdin = io::stdin();
            if let Some(relay) = &relay {
                waiting.push(PollFd::new(relay.master(), PollFlags::POLLIN));
                if relay.wants_input() {
                    waiting.push(PollFd::new(stdin.as_fd(), PollFlags::POLLIN));
                }
            }
            match poll(&mut waiting, PollTimeout::NONE) {
                Err(Errno::EINTR) => continue,
                polled => polled?,
            };
            let ready = |at: usize| {
                waiting
                    .get(at)
                    .and_then(PollFd::revents)
                    .is_some_and(|events| !events.is_empty())
            };
            if ready(0) {
                if let Some(relay) = &relay {
                    relay.drain();
                }
                return Ok(match process::wait(process.as_fd())? {
                    Ended::Code(code) => code,
                    Ended::Signal(signal) => 128 + signal,
                });
            }
            output |= ready(2);
            input |= ready(3);
        }
        pass_signals(signals, process, relay.as_ref())?;
        if input && let Some(relay) = &mut relay {
            relay.pass_input();
        }
        if output && relay.as_ref().is_some_and(|relay| !relay.pass_output()) {
            relay = None;
        }
    }
}

fn pass_signals(signals: &Signals, process: &OwnedFd, relay: Option<&Relay>) -> io::Result<()> {
    while let Some(signal) = signals.0.read_signal()? {
        let number = i32::try_from(signal.ssi_signo).unwrap_or(0);
        match Signal::try_from(number) {
            Ok(Signal::SIGCHLD | Signal::SIGPIPE | Signal::SIGURG) => {}
            Ok(Signal::SIGWINCH) if relay.is_some() => {
                if let Some(relay) = relay {
                    relay.resize();
                }
            }
            // It may have ended; the next turn tells.
            _ => drop(process::send_signal(process.as_fd(), number)),
        }
    }
    Ok(())
}
