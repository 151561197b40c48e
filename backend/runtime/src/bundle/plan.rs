//! What a bundle asks for, decided and checked: plain data that init obeys. Pure.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use nix::sched::CloneFlags;
use orlop_linux::credentials::CapabilitySets;
use orlop_linux::mount::Spread;
use orlop_model::limits::Ulimit;
use orlop_model::request::TermSize;

use super::hooks::Hook;
use super::options::MountOptions;

/// A container by its bundle.
#[derive(Debug)]
pub struct Bundle {
    /// The root file system on the host.
    pub root: PathBuf,
    /// No writes to it.
    pub root_read_only: bool,
    /// How mount events pass between it and the host.
    pub root_spread: RootSpread,
    /// Host name, in a namespace of its own.
    pub hostname: Option<String>,
    /// NIS domain name, in the same.
    pub domainname: Option<String>,
    /// Namespaces.
    pub namespaces: Namespaces,
    /// Mounts, in order.
    pub mounts: Vec<BundleMount>,
    /// Devices besides the harmless ones.
    pub devices: Vec<DeviceNode>,
    /// Paths shown empty.
    pub masked: Vec<String>,
    /// Paths that may be read only.
    pub read_only: Vec<String>,
    /// Files below `/proc/sys`, and what is written there.
    pub sysctls: Vec<(String, String)>,
    /// The first process.
    pub process: BundleProcess,
    /// Hooks that run in the container's namespaces.
    pub hooks: InnerHooks,
}

/// Namespaces of a container.
#[derive(Debug)]
pub struct Namespaces {
    /// Those that are made.
    pub new: CloneFlags,
    /// Those that are there already and are joined, in order.
    pub join: Vec<(CloneFlags, OwnedFd)>,
    /// Maps of a user namespace that is made.
    pub id_maps: Option<IdMaps>,
    /// Text for `/proc/self/timens_offsets`, of a time namespace that is made.
    pub time_offsets: Option<String>,
}

impl Namespaces {
    /// A kind is made, and neither joined nor the host's.
    #[must_use]
    pub fn makes(&self, kind: CloneFlags) -> bool {
        self.new.contains(kind)
    }

    /// A kind is the container's own or another container's, and not the host's.
    #[must_use]
    pub fn has(&self, kind: CloneFlags) -> bool {
        self.makes(kind) || self.join.iter().any(|(joined, _)| *joined == kind)
    }
}

/// Lines for `/proc/<pid>/uid_map` and `gid_map` (user_namespaces(7)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdMaps {
    /// Of users.
    pub uids: String,
    /// Of groups.
    pub gids: String,
}

/// How mount events pass between the root and the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RootSpread {
    /// They do not.
    #[default]
    Private,
    /// From the host to the container.
    Slave,
    /// To containers inside of the container.
    Shared,
    /// They do not, and the root cannot be bound.
    Unbindable,
}

/// One mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleMount {
    /// Absolute path in the container.
    pub target: String,
    /// What is mounted.
    pub content: Content,
    /// Attributes of the mount.
    pub options: MountOptions,
}

/// What is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A file or folder of the host.
    Bind {
        /// Where it is.
        source: PathBuf,
        /// With what is mounted below it.
        recursive: bool,
    },
    /// A new instance of a file system.
    Fresh {
        /// Its type.
        kind: String,
        /// What shows as its source.
        source: String,
    },
    /// The container's own cgroups.
    Cgroup,
}

/// A device node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceNode {
    /// Absolute path in the container.
    pub path: String,
    /// `c`, `b` or `p`.
    pub kind: char,
    /// Major and minor number.
    pub number: (u64, u64),
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// A cgroup of the container as it is shown inside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnCgroup {
    /// Folder below the mount, with further names that lead to it; empty is the mount itself.
    pub names: Vec<String>,
    /// The group's folder on the host.
    pub path: PathBuf,
}

/// A process to run in a container.
#[derive(Debug, Clone, Default)]
pub struct BundleProcess {
    /// Program and arguments.
    pub args: Vec<String>,
    /// The whole environment; `HOME` is filled in when missing.
    pub env: Vec<String>,
    /// Working directory.
    pub cwd: String,
    /// User.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Further groups.
    pub groups: Vec<u32>,
    /// Mask of permissions; 022 unless asked for.
    pub umask: Option<u32>,
    /// A terminal, of this size where one is given.
    pub terminal: Option<Option<TermSize>>,
    /// Capabilities.
    pub capabilities: CapabilitySets,
    /// Resource limits.
    pub limits: Vec<Ulimit>,
    /// prctl(2) `PR_SET_NO_NEW_PRIVS`.
    pub no_new_privileges: bool,
    /// Out-of-memory score adjustment; the caller's unless asked for.
    pub oom_score_adj: Option<i32>,
    /// Label of a security module.
    pub label: Option<Label>,
    /// How many descriptors above standard error the program gets.
    pub preserved: u32,
}

/// Label of a security module, as `/proc/self/attr` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// File below `/proc/self/attr`.
    pub file: &'static str,
    /// What is written there.
    pub value: String,
}

/// Hooks that run in the container's namespaces.
#[derive(Debug, Clone, Default)]
pub struct InnerHooks {
    /// Before the root is entered: paths are the host's.
    pub create_container: Vec<Hook>,
    /// Before the program: paths are the container's.
    pub start_container: Vec<Hook>,
}

/// The way that a spread of the root begins with, and the way that it ends with.
impl RootSpread {
    pub(super) fn at_first(self) -> Spread {
        match self {
            Self::Slave => Spread::Slave,
            Self::Private | Self::Shared | Self::Unbindable => Spread::Private,
        }
    }

    pub(super) fn at_last(self) -> Option<Spread> {
        match self {
            Self::Private | Self::Slave => None,
            Self::Shared => Some(Spread::Shared),
            Self::Unbindable => Some(Spread::Unbindable),
        }
    }
}
