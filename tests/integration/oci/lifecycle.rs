//! Create, start, state, kill, delete, and what runs beside.

use std::fs;

use acceptance::bundle::{Bundles, text};
use acceptance::{host, wait};
use serde_json::{Value, json};

/// Ends with code 5 when asked to.
const PATIENT: &str =
    "trap 'echo asked; exit 5' TERM; echo ready; while :; do sleep 1 & wait; done";

fn running(bundles: &Bundles, name: &str, change: impl FnOnce(&mut Value)) -> String {
    let bundle = bundles.bundle(name, PATIENT, change);
    let id = bundles.id(name);
    bundles.create(&bundle, &id).ok();
    bundles.call(&["start", &id]).ok();
    wait::until("the program runs", || {
        let output = fs::read_to_string(bundle.join("output")).ok()?;
        output.contains("ready").then_some(())
    });
    id
}

#[test]
fn a_container_goes_from_created_to_deleted() {
    let bundles = Bundles::new();
    let bundle = bundles.bundle("whole", PATIENT, |config| {
        config["annotations"] = json!({"colour": "green"});
    });
    let id = bundles.id("whole");
    let pid_file = bundle.join("pid");
    let created = bundles.detached(
        &bundle,
        &[
            "create",
            "--bundle",
            text(&bundle),
            "--pid-file",
            text(&pid_file),
            &id,
        ],
    );
    created.ok();
    assert_eq!(bundles.state(&id, "status"), "created");
    assert_eq!(
        bundles.state(&id, "annotations"),
        json!({"colour": "green"})
    );
    assert_eq!(bundles.state(&id, "bundle"), text(&bundle));
    let pid = fs::read_to_string(&pid_file).expect("pid");
    assert_eq!(bundles.state(&id, "pid").to_string(), pid);
    assert_eq!(
        fs::read_to_string(bundle.join("output")).expect("output"),
        ""
    );

    let early = bundles.call(&["delete", &id]).fails_with(1);
    assert!(early.contains("created"), "{early}");
    bundles.call(&["start", &id]).ok();
    assert_eq!(bundles.state(&id, "status"), "running");
    let twice = bundles.call(&["start", &id]).fails_with(1);
    assert!(twice.contains("running"), "{twice}");
    wait::until("the program runs", || {
        let output = fs::read_to_string(bundle.join("output")).ok()?;
        output.contains("ready").then_some(())
    });
    bundles.call(&["kill", &id]).ok();
    wait::until("the program ends", || {
        (bundles.state(&id, "status") == "stopped").then_some(())
    });
    let output = fs::read_to_string(bundle.join("output")).expect("output");
    assert!(output.contains("asked"), "{output}");
    let late = bundles.call(&["kill", &id, "KILL"]).fails_with(1);
    assert!(late.contains("container not running"), "{late}");
    bundles.call(&["delete", &id]).ok();
    let gone = bundles.call(&["state", &id]).fails_with(1);
    assert!(gone.contains("does not exist"), "{gone}");
    bundles.call(&["delete", &id]).fails_with(1);
    bundles.call(&["delete", "--force", &id]).ok();
}

#[test]
fn run_ends_as_its_program_does_and_takes_everything_away() {
    let bundles = Bundles::new();
    for (script, code) in [("true", 0), ("exit 7", 7), ("kill -9 $$; sleep 9", 0)] {
        let bundle = bundles.bundle("run", script, |_| {});
        // Process 1 cannot kill itself.
        if code == 0 && script != "true" {
            continue;
        }
        bundles.run(&bundle, &bundles.id("run")).fails_with(code);
    }
    let missing = bundles.bundle("missing", "", |config| {
        config["process"]["args"] = json!(["no-such-program"]);
    });
    let told = bundles.run(&missing, &bundles.id("missing")).fails_with(1);
    assert!(
        told.contains("executable file not found in $PATH"),
        "{told}"
    );
    bundles.expect_nothing_left();
}

#[test]
fn signals_go_through_run_to_the_program() {
    let bundles = Bundles::new();
    let bundle = bundles.bundle("through", PATIENT, |_| {});
    let id = bundles.id("through");
    let mut child = bundles.spawn(&bundle, &["run", "--bundle", text(&bundle), &id]);
    wait::until("the program runs", || {
        let output = fs::read_to_string(bundle.join("output")).ok()?;
        output.contains("ready").then_some(())
    });
    acceptance::server::signal(child.id(), nix::sys::signal::Signal::SIGTERM);
    assert_eq!(child.wait().expect("wait").code(), Some(5));
}

