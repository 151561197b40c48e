//! What is mounted in a container from the host's side, opened and without a place yet: volumes,
//! binds, the files that tell of its network, and what its `/dev` cannot have otherwise.

use std::fs;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use orlop_linux::mount;
use orlop_model::mount::{Mount, MountSource, Propagation};
use orlop_model::spec::{ContainerSpec, Network};
use orlop_runtime::PreparedMount;
use orlop_wire::reply::{Failure, FailureKind};

use super::shared::MEMORY;
use super::sources::{self, Source};
use super::stage::Stage;
use super::users::Users;
use super::{networks, volumes};
use crate::context::internal;
use crate::policy::Policy;

/// Devices that a user namespace cannot make, and every container has.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

/// Whose container it is, and where its own files lie.
pub(super) struct Around<'a> {
    pub(super) stage: Stage<'a>,
    pub(super) policy: &'a Policy,
    pub(super) spec: &'a ContainerSpec,
    /// The container's folder.
    pub(super) own: &'a Path,
    /// Its users, where it has a user namespace.
    pub(super) users: Option<&'a Users>,
}

impl Around<'_> {
    /// Everything: in the order of the request, and behind it what the request does not name.
    pub(super) fn mounts(&self, memory: Option<OwnedFd>) -> Result<Vec<PreparedMount>, Failure> {
        let mut prepared = Vec::new();
        for wanted in &self.spec.mounts {
            prepared.extend(self.requested(wanted)?);
        }
        for (name, path) in self.network_files()? {
            let target = format!("/etc/{name}");
            // One that the request brings is the one.
            if self.spec.mounts.iter().all(|mount| mount.target != target) {
                let source = sources::own(&path)?;
                prepared.push(self.shown(prepare(&source, &target, false, Bind::default())?));
            }
        }
        prepared.extend(self.devices()?);
        prepared.extend(memory.map(|mount| PreparedMount {
            mount,
            target: MEMORY.to_owned(),
            directory: true,
            read_only: false,
            writable_below: false,
            propagation: Propagation::default(),
        }));
        Ok(prepared)
    }

    fn requested(&self, wanted: &Mount) -> Result<Option<PreparedMount>, Failure> {
        let (target, read_only) = (wanted.target.as_str(), wanted.read_only);
        match &wanted.source {
            MountSource::Tmpfs { .. } => Ok(None),
            MountSource::Volume {
                name,
                copy_up,
                subpath,
                ..
            } => {
                let fill = *copy_up && subpath.is_none();
                let path = volumes::prepare(self.stage, name, &self.spec.layers, target, fill)?;
                let source = match subpath {
                    Some(sub) => sources::below(&path, sub)?,
                    None => sources::own(&path)?,
                };
                let mount = prepare(&source, target, read_only, Bind::default())?;
                Ok(Some(self.shown(mount)))
            }
            MountSource::Bind {
                path,
                create,
                propagation,
                non_recursive,
                writable_below,
            } => {
                let bind = Bind {
                    propagation: *propagation,
                    non_recursive: *non_recursive,
                    writable_below: *writable_below,
                };
                let source = sources::of_bind(self.policy, Path::new(path), *create, *propagation)?;
                prepare(&source, target, read_only, bind).map(Some)
            }
        }
    }

    /// A file system of our own, with its owners as the container's users see them.
    fn shown(&self, prepared: PreparedMount) -> PreparedMount {
        if let Some(users) = self.users {
            users.show(&prepared.mount);
        }
        prepared
    }

    /// The files that tell of host name and network: the container's own, or those of the
    /// container whose network it shares.
    fn network_files(&self) -> Result<Vec<(&'static str, PathBuf)>, Failure> {
        let files = networks::files(self.spec);
        if let Network::Container(donor) = &self.spec.network {
            let theirs = self.stage.layout.container(donor);
            return Ok(files.map(|(name, _)| (name, theirs.join(name))).to_vec());
        }
        let mut written = Vec::new();
        for (name, text) in files {
            let path = self.own.join(name);
            fs::write(&path, text)
                .map_err(|error| internal(format!("writing {}: {error}", path.display())))?;
            written.push((name, path));
        }
        Ok(written)
    }

    /// Devices of the host, where none can be made.
    fn devices(&self) -> Result<Vec<PreparedMount>, Failure> {
        if self.users.is_none() {
            return Ok(Vec::new());
        }
        let prepared = DEVICES.map(|name| {
            let path = format!("/dev/{name}");
            prepare(
                &sources::own(Path::new(&path))?,
                &path,
                false,
                Bind::default(),
            )
        });
        prepared.into_iter().collect()
    }
}

/// How a source is bound.
#[derive(Debug, Clone, Copy, Default)]
struct Bind {
    propagation: Propagation,
    non_recursive: bool,
    writable_below: bool,
}

fn prepare(
    source: &Source,
    target: &str,
    read_only: bool,
    bind: Bind,
) -> Result<PreparedMount, Failure> {
    let mount = mount::copy_of_fd(source.fd.as_fd(), !bind.non_recursive).map_err(|error| {
        Failure::new(
            FailureKind::Invalid,
            format!("mounting at {target}: {error}"),
        )
    })?;
    Ok(PreparedMount {
        mount,
        target: target.to_owned(),
        directory: source.directory,
        read_only,
        writable_below: bind.writable_below,
        propagation: bind.propagation,
    })
}
