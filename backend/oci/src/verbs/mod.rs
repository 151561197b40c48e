//! The commands: one file each.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod exec;
pub(crate) mod features;
pub(crate) mod kill;
pub(crate) mod list;
pub(crate) mod pause;
pub(crate) mod ps;
pub(crate) mod run;
pub(crate) mod spec;
pub(crate) mod start;
pub(crate) mod state;
pub(crate) mod update;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use orlop_linux::cgroup::CgroupError;
use orlop_linux::seccomp;
use orlop_runtime::bundle::HookError;
use orlop_wire::reply::Failure;
use serde::Serialize;

use crate::cgroups::GroupError;
use crate::config::ConfigError;
use crate::log::Log;
use crate::plan::{Filter, PlanError};
use crate::store::{Record, Status, Store, StoreError};

/// What every verb works with.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) store: Store,
    pub(crate) log: Log,
}

/// Why a verb failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VerbError {
    /// The record.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The configuration's file.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The configuration.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The cgroups.
    #[error(transparent)]
    Group(#[from] GroupError),
    /// The cgroups.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// The runtime.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// A hook.
    #[error(transparent)]
    Hook(#[from] HookError),
    /// The executable cannot be kept from being overwritten.
    #[error("sealing the executable: {0}")]
    Seal(io::Error),
    /// Systemd is to make the cgroups.
    #[error(
        "--systemd-cgroup: cgroups are made by this runtime itself; choose the cgroupfs manager (podman --cgroup-manager cgroupfs)"
    )]
    Systemd,
    /// The current folder cannot be found.
    #[error("finding the current folder: {0}")]
    Folder(io::Error),
    /// An option is wrong or not offered.
    #[error("{option}: {why}")]
    Option {
        /// The option.
        option: &'static str,
        /// Why not.
        why: String,
    },
    /// The container is in the wrong state for this.
    #[error("cannot {verb} a container that is {status}: {id}")]
    Status {
        /// What was wanted.
        verb: &'static str,
        /// What it is.
        status: Status,
        /// Which.
        id: String,
    },
    /// It has no process to signal.
    #[error("container not running: {id} is {status}")]
    NotRunning {
        /// What it is.
        status: Status,
        /// Which.
        id: String,
    },
    /// A file or process could not be used.
    #[error("{doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl VerbError {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

/// Prints JSON.
pub(crate) fn say<T: Serialize>(value: &T) -> Result<(), VerbError> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| VerbError::io("writing JSON")(error.into()))?;
    print(&text)
}

/// Prints a line.
pub(crate) fn print(text: &str) -> Result<(), VerbError> {
    writeln!(io::stdout(), "{text}").map_err(VerbError::io("writing to standard output"))
}

/// The state of a container as the specification defines it, in one line for hooks.
pub(crate) fn state_text(record: &Record, status: Status, pid: Option<u32>) -> String {
    let mut state = serde_json::json!({
        "ociVersion": record.oci_version,
        "id": record.id,
        "status": status,
        "bundle": record.bundle,
        "annotations": record.annotations,
    });
    if let Some(pid) = pid {
        state["pid"] = pid.into();
    }
    state.to_string()
}

/// What installs a filter.
pub(crate) fn installer(filter: Option<Filter>) -> impl Fn() -> io::Result<()> {
    move || match &filter {
        Some(filter) => {
            seccomp::install_with(&filter.program, filter.flags).map_err(io::Error::from)
        }
        None => Ok(()),
    }
}

/// Writes a pid for the caller, whole or not at all.
pub(crate) fn write_pid(path: &Path, pid: u32) -> Result<(), VerbError> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    let part: PathBuf = path.with_file_name(name);
    std::fs::write(&part, pid.to_string())
        .and_then(|()| std::fs::rename(&part, path))
        .map_err(VerbError::io(format!("writing {}", path.display())))
}

/// Checks that the caller passes the descriptors that it says it does.
pub(crate) fn check_preserved(count: u32) -> Result<(), VerbError> {
    for number in 3..3 + count {
        if !Path::new(&format!("/proc/self/fd/{number}")).exists() {
            return Err(VerbError::Option {
                option: "--preserve-fds",
                why: format!("descriptor {number} is not open"),
            });
        }
    }
    Ok(())
}

/// The rules about terminals: one needs somewhere to go, and a socket needs one.
pub(crate) fn check_console(
    terminal: bool,
    socket: Option<&Path>,
    detached: bool,
) -> Result<(), VerbError> {
    let wrong = |why: &str| VerbError::Option {
        option: "--console-socket",
        why: why.to_owned(),
    };
    match (terminal, socket, detached) {
        (true, None, true) => Err(wrong(
            "is needed for a terminal when nobody stays to relay it",
        )),
        (false, Some(_), _) => Err(wrong("the process has no terminal")),
        (true, Some(_), false) => Err(wrong("is only for --detach")),
        _ => Ok(()),
    }
}
