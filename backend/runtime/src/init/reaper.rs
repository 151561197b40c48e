//! A small init as process 1: starts the program, passes signals on, reaps orphans, ends as the
//! program ends.

use nix::errno::Errno;
use nix::sys::signal::{SigSet, SigmaskHow, Signal, kill, sigprocmask};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use orlop_linux::process;
use orlop_wire::reply::Failure;

use crate::failure::Step as _;

/// Returns in a child that goes on to the program; this process stays as init and never returns.
pub(super) fn stand_in() -> Result<(), Failure> {
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&SigSet::all()), None).step("blocking signals")?;
    let child = process::fork().step("starting the program below init")?;
    let Some(child) = child else {
        let unblocked = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
        return unblocked.step("unblocking signals");
    };
    // The lines are the child's: its exec must close the last copies.
    process::close_all_but(2, &[]).step("closing descriptors")?;
    process::exit(watch(child))
}

fn watch(child: Pid) -> i32 {
    loop {
        match SigSet::all().wait() {
            Ok(Signal::SIGCHLD) => {
                if let Some(code) = reap(child) {
                    return code;
                }
            }
            Ok(signal) => {
                // It may have ended; the next SIGCHLD tells.
                let _ = kill(child, signal);
            }
            Err(_) => {}
        }
    }
}

fn reap(child: Pid) -> Option<i32> {
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) if pid == child => return Some(code),
            Ok(WaitStatus::Signaled(pid, signal, _)) if pid == child => {
                return Some(128 + signal as i32);
            }
            Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return None,
            _ => {}
        }
    }
}
