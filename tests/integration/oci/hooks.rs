//! Hooks: their order, what they are told, where they run, and what their failure does.

use std::fs;
use std::path::Path;

use acceptance::bundle::{Bundles, text};
use acceptance::wait;
use serde_json::{Value, json};

/// Runs a script in the shell of whoever the hook belongs to.
fn hook(script: &str) -> Value {
    json!({"path": "/bin/sh", "args": ["sh", "-c", script], "env": ["PATH=/bin:/usr/bin"]})
}

/// Notes its step, its namespace and the state.
fn note(step: &str, file: &str) -> Value {
    json!([hook(&format!(
        "echo {step} $(readlink /proc/self/ns/uts) $(cat) >> {file}"
    ))])
}

fn share(config: &mut Value, folder: &Path) {
    let mounts = config["mounts"].as_array_mut().expect("mounts");
    mounts.push(json!({"destination": "/shared", "source": folder, "options": ["bind"]}));
}

#[test]
fn hooks_run_in_order_in_their_namespaces_with_the_state() {
    let bundles = Bundles::new();
    let shared = bundles.path().join("shared");
    fs::create_dir(&shared).expect("folder");
    let (outside, seen) = (format!("{}/seen", text(&shared)), shared.join("seen"));
    let bundle = bundles.bundle(
        "hooks",
        "echo program >> /shared/seen; sleep 1000",
        |config| {
            share(config, &shared);
            config["hooks"] = json!({
                "poststop": note("poststop", &outside),
                "poststart": note("poststart", &outside),
                "startContainer": note("startContainer", "/shared/seen"),
                "createContainer": note("createContainer", &outside),
                "createRuntime": note("createRuntime", &outside),
                "prestart": note("prestart", &outside),
            });
        },
    );
    let id = bundles.id("hooks");
    bundles.create(&bundle, &id).ok();
    let steps = |text: &str| -> Vec<String> {
        let first = |line: &str| line.split(' ').next().unwrap_or_default().to_owned();
        text.lines().map(first).collect()
    };
    let read = || fs::read_to_string(&seen).expect("seen");
    assert_eq!(
        steps(&read()),
        ["prestart", "createRuntime", "createContainer"]
    );
    bundles.call(&["start", &id]).ok();
    wait::until("the program ran", || {
        read().contains("program").then_some(())
    });
    bundles.call(&["delete", "--force", &id]).ok();
    let all = read();
    let mut order = steps(&all);
    // The program and the hook after its start are not in step.
    order.retain(|step| step != "program");
    assert_eq!(
        order,
        [
            "prestart",
            "createRuntime",
            "createContainer",
            "startContainer",
            "poststart",
            "poststop"
        ]
    );
    let host = fs::read_link("/proc/self/ns/uts").expect("namespace");
    for line in all.lines().filter(|line| *line != "program") {
        let mut parts = line.splitn(3, ' ');
        let (step, namespace) = (
            parts.next().expect("step"),
            parts.next().expect("namespace"),
        );
        let inside = step.ends_with("Container");
        assert_eq!(namespace != host.to_string_lossy(), inside, "{line}");
        let state: Value = serde_json::from_str(parts.next().expect("state")).expect("JSON");
        assert_eq!(state["id"], id.as_str(), "{step}");
        assert_eq!(state["bundle"], text(&bundle), "{step}");
        let status = match step {
            "poststart" => "running",
            "poststop" => "stopped",
            _ => "creating",
        };
        assert_eq!(state["status"], status, "{step}");
    }
}

#[test]
fn a_hook_before_the_start_that_fails_undoes_the_container() {
    let bundles = Bundles::new();
    for step in ["prestart", "createRuntime", "createContainer"] {
        let after = bundles.path().join(format!("after-{step}"));
        let bundle = bundles.bundle(step, "true", |config| {
            config["hooks"][step] = json!([hook("echo broken >&2; exit 4")]);
            config["hooks"]["poststop"] = json!([hook(&format!("touch {}", text(&after)))]);
        });
        let told = bundles.create(&bundle, &bundles.id(step)).fails_with(1);
        assert!(
            told.contains(step) && told.contains("code 4: broken"),
            "{told}"
        );
        assert!(after.exists(), "poststop runs after {step}");
    }
    bundles.expect_nothing_left();
}

#[test]
fn a_hook_at_the_start_that_fails_stops_the_container() {
    let bundles = Bundles::new();
    for step in ["startContainer", "poststart"] {
        let bundle = bundles.bundle(step, "sleep 1000", |config| {
            config["hooks"][step] = json!([hook("exit 4")]);
        });
        let id = bundles.id(step);
        bundles.create(&bundle, &id).ok();
        let told = bundles.call(&["start", &id]).fails_with(1);
        assert!(told.contains(step) && told.contains("code 4"), "{told}");
        wait::until("the container stops", || {
            (bundles.state(&id, "status") == "stopped").then_some(())
        });
        bundles.call(&["delete", &id]).ok();
    }
}

#[test]
fn a_hook_that_takes_too_long_is_killed() {
    let bundles = Bundles::new();
    let bundle = bundles.bundle("slow", "true", |config| {
        let mut slow = hook("exec sleep 1000");
        slow["timeout"] = 1.into();
        config["hooks"]["createRuntime"] = json!([slow]);
    });
    let told = bundles.create(&bundle, &bundles.id("slow")).fails_with(1);
    assert!(told.contains("took more than 1 seconds"), "{told}");
}
