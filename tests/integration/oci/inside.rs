//! What a bundle asks for, seen from inside.

use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Command;

use acceptance::bundle::{Bundles, text};
use acceptance::{host, wait};
use serde_json::{Value, json};

fn push(config: &mut Value, list: &str, value: Value) {
    let list = config.pointer_mut(list).expect("a list");
    list.as_array_mut().expect("a list").push(value);
}

#[test]
fn user_groups_umask_limits_and_capabilities_are_as_asked() {
    let bundles = Bundles::new();
    let seen = bundles.inside(
        "id; umask; ulimit -n; grep -E 'Cap|NoNew' /proc/self/status; echo $HOME; pwd",
        |config| {
            let chown = json!(["CAP_CHOWN", "CAP_NO_SUCH"]);
            config["process"]["capabilities"] = json!({
                "bounding": ["CAP_CHOWN", "CAP_KILL"], "effective": chown, "permitted": chown,
                "inheritable": chown, "ambient": chown
            });
            config["process"]["user"] =
                json!({"uid": 1000, "gid": 1000, "umask": 0o27, "additionalGids": [50, 77]});
            config["process"]["rlimits"] =
                json!([{"type": "RLIMIT_NOFILE", "soft": 123, "hard": 456}]);
            config["process"]["noNewPrivileges"] = true.into();
            config["process"]["cwd"] = "/made/here".into();
        },
    );
    for line in [
        "uid=1000(ada) gid=1000(ada) groups=50(staff),77",
        "0027",
        "123",
        "CapInh:\t0000000000000001",
        "CapPrm:\t0000000000000001",
        "CapEff:\t0000000000000001",
        "CapBnd:\t0000000000000021",
        "CapAmb:\t0000000000000001",
        "NoNewPrivs:\t1",
        "/home/ada",
        "/made/here",
    ] {
        assert!(
            seen.lines().any(|l| l == line),
            "{line} is missing in:\n{seen}"
        );
    }
    fs::remove_dir_all(bundles.rootfs().join("made")).expect("the working directory was made");
}

#[test]
fn mounts_have_their_content_and_their_options() {
    let bundles = Bundles::new();
    let data = bundles.path().join("data");
    fs::create_dir_all(data.join("sub")).expect("folder");
    fs::write(data.join("file"), "text").expect("file");
    fs::create_dir(bundles.rootfs().join("full")).expect("folder");
    fs::write(bundles.rootfs().join("full/kept"), "kept").expect("file");
    let script = "cat /one/file /new/file; touch /one/x; cat /full/kept; mount | grep -E '^[^ ]+ on /(one|new|mem|full|sys/fs)'; ls /sys/fs/cgroup";
    let bundle = bundles.bundle("mounts", script, |config| {
        let bind = |to: &str, from: &str, options: &[&str]| {
            json!({"destination": to, "type": "bind", "source": from, "options": options})
        };
        push(config, "/mounts", bind("/one", text(&data), &["rbind", "ro", "nosuid", "noexec", "rprivate"]));
        // Relative to the bundle, and to a file that is missing.
        push(config, "/mounts", bind("/new/file", "../data/file", &["bind"]));
        push(config, "/mounts", json!({"destination": "/mem", "type": "tmpfs", "source": "mem",
            "options": ["size=64k", "mode=1700", "nodev", "noatime"]}));
        push(config, "/mounts", json!({"destination": "full", "type": "tmpfs",
            "options": ["tmpcopyup"]}));
        push(config, "/mounts", json!({"destination": "/sys/fs/cgroup", "type": "cgroup",
            "options": ["ro", "nosuid"]}));
        config["root"]["readonly"] = false.into();
    });
    let ended = bundles.run(&bundle, &bundles.id("mounts"));
    assert!(ended.err.contains("Read-only file system"), "{}", ended.err);
    assert!(ended.out.starts_with("texttextkept"), "{}", ended.out);
    let line = |target: &str| {
        let found = ended
            .out
            .lines()
            .find(|l| l.contains(&format!(" on {target} ")));
        found
            .unwrap_or_else(|| panic!("{target} in {}", ended.out))
            .to_owned()
    };
    for option in ["ro", "nosuid", "noexec"] {
        assert!(line("/one").contains(option), "{}", line("/one"));
    }
    for option in ["size=64k", "mode=1700", "nodev", "noatime"] {
        assert!(line("/mem").contains(option), "{}", line("/mem"));
    }
    assert!(
        line("/sys/fs/cgroup").contains("ro"),
        "{}",
        line("/sys/fs/cgroup")
    );
    assert!(
        !ended.out.contains("orlop-oci-mounts"),
        "the host's groups do not show"
    );
}

