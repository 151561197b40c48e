//! Namespaces shared with the host and with other containers, and users of one's own.

mod support;

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use orlop_model::mount::{Mount, MountSource};
use orlop_model::namespace::{Namespaces, Share};
use orlop_model::signal::Signal;
use orlop_model::spec::{ContainerSpec, Network};
use orlop_wire::reply::{Failure, FailureKind};
use orlop_wire::request::{Request, Target};

use support::session::{ALL, Session};
use support::{FIRST_SUBORDINATE, Host, spec, wait_until};

fn namespace(pid: &str, kind: &str) -> String {
    let path = format!("/proc/{pid}/ns/{kind}");
    let link = fs::read_link(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    link.to_string_lossy().into_owned()
}

/// A container with a user namespace of its own.
fn mapped(host: &Host, script: &str) -> ContainerSpec {
    let mut spec = spec::shell(host, script);
    spec.namespaces.user = true;
    spec
}

/// Why a container cannot be started.
fn refusal(host: &Host, spec: &ContainerSpec) -> Failure {
    let started = host.ask(&spec::start(spec, false));
    started.expect_err("it must not start")
}

/// A container that sleeps, and its pid on the host.
fn sleeper(host: &Host, change: impl FnOnce(&mut ContainerSpec)) -> (ContainerSpec, String) {
    let mut spec = spec::program(host, &["sleep", "600"]);
    change(&mut spec);
    host.started(&spec::start(&spec, false));
    let pid = host.state(&host.run_folder(&spec.id)).pid.to_string();
    (spec, pid)
}

#[test]
fn what_is_the_hosts_is_shared_and_the_rest_is_not() {
    let host = Host::new();
    let mut spec = spec::shell(
        &host,
        "for n in pid uts ipc cgroup mnt; do readlink /proc/self/ns/$n; done; ls -A /dev/shm; hostname",
    );
    spec.namespaces = Namespaces {
        pid: Share::Host,
        ipc: Share::Host,
        uts: Share::Host,
        cgroup: Share::Host,
        user: false,
    };
    let mark = tempfile::NamedTempFile::new_in("/dev/shm").expect("shared memory");
    let seen = host.run(&spec).ok();
    let lines: Vec<&str> = seen.lines().collect();
    for (line, kind) in lines.iter().zip(["pid", "uts", "ipc", "cgroup"]) {
        assert_eq!(*line, namespace("self", kind));
    }
    assert_ne!(lines[4], namespace("self", "mnt"));
    assert!(
        seen.contains(
            mark.path()
                .file_name()
                .and_then(|n| n.to_str())
                .expect("name")
        ),
        "{seen}"
    );
    let name = fs::read_to_string("/proc/sys/kernel/hostname").expect("name");
    assert_eq!(lines.last().copied(), Some(name.trim()));
}

#[test]
fn a_container_joins_processes_memory_and_network_of_another() {
    let host = Host::new();
    let (donor, pid) = sleeper(&host, |spec| {
        spec.process.args = ["sh", "-c", "echo there > /dev/shm/mark; exec sleep 600"]
            .map(str::to_owned)
            .to_vec();
    });
    wait_until("the mark", || {
        fs::exists(format!("/proc/{pid}/root/dev/shm/mark")).unwrap_or_default()
    });
    let mut spec = spec::shell(
        &host,
        "for n in pid ipc net; do readlink /proc/self/ns/$n; done; cat /dev/shm/mark; ps; echo seen; exec sleep 600",
    );
    spec.network = Network::Container(donor.id.clone());
    spec.namespaces.pid = Share::Of(donor.id.clone());
    spec.namespaces.ipc = Share::Of(donor.id.clone());
    let kinds = ["pid", "ipc", "net"].map(|kind| namespace(&pid, kind));
    host.started(&spec::start(&spec, true));
    let mut session = Session::attach(&host.run_folder(&spec.id), ALL);
    session.expect("seen");
    let lines: Vec<&str> = session.stdout.lines().collect();
    assert_eq!(lines[..3], kinds);
    assert_eq!(lines[3], "there");
    assert!(session.stdout.contains("sleep 600"), "{}", session.stdout);
    // The end of its process 1 is the end of the namespace, and so of this one too.
    host.done(Request::Signal {
        target: Target::Container(donor.id.clone()),
        signal: Signal::KILL,
    });
    for id in [&donor.id, &spec.id] {
        assert_eq!(host.exit(&host.run_folder(id)).code, 137);
    }
    let mut late = spec::shell(&host, "true");
    late.namespaces.pid = Share::Of(donor.id);
    let failure = host.ask(&spec::start(&late, false)).expect_err("ended");
    assert_eq!(failure.kind, FailureKind::Conflict);
    assert!(
        failure.message.contains("non running container"),
        "{failure:?}"
    );
}

#[test]
fn root_of_a_user_namespace_is_nobody_on_the_host() {
    let host = Host::new();
    let (spec, pid) = sleeper(&host, |spec| spec.namespaces.user = true);
    let kinds = ["pid", "net", "mnt", "uts", "ipc", "cgroup", "user"];
    for kind in kinds {
        assert_ne!(namespace(&pid, kind), namespace("self", kind), "{kind}");
    }
    let owner = fs::metadata(format!("/proc/{pid}")).expect("process").uid();
    assert_eq!(owner, FIRST_SUBORDINATE);
    let exec = spec::exec(
        &spec.id,
        &[
            "sh",
            "-c",
            "id -u; cat /proc/self/uid_map; readlink /proc/self/ns/user",
        ],
    );
    let seen = host.exec(&exec).ok();
    let lines: Vec<&str> = seen.lines().collect();
    assert_eq!(lines[0], "0");
    let map: Vec<&str> = lines[1].split_ascii_whitespace().collect();
    assert_eq!(map, ["0", "1000000", "65536"]);
    assert_eq!(lines[2], namespace(&pid, "user"));
}

#[test]
fn files_of_image_and_container_belong_to_root_inside_and_on_disk() {
    let host = Host::new();
    let script = "stat -c %u /bin/busybox /etc /; echo new > /new; mkdir -p /a/b; rm /etc/passwd; chown 7 /new; stat -c %u /new /a; cat /etc/hostname; echo x > /etc/hosts; echo done > /dev/null; mknod /x c 1 3 2>/dev/null || echo no device";
    let spec = mapped(&host, script);
    let seen = host.run(&spec).ok();
    assert_eq!(
        seen.lines().collect::<Vec<_>>(),
        ["0", "0", "0", "7", "0", "box", "no device"]
    );
    let upper = host.container_data(&spec.id).join("upper");
    let owner = |name: &str| fs::symlink_metadata(upper.join(name)).expect(name).uid();
    assert_eq!((owner("new"), owner("a/b"), owner("etc/passwd")), (7, 0, 0));
    // Without the namespace the same container finds the same owners.
    let mut plain = spec;
    plain.namespaces.user = false;
    plain.process.args = ["stat", "-c", "%u", "/new"].map(str::to_owned).to_vec();
    assert_eq!(host.run(&plain).ok().trim(), "7");
}

#[test]
fn a_user_namespace_has_the_same_mounts_masks_and_filter() {
    let host = Host::new();
    let look = "cut -d' ' -f5,6 /proc/self/mountinfo | sort; cat /proc/kcore 2>&1; echo > /proc/sys/kernel/core_pattern 2>&1; grep -E 'Cap|Seccomp:' /proc/self/status; echo out > /dev/stdout";
    let plain = host.run(&spec::shell(&host, look)).stdout;
    let own = host.run(&mapped(&host, look)).stdout;
    let targets = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| line.starts_with('/'));
        lines
            .filter_map(|line| line.split(' ').next().map(str::to_owned))
            // The devices are the host's, since none can be made.
            .filter(|target| {
                !target.starts_with("/dev/") || matches!(&target[5..], "pts" | "shm" | "mqueue")
            })
            .collect()
    };
    assert_eq!(targets(&own), targets(&plain), "{own}");
    for name in ["CapEff:\t00000000a80425fb", "Seccomp:\t2", "out"] {
        assert!(own.contains(name), "{name} in {own}");
    }
}

