//! Start, stop, and what a wrong start says.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;

use acceptance::client::{self, binary, run};
use acceptance::server::Server;
use acceptance::{fixture, wait};

fn healthz(server: &Server) -> String {
    let url = format!("{}/healthz", server.address);
    run(
        Command::new("curl").args(["--silent", "--show-error", "--fail", &url]),
        b"",
    )
    .ok()
}

#[test]
fn the_first_start_tells_address_and_token_and_later_ones_the_address_alone() {
    let mut server = Server::start();
    let token = server.token.clone().expect("a token");
    assert!(token.len() >= 32, "{token}");
    assert!(!healthz(&server).is_empty());
    let file = server.data_dir().join("records/sign-up-token");
    assert_eq!(
        fs::metadata(&file).expect("token").permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(fs::read_to_string(&file).expect("token").trim(), token);
    server.stop();
    server.launch();
    assert_eq!(
        server.token.as_deref(),
        Some(token.as_str()),
        "unused, so still valid"
    );
}

#[test]
fn the_server_has_no_privileges_and_the_worker_is_root() {
    let server = Server::start();
    let status =
        |role| fs::read_to_string(format!("/proc/{}/status", server.role(role))).expect("status");
    let field = |text: &str, name: &str| {
        let line = text
            .lines()
            .find(|line| line.starts_with(name))
            .expect(name);
        line.split_whitespace().nth(1).expect(name).to_owned()
    };
    let unprivileged = status("orlop-server");
    assert_ne!(field(&unprivileged, "Uid:"), "0");
    assert_eq!(field(&unprivileged, "CapEff:"), "0000000000000000");
    let root = status("orlop-worker");
    assert_eq!(
        (
            field(&root, "Uid:").as_str(),
            field(&root, "Threads:").as_str()
        ),
        ("0", "1")
    );
    for role in ["orlop-server", "orlop-worker"] {
        let exe = fs::read_link(format!("/proc/{}/exe", server.role(role))).expect("exe");
        assert!(exe.to_string_lossy().starts_with("/memfd:orlop"), "{exe:?}");
    }
    for own in ["layers", "volumes"] {
        let data = fs::metadata(server.data_dir().join(own)).expect(own);
        assert_eq!((data.uid(), data.mode() & 0o777), (0, 0o700), "{own}");
    }
}

#[test]
fn wrong_starts_say_what_is_wrong_and_what_to_do() {
    let server = Server::start();
    let start = |options: &[&str]| {
        let mut command = Command::new(binary());
        run(
            command
                .arg("serve")
                .arg("--config")
                .arg(server.folder().join("orlop.toml"))
                .args(options),
            b"",
        )
        .fails_with(1)
    };
    let (data, other) = (server.data_dir(), server.folder().join("other"));
    let (data, other) = (
        data.to_str().expect("utf-8"),
        other.to_str().expect("utf-8"),
    );
    let address = server.address.strip_prefix("http://").expect("http");
    let in_use = start(&[
        "--data-dir",
        data,
        "--run-dir",
        other,
        "--listen",
        "127.0.0.1:0",
    ]);
    assert!(
        in_use.contains("in use by another Orlop") && in_use.contains("--data-dir"),
        "{in_use}"
    );
    let data = server.folder().join("data2");
    let data = data.to_str().expect("utf-8");
    let port = start(&["--data-dir", data, "--run-dir", other, "--listen", address]);
    assert!(
        port.contains(address) && port.contains("--listen"),
        "{port}"
    );
    let subnet = start(&["--subnet", "10.0.0.1/24"]);
    assert!(subnet.contains("10.0.0.0/24"), "{subnet}");
}

#[test]
fn without_root_the_start_says_so() {
    // The binary may lie where only root can read.
    let folder = tempfile::tempdir_in("/var/tmp").expect("folder");
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("mode");
    let copy = folder.path().join("orlop");
    fs::copy(binary(), &copy).expect("copy");
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .arg(&copy)
        .arg("serve");
    let told = client::run(&mut command, b"").fails_with(1);
    assert!(told.contains("needs root"), "{told}");
}

#[test]
fn doctor_names_every_need_and_finds_this_host_fit() {
    let text = run(Command::new(binary()).arg("doctor"), b"").ok();
    for need in [
        "overlay",
        "cgroup",
        "seccomp",
        "nftables",
        "bridge",
        "user namespace",
    ] {
        assert!(
            text.to_lowercase().contains(need),
            "{need} is missing in:\n{text}"
        );
    }
    assert!(!text.contains("MISSING"), "{text}");
}

#[test]
fn a_stop_leaves_containers_running_and_a_start_adopts_them() {
    let mut server = Server::start();
    fixture::import_busybox(&server);
    let id = server
        .docker(&["run", "-d", "--name", "web", "busybox", "sleep", "1000"])
        .ok();
    let pid = server.inspect("web", "{{.State.Pid}}");
    server.stop();
    assert!(
        fs::exists(format!("/proc/{pid}")).expect("proc"),
        "the container ended"
    );
    server.launch();
    assert_eq!(
        server.inspect("web", "{{.Id}} {{.State.Status}} {{.State.Pid}}"),
        format!("{id} running {pid}")
    );
    assert_eq!(
        server.docker(&["exec", "web", "echo", "again"]).ok(),
        "again"
    );
    server.docker(&["stop", "-t", "0", "web"]).ok();
    assert_eq!(server.inspect("web", "{{.State.ExitCode}}"), "137");
}

#[test]
fn a_dead_worker_is_replaced_without_a_lost_request() {
    let server = Server::start();
    fixture::import_busybox(&server);
    let worker = server.role("orlop-worker");
    acceptance::server::signal(worker, nix::sys::signal::Signal::SIGKILL);
    assert_eq!(
        server
            .docker(&["run", "--rm", "busybox", "echo", "still here"])
            .ok(),
        "still here"
    );
    wait::until("another worker", || {
        (server.role("orlop-worker") != worker).then_some(())
    });
}
