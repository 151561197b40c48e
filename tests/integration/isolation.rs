//! What a container is shut off from, seen from inside.

use acceptance::host::namespace;
use acceptance::server::Server;
use acceptance::{fixture, wait};

fn server() -> Server {
    let server = Server::start();
    fixture::import_busybox(&server);
    server
}

fn pid(server: &Server, name: &str) -> u32 {
    server.inspect(name, "{{.State.Pid}}").parse().expect("pid")
}

fn inside(server: &Server, command: &str) -> String {
    server
        .docker(&["run", "--rm", "busybox", "sh", "-c", command])
        .ok()
}

#[test]
fn every_namespace_differs_from_the_hosts_and_from_a_siblings() {
    let server = server();
    for name in ["one", "two"] {
        server
            .docker(&["run", "-d", "--name", name, "busybox", "sleep", "1000"])
            .ok();
    }
    let (one, two) = (pid(&server, "one"), pid(&server, "two"));
    let own = std::process::id();
    for kind in ["pid", "net", "mnt", "uts", "ipc", "cgroup"] {
        let names = [own, one, two].map(|pid| namespace(pid, kind));
        assert!(
            names[0] != names[1] && names[0] != names[2] && names[1] != names[2],
            "{kind}: {names:?}"
        );
    }
}

#[test]
fn two_containers_cannot_see_signal_or_name_each_other() {
    let server = server();
    server
        .docker(&["run", "-d", "--name", "victim", "busybox", "sleep", "4242"])
        .ok();
    let host_pid = pid(&server, "victim");
    let script = format!("ps; kill -9 {host_pid} 2>&1; hostname; ls /proc | grep -c '^[0-9]'");
    let seen = inside(&server, &script);
    assert!(!seen.contains("4242"), "{seen}");
    assert!(seen.contains("No such process"), "{seen}");
    assert_eq!(server.inspect("victim", "{{.State.Status}}"), "running");
    let abstract_socket = inside(&server, "cat /proc/net/unix | wc -l");
    assert_eq!(abstract_socket, "1", "only the title line");
}

#[test]
fn process_1_is_the_command_with_dockers_capabilities_and_filter() {
    let server = server();
    let status = inside(
        &server,
        "cat /proc/self/status; echo pid $$; umask; ls /proc/self/fd | wc -l",
    );
    for line in [
        "CapPrm:\t00000000a80425fb",
        "CapEff:\t00000000a80425fb",
        "CapBnd:\t00000000a80425fb",
        "CapInh:\t0000000000000000",
        "CapAmb:\t0000000000000000",
        "Seccomp:\t2",
        "pid 1",
        "0022",
    ] {
        assert!(status.contains(line), "{line} is missing in:\n{status}");
    }
    let user = server
        .docker(&[
            "run",
            "--rm",
            "-u",
            "1000",
            "busybox",
            "cat",
            "/proc/self/status",
        ])
        .ok();
    assert!(
        user.contains("CapEff:\t0000000000000000") && user.contains("CapBnd:\t00000000a80425fb"),
        "{user}"
    );
    let dropped = server
        .docker(&[
            "run",
            "--rm",
            "--cap-drop",
            "ALL",
            "--cap-add",
            "CHOWN",
            "busybox",
            "cat",
            "/proc/self/status",
        ])
        .ok();
    assert!(dropped.contains("CapEff:\t0000000000000001"), "{dropped}");
    let nnp = server
        .docker(&[
            "run",
            "--rm",
            "--security-opt",
            "no-new-privileges",
            "busybox",
            "cat",
            "/proc/self/status",
        ])
        .ok();
    assert!(nnp.contains("NoNewPrivs:\t1"), "{nnp}");
}

#[test]
fn mounts_are_those_of_docker_and_name_no_host_path() {
    let server = server();
    let mounts = inside(&server, "cat /proc/self/mountinfo");
    let find = |target: &str| {
        let line = mounts
            .lines()
            .find(|line| line.split(' ').nth(4) == Some(target));
        line.unwrap_or_else(|| panic!("{target} is missing in:\n{mounts}"))
            .to_owned()
    };
    assert!(find("/").contains(" - overlay "));
    for (target, options) in [
        ("/proc", "nosuid,nodev,noexec"),
        ("/dev", "nosuid"),
        ("/dev/pts", "nosuid,noexec"),
        ("/dev/shm", "nosuid,nodev,noexec"),
        ("/dev/mqueue", "nosuid,nodev,noexec"),
        ("/sys", "ro,nosuid,nodev,noexec"),
        ("/proc/sys", "ro,"),
    ] {
        assert!(find(target).contains(options), "{target}: {}", find(target));
    }
    for masked in ["/proc/kcore", "/proc/keys", "/proc/timer_list"] {
        if std::path::Path::new(masked).exists() {
            assert_eq!(
                inside(&server, &format!("cat {masked} | wc -c")),
                "0",
                "{masked}"
            );
        }
    }
    assert_eq!(inside(&server, "ls /sys/firmware | wc -l"), "0");
    let denied = inside(
        &server,
        "echo 1 > /proc/sys/kernel/panic 2>&1 || echo refused",
    );
    assert!(denied.contains("refused"), "{denied}");
    let host = server.folder().to_string_lossy().into_owned();
    let shown: Vec<_> = mounts
        .lines()
        .filter(|l| l.contains(&host) && !l.contains("/etc/"))
        .collect();
    // Overlay options name the layers; nothing else may.
    assert!(
        shown.iter().all(|line| line.contains(" - overlay ")),
        "{shown:?}"
    );
}

