//! The shim: watches one process, owns its terminal or pipes, its log and its exit record, and
//! serves whoever attaches. One thread, one poll loop; needs neither server nor worker.

mod client;
mod log;
mod ring;
mod serve;
mod stdio;

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use orlop_linux::process::Ended;
use orlop_model::lifecycle::Exit;
use serde::Serialize;

pub(crate) use log::LogFiles;
pub(crate) use serve::Shim;
pub(crate) use stdio::Stdio;

/// How the shim came to know of the process.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) pid: u32,
    pub(crate) pidfd: OwnedFd,
}

/// What a shim is told when it begins.
#[derive(Debug)]
pub(crate) struct Task {
    /// Folder of its records in the run directory.
    pub(crate) folder: PathBuf,
    /// Close standard input when the first client that brought input leaves.
    pub(crate) stdin_once: bool,
    /// The process waits for a client.
    pub(crate) wait_for_attach: bool,
    /// Without any client for so long, the process tree is killed.
    pub(crate) linger: Option<Duration>,
    /// Other processes may hold its output open (an exec session), so its own end is the end.
    pub(crate) ends_alone: bool,
    /// The process of an exec session leads a session whose members end with it.
    pub(crate) kill_session: bool,
    /// File that counts processes killed for want of memory.
    pub(crate) oom_counter: Option<PathBuf>,
}

/// Writes a record whole: to a temporary name, then renamed.
pub(crate) fn write_record<T: Serialize>(folder: &Path, name: &str, record: &T) -> io::Result<()> {
    let part = folder.join(format!("{name}.part"));
    std::fs::write(&part, serde_json::to_vec(record)?)?;
    std::fs::rename(part, folder.join(name))
}

/// Listens on a socket in a folder; by the folder's descriptor, since a path may be longer than
/// the 108 bytes that a socket's name may have (unix(7)).
pub(crate) fn listen(folder: &Path, name: &str, gid: u32) -> io::Result<UnixListener> {
    use std::os::fd::AsRawFd as _;
    use std::os::unix::fs::{PermissionsExt as _, chown};
    let directory = std::fs::File::open(folder)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}/{name}", directory.as_raw_fd()));
    let listener = UnixListener::bind(&path)?;
    chown(&path, None, Some(gid))?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o660))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// The exit record of a process that ended so.
pub(crate) fn exit_record(ended: Ended, oom_killed: bool) -> Exit {
    let (code, signal) = match ended {
        Ended::Code(code) => (code, None),
        Ended::Signal(signal) => (128 + signal, Some(signal)),
    };
    Exit {
        code,
        signal,
        oom_killed,
        at: Timestamp::now(),
        error: None,
    }
}

/// How many processes of a cgroup the kernel has killed for want of memory: `oom_kill N` in
/// `memory.oom_control` (version 1) and `memory.events` (version 2).
pub(crate) fn oom_kills(counter: &Path) -> u64 {
    let text = std::fs::read_to_string(counter).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    line.and_then(|count| count.trim().parse().ok())
        .unwrap_or(0)
}
