//! Starting a container.
//!
//! What is slow is done at the same time: while init enters its cgroups and mounts, this process
//! makes the network. Whatever fails, everything that was begun is taken away again.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use orlop_linux::capability::CapabilitySet;
use orlop_linux::label::Module;
use orlop_linux::{cgroup, seccomp};
use orlop_model::spec::{ContainerSpec, Network, Seccomp, Security};
use orlop_network::{Kernel, publish};
use orlop_runtime::{Launch, start_container};
use orlop_storage::{merged, upper};
use orlop_wire::fault::{self, Point};
use orlop_wire::reply::{Failure, FailureKind, Reply, Started};
use orlop_wire::request::Start;

use super::failures::{file_failure, limit_failure};
use super::mounts::Around;
use super::shared::Shared;
use super::stage::Stage;
use super::users::Users;
use super::{devices, networks, release};
use crate::context::{Context, internal};
use crate::policy::Policy;

/// Starts a container.
pub(crate) fn start(
    context: &Context,
    connection: &UnixStream,
    policy: &Policy,
    request: Start,
) -> Result<Reply, Failure> {
    let Start {
        spec,
        wait_for_attach,
    } = request;
    policy.judge(&spec)?;
    let stage = context.stage(connection.as_fd());
    stage.require_ended(&spec.id)?;
    // What an earlier run, or a start that was killed, may have left.
    if !release::is_released(context, &spec.id) {
        release::quietly(context, &spec.id);
    }
    let started = begin(context, stage, policy, &spec, wait_for_attach);
    let started = started.and_then(|reply| still_wanted(connection).map(|()| reply));
    if started.is_err() {
        release::quietly(context, &spec.id);
    }
    started
}

/// A server that has closed the connection wants nothing to run.
fn still_wanted(connection: &UnixStream) -> Result<(), Failure> {
    let mut fds = [PollFd::new(connection.as_fd(), PollFlags::empty())];
    match poll(&mut fds, PollTimeout::ZERO) {
        Ok(0) => Ok(()),
        _ => Err(Failure::new(FailureKind::Cancelled, "the server went away")),
    }
}

fn begin(
    context: &Context,
    stage: Stage<'_>,
    policy: &Policy,
    spec: &ContainerSpec,
    wait_for_attach: bool,
) -> Result<Reply, Failure> {
    let shared = Shared::open(context, spec)?;
    if shared.is_by_others {
        policy.judge_shared(&spec.security)?;
    }
    let users = match spec.namespaces.user {
        true => Some(Users::of_host(context)?),
        false => None,
    };
    let folders = Folders::make(context, spec)?;
    fault::reach(Point::StartFolders);
    let cgroup = context.cgroup(&spec.id);
    let fail = |error: cgroup::CgroupError| internal(error.to_string());
    cgroup.create().map_err(fail)?;
    let limits = devices::numbered(&spec.limits)?;
    let warnings = cgroup.limit(&limits).map_err(limit_failure)?;
    let granted = devices::granted(policy, spec)?;
    if !spec.security.privileged {
        cgroup.allow_devices(&granted.rules).map_err(fail)?;
    }
    fault::reach(Point::StartCgroup);
    let ports = match &spec.network {
        Network::Bridge { ports, .. } => ports.as_slice(),
        Network::None | Network::Host | Network::Container(_) => &[],
    };
    let reserved = publish::reserve(ports)
        .map_err(|error| Failure::new(FailureKind::Conflict, error.to_string()))?;
    let install = filter(&spec.security)?;
    let around = Around {
        stage,
        policy,
        spec,
        own: &folders.own,
        users: users.as_ref(),
    };
    let launch = Launch {
        spec,
        root: root(stage, spec, &folders, users.as_ref())?,
        root_point: &folders.root_point,
        mounts: around.mounts(shared.memory)?,
        devices: granted.nodes,
        filter: &install,
        enter_cgroups: &|| cgroup.enter_v1().map_err(io::Error::other),
        wait_for_attach,
        run_folder: folders.run.clone(),
        log_folder: folders.logs.clone(),
        gid: context.config.server_gid,
        held: reserved.sockets,
        oom_counter: cgroup.oom_counter(),
        cgroup: cgroup.v2_directory().map_err(fail)?,
        donors: shared.donors,
        users: users.map(|users| users.map),
        of_host: shared.of_host,
    };
    fault::reach(Point::StartPrepared);
    let born = start_container(launch)?;
    fault::reach(Point::StartBorn);
    if let Err(failure) = connect(context, spec, born.pid) {
        // An init that has ended has no network to be connected: why it ended is what counts.
        return Err(born.give_up().unwrap_or(failure));
    }
    fault::reach(Point::StartConnected);
    let pid = born.release()?;
    fault::reach(Point::StartReleased);
    Ok(Reply::Started(Started { pid, warnings }))
}