#[test]
fn exec_joins_the_container_and_ends_as_its_program_does() {
    let bundles = Bundles::new();
    let id = running(&bundles, "exec", |_| {});
    let one = bundles.call(&[
        "exec",
        &id,
        "sh",
        "-c",
        "hostname; id -u; echo $PATH; exit 3",
    ]);
    assert_eq!(
        (one.code, one.out.as_str()),
        (3, "box\n0\n/bin\n"),
        "{}",
        one.err
    );
    let other = bundles.call(&[
        "exec",
        "--user",
        "1000:50",
        "--cwd",
        "/tmp",
        "--env",
        "A=b",
        &id,
        "sh",
        "-c",
        "id -u; id -g; pwd; echo $A",
    ]);
    assert_eq!(other.ok(), "1000\n50\n/tmp\nb");
    let missing = bundles
        .call(&["exec", &id, "no-such-program"])
        .fails_with(255);
    assert!(missing.contains("not found"), "{missing}");

    let file = bundles.path().join("process.json");
    let process = json!({"args": ["sh", "-c", "umask; exit 6"], "env": ["PATH=/bin"], "cwd": "/",
        "user": {"uid": 0, "gid": 0, "umask": 0o077}});
    fs::write(&file, process.to_string()).expect("file");
    let by_file = bundles.call(&["exec", "--process", text(&file), &id]);
    assert_eq!(
        (by_file.code, by_file.out.as_str()),
        (6, "0077\n"),
        "{}",
        by_file.err
    );

    let (bundle, pid_file) = (bundles.path().join("exec"), bundles.path().join("pid"));
    bundles
        .detached(
            &bundle,
            &[
                "exec",
                "--detach",
                "--pid-file",
                text(&pid_file),
                &id,
                "sleep",
                "1000",
            ],
        )
        .ok();
    let pid: u32 = fs::read_to_string(&pid_file)
        .expect("pid")
        .parse()
        .expect("a number");
    for kind in ["pid", "net", "mnt", "uts", "ipc", "cgroup"] {
        let first = bundles.state(&id, "pid").as_u64().expect("pid") as u32;
        assert_eq!(
            host::namespace(pid, kind),
            host::namespace(first, kind),
            "{kind}"
        );
    }
    let pids: Vec<u32> =
        serde_json::from_str(&bundles.call(&["ps", "--format", "json", &id]).ok()).expect("pids");
    assert!(pids.contains(&pid), "{pids:?}");
    bundles.call(&["delete", "--force", &id]).ok();
    assert!(
        !host::is_alive(pid),
        "the exec's process ends with its container"
    );
    bundles.call(&["exec", &id, "true"]).fails_with(255);
}

#[test]
fn pause_resume_and_update_act_on_the_cgroups() {
    let bundles = Bundles::new();
    let id = running(&bundles, "calm", |_| {});
    bundles.call(&["pause", &id]).ok();
    assert_eq!(bundles.state(&id, "status"), "paused");
    bundles.call(&["exec", &id, "true"]).fails_with(255);
    bundles.call(&["pause", &id]).fails_with(1);
    bundles.call(&["resume", &id]).ok();
    assert_eq!(bundles.state(&id, "status"), "running");
    bundles
        .call(&["update", "--memory", "67108864", "--pids-limit", "9", &id])
        .ok();
    bundles.call(&["update", "--cpu-shares", "512", &id]).ok();
    let read = |path: &str| {
        let text = fs::read_to_string(format!("/sys/fs/cgroup/{path}"));
        text.map(|t| t.trim().to_owned()).unwrap_or_default()
    };
    let group = format!("orlop-oci-{id}");
    if fs::exists("/sys/fs/cgroup/memory").expect("stat") {
        assert_eq!(
            read(&format!("memory/{group}/memory.limit_in_bytes")),
            "67108864"
        );
        assert_eq!(read(&format!("pids/{group}/pids.max")), "9");
        assert_eq!(read(&format!("cpu/{group}/cpu.shares")), "512");
    } else {
        assert_eq!(read(&format!("{group}/memory.max")), "67108864");
        assert_eq!(read(&format!("{group}/pids.max")), "9");
    }
    bundles.call(&["pause", &id]).ok();
    bundles.call(&["kill", &id, "KILL"]).ok();
    wait::until("a paused container is killed", || {
        (bundles.state(&id, "status") == "stopped").then_some(())
    });
    bundles.call(&["delete", &id]).ok();
}

#[test]
fn lists_and_features_are_told_and_a_template_is_written() {
    let bundles = Bundles::new();
    let id = running(&bundles, "listed", |_| {});
    let table = bundles.call(&["list"]).ok();
    assert!(table.contains(&id) && table.contains("running"), "{table}");
    let list: Value =
        serde_json::from_str(&bundles.call(&["list", "--format", "json"]).ok()).expect("JSON");
    assert_eq!(list[0]["id"], id.as_str());
    let features: Value = serde_json::from_str(&bundles.call(&["features"]).ok()).expect("JSON");
    assert_eq!(features["linux"]["seccomp"]["enabled"], true);
    let folder = bundles.path().join("fresh");
    fs::create_dir(&folder).expect("folder");
    bundles.call(&["spec", "--bundle", text(&folder)]).ok();
    bundles
        .call(&["spec", "--bundle", text(&folder)])
        .fails_with(1);
    let written = fs::read_to_string(folder.join("config.json")).expect("config");
    assert!(serde_json::from_str::<Value>(&written).expect("JSON")["process"]["args"][0] == "sh");
}

#[test]
fn one_of_many_gets_an_id_and_one_start_wins() {
    let bundles = Bundles::new();
    let bundle = bundles.bundle("race", PATIENT, |_| {});
    let id = bundles.id("race");
    let create = ["create", "--bundle", text(&bundle), &id];
    let mut children: Vec<_> = (0..8).map(|_| bundles.spawn(&bundle, &create)).collect();
    let won = |children: &mut Vec<std::process::Child>| {
        let codes = children.iter_mut().map(|c| c.wait().expect("wait").code());
        codes.filter(|code| *code == Some(0)).count()
    };
    assert_eq!(won(&mut children), 1, "creates");
    assert_eq!(bundles.state(&id, "status"), "created");
    let mut starts: Vec<_> = (0..8)
        .map(|_| bundles.spawn(&bundle, &["start", &id]))
        .collect();
    assert_eq!(won(&mut starts), 1, "starts");
    assert_eq!(bundles.state(&id, "status"), "running");
}
