//! `create`: everything up to the program. Whatever fails, and whoever is killed on the way,
//! what was begun goes away again.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;
use orlop_runtime::bundle::{BundleLaunch, Gate, begin, run_hooks};

use super::{
    Door, VerbError, check_console, check_preserved, delete, installer, state_text, write_pid,
};
use crate::cgroups::Group;
use crate::config::{self, Config};
use crate::console;
use crate::plan::{Host, Plan, hooks, understand};
use crate::store::{Record, Status, Sure, check_id};

/// Options of `create`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(flatten)]
    pub(crate) bundle: BundleOptions,
    /// Id of the container
    pub(crate) id: String,
}

/// Options that `create` and `run` share.
#[derive(Debug, Args)]
pub(crate) struct BundleOptions {
    /// Folder of the bundle
    #[arg(long, short, default_value = ".")]
    pub(crate) bundle: PathBuf,
    /// Socket that gets the master of the container's terminal
    #[arg(long)]
    pub(crate) console_socket: Option<PathBuf>,
    /// File that gets the pid of the first process
    #[arg(long)]
    pub(crate) pid_file: Option<PathBuf>,
    /// How many descriptors above standard error the program gets
    #[arg(long, default_value_t = 0)]
    pub(crate) preserve_fds: u32,
    /// Use chroot in place of pivot_root (refused: it can be left)
    #[arg(long)]
    pub(crate) no_pivot: bool,
    /// Taken for runc's sake: every container gets a session keyring of its own
    #[arg(long)]
    pub(crate) no_new_keyring: bool,
}

/// A container that waits for its start.
#[derive(Debug)]
pub(crate) struct Created {
    pub(crate) record: Record,
    /// Its first process.
    pub(crate) process: OwnedFd,
    /// Its terminal, when nobody else has it.
    pub(crate) master: Option<OwnedFd>,
}

pub(crate) fn run(door: &Door, options: &Options) -> Result<(), VerbError> {
    create(door, &options.id, &options.bundle, true).map(drop)
}

/// Creates a container; `detached` when nobody stays to relay its terminal.
pub(crate) fn create(
    door: &Door,
    id: &str,
    options: &BundleOptions,
    detached: bool,
) -> Result<Created, VerbError> {
    check_id(id)?;
    if options.no_pivot {
        return Err(VerbError::Option {
            option: "--no-pivot",
            why: "a root that is only changed to can be left again".to_owned(),
        });
    }
    check_preserved(options.preserve_fds)?;
    let folder = std::path::absolute(&options.bundle).map_err(VerbError::Folder)?;
    let config: Config = config::read(&folder.join(config::FILE))?;
    let plan = understand(&config, &folder, Host::look(), options.preserve_fds)?;
    let terminal = plan.bundle.process.terminal.is_some();
    check_console(terminal, options.console_socket.as_deref(), detached)?;
    for warning in &plan.warnings {
        door.log.warn(warning);
    }
    let record = record(id, &folder, &config, &plan)?;
    record.group.check_free()?;
    door.store.claim(&record)?;
    let made = set_up(door, record.clone(), &plan, &folder, options);
    if made.is_err() {
        // What is said is why it failed, and not what is left of it.
        if let Err(error) = delete::destroy(door, &record) {
            door.log.warn(&error.to_string());
        }
    }
    made
}

fn record(id: &str, folder: &Path, config: &Config, plan: &Plan) -> Result<Record, VerbError> {
    Ok(Record {
        oci_version: config.oci_version.clone(),
        id: id.to_owned(),
        bundle: folder.to_owned(),
        rootfs: plan.bundle.root.clone(),
        created: Timestamp::now(),
        annotations: config.annotations.clone(),
        creator: Sure::of(std::process::id()),
        init: None,
        own_pids: plan
            .bundle
            .namespaces
            .makes(nix::sched::CloneFlags::CLONE_NEWPID),
        group: Group::of(config.linux.cgroups_path.as_deref(), id)?,
        limits: plan.limits.clone(),
        process: config.process.clone().unwrap_or_default(),
        seccomp: config.linux.seccomp.clone(),
        hooks: config.hooks.clone(),
    })
}

fn set_up(
    door: &Door,
    mut record: Record,
    plan: &Plan,
    folder: &Path,
    options: &BundleOptions,
) -> Result<Created, VerbError> {
    let (cgroup, warnings) = record.group.make(&plan.limits, &plan.access)?;
    for warning in warnings {
        door.log.warn(&warning);
    }
    let gate = Gate::make(&door.store.folder(&record.id))
        .map_err(VerbError::io("making the start's socket"))?;
    let filter = installer(plan.filter.clone());
    let underway = begin(BundleLaunch {
        bundle: &plan.bundle,
        folder,
        filter: &filter,
        enter_cgroups: &|| cgroup.enter_v1().map_err(std::io::Error::other),
        cgroup: cgroup.v2_directory()?,
        shown_cgroups: &record.group.shown(&cgroup),
        gate,
    })?;
    let pid = underway.pid;
    let state = state_text(&record, Status::Creating, Some(pid));
    for (step, field, list) in [
        ("prestart", "hooks.prestart", &record.hooks.prestart),
        (
            "createRuntime",
            "hooks.createRuntime",
            &record.hooks.create_runtime,
        ),
    ] {
        run_hooks(step, &hooks(field, list)?, &state, Some(folder))?;
    }
    let mut master = underway.proceed(&state)?;
    if let (Some(socket), Some(fd)) = (&options.console_socket, &master) {
        console::hand_over(socket, fd.as_fd())
            .map_err(VerbError::io(format!("using {}", socket.display())))?;
        master = None;
    }
    record.init = Some(Sure::of(pid));
    door.store.update(&record)?;
    if let Some(path) = &options.pid_file {
        write_pid(path, pid)?;
    }
    let process = underway.commit()?;
    Ok(Created {
        record,
        process,
        master,
    })
}