#[test]
fn a_read_only_root_masks_names_devices_and_parameters() {
    let bundles = Bundles::new();
    let seen = bundles.inside(
        "touch /x 2>&1; cat /proc/keys; ls /etc; touch /tmp/x 2>&1; echo 1 > /proc/sys/net/ipv4/ip_forward; \
         cat /proc/sys/net/ipv4/ip_default_ttl; hostname; cat /proc/sys/kernel/domainname; ls -l /dev/null /dev/own; readlink /dev/fd; ip link",
        |config| {
            config["root"]["readonly"] = true.into();
            config["domainname"] = "example".into();
            config["linux"]["maskedPaths"] = json!(["/proc/keys", "/etc", "/no/such/path"]);
            config["linux"]["readonlyPaths"] = json!(["/proc/sys", "/tmp"]);
            config["linux"]["sysctl"] = json!({"net.ipv4.ip_default_ttl": "77"});
            config["linux"]["devices"] = json!([{"type": "c", "path": "/dev/own", "major": 1,
                "minor": 5, "fileMode": 0o640, "uid": 1000, "gid": 1000}]);
        },
    );
    for line in [
        "touch: /x: Read-only file system",
        "touch: /tmp/x: Read-only file system",
        "77",
        "box",
        "example",
        "/proc/self/fd",
    ] {
        assert!(
            seen.lines().any(|l| l == line),
            "{line} is missing in:\n{seen}"
        );
    }
    assert!(!seen.contains("passwd"), "{seen}");
    assert!(
        seen.contains("crw-rw-rw-    1 0        0           1,   3"),
        "{seen}"
    );
    assert!(
        seen.contains("crw-r-----    1 1000     1000        1,   5"),
        "{seen}"
    );
    assert!(seen.contains("lo: <LOOPBACK,UP"), "{seen}");
}

#[test]
fn devices_that_are_not_allowed_cannot_be_opened() {
    let bundles = Bundles::new();
    let device = json!([{"type": "c", "path": "/dev/own", "major": 10, "minor": 200}]);
    let script = "head -c 1 /dev/zero | wc -c; (: < /dev/own) 2>&1; true";
    let seen = bundles.inside(script, |config| {
        config["linux"]["devices"] = device.clone();
        config["linux"]["resources"]["devices"] = json!([{"allow": false}]);
    });
    assert!(
        seen.contains('1') && seen.contains("Operation not permitted"),
        "{seen}"
    );
    let seen = bundles.inside(script, |config| {
        config["linux"]["devices"] = device;
        config["linux"]["resources"]["devices"] =
            json!([{"allow": false}, {"allow": true, "type": "c", "major": 10, "minor": 200}]);
    });
    assert!(!seen.contains("not permitted"), "{seen}");
}

