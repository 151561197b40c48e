//! A worker of its own for each test: in its own network namespace, with its own directories,
//! asked over its own socket as the server does it. Needs root.
#![allow(dead_code)] // each test file uses its own part

pub(crate) mod session;
pub(crate) mod spec;

use std::fs;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use orlop_linux::process;
use orlop_model::id::{ContainerId, DiffId, ExecId};
use orlop_model::lifecycle::Exit;
use orlop_model::network::Endpoint;
use orlop_model::subnet::Subnet;
use orlop_wire::channel;
use orlop_wire::record::{EXIT_FILE, STATE_FILE, ShimState};
use orlop_wire::reply::{Failure, Reply, Started};
use orlop_wire::request::Request;
use orlop_worker::{SubordinateIds, WorkerConfig};

/// The image: a shell and what belongs to it, without any library.
const BUSYBOX: &str = "/bin/busybox";
/// The host's id of root in a user namespace.
pub(crate) const FIRST_SUBORDINATE: u32 = 1_000_000;
/// How long anything may take before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A worker and its directories; dropped, nothing of either is left.
pub(crate) struct Host {
    pub(crate) dir: tempfile::TempDir,
    config: WorkerConfig,
    worker: Option<OwnedFd>,
    listener: UnixListener,
    pub(crate) layer: DiffId,
}

impl Host {
    /// A host with one layer, and a worker that serves.
    pub(crate) fn new() -> Self {
        Self::with_policy("")
    }

    /// The same with a policy file.
    pub(crate) fn with_policy(policy: &str) -> Self {
        assert!(nix::unistd::geteuid().is_root(), "these tests need root");
        let dir = tempfile::Builder::new()
            .prefix("ot")
            .rand_bytes(4)
            .tempdir()
            .expect("folder");
        let path = |name: &str| dir.path().join(name);
        fs::create_dir_all(path("r/containers")).expect("run folder");
        fs::create_dir_all(path("r/execs")).expect("run folder");
        fs::write(path("policy.toml"), policy).expect("policy");
        for file in ["subuid", "subgid"] {
            let span = format!("somebody:{FIRST_SUBORDINATE}:65536\n");
            fs::write(path(file), span).expect("subordinate ids");
        }
        let name = dir
            .path()
            .file_name()
            .and_then(|n| n.to_str())
            .expect("name");
        let config = WorkerConfig {
            data_dir: path("d"),
            run_dir: path("r"),
            bridge: format!("{name}0"),
            server_uid: 0,
            server_gid: 0,
            policy_file: path("policy.toml"),
            subordinate_ids: SubordinateIds {
                user: "somebody".to_owned(),
                users_file: path("subuid"),
                groups_file: path("subgid"),
            },
        };
        let layer = make_layer(&config.data_dir);
        let listener = UnixListener::bind(path("r/worker.sock")).expect("socket");
        let mut host = Self {
            dir,
            config,
            worker: None,
            listener,
            layer,
        };
        host.start_worker();
        host
    }

    /// Starts a worker on the socket, in a network namespace of its own.
    pub(crate) fn start_worker(&mut self) {
        let listener = OwnedFd::from(self.listener.try_clone().expect("socket"));
        let config = self.config.clone();
        let child = process::clone(CloneFlags::empty(), None, move || {
            let served = unshare(CloneFlags::CLONE_NEWNET)
                .map_err(std::io::Error::from)
                .and_then(|()| orlop_worker::run(listener, config));
            i32::from(served.is_err())
        });
        self.worker = Some(child.expect("fork").pidfd);
    }

    /// Kills the worker as the kernel would for want of memory.
    pub(crate) fn kill_worker(&mut self) {
        if let Some(worker) = self.worker.take() {
            process::send_signal(worker.as_fd(), 9).expect("kill");
            process::wait(worker.as_fd()).expect("wait");
        }
    }

    /// Makes the bridge.
    pub(crate) fn with_network(self) -> Self {
        let subnet = subnet();
        let request = Request::EnsureNetwork {
            gateway: subnet.gateway(),
            prefix: subnet.prefix(),
        };
        self.done(request);
        self
    }

    /// An endpoint on the bridge whose address ends in `number`.
    pub(crate) fn endpoint(&self, id: &ContainerId, number: u8) -> Endpoint {
        subnet().endpoint(&self.config.bridge, id, Ipv4Addr::new(10, 77, 0, number))
    }

    /// Sends a request and gives its last reply.
    pub(crate) fn ask(&self, request: &Request) -> Result<Reply, Failure> {
        self.ask_with(request, &[])
    }

