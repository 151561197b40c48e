//! Namespaces that a container shares with others: opened by descriptor, so that nobody else can
//! take their place.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::sched::CloneFlags;
use orlop_linux::{mount, process};
use orlop_model::id::ContainerId;
use orlop_model::namespace::Share;
use orlop_model::spec::{ContainerSpec, Network};
use orlop_runtime::Donor;
use orlop_wire::channel;
use orlop_wire::reply::{Failure, FailureKind};

use super::processes::find;
use crate::context::{Context, internal};

/// What a container shares.
pub(super) struct Shared {
    pub(super) donors: Vec<Donor>,
    /// `/dev/shm` of the namespace for IPC that it shares.
    pub(super) memory: Option<OwnedFd>,
    /// Something of it is the host's.
    pub(super) of_host: bool,
    /// Something is the host's by way of another container.
    pub(super) is_by_others: bool,
}

impl Shared {
    /// Opens everything.
    pub(super) fn open(context: &Context, spec: &ContainerSpec) -> Result<Self, Failure> {
        let mut is_by_others = false;
        let mut donors = BTreeMap::<&ContainerId, Donor>::new();
        for (kinds, what, id) in wanted(spec) {
            if let Some(donor) = donors.get_mut(id) {
                donor.kinds |= kinds;
                continue;
            }
            let (state, process) = find(&context.run_folder(id), "").map_err(|_| {
                Failure::new(
                    FailureKind::Conflict,
                    format!("cannot join {what} of a non running container: {id}"),
                )
            })?;
            is_by_others |= state.of_host;
            donors.insert(id, Donor { kinds, process });
        }
        let memory = match &spec.namespaces.ipc {
            Share::Own => None,
            Share::Host => Some(mount::copy_of(Path::new(MEMORY), true)),
            Share::Of(id) => donors.get(id).map(memory_of),
        };
        Ok(Self {
            memory: memory
                .transpose()
                .map_err(|error| internal(format!("opening the shared {MEMORY}: {error}")))?,
            donors: donors.into_values().collect(),
            of_host: is_by_others || spec.namespaces.are_of_host() || spec.network == Network::Host,
            is_by_others,
        })
    }
}

/// Where shared memory lies (shm_overview(7)).
pub(super) const MEMORY: &str = "/dev/shm";

/// Kinds, their name in messages, and whose they are.
fn wanted(spec: &ContainerSpec) -> Vec<(CloneFlags, &'static str, &ContainerId)> {
    let mut all = Vec::new();
    if let Network::Container(id) = &spec.network {
        all.push((CloneFlags::CLONE_NEWNET, "network", id));
    }
    if let Share::Of(id) = &spec.namespaces.ipc {
        all.push((CloneFlags::CLONE_NEWIPC, "IPC", id));
    }
    if let Share::Of(id) = &spec.namespaces.pid {
        all.push((CloneFlags::CLONE_NEWPID, "PID", id));
    }
    all
}

/// `/dev/shm` as another container has it: only from its own mount namespace can it be copied, so
/// a process goes there.
fn memory_of(donor: &Donor) -> io::Result<OwnedFd> {
    let (ours, theirs) = UnixStream::pair()?;
    let visitor = process::clone(CloneFlags::empty(), None, || {
        let copy = process::join_namespaces(donor.process.as_fd(), CloneFlags::CLONE_NEWNS)
            .and_then(|()| mount::copy_of(Path::new(MEMORY), true));
        let sent = copy.map_err(io::Error::other).and_then(|copy| {
            channel::send(theirs.as_fd(), &(), &[copy.as_fd()]).map_err(io::Error::other)
        });
        i32::from(sent.is_err())
    })?;
    drop(theirs);
    let answer = channel::receive::<()>(ours.as_fd());
    process::wait(visitor.pidfd.as_fd())?;
    let ((), mut fds) = answer.map_err(io::Error::other)?;
    fds.pop()
        .ok_or_else(|| io::Error::other("the container has none"))
}
