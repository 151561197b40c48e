//! Hooks of a bundle: programs that somebody else wrote, run at a step of the life cycle with the
//! container's state as JSON on standard input (OCI runtime specification, "POSIX-platform
//! Hooks"). A hook that takes too long is killed.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::memfd::{MFdFlags, memfd_create};
use orlop_linux::process;

/// Name of the memory that takes a hook's complaints.
const COMPLAINTS: &CStr = c"hook";
/// Most bytes of a hook's complaints that are told.
const MOST_TOLD: u64 = 1024;

/// A program to run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hook {
    /// Its path.
    pub path: PathBuf,
    /// Its arguments, its own name first.
    pub args: Vec<String>,
    /// Its whole environment.
    pub env: Vec<String>,
    /// How long it may take.
    pub timeout: Option<Duration>,
}

/// Why a hook failed.
#[derive(Debug, thiserror::Error)]
pub enum HookError {
    /// It could not be started or watched.
    #[error("{step} hook {path}: {source}")]
    Run {
        /// Of which step.
        step: &'static str,
        /// The program.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// It ended with a failure.
    #[error("{step} hook {path} {how}{told}")]
    Ended {
        /// Of which step.
        step: &'static str,
        /// The program.
        path: PathBuf,
        /// With which code or signal.
        how: String,
        /// What it said, if anything.
        told: String,
    },
    /// It took too long and was killed.
    #[error("{step} hook {path} took more than {seconds} seconds")]
    TookLong {
        /// Of which step.
        step: &'static str,
        /// The program.
        path: PathBuf,
        /// What it had.
        seconds: u64,
    },
}

/// Runs hooks in order, each with this state; the first that fails ends it.
///
/// # Errors
/// The first that fails.
pub fn run_hooks(
    step: &'static str,
    hooks: &[Hook],
    state: &str,
    folder: Option<&Path>,
) -> Result<(), HookError> {
    hooks
        .iter()
        .try_for_each(|hook| run(step, hook, state, folder))
}

fn run(
    step: &'static str,
    hook: &Hook,
    state: &str,
    folder: Option<&Path>,
) -> Result<(), HookError> {
    let failed = |source| HookError::Run {
        step,
        path: hook.path.clone(),
        source,
    };
    let mut complaints = memory().map_err(failed)?;
    let mut command = Command::new(&hook.path);
    command
        .args(hook.args.iter().skip(1))
        .env_clear()
        .envs(hook.env.iter().filter_map(|entry| entry.split_once('=')))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(complaints.try_clone().map_err(failed)?);
    if let Some(name) = hook.args.first() {
        command.arg0(name);
    }
    if let Some(folder) = folder {
        command.current_dir(folder);
    }
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // A state is smaller than a pipe; one that reads nothing of it is free to.
        let _ = stdin.write_all(state.as_bytes());
    }
    let Some(status) = wait(&mut child, hook.timeout).map_err(failed)? else {
        return Err(HookError::TookLong {
            step,
            path: hook.path.clone(),
            seconds: hook.timeout.unwrap_or_default().as_secs(),
        });
    };
    if status.success() {
        return Ok(());
    }
    Err(HookError::Ended {
        step,
        path: hook.path.clone(),
        how: match (status.code(), status.signal()) {
            (Some(code), _) => format!("ended with code {code}"),
            (None, signal) => format!("was ended by signal {}", signal.unwrap_or(0)),
        },
        told: told(&mut complaints),
    })
}

fn memory() -> io::Result<File> {
    Ok(memfd_create(COMPLAINTS, MFdFlags::MFD_CLOEXEC)?.into())
}

fn told(complaints: &mut File) -> String {
    let mut text = String::new();
    let read = complaints
        .rewind()
        .and_then(|()| complaints.take(MOST_TOLD).read_to_string(&mut text));
    match (read, text.trim()) {
        (Ok(_), told) if !told.is_empty() => format!(": {told}"),
        _ => String::new(),
    }
}

/// Its end, or nothing if it had to be killed.
fn wait(child: &mut Child, timeout: Option<Duration>) -> io::Result<Option<ExitStatus>> {
    let Some(timeout) = timeout else {
        return child.wait().map(Some);
    };
    let pidfd = process::open_pid(child.id())?;
    let deadline = Instant::now() + timeout;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        match poll(&mut [PollFd::new(pidfd.as_fd(), PollFlags::POLLIN)], left) {
            Ok(0) if Instant::now() >= deadline => {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            Ok(0) | Err(Errno::EINTR) => {}
            Ok(_) => return child.wait().map(Some),
            Err(errno) => return Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, timeout: Option<Duration>) -> Hook {
        Hook {
            path: "/bin/sh".into(),
            args: ["sh", "-c", script].map(ToOwned::to_owned).to_vec(),
            env: vec!["COLOUR=green".to_owned()],
            timeout,
        }
    }

    #[test]
    fn a_hook_reads_the_state_and_has_no_environment_but_its_own() {
        let folder = tempfile::tempdir().expect("folder");
        let hook = shell("cat > seen; echo $COLOUR$HOME >> seen", None);
        run_hooks("test", &[hook], "{}\n", Some(folder.path())).expect("hook");
        let seen = std::fs::read_to_string(folder.path().join("seen")).expect("seen");
        assert_eq!(seen, "{}\ngreen\n");
    }

    #[test]
    fn failures_say_which_hook_and_what_it_said() {
        let hooks = [shell("true", None), shell("echo broken >&2; exit 3", None)];
        let error = run_hooks("prestart", &hooks, "", None).expect_err("fails");
        assert_eq!(
            error.to_string(),
            "prestart hook /bin/sh ended with code 3: broken"
        );
    }

    #[test]
    fn a_hook_that_takes_too_long_is_killed() {
        let hook = shell("exec sleep 1000", Some(Duration::from_secs(1)));
        let error = run_hooks("poststop", &[hook], "", None).expect_err("killed");
        assert!(error.to_string().contains("more than 1 seconds"), "{error}");
    }
}