    /// The same with descriptors.
    pub(crate) fn ask_with(
        &self,
        request: &Request,
        fds: &[BorrowedFd<'_>],
    ) -> Result<Reply, Failure> {
        let connection = self.connect();
        channel::send(connection.as_fd(), request, fds).expect("send");
        loop {
            match channel::receive::<Reply>(connection.as_fd())
                .expect("a reply")
                .0
            {
                Reply::Progress(_) => {}
                Reply::Failed(failure) => return Err(failure),
                other => return Ok(other),
            }
        }
    }

    /// A connection to the worker.
    pub(crate) fn connect(&self) -> UnixStream {
        UnixStream::connect(self.config.run_dir.join("worker.sock")).expect("connect")
    }

    /// A request that must end with `Done`.
    pub(crate) fn done(&self, request: Request) {
        match self.ask(&request) {
            Ok(Reply::Done) => {}
            other => panic!("{request:?}: {other:?}"),
        }
    }

    /// A request that must end with `Started`.
    pub(crate) fn started(&self, request: &Request) -> Started {
        match self.ask(request) {
            Ok(Reply::Started(started)) => started,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn run_folder(&self, id: &ContainerId) -> PathBuf {
        self.config.run_dir.join("containers").join(id.as_str())
    }

    pub(crate) fn exec_folder(&self, id: &ExecId) -> PathBuf {
        self.config.run_dir.join("execs").join(id.as_str())
    }

    pub(crate) fn data(&self) -> &Path {
        &self.config.data_dir
    }

    pub(crate) fn container_data(&self, id: &ContainerId) -> PathBuf {
        self.config.data_dir.join("containers").join(id.as_str())
    }

    pub(crate) fn state(&self, folder: &Path) -> ShimState {
        serde_json::from_slice(&fs::read(folder.join(STATE_FILE)).expect("state")).expect("state")
    }

    /// Waits for the exit record.
    pub(crate) fn exit(&self, folder: &Path) -> Exit {
        let path = folder.join(EXIT_FILE);
        wait_until("the exit record", || path.exists());
        serde_json::from_slice(&fs::read(path).expect("record")).expect("record")
    }

    /// Adds a file to the layer.
    pub(crate) fn put(&self, path: &str, content: &str) {
        let path = self.layer_path(path);
        fs::create_dir_all(path.parent().expect("parent")).expect("folder");
        fs::write(path, content).expect("file");
    }

    /// Where a path of the layer lies.
    pub(crate) fn layer_path(&self, path: &str) -> PathBuf {
        self.config
            .data_dir
            .join("layers")
            .join(self.layer.hex())
            .join(path.trim_start_matches('/'))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.kill_worker();
        let cleaned = orlop_worker::clean_up(self.config.clone());
        if !std::thread::panicking() {
            assert_eq!(cleaned, Ok(()), "what the test has left");
        }
    }
}

fn subnet() -> Subnet {
    "10.77.0.0/24".parse().expect("subnet")
}

fn make_layer(data: &Path) -> DiffId {
    let id = DiffId::from_sha256([0xb5; 32]);
    let root = data.join("layers").join(id.hex());
    for folder in ["bin", "etc", "tmp", "root"] {
        fs::create_dir_all(root.join(folder)).expect("layer");
    }
    assert!(
        Path::new(BUSYBOX).exists(),
        "these tests need busybox-static at {BUSYBOX}"
    );
    fs::copy(BUSYBOX, root.join("bin/busybox")).expect("busybox");
    let list = std::process::Command::new(BUSYBOX).arg("--list").output();
    for name in String::from_utf8_lossy(&list.expect("busybox").stdout).lines() {
        if name != "busybox" {
            symlink("busybox", root.join("bin").join(name)).expect("link");
        }
    }
    let passwd = "root:x:0:0:root:/root:/bin/sh\nada:x:1000:1000::/home/ada:/bin/sh\n";
    fs::write(root.join("etc/passwd"), passwd).expect("passwd");
    let group = "root:x:0:\nada:x:1000:\nstaff:x:50:ada\naudio:x:29:\n";
    fs::write(root.join("etc/group"), group).expect("group");
    id
}

/// Waits until something holds, or fails.
pub(crate) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A number that no other call of this process gives, as 32 bytes.
pub(crate) fn fresh_bytes() -> [u8; 32] {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(1);
    let mut bytes = [0x5a; 32];
    bytes[..4].copy_from_slice(&std::process::id().to_be_bytes());
    bytes[4..8].copy_from_slice(&NEXT.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    bytes
}
