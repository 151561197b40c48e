//! Binds, volumes and memory, in every form that Docker's client knows.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use acceptance::fixture;
use acceptance::server::Server;

fn server() -> Server {
    let server = Server::start();
    fixture::import_busybox(&server);
    server
}

fn volumes(server: &Server) -> usize {
    let folder = server.data_dir().join("volumes");
    fs::read_dir(folder).map_or(0, Iterator::count)
}

/// A file system of memory on the host that shares its mounts, until it is dropped.
struct Shared(std::path::PathBuf);

impl Shared {
    fn new(path: std::path::PathBuf) -> Self {
        fs::create_dir(&path).expect("folder");
        for arguments in [&["-t", "tmpfs", "none"][..], &["--make-rshared"]] {
            let status = Command::new("mount").args(arguments).arg(&path).status();
            assert!(status.expect("mount").success());
        }
        Self(path)
    }

    fn mount(&self, name: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(&path).expect("folder");
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "none"])
            .arg(&path)
            .status();
        assert!(status.expect("mount").success());
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let status = Command::new("umount").arg("-R").arg(&self.0).status();
        assert!(status.is_ok_and(|status| status.success()));
    }
}

#[test]
fn the_long_form_says_all_that_docker_can() {
    let server = server();
    let host = server.folder().join("host");
    fs::create_dir(&host).expect("folder");
    fs::write(host.join("file"), "of the host\n").expect("file");
    let run = |options: &[&str], script: &str| {
        let arguments = [&["run", "--rm"], options, &["busybox", "sh", "-c", script]].concat();
        server.docker(&arguments)
    };
    let path = host.display();
    let bind = format!("type=bind,source={path},target=/a,readonly");
    let said = run(
        &["--mount", &bind],
        "cat /a/file; touch /a/x || echo closed",
    );
    assert_eq!(said.ok(), "of the host\nclosed");
    let missing = format!("type=bind,source={path}/missing,target=/a");
    let refused = run(&["--mount", &missing], "true").fails_with(125);
    assert!(refused.contains("does not exist"), "{refused}");
    assert!(!host.join("missing").exists());
    run(&["-v", &format!("{path}/made:/a")], "true").ok();
    assert!(host.join("made").is_dir(), "--volume makes what is missing");
    let tmpfs = "type=tmpfs,target=/t,tmpfs-size=1m,tmpfs-mode=700";
    let said = run(
        &["--mount", tmpfs],
        "stat -c %a /t; df -k /t | tail -1 | awk '{print $2}'",
    );
    assert_eq!(said.ok(), "700\n1024");
    // Outer ones first, of whatever kind.
    let inner = format!("{path}:/t/in");
    let both = ["--mount", "type=tmpfs,target=/t", "-v", inner.as_str()];
    assert_eq!(run(&both, "cat /t/in/file").ok(), "of the host");
    let own = format!("{path}/file:/etc/hosts");
    assert_eq!(run(&["-v", &own], "cat /etc/hosts").ok(), "of the host");
    let orlop = [
        "run",
        "--rm",
        "--mount",
        bind.as_str(),
        "busybox",
        "cat",
        "/a/file",
    ];
    assert_eq!(server.orlop(&orlop).ok(), "of the host");
    for wrong in [
        "type=volume,target=/a,volume-subpath=../x",
        "type=bind,target=/a",
    ] {
        assert_ne!(run(&["--mount", wrong], "true").code, 0, "{wrong}");
    }
}

#[test]
fn a_part_of_a_volume_is_shown_and_nothing_leads_out_of_it() {
    let server = server();
    let canary = server.folder().join("canary");
    fs::create_dir(&canary).expect("folder");
    fs::write(canary.join("file"), "untouched").expect("canary");
    let fill = "mkdir -p /v/in/deep; echo here > /v/in/deep/file; ln -s in /v/good";
    server
        .docker(&["run", "--rm", "-v", "data:/v", "busybox", "sh", "-c", fill])
        .ok();
    let data = server.data_dir().join("volumes/data/_data");
    symlink(&canary, data.join("absolute")).expect("link");
    symlink("../../../../../..", data.join("up")).expect("link");
    symlink("/proc/self/root", data.join("magic")).expect("link");
    let run = |sub: &str| {
        let mount = format!("type=volume,source=data,target=/m,volume-subpath={sub}");
        // Older clients of Docker do not know this option.
        server.orlop(&[
            "run", "--rm", "--mount", &mount, "busybox", "cat", "/m/file",
        ])
    };
    assert_eq!(run("in/deep").ok(), "here");
    assert_eq!(run("good/deep").ok(), "here");
    for sub in ["absolute", "up", "magic", "magic/etc", "missing"] {
        let told = run(sub).fails_with(125);
        assert!(told.contains("subpath"), "{sub}: {told}");
    }
    assert_eq!(
        fs::read_to_string(canary.join("file")).expect("canary"),
        "untouched"
    );
}

#[test]
fn links_of_the_image_do_not_lead_a_mount_out() {
    let server = server();
    let canary = server.folder().join("canary");
    fs::create_dir(&canary).expect("folder");
    let folder = server.folder().join("context");
    let dockerfile = format!(
        "FROM busybox\nRUN ln -s {} /out && ln -s ../../../../../.. /up && ln -s /proc/1 /magic\n",
        canary.display()
    );
    fixture::write_files(&folder, &[("Dockerfile", &dockerfile)]);
    server
        .docker(&["build", "-t", "links", folder.to_str().expect("utf-8")])
        .ok();
    let run = |target: &str| {
        let mount = format!("data:{target}");
        server.docker(&["run", "--rm", "-v", &mount, "links", "touch", "/probe"])
    };
    run("/out/a").ok();
    run("/up/b").ok();
    assert_ne!(run("/magic/root/c").code, 0);
    assert_ne!(run("/proc/d").code, 0);
    assert_eq!(fs::read_dir(&canary).expect("canary").count(), 0);
}

