//! What the server may ask of the worker: the whole list, one request per connection.
//!
//! The worker is root and the server is not, so this list is the security boundary. Nothing
//! here is a path of the host, save bind sources, which the worker's policy judges.

use std::net::Ipv4Addr;

use orlop_model::id::{ContainerId, DiffId, ExecId, JobId};
use orlop_model::limits::Limits;
use orlop_model::name::VolumeName;
use orlop_model::process_table::Column;
use orlop_model::request::TermSize;
use orlop_model::signal::Signal;
use orlop_model::spec::{ContainerSpec, Process};
use serde::{Deserialize, Serialize};

/// One request. A comment says which descriptors ride along and which reply ends it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Request {
    /// Start a container. Ends with `Started`.
    Start(Box<Start>),
    /// Run a further process in a running container. Ends with `Started`.
    Exec(Box<Exec>),
    /// Send a signal to the first process of a container or exec session. Ends with `Done`.
    Signal {
        /// To which.
        target: Target,
        /// Which.
        signal: Signal,
    },
    /// Freeze or thaw every process of a container. Ends with `Done`.
    Freeze {
        /// Which.
        container: ContainerId,
        /// Freeze (`true`) or thaw.
        frozen: bool,
    },
    /// Change limits of a running container. Ends with `Warnings`.
    UpdateLimits {
        /// Which.
        container: ContainerId,
        /// All limits, as they shall be.
        limits: Limits,
    },
    /// Say what the host makes of limits. Ends with `Warnings`.
    CheckLimits {
        /// Which.
        limits: Limits,
    },
    /// Read what a container uses. Ends with `Stats`.
    Stats {
        /// Which.
        container: ContainerId,
    },
    /// List the processes of a container. Ends with `Processes`.
    Top {
        /// Which.
        container: ContainerId,
        /// What to tell of each.
        columns: Vec<Column>,
    },
    /// Tidy up after a container ended: cgroup, veth, published ports, run directory. What is
    /// gone already is no error. Ends with `Done`.
    Release {
        /// Which.
        container: ContainerId,
    },
    /// Tidy up after an exec session ended. Ends with `Done`.
    ReleaseExec {
        /// Which.
        exec: ExecId,
    },
    /// Remove a container's storage after `Release`: upper, logs, files. Ends with `Done`.
    RemoveContainer {
        /// Which.
        container: ContainerId,
    },
    /// Make the network of this instance: bridge, address, nftables table, forwarding. Sent at
    /// start and safe to repeat. Ends with `Done`.
    EnsureNetwork {
        /// Address of the bridge.
        gateway: Ipv4Addr,
        /// Length of the subnet's prefix.
        prefix: u8,
    },
    /// Take away bridge and nftables table. Ends with `Done`.
    RemoveNetwork,
    /// Say what the host offers. Ends with `Findings`.
    Probe,
    /// Unpack a layer. Descriptor: the layer's tar, possibly compressed. Ends with `Unpacked`.
    UnpackLayer {
        /// The digest that the uncompressed tar must have; any, when absent.
        diff_id: Option<DiffId>,
    },
    /// Unpack a build context to `jobs/<job>/context`. Descriptor: a tar, possibly compressed,
    /// or a zip file. Ends with `Indexed`, after which the same connection carries the index:
    /// one [`IndexEntry`] as JSON a line, until its end.
    UnpackContext {
        /// Which job.
        job: JobId,
    },
    /// List a tree. Ends with `Indexed` and the index, as for `UnpackContext`.
    Index {
        /// Where.
        source: Tree,
        /// Absolute path in it.
        path: String,
    },
    /// Copy files into a new or existing work container's upper (`COPY`, `ADD`). Ends with `Done`.
    Copy(Box<CopyInto>),
    /// Turn a container's upper into a layer and remove the container's storage. Ends with
    /// `Unpacked`.
    CommitUpper {
        /// Which container; it must not run.
        container: ContainerId,
    },
    /// Write a layer's tar, byte for byte what its diff ID says. Descriptor: where to. Ends with
    /// `Done`.
    ExportLayer {
        /// Which.
        diff_id: DiffId,
    },
    /// Write a whole tree as one tar. Descriptor: where to. Ends with `Done`.
    Flatten {
        /// Which.
        source: Tree,
    },
    /// Move a layer that nothing uses any more to the trash. Ends with `Done`.
    RemoveLayer {
        /// Which.
        diff_id: DiffId,
    },
    /// Every layer there is. Ends with `Layers`.
    ListLayers,
    /// Move a job's context to the trash. Ends with `Done`.
    RemoveJob {
        /// Which.
        job: JobId,
    },
    /// Move every container directory, layer, job context and temporary that is not named to the
    /// trash, and empty the trash. Sent at start. Ends with `Done`.
    Sweep {
        /// Containers to keep.
        containers: Vec<ContainerId>,
        /// Layers to keep.
        layers: Vec<DiffId>,
        /// Jobs to keep.
        jobs: Vec<JobId>,
    },
    /// Remove a volume and what is in it. Ends with `Done`.
    RemoveVolume {
        /// Which.
        name: VolumeName,
    },
    /// Write a path of a container as tar. Descriptor: where to. Ends with `PathStat` (before the
    /// bytes).
    ReadPath {
        /// Where.
        source: Tree,
        /// Absolute path in it.
        path: String,
    },
    /// Unpack a tar at a path of a container. Descriptor: the tar. Ends with `Done`.
    WritePath {
        /// Which container.
        container: ContainerId,
        /// Its layers.
        layers: Vec<DiffId>,
        /// Absolute path of a directory in it.
        path: String,
    },
    /// Make a Debian root file system with mmdebstrap or debootstrap. Descriptors: where the tar
    /// goes, where the log goes. Ends with `Done`.
    Bootstrap(Bootstrap),
}

