//! `kill -9` at every step: what was begun ends, what is left can be deleted, and nothing stays.

use std::fs;
use std::path::Path;
use std::time::Duration;

use acceptance::bundle::{Bundles, text};
use acceptance::{host, server, wait};
use nix::sys::signal::Signal;
use serde_json::json;

fn kill(pid: u32) {
    server::signal(pid, Signal::SIGKILL);
}

/// Waits until a file has a line, and gives it.
fn line_in(path: &Path) -> String {
    wait::until("a hook runs", || {
        let text = fs::read_to_string(path).ok()?;
        text.lines().next().map(ToOwned::to_owned)
    })
}

#[test]
fn a_creator_killed_in_a_hook_leaves_a_stopped_container() {
    let bundles = Bundles::new();
    for step in ["prestart", "createRuntime", "createContainer"] {
        let told = bundles.path().join(format!("{step}.pid"));
        let bundle = bundles.bundle(step, "true", |config| {
            let script = format!(
                "sed 's/.*\"pid\":\\([0-9]*\\).*/\\1/' > {}; exec sleep 1000",
                text(&told)
            );
            config["hooks"][step] = json!([{"path": "/bin/sh", "args": ["sh", "-c", script],
                "env": ["PATH=/bin:/usr/bin"]}]);
        });
        let id = bundles.id(step);
        let mut creator = bundles.spawn(&bundle, &["create", "--bundle", text(&bundle), &id]);
        let first: u32 = line_in(&told).parse().expect("the pid in the state");
        assert_eq!(bundles.state(&id, "status"), "creating");
        bundles.call(&["start", &id]).fails_with(1);
        bundles.call(&["delete", "--force", &id]).fails_with(1);
        kill(creator.id());
        creator.wait().expect("wait");
        wait::until("the first process dies with its creator", || {
            (!host::is_alive(first)).then_some(())
        });
        assert_eq!(bundles.state(&id, "status"), "stopped");
        bundles.call(&["start", &id]).fails_with(1);
        bundles.call(&["delete", &id]).ok();
        // Hooks of the host's side belong to nobody; their end is the test's.
        for pid in processes_of(&told) {
            kill(pid);
        }
    }
}

/// Hooks that still sleep, by their working directory or command line.
fn processes_of(told: &Path) -> Vec<u32> {
    let bundle = told.parent().expect("a folder");
    let pids = fs::read_dir("/proc").expect("proc").flatten();
    pids.filter_map(|entry| entry.file_name().to_string_lossy().parse().ok())
        .filter(|pid: &u32| {
            let folder = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            folder.starts_with(bundle) && line.starts_with(b"sleep\0")
        })
        .collect()
}

#[test]
fn a_creator_killed_at_any_moment_leaves_nothing_that_delete_cannot_take() {
    let bundles = Bundles::new();
    let bundle = bundles.bundle("moment", "sleep 1000", |_| {});
    let id = bundles.id("moment");
    let mut ends = std::collections::BTreeMap::<String, u32>::new();
    for round in 0..60u64 {
        let mut creator = bundles.spawn(&bundle, &["create", "--bundle", text(&bundle), &id]);
        // Another moment in each round: that is what is tried here.
        std::thread::park_timeout(Duration::from_micros(round * 700));
        kill(creator.id());
        creator.wait().expect("wait");
        let state = bundles.call(&["state", &id]);
        let status = if state.code == 0 {
            // A first process that saw its creator die ends in a moment.
            wait::until("created or stopped", || {
                let status = bundles.state(&id, "status");
                (status != "creating").then(|| status.to_string())
            })
        } else {
            "nothing".to_owned()
        };
        *ends.entry(status).or_default() += 1;
        bundles.call(&["delete", "--force", &id]).ok();
        // The same command works.
        if round % 10 == 0 {
            bundles.create(&bundle, &id).ok();
            bundles.call(&["start", &id]).ok();
            bundles.call(&["delete", "--force", &id]).ok();
        }
    }
    // What a creator leaves that dies before it has an id is swept by the next.
    bundles.create(&bundle, &id).ok();
    bundles.expect_nothing_left();
    assert!(ends.len() > 1, "the kills all hit one moment: {ends:?}");
}

#[test]
fn a_deleter_killed_at_any_moment_can_be_followed_by_another() {
    let bundles = Bundles::new();
    let bundle = bundles.bundle("delete", "sleep 1000", |_| {});
    let id = bundles.id("delete");
    for round in 0..20u64 {
        bundles.create(&bundle, &id).ok();
        bundles.call(&["start", &id]).ok();
        let mut deleter = bundles.spawn(&bundle, &["delete", "--force", &id]);
        std::thread::park_timeout(Duration::from_micros(round * 500));
        kill(deleter.id());
        deleter.wait().expect("wait");
        bundles.call(&["delete", "--force", &id]).ok();
    }
    bundles.create(&bundle, &id).ok();
}

#[test]
fn a_first_process_killed_before_its_start_is_told() {
    let bundles = Bundles::new();
    let bundle = bundles.bundle("early", "true", |_| {});
    let id = bundles.id("early");
    bundles.create(&bundle, &id).ok();
    kill(bundles.state(&id, "pid").as_u64().expect("pid") as u32);
    wait::until("its end is seen", || {
        (bundles.state(&id, "status") == "stopped").then_some(())
    });
    let told = bundles.call(&["start", &id]).fails_with(1);
    assert!(told.contains("stopped"), "{told}");
    bundles.call(&["delete", &id]).ok();
}