#[test]
fn mount_events_pass_as_far_as_was_asked_for() {
    let server = server();
    let shared = Shared::new(server.folder().join("shared"));
    shared.mount("before");
    fs::write(shared.0.join("before/file"), "below").expect("file");
    let source = shared.0.display();
    let start = |name: &str, options: &str| {
        let mount = format!("type=bind,source={source},target=/s{options}");
        server
            .docker(&[
                "run",
                "-d",
                "--name",
                name,
                "--cap-add",
                "SYS_ADMIN",
                "--mount",
                &mount,
                "busybox",
                "sleep",
                "1000",
            ])
            .ok();
    };
    let exec = |name: &str, script: &str| server.docker(&["exec", name, "sh", "-c", script]);
    start("private", "");
    start("slave", ",bind-propagation=rslave");
    start("shared", ",bind-propagation=rshared");
    start("alone", ",bind-nonrecursive");
    assert_eq!(exec("private", "cat /s/before/file").ok(), "below");
    assert_ne!(exec("alone", "cat /s/before/file").code, 0);
    shared.mount("later");
    let mounts = |name: &str, at: &str| {
        let script = format!("grep -c ' {at} ' /proc/self/mountinfo");
        exec(name, &script).out.trim().to_owned()
    };
    assert_eq!(mounts("private", "/s/later"), "0");
    assert_eq!(mounts("slave", "/s/later"), "1");
    assert_eq!(mounts("shared", "/s/later"), "1");
    let on_host = |name: &str| {
        let table = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
        table.contains(&format!("{source}/{name} "))
    };
    for (name, shows) in [("private", false), ("slave", false), ("shared", true)] {
        let script = format!("mkdir -p /s/by-{name} && mount -t tmpfs none /s/by-{name}");
        exec(name, &script).ok();
        assert_eq!(on_host(&format!("by-{name}")), shows, "{name}");
    }
    // What is not shared on the host cannot be passed on.
    let plain = server.folder().join("plain");
    fs::create_dir(&plain).expect("folder");
    Command::new("mount")
        .args(["--bind"])
        .arg(&plain)
        .arg(&plain)
        .status()
        .expect("mount");
    Command::new("mount")
        .arg("--make-private")
        .arg(&plain)
        .status()
        .expect("mount");
    let mount = format!(
        "type=bind,source={},target=/s,bind-propagation=rshared",
        plain.display()
    );
    let told = server.docker(&["run", "--rm", "--mount", &mount, "busybox", "true"]);
    Command::new("umount").arg(&plain).status().expect("umount");
    assert!(told.err.contains("not a shared mount"), "{told:?}");
    for name in ["private", "slave", "shared", "alone"] {
        server.docker(&["rm", "-f", name]).ok();
    }
}

#[test]
fn read_only_reaches_below_unless_told_otherwise() {
    let server = server();
    let shared = Shared::new(server.folder().join("shared"));
    shared.mount("below");
    let source = shared.0.display();
    let run = |options: &str| {
        let mount = format!("type=bind,source={source},target=/s,readonly{options}");
        let script =
            "touch /s/x 2>/dev/null && echo top; touch /s/below/x 2>/dev/null && echo below; true";
        // Older clients of Docker do not know all of these.
        server
            .orlop(&[
                "run", "--rm", "--mount", &mount, "busybox", "sh", "-c", script,
            ])
            .ok()
    };
    assert_eq!(run(""), "");
    assert_eq!(
        run(",bind-recursive=readonly,bind-propagation=rprivate"),
        ""
    );
    assert_eq!(run(",bind-recursive=writable"), "below");
}

#[test]
fn the_volumes_of_another_container_are_taken_over() {
    let server = server();
    server
        .docker(&[
            "run",
            "--name",
            "first",
            "-v",
            "named:/named",
            "-v",
            "/own",
            "busybox",
            "sh",
            "-c",
            "echo a > /named/x; echo b > /own/x",
        ])
        .ok();
    assert_eq!(volumes(&server), 2);
    let read = [
        "run",
        "--rm",
        "--volumes-from",
        "first",
        "busybox",
        "cat",
        "/named/x",
        "/own/x",
    ];
    assert_eq!(server.docker(&read).ok(), "a\nb");
    let closed = "touch /own/y 2>/dev/null || echo closed";
    let read_only = [
        "run",
        "--rm",
        "--volumes-from",
        "first:ro",
        "busybox",
        "sh",
        "-c",
        closed,
    ];
    assert_eq!(server.orlop(&read_only).ok(), "closed");
    assert_eq!(volumes(&server), 2, "--rm leaves what others use");
    server
        .docker(&[
            "create",
            "--name",
            "second",
            "--volumes-from",
            "first",
            "busybox",
        ])
        .ok();
    server.docker(&["rm", "-v", "first"]).ok();
    assert_eq!(volumes(&server), 2, "the second has it");
    server.docker(&["rm", "-v", "second"]).ok();
    assert_eq!(volumes(&server), 1, "named volumes stay");
    server
        .docker(&["run", "--rm", "-v", "/own", "busybox", "true"])
        .ok();
    assert_eq!(volumes(&server), 1, "--rm takes its own away");
    let shown = "{{json .HostConfig.VolumesFrom}} {{len .Mounts}}";
    server
        .docker(&["create", "--name", "aa", "-v", "named:/n", "busybox"])
        .ok();
    server
        .docker(&[
            "create",
            "--name",
            "bb",
            "--volumes-from",
            "aa:ro",
            "busybox",
        ])
        .ok();
    assert_eq!(server.inspect("bb", shown), "[\"aa:ro\"] 1");
}