/// Folders of a container on the host.
struct Folders {
    run: PathBuf,
    own: PathBuf,
    logs: PathBuf,
    root_point: PathBuf,
}

impl Folders {
    fn make(context: &Context, spec: &ContainerSpec) -> Result<Self, Failure> {
        let own = context.layout.container(&spec.id);
        let folders = Self {
            run: context.run_folder(&spec.id),
            logs: own.join("logs"),
            root_point: own.join("rootfs"),
            own,
        };
        for shown in [&folders.run, &folders.own, &folders.logs] {
            context.make_shown_folder(shown)?;
        }
        make_private(&folders.root_point)?;
        let highest = spec.layers.last().map(|layer| context.layout.layer(layer));
        upper::prepare(&folders.own, highest.as_deref()).map_err(|error| file_failure(&error))?;
        Ok(folders)
    }
}

fn make_private(path: &Path) -> Result<(), Failure> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| internal(format!("making {}: {error}", path.display())))
}

/// The root file system: layers below, the container's own changes on top, attached nowhere.
fn root(
    stage: Stage<'_>,
    spec: &ContainerSpec,
    folders: &Folders,
    users: Option<&Users>,
) -> Result<OwnedFd, Failure> {
    let layers = stage.layers(&spec.layers)?;
    if let Some(users) = users {
        return users.root(stage.layout, &layers, &folders.own);
    }
    let (upper, work) = (folders.own.join("upper"), folders.own.join("work"));
    merged::container_root(&layers, &upper, &work).map_err(|error| file_failure(&error))
}

/// What installs the system call filter.
pub(super) fn filter(security: &Security) -> Result<impl Fn() -> io::Result<()> + use<>, Failure> {
    require_modules(security)?;
    let names = CapabilitySet::from_names(&security.capabilities);
    let capabilities =
        names.map_err(|error| Failure::new(FailureKind::Invalid, error.to_string()))?;
    let (program, flags) = match &security.seccomp {
        Seccomp::Default => (
            Some(seccomp::default_filter(capabilities)),
            seccomp::Flags::default(),
        ),
        Seccomp::Unconfined => (None, seccomp::Flags::default()),
        Seccomp::Custom(profile) => {
            let around = seccomp::custom::Surroundings {
                capabilities,
                kernel: orlop_linux::probe::kernel_version(),
            };
            let program = seccomp::custom::compile(profile, around);
            let program =
                program.map_err(|error| Failure::new(FailureKind::Invalid, error.to_string()))?;
            (Some(program), seccomp::custom::flags(profile))
        }
    };
    Ok(move || match &program {
        Some(program) => seccomp::install_with(program, flags).map_err(io::Error::from),
        None => Ok(()),
    })
}

/// A label for a module that this host has not is refused, not passed over.
fn require_modules(security: &Security) -> Result<(), Failure> {
    let wanted = &security.confinement;
    let asked = [
        (Module::AppArmor, wanted.apparmor_profile().is_some()),
        (Module::Selinux, wanted.selinux.is_some()),
    ];
    match asked
        .into_iter()
        .find(|(module, asked)| *asked && !module.is_enabled())
    {
        None => Ok(()),
        Some((module, _)) => Err(Failure::new(
            FailureKind::Unsupported,
            format!(
                "{} is not enabled on this host: leave its label out",
                module.name()
            ),
        )),
    }
}

/// Gives the container its network.
fn connect(context: &Context, spec: &ContainerSpec, pid: u32) -> Result<(), Failure> {
    if matches!(spec.network, Network::Host | Network::Container(_)) {
        return Ok(());
    }
    let path = format!("/proc/{pid}/ns/net");
    let netns =
        fs::File::open(&path).map_err(|error| internal(format!("opening {path}: {error}")))?;
    let fail = |error: orlop_network::NetworkError| internal(error.to_string());
    let Network::Bridge { endpoint, ports } = &spec.network else {
        return orlop_network::endpoint::loopback_only(netns.as_fd()).map_err(fail);
    };
    networks::check(context, &spec.id, endpoint)?;
    let mut kernel = Kernel::open().map_err(fail)?;
    orlop_network::endpoint::attach(&mut kernel, endpoint, netns.as_fd()).map_err(fail)?;
    if ports.is_empty() {
        return Ok(());
    }
    networks::publish(context, &mut kernel, endpoint, ports, &spec.id)
}
