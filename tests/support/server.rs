//! A server of its own for a test, and everything taken away at its end.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::client::{self, Ended};
use crate::{host, wait};

/// Servers of one test process so far.
static COUNT: AtomicU32 = AtomicU32::new(0);
/// Servers that one test may start.
const PER_TEST: u32 = 8;

/// A running `orlop serve`.
#[derive(Debug)]
pub struct Server {
    folder: TempDir,
    /// Number among this test's servers.
    number: u32,
    child: Option<Child>,
    /// What it is told to listen on.
    listen: String,
    /// Address of the console.
    pub address: String,
    /// The one-time sign-up token, on the first start.
    pub token: Option<String>,
    /// A fault point that the next start arms, as `ORLOP_FAULT` has it.
    pub fault: Option<String>,
}

fn count() -> u32 {
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    assert!(count < PER_TEST, "a test may start {PER_TEST} servers");
    count
}

impl Server {
    /// Starts a server.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with("")
    }

    /// Starts a server with this configuration file.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start_with(config: &str) -> Self {
        assert!(
            nix::unistd::geteuid().is_root(),
            "the acceptance tests run as root"
        );
        let folder = tempfile::Builder::new()
            .prefix("ot-")
            .tempdir_in("/var/tmp");
        let mut server = Self {
            folder: folder.expect("a folder"),
            number: count(),
            child: None,
            listen: "127.0.0.1:0".to_owned(),
            address: String::new(),
            token: None,
            fault: None,
        };
        // The server's user must reach what lies in it.
        let open = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o711);
        fs::set_permissions(server.folder.path(), open).expect("permissions");
        fs::write(server.folder.path().join("orlop.toml"), config).expect("configuration");
        server.launch();
        server
    }

    /// Starts the server again after [`Server::stop`] or [`Server::kill`].
    ///
    /// # Panics
    /// If it does not start.
    pub fn launch(&mut self) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("log"));
        let mut child = self
            .command("serve")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.expect("log"))
            .spawn()
            .expect("start");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        self.token = None;
        loop {
            let Some(Ok(line)) = lines.next() else {
                panic!("the server did not start:\n{}", self.log());
            };
            if let Some(token) = line.strip_prefix("Sign-up token: ") {
                self.token = Some(token.trim().to_owned());
            }
            if let Some(address) = line.strip_prefix("Console:") {
                self.address = address.trim().to_owned();
            }
            if line == "Ready." {
                break;
            }
        }
        self.child = Some(child);
    }

    /// From now on it starts at the address that it has.
    ///
    /// # Panics
    /// If it has none yet.
    pub fn keep_address(&mut self) {
        let bare = self.address.strip_prefix("http://");
        self.listen = bare.expect("an address").trim_end_matches('/').to_owned();
    }

    /// What the server told of itself.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Name of the bridge, which marks everything of this server on the host. All are of one
    /// length, so that none is the beginning of another's.
    #[must_use]
    pub fn bridge(&self) -> String {
        format!("ot{}x{:07}", self.number, std::process::id())
    }

    /// A subnet that no other server of this moment has: each test is a process of its own.
    fn subnet(&self) -> String {
        let pid = std::process::id() % 32_768;
        format!(
            "10.{}.{}.{}/27",
            100 + pid / 256,
            pid % 256,
            self.number * 32
        )
    }

    /// Folder of the data.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Folder of what runs.
    #[must_use]
    pub fn run_dir(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    /// A folder for the test's own files.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Pid of the supervisor.
    ///
    /// # Panics
    /// If it does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("running").id()
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new(client::binary());
        command
            .arg(verb)
            .arg("--config")
            .arg(self.folder.path().join("orlop.toml"))
            .arg("--data-dir")
            .arg(self.data_dir())
            .arg("--run-dir")
            .arg(self.run_dir())
            .args(["--listen", &self.listen, "--bridge", &self.bridge()])
            .args(["--subnet", &self.subnet()])
            .env("RUST_BACKTRACE", "1");
        if let Some(fault) = &self.fault {
            command.env("ORLOP_FAULT", fault);
        }
        command
    }

    /// `orlop …` against this server.
    pub fn orlop(&self, arguments: &[&str]) -> Ended {
        self.orlop_with(arguments, b"")
    }

    /// `orlop …` with this on standard input.
    pub fn orlop_with(&self, arguments: &[&str], input: &[u8]) -> Ended {
        let mut command = Command::new(client::binary());
        client::run(
            command
                .env("ORLOP_HOST", self.run_dir().join("orlop.sock"))
                .args(arguments),
            input,
        )
    }

    /// A `docker …` command against this server, not yet run.
    #[must_use]
    pub fn docker_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command
            .args(arguments)
            .env(
                "DOCKER_HOST",
                format!("unix://{}/orlop.sock", self.run_dir().display()),
            )
            .env("DOCKER_BUILDKIT", "0")
            .env("DOCKER_CONFIG", self.folder.path().join("docker"));
        command
    }

    /// `docker …` against this server.
    pub fn docker(&self, arguments: &[&str]) -> Ended {
        client::run(&mut self.docker_command(arguments), b"")
    }

    /// `docker …` with this on standard input.
    pub fn docker_with(&self, arguments: &[&str], input: &[u8]) -> Ended {
        client::run(&mut self.docker_command(arguments), input)
    }

    /// One value of a container, by a template of `docker inspect`.
    #[track_caller]
    pub fn inspect(&self, container: &str, template: &str) -> String {
        self.docker(&[
            "inspect",
            "--type",
            "container",
            "--format",
            template,
            container,
        ])
        .ok()
    }

    /// Asks the server to stop, and waits for its end; containers go on.
    ///
    /// # Panics
    /// If it does not end well.
    pub fn stop(&mut self) {
        let mut child = self.child.take().expect("running");
        signal(child.id(), Signal::SIGTERM);
        let status = child.wait().expect("wait");
        assert!(status.success(), "{status}\n{}", self.log());
    }

    /// Kills supervisor, server and worker at once; containers and shims go on.
    ///
    /// # Panics
    /// If one of them stays.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("running");
        let children = children(child.id());
        for pid in children.iter().copied().chain([child.id()]) {
            signal(pid, Signal::SIGKILL);
        }
        child.wait().expect("wait");
        wait::until("the server's processes end", || {
            children
                .iter()
                .all(|pid| !Path::new(&format!("/proc/{pid}")).exists())
                .then_some(())
        });
    }

    /// Pid of the worker or of the server, by its name.
    ///
    /// # Panics
    /// If it does not run.
    #[must_use]
    pub fn role(&self, name: &str) -> u32 {
        wait::until(name, || {
            children(self.pid()).into_iter().find(|pid| {
                let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                line.starts_with(name.as_bytes())
            })
        })
    }
}

/// Sends a signal to a process that this test started.
pub fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).expect("pid"));
    // It may have ended already, which is what a kill wants.
    let _ = kill(pid, signal);
}

fn children(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace()
        .filter_map(|pid| pid.parse().ok())
        .collect()
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal(child.id(), Signal::SIGTERM);
            let _ = child.wait();
        }
        #[expect(clippy::print_stderr, reason = "the runner shows it below the failure")]
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<_> = log.lines().rev().take(60).collect();
            let tail: Vec<_> = tail.into_iter().rev().collect();
            eprintln!("the server's log:\n{}", tail.join("\n"));
        }
        let ended = client::run(&mut self.command("cleanup"), b"");
        if std::thread::panicking() {
            return;
        }
        assert_eq!(ended.code, 0, "{}", ended.err);
        let mark = self.bridge();
        let path = self.folder.path().to_string_lossy().into_owned();
        for mark in [&mark, &path] {
            let traces = host::traces_of(mark);
            assert!(traces.is_empty(), "left behind: {traces:#?}");
        }
        let cgroups = host::cgroups(&mark);
        assert!(cgroups.is_empty(), "left behind: {cgroups:#?}");
    }
}
