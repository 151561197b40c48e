//! OCI bundles of busybox with a root folder of records of their own, and the OCI runtime over
//! them. Dropped, every container is deleted, and nothing of it may be left on the host.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::{self, Ended};
use crate::{fixture, host, wait};

/// Bundles and records of one test.
pub struct Bundles {
    folder: TempDir,
    runtime: PathBuf,
    arguments: Vec<String>,
}

impl Default for Bundles {
    fn default() -> Self {
        Self::new()
    }
}

impl Bundles {
    /// Over `orlop oci` of the binary under test.
    ///
    /// # Panics
    /// If the root file system cannot be made.
    #[must_use]
    pub fn new() -> Self {
        Self::over(&client::binary(), &["oci"])
    }

    /// Over any runtime with runc's command line.
    ///
    /// # Panics
    /// If the root file system cannot be made.
    #[must_use]
    pub fn over(runtime: &Path, arguments: &[&str]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("orlop-oci-")
            .rand_bytes(10)
            .tempdir_in("/var/tmp")
            .expect("folder");
        let root = folder.path().join("rootfs");
        fs::create_dir(&root).expect("rootfs");
        tar::Archive::new(fixture::busybox_tar().as_slice())
            .unpack(&root)
            .expect("rootfs");
        Self {
            folder,
            runtime: runtime.to_owned(),
            arguments: arguments.iter().map(ToString::to_string).collect(),
        }
    }

    /// The folder of everything.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The root file system that all bundles share.
    #[must_use]
    pub fn rootfs(&self) -> PathBuf {
        self.path().join("rootfs")
    }

    /// An id that occurs nowhere else on the host.
    ///
    /// # Panics
    /// Never.
    #[must_use]
    pub fn id(&self, name: &str) -> String {
        let own = self.path().file_name().expect("a name").to_string_lossy();
        format!("{name}-{}", own.rsplit('-').next().unwrap_or_default())
    }

    /// Makes a bundle that runs this in a shell, after a change of its configuration.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn bundle(&self, name: &str, script: &str, change: impl FnOnce(&mut Value)) -> PathBuf {
        let folder = self.path().join(name);
        fs::create_dir_all(&folder).expect("bundle");
        let mut config = self.config(script);
        change(&mut config);
        fs::write(folder.join("config.json"), config.to_string()).expect("config");
        folder
    }

    /// A usual configuration.
    #[must_use]
    pub fn config(&self, script: &str) -> Value {
        let capabilities = json!(["CAP_KILL", "CAP_CHOWN", "CAP_SETUID", "CAP_SETGID"]);
        let mount = |target: &str, kind: &str, options: &[&str]| json!({"destination": target, "type": kind, "source": kind, "options": options});
        json!({
            "ociVersion": "1.0.2",
            "process": {
                "args": ["sh", "-c", script],
                "env": ["PATH=/bin"],
                "cwd": "/",
                "capabilities": {
                    "bounding": capabilities, "effective": capabilities, "permitted": capabilities
                }
            },
            "root": {"path": self.rootfs()},
            "hostname": "box",
            "mounts": [
                mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
                mount("/dev", "tmpfs", &["nosuid", "mode=755", "size=65536k"]),
                mount("/dev/pts", "devpts", &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
                mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"])
            ],
            "linux": {
                "namespaces": [
                    {"type": "pid"}, {"type": "network"}, {"type": "ipc"}, {"type": "uts"},
                    {"type": "mount"}, {"type": "cgroup"}
                ]
            }
        })
    }

    /// A call of the runtime, not started yet.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.runtime);
        command
            .args(&self.arguments)
            .arg("--root")
            .arg(self.path().join("records"))
            .args(arguments);
        command
    }

    /// Calls the runtime and waits for its end and that of all that has its output.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn call(&self, arguments: &[&str]) -> Ended {
        client::run(&mut self.command(arguments), b"")
    }

    /// Calls the runtime, whose output and that of the container go to the file `output` of the
    /// bundle, and waits for its own end only.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn detached(&self, bundle: &Path, arguments: &[&str]) -> Ended {
        let status = self.spawn(bundle, arguments).wait().expect("wait");
        Ended {
            line: format!("{arguments:?}"),
            code: status.code().expect("ended by itself"),
            out: String::new(),
            err: fs::read_to_string(bundle.join("output")).expect("output"),
        }
    }

    /// The same without any wait.
    ///
    /// # Panics
    /// If it cannot be started.
    #[must_use]
    pub fn spawn(&self, bundle: &Path, arguments: &[&str]) -> Child {
        let output = || {
            let mut options = File::options();
            options.create(true).append(true);
            options.open(bundle.join("output")).expect("output")
        };
        self.command(arguments)
            .stdin(Stdio::null())
            .stdout(output())
            .stderr(output())
            .spawn()
            .expect("the runtime")
    }

    /// Creates a container of a bundle.
    #[must_use]
    pub fn create(&self, bundle: &Path, id: &str) -> Ended {
        self.detached(bundle, &["create", "--bundle", text(bundle), id])
    }

    /// Runs a bundle to its end.
    #[must_use]
    pub fn run(&self, bundle: &Path, id: &str) -> Ended {
        self.call(&["run", "--bundle", text(bundle), id])
    }

    /// Makes a bundle and runs it; its output.
    #[track_caller]
    pub fn inside(&self, script: &str, change: impl FnOnce(&mut Value)) -> String {
        let bundle = self.bundle("inside", script, change);
        self.run(&bundle, &self.id("inside")).ok()
    }

    /// A property of a container's state.
    ///
    /// # Panics
    /// If there is no such container.
    #[must_use]
    #[track_caller]
    pub fn state(&self, id: &str, property: &str) -> Value {
        let state = self.call(&["state", id]).ok();
        serde_json::from_str::<Value>(&state).expect("JSON")[property].clone()
    }

    /// Deletes all containers, and finds what is left of them on the host.
    ///
    /// # Panics
    /// If there is anything.
    pub fn expect_nothing_left(&self) {
        for id in self.call(&["list", "--quiet"]).ok().lines() {
            self.call(&["delete", "--force", id]).ok();
        }
        let mark = self.id("");
        let records = self.path().join("records");
        let left: Vec<_> = fs::read_dir(&records)
            .map(|entries| entries.flatten().map(|entry| entry.file_name()).collect())
            .unwrap_or_default();
        assert!(left.is_empty(), "records are left: {left:?}");
        assert_eq!(host::cgroups(&mark), [] as [String; 0]);
        // Whoever reaps on this host may take a moment.
        wait::until("all processes and mounts are gone", || {
            host::traces_of(&mark).is_empty().then_some(())
        });
    }
}

/// A path as an argument.
///
/// # Panics
/// If it is not UTF-8, and those of tests are.
#[must_use]
pub fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

impl Drop for Bundles {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return self.expect_nothing_left();
        }
        let list = self.call(&["list", "--quiet"]);
        for id in list.out.lines() {
            let _ = self.call(&["delete", "--force", id]);
        }
    }
}
