//! `exec`: a further process in a container, by a file or by options over what the first one is.

use std::fs;
use std::os::fd::AsFd as _;
use std::path::PathBuf;

use clap::Args;
use nix::sched::CloneFlags;
use orlop_runtime::bundle::{Entry, enter};

use super::{Door, VerbError, check_console, check_preserved, installer, write_pid};
use crate::config::{self, Capabilities, Process};
use crate::console::{self, Relay};
use crate::plan::{Host, filter, process};
use crate::store::{Record, Status, Sure};
use crate::supervise::{Signals, stay};

/// Options of `exec`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// File with the process, as a configuration has it
    #[arg(long, short)]
    process: Option<PathBuf>,
    /// Do not stay
    #[arg(long, short)]
    detach: bool,
    /// A terminal
    #[arg(long, short)]
    tty: bool,
    /// User, as UID[:GID]
    #[arg(long, short)]
    user: Option<String>,
    /// Further groups
    #[arg(long, short = 'g')]
    additional_gids: Vec<u32>,
    /// Working directory
    #[arg(long)]
    cwd: Option<String>,
    /// Further variables, as NAME=value
    #[arg(long, short)]
    env: Vec<String>,
    /// Further capabilities
    #[arg(long, short)]
    cap: Vec<String>,
    /// No new privileges
    #[arg(long)]
    no_new_privs: bool,
    /// Profile of AppArmor
    #[arg(long)]
    apparmor: Option<String>,
    /// Label of SELinux
    #[arg(long)]
    process_label: Option<String>,
    /// File that gets the pid
    #[arg(long)]
    pid_file: Option<PathBuf>,
    /// Socket that gets the master of the terminal
    #[arg(long)]
    console_socket: Option<PathBuf>,
    /// How many descriptors above standard error the program gets
    #[arg(long, default_value_t = 0)]
    preserve_fds: u32,
    /// Also while the container is stopped for a while; the process waits then
    #[arg(long)]
    ignore_paused: bool,
    /// Id of the container
    id: String,
    /// Program and arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
}

pub(crate) fn run(door: &Door, options: &Options) -> Result<i32, VerbError> {
    check_preserved(options.preserve_fds)?;
    let record = door.store.load(&options.id)?;
    let init = running(door, &record, options.ignore_paused)?;
    let spec = wanted(&record, options)?;
    let (wanted, warnings) = process(&spec, Host::look(), options.preserve_fds)?;
    let socket = options.console_socket.as_deref();
    check_console(spec.terminal, socket, options.detach)?;
    for warning in warnings {
        door.log.warn(&warning);
    }
    let cgroup = record.group.open()?;
    let filter = installer(record.seccomp.as_ref().map(filter).transpose()?);
    let container = init
        .open()
        .map_err(VerbError::io("opening the container's first process"))?;
    let mut entered = enter(Entry {
        process: &wanted,
        namespaces: different(init.pid),
        container,
        filter: &filter,
        enter_cgroups: &|| cgroup.enter_v1().map_err(std::io::Error::other),
        cgroup: cgroup.v2_directory()?,
    })?;
    let master = entered.master.take();
    if let (Some(socket), Some(master)) = (socket, &master) {
        console::hand_over(socket, master.as_fd())
            .map_err(VerbError::io(format!("using {}", socket.display())))?;
    }
    if let Some(path) = &options.pid_file {
        write_pid(path, entered.pid)?;
    }
    let watching = || VerbError::io("watching the process");
    let signals = (!options.detach).then(Signals::hold).transpose();
    let signals = signals.map_err(watching())?;
    let started = entered.commit()?;
    match signals {
        None => Ok(0),
        Some(signals) => stay(&signals, &started, master.map(Relay::new)).map_err(watching()),
    }
}

/// The first process of a container that can be entered.
fn running(door: &Door, record: &Record, ignore_paused: bool) -> Result<Sure, VerbError> {
    let status = door.store.status(record);
    let fit = match status {
        Status::Created | Status::Running => true,
        Status::Paused => ignore_paused,
        Status::Creating | Status::Stopped => false,
    };
    match record.init {
        Some(init) if fit => Ok(init),
        _ => Err(VerbError::Status {
            verb: "exec in",
            status,
            id: record.id.clone(),
        }),
    }
}

/// Namespaces of a process that this one is not in.
fn different(pid: u32) -> CloneFlags {
    let kinds = [
        ("user", CloneFlags::CLONE_NEWUSER),
        ("mnt", CloneFlags::CLONE_NEWNS),
        ("pid", CloneFlags::CLONE_NEWPID),
        ("net", CloneFlags::CLONE_NEWNET),
        ("ipc", CloneFlags::CLONE_NEWIPC),
        ("uts", CloneFlags::CLONE_NEWUTS),
        ("cgroup", CloneFlags::CLONE_NEWCGROUP),
        ("time", CloneFlags::from_bits_retain(0x80)),
    ];
    kinds
        .into_iter()
        .filter(|(name, _)| {
            fs::read_link(format!("/proc/{pid}/ns/{name}")).ok()
                != fs::read_link(format!("/proc/self/ns/{name}")).ok()
        })
        .fold(CloneFlags::empty(), |all, (_, kind)| all | kind)
}

fn wanted(record: &Record, options: &Options) -> Result<Process, VerbError> {
    if let Some(path) = &options.process {
        return Ok(config::read(path)?);
    }
    let wrong = |option, why: &str| VerbError::Option {
        option,
        why: why.to_owned(),
    };
    let mut spec = record.process.clone();
    if options.command.is_empty() {
        return Err(wrong("command", "no program is named"));
    }
    spec.args.clone_from(&options.command);
    spec.terminal = options.tty;
    if let Some(cwd) = &options.cwd {
        spec.cwd.clone_from(cwd);
    }
    spec.env.extend(options.env.iter().cloned());
    spec.no_new_privileges |= options.no_new_privs;
    if let Some(user) = &options.user {
        let (uid, gid) = user.split_once(':').unwrap_or((user, ""));
        let number = |text: &str| {
            text.parse()
                .map_err(|_| wrong("--user", "is not UID[:GID], both numbers"))
        };
        spec.user.uid = number(uid)?;
        if !gid.is_empty() {
            spec.user.gid = number(gid)?;
        }
    }
    spec.user.additional_gids.extend(&options.additional_gids);
    if options.apparmor.is_some() {
        spec.apparmor_profile.clone_from(&options.apparmor);
    }
    if options.process_label.is_some() {
        spec.selinux_label.clone_from(&options.process_label);
    }
    if !options.cap.is_empty() {
        let own = spec.capabilities.get_or_insert_with(Capabilities::default);
        for set in [&mut own.bounding, &mut own.effective, &mut own.permitted] {
            set.extend(options.cap.iter().cloned());
        }
    }
    Ok(spec)
}
