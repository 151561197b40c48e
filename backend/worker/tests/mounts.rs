//! Binds, volumes, memory and the files that every container gets.

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use orlop_model::mount::{Mount, MountSource, Propagation};
use orlop_wire::reply::FailureKind;

use support::{Host, spec};

fn bind(source: &Path, target: &str, read_only: bool) -> Mount {
    Mount {
        target: target.to_owned(),
        source: MountSource::Bind {
            path: source.display().to_string(),
            create: false,
            propagation: Propagation::default(),
            non_recursive: false,
            writable_below: false,
        },
        read_only,
    }
}

#[test]
fn a_bind_is_the_hosts_folder_and_may_be_closed() {
    let host = Host::new();
    let shared = host.dir.path().join("shared");
    fs::create_dir(&shared).expect("folder");
    fs::write(shared.join("in"), "from the host\n").expect("file");
    let mut spec = spec::shell(
        &host,
        "cat /a/in /b; echo back > /a/out; touch /c/x || echo closed",
    );
    spec.mounts = vec![
        bind(&shared, "/a", false),
        bind(&shared.join("in"), "/b", true),
        bind(&shared, "/c", true),
    ];
    assert_eq!(
        host.run(&spec).ok(),
        "from the host\nfrom the host\nclosed\n"
    );
    assert_eq!(
        fs::read_to_string(shared.join("out")).expect("out"),
        "back\n"
    );
    assert!(!shared.join("x").exists());
    spec.mounts = vec![bind(&host.dir.path().join("missing"), "/a", false)];
    let failure = host.try_run(&spec).expect_err("no source");
    assert!(
        failure.message.contains("bind source path does not exist"),
        "{failure}"
    );
}

#[test]
fn the_policy_judges_where_a_source_really_lies() {
    let allowed = tempfile::tempdir().expect("folder");
    let policy = format!(
        "[policy]\nbind-sources = [{:?}]\n",
        allowed.path().join("ok")
    );
    let host = Host::with_policy(&policy);
    let ok = allowed.path().join("ok");
    fs::create_dir_all(ok.join("sub")).expect("folder");
    symlink("/etc", ok.join("link")).expect("link");
    let mut spec = spec::shell(&host, "ls -A /a");
    spec.mounts = vec![bind(&ok.join("sub"), "/a", false)];
    assert_eq!(host.run(&spec).ok(), "");
    for source in ["link", "../", "sub/../../"] {
        spec.mounts = vec![bind(&ok.join(source), "/a", false)];
        let failure = host.try_run(&spec).expect_err(source);
        assert_eq!(failure.kind, FailureKind::Denied, "{source}");
    }
}

#[test]
fn a_volume_gets_the_images_files_once_and_keeps_its_own() {
    let host = Host::new();
    host.put("/srv/data", "of the image\n");
    let mut spec = spec::shell(&host, "cat /srv/data; echo mine > /srv/data");
    spec.mounts = vec![Mount {
        target: "/srv".to_owned(),
        source: MountSource::volume("vol", true).expect("name"),
        read_only: false,
    }];
    assert_eq!(host.run(&spec).ok(), "of the image\n");
    let mut other = spec::shell(&host, "cat /srv/data");
    other.mounts.clone_from(&spec.mounts);
    assert_eq!(host.run(&other).ok(), "mine\n");
}

#[test]
fn memory_is_mounted_as_its_options_say() {
    let host = Host::new();
    let mut spec = spec::shell(&host, "grep ' /m[123] ' /proc/mounts; stat -c %a /m1 /m2");
    spec.mounts = vec![
        Mount::tmpfs("/m1".to_owned(), "size=64k,mode=700"),
        Mount::tmpfs("/m2".to_owned(), ""),
        Mount::tmpfs("/m3".to_owned(), "exec,ro"),
    ];
    let text = host.run(&spec).ok();
    let lines: Vec<_> = text.lines().collect();
    assert!(
        lines[0].contains("rw,nosuid,nodev,noexec") && lines[0].contains("size=64k"),
        "{text}"
    );
    assert!(
        lines[2].contains("ro,nosuid,nodev,") && !lines[2].contains("noexec"),
        "{text}"
    );
    assert_eq!(lines[3..], ["700", "1777"]);
    spec.mounts = vec![Mount::tmpfs("/m".to_owned(), "lowerdir=/etc")];
    assert_eq!(
        host.try_run(&spec).expect_err("option").kind,
        FailureKind::Invalid
    );
}

#[test]
fn names_and_resolvers_reach_also_an_image_whose_own_files_are_links() {
    let host = Host::new();
    // As images made from a running system have it.
    symlink(
        "../run/systemd/resolve/stub-resolv.conf",
        host.layer_path("/etc/resolv.conf"),
    )
    .expect("link");
    symlink("/run/made/up", host.layer_path("/etc/hosts")).expect("link");
    let mut spec = spec::shell(&host, "cat /etc/resolv.conf /etc/hosts");
    spec.dns = vec!["9.9.9.9".parse().expect("address")];
    spec.extra_hosts = vec!["db:10.0.0.9".to_owned()];
    let text = host.run(&spec).ok();
    assert!(
        text.starts_with("nameserver 9.9.9.9\n") && text.contains("10.0.0.9\tdb"),
        "{text}"
    );
}

#[test]
fn a_mount_inside_never_shows_outside() {
    let host = Host::new();
    let shared = host.dir.path().join("shared");
    fs::create_dir_all(shared.join("m")).expect("folder");
    let mut spec = spec::shell(
        &host,
        "mount -t tmpfs none /a/m && touch /a/m/x && echo made",
    );
    spec.mounts = vec![bind(&shared, "/a", false)];
    spec.security.privileged = true;
    spec.security.seccomp = orlop_model::spec::Seccomp::Unconfined;
    let all = orlop_linux::capability::CapabilitySet::all();
    spec.security.capabilities = all.iter().map(|c| c.to_string()).collect();
    assert_eq!(host.run(&spec).ok(), "made\n");
    assert!(!shared.join("m/x").exists());
}

#[test]
fn an_image_from_nothing_runs_a_program_that_is_mounted_in() {
    let host = Host::new();
    let program = host.dir.path().join("busybox");
    fs::copy("/bin/busybox", &program).expect("copy");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("mode");
    let mut spec = spec::program(&host, &["/busybox", "ls", "/"]);
    spec.layers.clear();
    spec.mounts = vec![bind(&program, "/busybox", true)];
    assert_eq!(host.run(&spec).ok(), "busybox\ndev\netc\nproc\nsys\n");
}
