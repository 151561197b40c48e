//! What is refused is refused by name, before anything is made. (The long table is a unit test of
//! the plan.)

use std::fs;

use acceptance::bundle::{Bundles, text};
use serde_json::{Value, json};

/// What is told, and the mistake that is made.
type Mistake = (&'static str, fn(&mut Value));

#[test]
fn wrong_configurations_and_options_are_refused_by_name() {
    let bundles = Bundles::new();
    let cases: [Mistake; 6] = [
        ("process.cwd", |c| c["process"]["cwd"] = "x".into()),
        ("linux.namespaces[0].path", |c| {
            c["linux"]["namespaces"][0]["path"] = "x".into();
        }),
        ("is no namespace", |c| {
            c["linux"]["namespaces"][0]["path"] = "/etc/passwd".into();
        }),
        ("linux.sysctl[\"kernel.core_pattern\"]", |c| {
            c["linux"]["sysctl"] = json!({"kernel.core_pattern": "|/x"});
        }),
        ("linux.intelRdt", |c| c["linux"]["intelRdt"] = json!({})),
        ("linux.cgroupsPath", |c| {
            c["linux"]["cgroupsPath"] = "system.slice:podman:x".into();
        }),
    ];
    for (named, change) in cases {
        let bundle = bundles.bundle("wrong", "true", change);
        let told = bundles.run(&bundle, &bundles.id("wrong")).fails_with(1);
        assert!(told.contains(named), "{named}: {told}");
    }
    let bundle = bundles.bundle("right", "true", |_| {});
    let path = text(&bundle);
    for (named, arguments) in [
        (
            "--no-pivot",
            vec!["run", "--bundle", path, "--no-pivot", "x"],
        ),
        ("no id", vec!["run", "--bundle", path, "../x"]),
        (
            "--preserve-fds",
            vec!["run", "--bundle", path, "--preserve-fds", "99", "x"],
        ),
        (
            "--systemd-cgroup",
            vec!["--systemd-cgroup", "run", "--bundle", path, "x"],
        ),
        ("config.json", vec!["run", "--bundle", "/nowhere", "x"]),
        ("no signal", vec!["kill", "x", "SIGFLY"]),
    ] {
        let told = bundles.call(&arguments).fails_with(1);
        assert!(told.contains(named), "{named}: {told}");
    }
    bundles.expect_nothing_left();
}

#[test]
fn mistakes_of_the_root_and_the_mounts_are_found_where_they_are() {
    let bundles = Bundles::new();
    let cases: [Mistake; 4] = [
        ("opening the root file system", |c| {
            c["root"]["path"] = "nowhere".into();
        }),
        ("opening the mount source", |c| {
            c["mounts"][3] =
                json!({"destination": "/x", "source": "/nowhere", "options": ["bind"]});
        }),
        ("mounting nofs at /x", |c| {
            c["mounts"][3] = json!({"destination": "/x", "type": "nofs"});
        }),
        ("lies in /proc", |c| {
            c["mounts"][3] = json!({"destination": "/proc/sys", "type": "tmpfs"});
        }),
    ];
    for (named, change) in cases {
        let bundle = bundles.bundle("wrong", "true", change);
        let told = bundles.run(&bundle, &bundles.id("wrong")).fails_with(1);
        assert!(told.contains(named), "{named}: {told}");
    }
}

#[test]
fn errors_are_told_in_the_log_as_json() {
    let bundles = Bundles::new();
    let log = bundles.path().join("log");
    let arguments = [
        "--log",
        text(&log),
        "--log-format",
        "json",
        "state",
        "nobody",
    ];
    bundles.call(&arguments).fails_with(1);
    let line = fs::read_to_string(&log).expect("log");
    let entry: Value = serde_json::from_str(line.trim()).expect("JSON");
    assert_eq!(entry["level"], "error");
    assert_eq!(entry["msg"], "container \"nobody\" does not exist");
}