#[test]
fn limits_are_in_force_in_the_named_cgroup() {
    let bundles = Bundles::new();
    let path = format!("/{}/below/deep", bundles.id("parent"));
    let seen = bundles.inside(
        "cat /cg/memory/memory.limit_in_bytes /cg/pids/pids.max 2>/dev/null || cat /cg/memory.max /cg/pids.max",
        |config| {
            config["linux"]["cgroupsPath"] = path.clone().into();
            config["linux"]["resources"] =
                json!({"memory": {"limit": 33554432}, "pids": {"limit": 20}});
            push(config, "/mounts", json!({"destination": "/cg", "type": "cgroup"}));
        },
    );
    assert_eq!(seen, "33554432\n20");
    // What lay above belongs to who named it.
    for group in host::cgroups(&bundles.id("parent")).iter().rev() {
        fs::remove_dir(group).expect("an empty group");
    }
}

#[test]
fn a_filter_decides_about_calls_and_their_arguments() {
    let bundles = Bundles::new();
    let seen = bundles.inside(
        "mkdir /tmp/a 2>&1; kill -0 1 && echo may; kill -10 1 2>&1; grep Seccomp: /proc/self/status",
        |config| {
            config["linux"]["seccomp"] = json!({
                "defaultAction": "SCMP_ACT_ALLOW",
                "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
                "syscalls": [
                    {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28},
                    {"names": ["kill"], "action": "SCMP_ACT_ERRNO",
                        "args": [{"index": 1, "value": 10, "op": "SCMP_CMP_EQ"}]}
                ]
            });
        },
    );
    assert!(seen.contains("No space left on device"), "{seen}");
    assert!(
        seen.contains("may") && seen.contains("not permitted"),
        "{seen}"
    );
    assert!(seen.contains("Seccomp:\t2"), "{seen}");
}

#[test]
fn namespaces_are_joined_by_path() {
    let bundles = Bundles::new();
    let first = bundles.bundle("first", "sleep 1000", |_| {});
    let id = bundles.id("first");
    bundles.create(&first, &id).ok();
    bundles.call(&["start", &id]).ok();
    let pid = bundles.state(&id, "pid");
    let seen = bundles.inside(
        "for n in pid net ipc uts; do readlink /proc/self/ns/$n; done; hostname; ps",
        |config| {
            config["hostname"] = Value::Null;
            config["linux"]["namespaces"] = json!([
                {"type": "mount"},
                {"type": "pid", "path": format!("/proc/{pid}/ns/pid")},
                {"type": "network", "path": format!("/proc/{pid}/ns/net")},
                {"type": "ipc", "path": format!("/proc/{pid}/ns/ipc")},
                {"type": "uts", "path": format!("/proc/{pid}/ns/uts")},
            ]);
        },
    );
    for kind in ["pid", "net", "ipc", "uts"] {
        let name = host::namespace(pid.as_u64().expect("pid") as u32, kind);
        assert!(seen.contains(&name), "{kind} {name} in {seen}");
    }
    assert!(
        seen.contains("box") && seen.contains("sleep 1000"),
        "{seen}"
    );
}

#[test]
fn users_are_mapped_in_a_user_namespace_and_exec_joins_it() {
    let bundles = Bundles::new();
    // The root is theirs; the folders above it are closed to them.
    let chown = ["-R", "-h", "200000:200000", text(&bundles.rootfs())].map(ToOwned::to_owned);
    assert!(
        Command::new("chown")
            .args(chown)
            .status()
            .expect("chown")
            .success()
    );
    fs::set_permissions(bundles.path(), Permissions::from_mode(0o700)).expect("mode");
    let change = |config: &mut Value| {
        push(config, "/linux/namespaces", json!({"type": "user"}));
        let map = json!([{"containerID": 0, "hostID": 200_000, "size": 65536}]);
        config["linux"]["uidMappings"] = map.clone();
        config["linux"]["gidMappings"] = map;
        config["process"]["cwd"] = "/tmp".into();
    };
    let script = "id -u; cat /proc/self/uid_map; head -c 1 /dev/zero | wc -c; touch mine; stat -c %u /etc/passwd";
    let seen = bundles.inside(script, change);
    let lines: Vec<_> = seen.split_whitespace().collect();
    assert_eq!(lines, ["0", "0", "200000", "65536", "1", "0"]);
    let made = fs::metadata(bundles.rootfs().join("tmp/mine")).expect("made inside");
    assert_eq!((made.uid(), made.gid()), (200_000, 200_000));

    let bundle = bundles.bundle("mapped", "sleep 1000", change);
    let id = bundles.id("mapped");
    bundles.create(&bundle, &id).ok();
    bundles.call(&["start", &id]).ok();
    let seen = bundles
        .call(&["exec", &id, "sh", "-c", "id -u; cat /proc/self/uid_map"])
        .ok();
    assert_eq!(
        seen.split_whitespace().collect::<Vec<_>>(),
        ["0", "0", "200000", "65536"]
    );
}