#[test]
fn a_volume_is_shared_by_containers_with_and_without_own_users() {
    let host = Host::new();
    let volume = |spec: &mut ContainerSpec| {
        let mut source = MountSource::volume("data", true).expect("name");
        if let MountSource::Volume { anonymous, .. } = &mut source {
            *anonymous = false;
        }
        spec.mounts = vec![Mount {
            target: "/data".to_owned(),
            source,
            read_only: false,
        }];
    };
    let mut one = mapped(&host, "echo kept > /data/file; stat -c %u /data /data/file");
    volume(&mut one);
    assert_eq!(host.run(&one).ok().lines().collect::<Vec<_>>(), ["0", "0"]);
    let mut two = spec::shell(&host, "cat /data/file; stat -c %u /data/file");
    volume(&mut two);
    assert_eq!(
        host.run(&two).ok().lines().collect::<Vec<_>>(),
        ["kept", "0"]
    );
}

#[test]
fn a_terminal_and_limits_work_with_own_users() {
    let host = Host::new();
    let mut spec = mapped(
        &host,
        "tty; stat -c %u $(tty); echo hi > /dev/console; cat /sys/fs/cgroup/pids/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids.max",
    );
    spec.process.tty = spec::terminal();
    spec.limits.pids = Some(50);
    spec.process.user = "ada".to_owned();
    let seen = host.run(&spec).stdout;
    assert!(seen.contains("/dev/pts/0") && seen.contains("50"), "{seen}");
}

#[test]
fn without_subordinate_ids_it_is_said_what_to_do() {
    let host = Host::new();
    fs::write(host.dir.path().join("subuid"), "other:1000000:65536\n").expect("write");
    let failure = refusal(&host, &mapped(&host, "true"));
    assert_eq!(failure.kind, FailureKind::Unsupported);
    assert!(
        failure.message.contains("usermod --add-subuids"),
        "{failure:?}"
    );
}

#[test]
fn the_policy_keeps_the_hosts_namespaces_also_by_way_of_others() {
    let host = Host::with_policy("[policy]\nhost-namespaces = false\n");
    let mut spec = spec::shell(&host, "true");
    spec.namespaces.pid = Share::Host;
    assert_eq!(refusal(&host, &spec).kind, FailureKind::Denied);
    let (donor, _) = sleeper(&host, |spec| spec.network = Network::Host);
    let mut joined = spec::shell(&host, "true");
    joined.network = Network::Container(donor.id);
    assert_eq!(refusal(&host, &joined).kind, FailureKind::Denied);
}
