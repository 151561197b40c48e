//! A Docker engine of the benchmark's own: its own data, socket, bridge and subnet.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use acceptance::{client, fixture, server, wait};
use nix::sys::signal::Signal;

/// Name of its bridge.
const BRIDGE: &str = "orlopbench0";

/// A running `dockerd`.
pub(crate) struct Docker {
    child: Child,
    folder: tempfile::TempDir,
}

impl Docker {
    /// Starts it, where it is installed, and gives it the test image.
    pub(crate) fn start() -> Option<Self> {
        let folder = tempfile::Builder::new()
            .prefix("orlop-bench-")
            .tempdir_in("/var/tmp")
            .expect("folder");
        ip(&["link", "add", BRIDGE, "type", "bridge"]);
        ip(&["address", "add", "10.214.0.1/16", "dev", BRIDGE]);
        ip(&["link", "set", BRIDGE, "up"]);
        let at = |name: &str| folder.path().join(name);
        let child = Command::new("dockerd")
            .arg("--data-root")
            .arg(at("data"))
            .arg("--exec-root")
            .arg(at("exec"))
            .arg("--pidfile")
            .arg(at("pid"))
            .arg("--host")
            .arg(format!("unix://{}", at("docker.sock").display()))
            .args(["--bridge", BRIDGE])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(at("log")).expect("log"))
            .spawn();
        let Ok(child) = child else {
            ip(&["link", "delete", BRIDGE]);
            return None;
        };
        let docker = Self { child, folder };
        wait::until("dockerd listens", || {
            std::os::unix::net::UnixStream::connect(docker.socket()).ok()
        });
        let mut import = Command::new("docker");
        import
            .arg("--host")
            .arg(format!("unix://{}", docker.socket().display()));
        client::run(
            import.args(["import", "-", "busybox"]),
            &fixture::busybox_tar(),
        )
        .ok();
        Some(docker)
    }

    /// Its socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("docker.sock")
    }
}

fn ip(arguments: &[&str]) {
    client::run(Command::new("ip").args(arguments), b"");
}

impl Drop for Docker {
    fn drop(&mut self) {
        server::signal(self.child.id(), Signal::SIGTERM);
        // Nothing is left to do about an engine that does not end.
        let _ = self.child.wait();
        ip(&["link", "delete", BRIDGE]);
    }
}
