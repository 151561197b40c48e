//! What was pending when the server was killed ends in the true state.

use std::fs;

use acceptance::fixture;
use acceptance::server::{Server, signal};
use acceptance::{host, wait};
use nix::sys::signal::Signal;

fn server() -> Server {
    let server = Server::start();
    fixture::import_busybox(&server);
    server
}

fn status(server: &Server, name: &str) -> String {
    server.inspect(name, "{{.State.Status}}")
}

#[test]
fn a_stop_is_finished_by_the_next_server() {
    let mut server = server();
    let deaf = "trap 'echo polite' TERM; echo ready; while true; do sleep 0.1; done";
    for name in ["limited", "patient"] {
        server
            .docker(&[
                "run",
                "-d",
                "--name",
                name,
                "--restart",
                "always",
                "busybox",
                "sh",
                "-c",
                deaf,
            ])
            .ok();
        wait::until("the trap", || {
            server
                .docker(&["logs", name])
                .out
                .contains("ready")
                .then_some(())
        });
    }
    let mut stop = server
        .docker_command(&["stop", "-t", "3", "limited"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("docker");
    wait::until("the polite signal", || {
        let heard = server.docker(&["logs", "limited"]).out.contains("polite");
        heard.then_some(())
    });
    server.kill();
    stop.wait().expect("wait");
    server.launch();
    wait::until("the end", || {
        (status(&server, "limited") == "exited").then_some(())
    });
    assert_eq!(server.inspect("limited", "{{.State.ExitCode}}"), "137");
    assert_eq!(status(&server, "patient"), "running");
    let events = [
        "events",
        "--since",
        "1h",
        "--until",
        "0s",
        "--format",
        "{{.Action}}",
    ];
    wait::until("the event", || {
        server
            .docker(&events)
            .ok()
            .lines()
            .any(|line| line == "stop")
            .then_some(())
    });
    server.docker(&["rm", "-f", "patient"]).ok();
}

#[test]
fn a_planned_restart_goes_on_and_its_tries_are_counted() {
    let mut server = server();
    server
        .docker(&[
            "run",
            "-d",
            "--name",
            "flaky",
            "--restart",
            "on-failure:6",
            "busybox",
            "sh",
            "-c",
            "exit 3",
        ])
        .ok();
    wait::until("a longer pause", || {
        let state = server.inspect("flaky", "{{.State.Status}} {{.RestartCount}}");
        matches!(state.as_str(), "restarting 3" | "restarting 4").then_some(())
    });
    server.kill();
    server.launch();
    let count = |server: &Server| -> u32 {
        let count = server.inspect("flaky", "{{.RestartCount}}");
        count.parse().expect("number")
    };
    assert!(count(&server) >= 3, "the tries are not forgotten");
    wait::until("all tries", || {
        let state = server.inspect("flaky", "{{.State.Status}} {{.RestartCount}}");
        (state == "exited 6").then_some(())
    });
    assert_eq!(server.inspect("flaky", "{{.State.ExitCode}}"), "3");
}

#[test]
fn after_a_reboot_records_are_true_and_policies_are_followed() {
    let mut server = server();
    let run = |name: &str, policy: &str| {
        server
            .docker(&[
                "run",
                "-d",
                "--name",
                name,
                "--restart",
                policy,
                "busybox",
                "sleep",
                "1000",
            ])
            .ok();
    };
    for (name, policy) in [
        ("always", "always"),
        ("unless", "unless-stopped"),
        ("stopped", "unless-stopped"),
        ("stopped-always", "always"),
        ("failing", "on-failure"),
        ("none", "no"),
    ] {
        run(name, policy);
    }
    server
        .docker(&[
            "create",
            "--name",
            "never-ran",
            "--restart",
            "always",
            "busybox",
            "true",
        ])
        .ok();
    server
        .docker(&["stop", "-t", "0", "stopped", "stopped-always"])
        .ok();
    let pids: Vec<u32> = ["always", "unless", "failing", "none"]
        .iter()
        .map(|name| server.inspect(name, "{{.State.Pid}}").parse().expect("pid"))
        .collect();
    server.kill();
    // A shim's end is its container's; then all that a reboot takes away goes.
    for pid in &pids {
        signal(parent_of(*pid), Signal::SIGKILL);
    }
    wait::until("the containers end", || {
        pids.iter().all(|pid| !host::is_alive(*pid)).then_some(())
    });
    for folder in ["containers", "execs"] {
        let folder = server.run_dir().join(folder);
        for entry in fs::read_dir(folder).expect("run folder").flatten() {
            fs::remove_dir_all(entry.path()).expect("remove");
        }
    }
    for cgroup in host::cgroups(&server.bridge()).into_iter().rev() {
        // Those above others go last; who still has members stays.
        let _ = fs::remove_dir(cgroup);
    }
    server.launch();
    for name in ["always", "unless", "stopped-always"] {
        wait::until(name, || (status(&server, name) == "running").then_some(()));
    }
    for (name, code) in [("failing", "137"), ("none", "137")] {
        let state = server.inspect(
            name,
            "{{.State.Status}} {{.State.ExitCode}} {{.State.Error}}",
        );
        assert!(state.starts_with(&format!("exited {code} ")), "{state}");
        assert!(state.contains("host was restarted"), "{state}");
    }
    assert_eq!(status(&server, "stopped"), "exited");
    assert_eq!(status(&server, "never-ran"), "created");
    assert_eq!(
        server.docker(&["exec", "always", "echo", "well"]).ok(),
        "well"
    );
}

fn parent_of(pid: u32) -> u32 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    line.expect("a parent").trim().parse().expect("pid")
}
