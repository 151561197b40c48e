//! Namespaces of other containers, entered for the moment in which a process is born there.

use std::fs::File;
use std::os::fd::{AsFd as _, OwnedFd};

use nix::sched::CloneFlags;
use orlop_linux::process;
use orlop_model::namespace::Share;
use orlop_model::spec::{ContainerSpec, Network};
use orlop_wire::reply::Failure;

use crate::failure::Step as _;

/// A process whose namespaces of some kinds a new container shares.
#[derive(Debug)]
pub struct Donor {
    /// Which kinds.
    pub kinds: CloneFlags,
    /// The process, by its pidfd.
    pub process: OwnedFd,
}

/// Names below `/proc/self/ns` of what can be shared.
const SHAREABLE: [(&str, CloneFlags); 3] = [
    ("net", CloneFlags::CLONE_NEWNET),
    ("ipc", CloneFlags::CLONE_NEWIPC),
    ("pid", CloneFlags::CLONE_NEWPID),
];

/// The way back to the own namespaces.
pub(crate) struct Visit(Vec<(CloneFlags, OwnedFd)>);

impl Visit {
    /// Enters.
    pub(crate) fn begin(donors: &[Donor]) -> Result<Self, Failure> {
        let mut back = Vec::new();
        for donor in donors {
            for (name, kind) in SHAREABLE {
                if donor.kinds.contains(kind) {
                    let path = format!("/proc/self/ns/{name}");
                    let own = File::open(&path).step(format!("opening {path}"))?;
                    back.push((kind, OwnedFd::from(own)));
                }
            }
            process::join_namespaces(donor.process.as_fd(), donor.kinds)
                .step("joining the namespaces of another container")?;
        }
        Ok(Self(back))
    }

    /// Leaves.
    pub(crate) fn end(self) -> Result<(), Failure> {
        for (kind, own) in self.0 {
            process::join_namespaces(own.as_fd(), kind)
                .step("leaving the namespaces of another container")?;
        }
        Ok(())
    }
}

/// The namespaces that a container's first process is born with.
pub(crate) fn of_its_own(spec: &ContainerSpec) -> CloneFlags {
    let own = |share: &Share, kind| match share {
        Share::Own => kind,
        Share::Host | Share::Of(_) => CloneFlags::empty(),
    };
    let shared = &spec.namespaces;
    let mut kinds = CloneFlags::CLONE_NEWNS
        | own(&shared.pid, CloneFlags::CLONE_NEWPID)
        | own(&shared.ipc, CloneFlags::CLONE_NEWIPC)
        | own(&shared.uts, CloneFlags::CLONE_NEWUTS);
    if !matches!(spec.network, Network::Host | Network::Container(_)) {
        kinds |= CloneFlags::CLONE_NEWNET;
    }
    if shared.user {
        kinds |= CloneFlags::CLONE_NEWUSER;
    }
    kinds
}
