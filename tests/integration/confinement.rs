//! System call filters that people bring, masks, labels, and what a user other than root may.

use std::fs;

use acceptance::fixture;
use acceptance::server::Server;

fn server() -> Server {
    let server = Server::start();
    fixture::import_busybox(&server);
    server
}

#[test]
fn a_profile_in_dockers_form_is_in_force() {
    let server = server();
    let profile = server.folder().join("profile.json");
    let text = r#"{
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [
            {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 30},
            {"names": ["chroot"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_SYS_CHROOT"]}}
        ]
    }"#;
    fs::write(&profile, text).expect("profile");
    let option = format!("seccomp={}", profile.display());
    let script = "mkdir /x 2>&1; chroot / true && echo rooted; grep Seccomp: /proc/self/status";
    let arguments = [
        "run",
        "--rm",
        "--security-opt",
        &option,
        "busybox",
        "sh",
        "-c",
        script,
    ];
    for said in [
        server.docker(&arguments).ok(),
        server.orlop(&arguments).ok(),
    ] {
        assert!(said.contains("Read-only file system"), "{said}");
        assert!(
            said.contains("rooted") && said.ends_with("Seccomp:\t2"),
            "{said}"
        );
    }
    let without = [
        "run",
        "--rm",
        "--cap-drop",
        "SYS_CHROOT",
        "--security-opt",
        &option,
        "busybox",
        "chroot",
        "/",
        "true",
    ];
    assert!(
        server
            .docker(&without)
            .err
            .contains("Operation not permitted")
    );
    // An exec session has the container's filter.
    server
        .docker(&[
            "run",
            "-d",
            "--name",
            "cc",
            "--security-opt",
            &option,
            "busybox",
            "sleep",
            "1000",
        ])
        .ok();
    let refused = server.docker(&["exec", "cc", "mkdir", "/x"]);
    assert!(refused.err.contains("Read-only file system"), "{refused:?}");
    let shown = server.inspect("cc", "{{index .HostConfig.SecurityOpt 0}}");
    assert!(
        shown.starts_with("seccomp={") && shown.contains("mkdirat"),
        "{shown}"
    );
    fs::write(&profile, r#"{"defaultAction": "SCMP_ACT_NOPE"}"#).expect("profile");
    let wrong = server.docker(&arguments).fails_with(125);
    assert!(
        wrong.contains("SCMP_ACT_NOPE") && wrong.contains("line 1"),
        "{wrong}"
    );
}

#[test]
fn masks_are_the_requests() {
    let server = server();
    let run = |options: &[&str], script: &str| {
        let arguments = [&["run", "--rm"], options, &["busybox", "sh", "-c", script]].concat();
        server.docker(&arguments).ok()
    };
    let script = "cat /proc/interrupts | wc -l; grep -c ' /proc/sys ro' /proc/self/mountinfo";
    assert_eq!(run(&[], script), "0\n1");
    let unmasked = run(
        &["--security-opt", "systempaths=unconfined"],
        &format!("{script}; true"),
    );
    assert!(
        !unmasked.starts_with("0\n") && unmasked.ends_with("\n0"),
        "{unmasked:?}"
    );
    server.docker(&["create", "--name", "aa", "busybox"]).ok();
    let shown = server.inspect(
        "aa",
        "{{len .HostConfig.MaskedPaths}} {{len .HostConfig.ReadonlyPaths}}",
    );
    assert_eq!(shown, "12 5");
}

#[test]
fn a_label_for_a_module_that_is_off_is_refused() {
    let server = server();
    let is_on =
        fs::read("/sys/module/apparmor/parameters/enabled").is_ok_and(|t| t.starts_with(b"Y"));
    let run =
        |option: &str| server.docker(&["run", "--rm", "--security-opt", option, "busybox", "true"]);
    if !is_on {
        let told = run("apparmor=mine").fails_with(125);
        assert!(
            told.contains("AppArmor is not enabled on this host"),
            "{told}"
        );
    }
    if !std::path::Path::new("/sys/fs/selinux/enforce").exists() {
        let told = run("label=type:mine_t").fails_with(125);
        assert!(
            told.contains("SELinux is not enabled on this host"),
            "{told}"
        );
    }
    run("apparmor=unconfined").ok();
    run("label=disable").ok();
}

#[test]
fn capabilities_of_a_user_other_than_root_are_dockers() {
    let server = server();
    let sets = |options: &[&str]| {
        let script = "grep ^Cap /proc/self/status | awk '{print $2}' | tr '\\n' ' '";
        let arguments = [&["run", "--rm"], options, &["busybox", "sh", "-c", script]].concat();
        server.docker(&arguments).ok()
    };
    // Inheritable, permitted, effective, bounding, ambient.
    let (none, usual) = ("0000000000000000", "00000000a80425fb");
    assert_eq!(sets(&[]), format!("{none} {usual} {usual} {usual} {none}"));
    assert_eq!(
        sets(&["-u", "1000"]),
        format!("{none} {none} {none} {usual} {none}")
    );
    let added = sets(&["-u", "1000", "--cap-add", "NET_ADMIN"]);
    assert_eq!(
        added,
        format!("{none} {none} {none} 00000000a80435fb {none}")
    );
}
