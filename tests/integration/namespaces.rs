//! Namespaces shared with the host or another container, and users of one's own, as people ask
//! for them.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use acceptance::fixture;
use acceptance::host::namespace;
use acceptance::server::Server;

fn server() -> Server {
    let server = Server::start();
    fixture::import_busybox(&server);
    server
}

fn pid(server: &Server, name: &str) -> u32 {
    server.inspect(name, "{{.State.Pid}}").parse().expect("pid")
}

#[test]
fn each_of_the_seven_namespaces_differs_from_the_hosts_and_from_a_siblings() {
    let server = server();
    for name in ["one", "two"] {
        server
            .orlop(&[
                "run", "-d", "--name", name, "--userns", "private", "busybox", "sleep", "1000",
            ])
            .ok();
    }
    let (own, one, two) = (std::process::id(), pid(&server, "one"), pid(&server, "two"));
    for kind in ["pid", "net", "mnt", "uts", "ipc", "cgroup", "user"] {
        let names = [own, one, two].map(|pid| namespace(pid, kind));
        assert!(
            names[0] != names[1] && names[0] != names[2] && names[1] != names[2],
            "{kind}: {names:?}"
        );
    }
    let owner = fs::metadata(format!("/proc/{one}")).expect("process").uid();
    assert!(owner >= 65_536, "root is {owner} on the host");
    assert_eq!(server.docker(&["exec", "one", "id", "-u"]).ok(), "0");
    assert_eq!(
        server.inspect("one", "{{.HostConfig.UsernsMode}}"),
        "private"
    );
    // What it writes is root's on disk, so that an image made of it is an ordinary one.
    server
        .docker(&["exec", "one", "sh", "-c", "echo x > /made"])
        .ok();
    let layers = server.data_dir().join("containers");
    let made: Vec<_> = fs::read_dir(layers)
        .expect("containers")
        .flatten()
        .filter_map(|entry| fs::metadata(entry.path().join("upper/made")).ok())
        .map(|data| data.uid())
        .collect();
    assert_eq!(made, [0]);
}

#[test]
fn user_namespaces_can_be_the_default() {
    let server = Server::start_with("userns-remap = true\n");
    fixture::import_busybox(&server);
    let map = |more: &[&str]| {
        let line = [
            &["run", "--rm"],
            more,
            &["busybox", "cat", "/proc/self/uid_map"],
        ]
        .concat();
        let text = server.docker(&line).ok();
        text.split_whitespace().nth(1).map(str::to_owned)
    };
    assert_ne!(map(&[]).as_deref(), Some("0"));
    assert_eq!(map(&["--userns", "host"]).as_deref(), Some("0"));
    let refused = server
        .docker(&["run", "--rm", "--privileged", "busybox", "true"])
        .fails_with(125);
    assert!(
        refused.contains("incompatible with user namespaces"),
        "{refused}"
    );
    let folder = server.folder().join("context");
    fixture::write_files(
        &folder,
        &[(
            "Dockerfile",
            "FROM busybox\nRUN id -u; echo built > /built; stat -c %u /built\n",
        )],
    );
    let built = server
        .docker(&["build", "-t", "built", folder.to_str().expect("utf-8")])
        .ok();
    assert!(built.contains("\n0\n0\n"), "{built}");
    assert_eq!(
        server
            .docker(&[
                "run", "--rm", "--userns", "host", "built", "stat", "-c", "%u", "/built"
            ])
            .ok(),
        "0"
    );
}

#[test]
fn modes_of_docker_share_what_they_name() {
    let server = server();
    server
        .docker(&[
            "run",
            "-d",
            "--name",
            "donor",
            "--ipc",
            "shareable",
            "--hostname",
            "giver",
            "busybox",
            "sh",
            "-c",
            "echo shared > /dev/shm/mark; exec sleep 4711",
        ])
        .ok();
    let (own, donor) = (std::process::id(), pid(&server, "donor"));
    let of = |more: &[&str], kind: &str| {
        let link = format!("/proc/self/ns/{kind}");
        let line = [&["run", "--rm"], more, &["busybox", "readlink", &link]].concat();
        server.docker(&line).ok()
    };
    for (flag, kind) in [
        ("--pid", "pid"),
        ("--ipc", "ipc"),
        ("--uts", "uts"),
        ("--cgroupns", "cgroup"),
        ("--network", "net"),
    ] {
        assert_eq!(
            of(&[flag, "host"], kind),
            namespace(own, kind),
            "{flag} host"
        );
    }
    for (flag, kind) in [("--pid", "pid"), ("--ipc", "ipc"), ("--network", "net")] {
        let mode = "container:donor";
        assert_eq!(
            of(&[flag, mode], kind),
            namespace(donor, kind),
            "{flag} {mode}"
        );
    }
    let joined = |command: &[&str]| {
        let line = [
            &[
                "run",
                "--rm",
                "--network",
                "container:donor",
                "--ipc",
                "container:donor",
                "busybox",
            ],
            command,
        ]
        .concat();
        server.docker(&line).ok()
    };
    assert_eq!(joined(&["cat", "/dev/shm/mark"]), "shared");
    assert_eq!(joined(&["hostname"]), "giver");
    assert_eq!(
        joined(&["cat", "/etc/hosts"]),
        server.docker(&["exec", "donor", "cat", "/etc/hosts"]).ok()
    );
}

#[test]
fn what_cannot_be_shared_is_refused_in_dockers_words() {
    let server = server();
    server
        .docker(&["run", "-d", "--name", "closed", "busybox", "sleep", "1000"])
        .ok();
    server
        .docker(&["create", "--name", "still", "busybox", "true"])
        .ok();
    for (flags, words) in [
        (&["--ipc", "container:closed"][..], "non-shareable IPC"),
        (
            &["--network", "container:still"][..],
            "cannot join network of a non running container",
        ),
        (
            &["--pid", "container:nobody"][..],
            "No such container: nobody",
        ),
        (
            &["--network", "container:closed", "-p", "80"][..],
            "conflicting options",
        ),
        (
            &["--uts", "host", "--hostname", "x"][..],
            "conflicting options: hostname and the UTS mode",
        ),
    ] {
        let line = [&["run", "--rm"], flags, &["busybox", "true"]].concat();
        let told = server.docker(&line).fails_with(125);
        assert!(told.contains(words), "{flags:?}: {told}");
    }
}