/// A container, or an exec session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A container's first process.
    Container(ContainerId),
    /// An exec session's process.
    Exec(ExecId),
}

/// A tree of files that the worker knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tree {
    /// Layers over each other, lowest first.
    Layers(Vec<DiffId>),
    /// A container: its layers, lowest first, and its upper.
    Container {
        /// Which.
        id: ContainerId,
        /// Its layers.
        layers: Vec<DiffId>,
    },
    /// The unpacked build context of a job.
    Context(JobId),
}

/// Start of a container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Start {
    /// Everything about it.
    pub spec: ContainerSpec,
    /// Start the process only when a client has attached to the shim, so that none of its
    /// output is missed.
    #[serde(default)]
    pub wait_for_attach: bool,
}

/// A further process in a running container.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Exec {
    /// Id of the session.
    pub id: ExecId,
    /// In which container.
    pub container: ContainerId,
    /// What to run.
    pub process: Process,
    /// Capabilities, seccomp and the rest, as the container's own.
    pub security: orlop_model::spec::Security,
    /// Start the process only when a client has attached.
    #[serde(default)]
    pub wait_for_attach: bool,
    /// Milliseconds without any client after which the session's process tree is killed; none:
    /// it lives on.
    #[serde(default)]
    pub linger_millis: Option<u64>,
    /// Size of the terminal, where it has one.
    #[serde(default)]
    pub size: Option<TermSize>,
}

/// A copy into a work container's upper.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CopyInto {
    /// The work container, made when it does not exist.
    pub container: ContainerId,
    /// Its layers, lowest first.
    pub layers: Vec<DiffId>,
    /// Where the files come from.
    pub source: Tree,
    /// What goes where, in order.
    pub items: Vec<CopyItem>,
    /// `user[:group]` of all of them, by name in the image or number; root when absent, and for
    /// `Tree::Layers` sources without it the owner is kept.
    pub chown: Option<String>,
    /// Permission bits of all of them; kept when absent.
    pub chmod: Option<u32>,
    /// The destination as the Dockerfile has it, made absolute: parents are created 0755 root,
    /// symbolic links in it are followed inside the root.
    pub destination: String,
    /// The destination is a directory (it ends in `/`, or there are several sources).
    pub into_directory: bool,
}

/// One file or tree to copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CopyItem {
    /// Path in the source tree, without a leading `/`.
    pub from: String,
    /// Path below the destination, without a leading `/`; empty is the destination itself.
    pub to: String,
    /// Unpack it if it is an archive (`ADD`).
    #[serde(default)]
    pub unpack: bool,
    /// Copy exactly this entry, not what is below it (the plan lists those itself).
    #[serde(default)]
    pub shallow: bool,
}

/// One entry of an index.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexEntry {
    /// Path without a leading `/`.
    pub path: String,
    /// What it is.
    pub kind: IndexKind,
    /// Permission bits with set-id and sticky.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes of a regular file.
    pub size: u64,
    /// SHA-256 of a regular file's content, in hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Where a symbolic link points.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// Kind of an index entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IndexKind {
    /// Regular file.
    File,
    /// Directory.
    Directory,
    /// Symbolic link.
    Symlink,
    /// Device, fifo or socket.
    Special,
}

/// A Debian base image to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bootstrap {
    /// Release name: lower-case letters, digits, `-`.
    pub suite: String,
    /// Further packages by Debian's naming rule.
    pub packages: Vec<String>,
    /// `http://` or `https://` address of a mirror; the tool's own default when absent.
    pub mirror: Option<String>,
}