#[test]
fn clocks_of_a_time_namespace_are_set_off() {
    let bundles = Bundles::new();
    let seen = bundles.inside("cut -d. -f1 /proc/uptime", |config| {
        push(config, "/linux/namespaces", json!({"type": "time"}));
        config["linux"]["timeOffsets"] = json!({"boottime": {"secs": 864_000_000}});
    });
    let uptime: u64 = seen.parse().expect("seconds");
    assert!(uptime > 864_000_000, "{uptime}");
}

#[test]
fn only_named_descriptors_come_through() {
    let bundles = Bundles::new();
    // The shell opens descriptor 3 for the runtime, which it passes on, and 9, which it does not.
    let bundle = bundles.bundle("fds", "cat <&3; ls /proc/self/fd", |_| {});
    let run = bundles.command(&[
        "run",
        "--preserve-fds",
        "1",
        "--bundle",
        text(&bundle),
        &bundles.id("fds"),
    ]);
    let line: Vec<String> = std::iter::once(run.get_program())
        .chain(run.get_args())
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    let mut shell = Command::new("sh");
    shell.args([
        "-c",
        &format!("{} 3</etc/hostname 9</etc/hostname", line.join(" ")),
    ]);
    let seen = acceptance::client::run(&mut shell, b"").ok();
    let host = fs::read_to_string("/etc/hostname").expect("hostname");
    assert!(seen.starts_with(host.trim()), "{seen}");
    assert!(!seen.contains('9'), "{seen}");
}

#[test]
fn nobody_can_write_the_runtime_through_a_container() {
    // A copy that nobody else runs: a file that is being executed is never written.
    let folder = tempfile::tempdir_in("/var/tmp").expect("folder");
    let copy = folder.path().join("orlop");
    fs::copy(acceptance::client::binary(), &copy).expect("copy");
    let bundles = Bundles::over(&copy, &["oci"]);
    let bundle = bundles.bundle("sealed", "true", |_| {});
    let id = bundles.id("sealed");
    bundles.create(&bundle, &id).ok();
    // By root of the host, who may do more than any container (CVE-2019-5736).
    let exe = File::open(format!("/proc/{}/exe", bundles.state(&id, "pid"))).expect("open");
    bundles.call(&["delete", "--force", &id]).ok();
    let error = wait::until("nobody executes it", || {
        let path = format!("/proc/self/fd/{}", exe.as_raw_fd());
        match File::options().write(true).open(path) {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => None,
            outcome => Some(outcome.expect_err("it can be written")),
        }
    });
    assert_eq!(error.kind(), ErrorKind::ReadOnlyFilesystem);
    let itself = bundles.bundle("itself", "", |config| {
        config["process"]["args"] = json!(["/proc/self/exe", "--version"]);
    });
    // Whatever becomes of it, it is no way out.
    let _ = bundles.run(&itself, &bundles.id("itself"));
    let magic = bundles.bundle("magic", "true", |config| {
        config["process"]["cwd"] = "/proc/self/fd/7".into();
    });
    bundles.run(&magic, &bundles.id("magic")).fails_with(1);
}