#[test]
fn devices_are_the_harmless_ones() {
    let server = server();
    let devices = inside(&server, "ls /dev | sort | tr '\\n' ' '");
    assert_eq!(
        devices,
        "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero"
    );
    let made = inside(
        &server,
        "mknod /tmp/disk b 254 0 && head -c 1 /tmp/disk 2>&1 || true",
    );
    assert!(made.contains("not permitted"), "{made}");
    let mounted = inside(&server, "mount -t tmpfs x /tmp 2>&1; echo code $?");
    assert!(
        mounted.contains("denied") || mounted.contains("not permitted"),
        "{mounted}"
    );
}

#[test]
fn the_root_is_written_inside_only_and_read_only_when_asked() {
    let server = server();
    server
        .docker(&[
            "run",
            "--name",
            "writer",
            "busybox",
            "sh",
            "-c",
            "echo mine > /file; rm /etc/group",
        ])
        .ok();
    assert_eq!(
        inside(&server, "ls /file /etc/group 2>&1 | head -1; ls /etc/group")
            .lines()
            .last(),
        Some("/etc/group")
    );
    let refused = server.docker(&["run", "--rm", "--read-only", "busybox", "touch", "/x"]);
    assert_ne!(refused.code, 0);
    assert!(refused.err.contains("Read-only"), "{}", refused.err);
}

#[test]
fn workdir_through_a_descriptor_of_the_runtime_is_refused() {
    // CVE-2024-21626: a leaked directory descriptor as the working directory.
    let server = server();
    for number in 0..12 {
        let workdir = format!("/proc/self/fd/{number}");
        let ended = server.docker(&[
            "run",
            "--rm",
            "-w",
            &workdir,
            "busybox",
            "sh",
            "-c",
            "ls ../../../../../../var/lib 2>/dev/null | grep -c dpkg",
        ]);
        assert!(
            ended.code != 0 && !ended.out.contains('1'),
            "{workdir}: {ended:?}"
        );
    }
}

#[test]
fn the_runtime_cannot_be_overwritten_through_its_own_executable() {
    // CVE-2019-5736: the entry point is the runtime itself.
    let server = server();
    let before = std::fs::read(acceptance::client::binary()).expect("binary");
    let ended = server.docker(&["run", "--rm", "busybox", "/proc/self/exe"]);
    assert_ne!(ended.code, 0, "{ended:?}");
    let script = "#!/proc/self/exe\n";
    server.docker_with(
        &[
            "run",
            "-i",
            "--name",
            "evil",
            "busybox",
            "sh",
            "-c",
            "cat > /evil; chmod +x /evil; exec /evil",
        ],
        script.as_bytes(),
    );
    assert!(
        std::fs::read(acceptance::client::binary()).expect("binary") == before,
        "overwritten"
    );
    assert_eq!(inside(&server, "echo well"), "well");
}

#[test]
fn the_host_sees_no_mount_of_a_container() {
    let server = server();
    server
        .docker(&["run", "-d", "busybox", "sleep", "1000"])
        .ok();
    let mark = server.folder().to_string_lossy().into_owned();
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("mountinfo");
    assert!(!mounts.contains(&mark), "{mounts}");
}

#[test]
fn a_killed_shim_ends_its_container_and_the_record_says_why() {
    let server = server();
    server
        .docker(&["run", "-d", "--name", "web", "busybox", "sleep", "1000"])
        .ok();
    let pid = pid(&server, "web");
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
    let shim = stat
        .rsplit(") ")
        .next()
        .and_then(|rest| rest.split(' ').nth(1))
        .expect("parent");
    acceptance::server::signal(
        shim.parse().expect("pid"),
        nix::sys::signal::Signal::SIGKILL,
    );
    wait::until("the end", || {
        (server.inspect("web", "{{.State.Status}}") == "exited").then_some(())
    });
    assert!(!server.inspect("web", "{{.State.Error}}").is_empty());
    wait::until("its process ends", || {
        (!acceptance::host::is_alive(pid)).then_some(())
    });
}
