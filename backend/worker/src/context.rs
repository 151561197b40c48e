//! What every request has at hand.

use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use orlop_linux::cgroup::{self, Cgroup};
use orlop_model::id::{ContainerId, ExecId};
use orlop_storage::layout::Layout;
use orlop_wire::reply::{Failure, FailureKind};

use crate::ops::stage::Stage;
use crate::parent;

/// Configuration of a worker; its supervisor fills it.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Root of all state.
    pub data_dir: PathBuf,
    /// Root of what runs.
    pub run_dir: PathBuf,
    /// Name of the bridge.
    pub bridge: String,
    /// The server's user, who alone may ask.
    pub server_uid: u32,
    /// The server's group, which may read logs and reach shims.
    pub server_gid: u32,
    /// The file with the policy, root's own.
    pub policy_file: PathBuf,
    /// Where user namespaces get their ids from.
    pub subordinate_ids: SubordinateIds,
}

/// Whose subordinate ids user namespaces get (subuid(5), subgid(5)).
#[derive(Debug, Clone)]
pub struct SubordinateIds {
    /// Name of the user.
    pub user: String,
    /// The file of the users, `/etc/subuid`.
    pub users_file: PathBuf,
    /// The file of the groups, `/etc/subgid`.
    pub groups_file: PathBuf,
}

impl SubordinateIds {
    /// Those of a user of this host.
    #[must_use]
    pub fn of(user: String) -> Self {
        Self {
            user,
            users_file: PathBuf::from("/etc/subuid"),
            groups_file: PathBuf::from("/etc/subgid"),
        }
    }
}

/// A worker's surroundings, found out once.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) config: WorkerConfig,
    pub(crate) layout: Layout,
    pub(crate) cgroups: cgroup::Layout,
    /// Name of the instance's parent group.
    cgroup_parent: String,
}

impl Context {
    pub(crate) fn new(config: WorkerConfig) -> Result<Self, Failure> {
        let cgroups = cgroup::Layout::discover()
            .map_err(|error| Failure::new(FailureKind::Unsupported, format!("cgroups: {error}")))?;
        Ok(Self {
            layout: Layout::new(config.data_dir.clone()),
            cgroup_parent: parent::of(&config.run_dir, &cgroups)
                .map_err(|error| internal(error.to_string()))?,
            cgroups,
            config,
        })
    }

    /// What requests about files have at hand.
    pub(crate) fn stage<'a>(&'a self, server: BorrowedFd<'a>) -> Stage<'a> {
        Stage {
            layout: &self.layout,
            run: &self.config.run_dir,
            server,
        }
    }

    /// A container's cgroup.
    pub(crate) fn cgroup(&self, id: &ContainerId) -> Cgroup {
        Cgroup::new(&self.cgroups, &self.cgroup_parent, id.as_str())
    }

    pub(crate) fn cgroup_parent(&self) -> &str {
        &self.cgroup_parent
    }

    /// Folder of a container's records in the run directory.
    pub(crate) fn run_folder(&self, id: &ContainerId) -> PathBuf {
        self.config.run_dir.join("containers").join(id.as_str())
    }

    /// Folder of an exec session's records in the run directory.
    pub(crate) fn exec_folder(&self, id: &ExecId) -> PathBuf {
        self.config.run_dir.join("execs").join(id.as_str())
    }

    /// Makes a folder that the server's group may look into.
    pub(crate) fn make_shown_folder(&self, path: &Path) -> Result<(), Failure> {
        use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, chown};
        let made = std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o750)
            .create(path);
        made.and_then(|()| chown(path, Some(0), Some(self.config.server_gid)))
            .and_then(|()| std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o750)))
            .map_err(|error| internal(format!("making {}: {error}", path.display())))
    }
}

/// A fault of Orlop or of the host.
pub(crate) fn internal(message: impl Into<String>) -> Failure {
    Failure::new(FailureKind::Internal, message)
}
