//! Containers from create to remove, by the stock `docker` command and by `orlop`.

use std::io::Write as _;
use std::process::Stdio;

use acceptance::fixture;
use acceptance::server::Server;

fn server() -> Server {
    let server = Server::start();
    fixture::import_busybox(&server);
    server
}

#[test]
fn run_prints_output_and_returns_the_exit_code() {
    let server = server();
    assert_eq!(
        server
            .docker(&["run", "--rm", "busybox", "echo", "Hello world"])
            .ok(),
        "Hello world"
    );
    let both = server.docker(&[
        "run",
        "--rm",
        "busybox",
        "sh",
        "-c",
        "echo out; echo err >&2; exit 7",
    ]);
    assert_eq!(
        (both.code, both.out.as_str(), both.err.as_str()),
        (7, "out\n", "err\n")
    );
    assert_eq!(
        server
            .orlop(&["run", "--rm", "busybox", "echo", "Hello world"])
            .ok(),
        "Hello world"
    );
    server
        .orlop(&["run", "--rm", "busybox", "sh", "-c", "exit 9"])
        .fails_with(9);
    assert_eq!(server.docker(&["ps", "-aq"]).ok(), "", "--rm removes");
}

#[test]
fn exit_codes_tell_engine_program_and_signal_apart() {
    let server = server();
    for client in ["docker", "orlop"] {
        let run = |arguments: &[&str]| match client {
            "docker" => server.docker(arguments),
            _ => server.orlop(arguments),
        };
        run(&["run", "--rm", "busybox", "no-such-program"]).fails_with(127);
        run(&["run", "--rm", "busybox", "/etc/passwd"]).fails_with(126);
        run(&["run", "--rm", "--name=-bad", "busybox", "true"]).fails_with(125);
        // Process 1 is deaf to signals of its own namespace, so a shell below it takes them.
        run(&[
            "run",
            "--rm",
            "busybox",
            "sh",
            "-c",
            "sh -c 'kill -9 $$'; exit $?",
        ])
        .fails_with(137);
        run(&[
            "run",
            "--rm",
            "--init",
            "busybox",
            "sh",
            "-c",
            "kill -TERM $$",
        ])
        .fails_with(143);
    }
}

#[test]
fn standard_input_reaches_the_container_and_ends() {
    let server = server();
    let text = "a line\n".repeat(100_000);
    let ended = server.docker_with(&["run", "--rm", "-i", "busybox", "cat"], text.as_bytes());
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.out == text, "{} bytes came back", ended.out.len());
    let counted = server.orlop_with(
        &["run", "--rm", "-i", "busybox", "wc", "-l"],
        text.as_bytes(),
    );
    assert_eq!(counted.ok(), "100000");
}

#[test]
fn a_terminal_is_a_terminal() {
    let server = server();
    // `script` gives docker the terminal that -t wants.
    let inner = "docker run --rm -it busybox sh -c 'tty; stty size; echo \"$TERM\"'";
    let command = server.docker_command(&[]);
    let mut script = std::process::Command::new("script");
    script.args(["--quiet", "--return", "--command", inner, "/dev/null"]);
    for (key, value) in command.get_envs() {
        script.env(key, value.expect("set"));
    }
    let out = acceptance::client::run(&mut script, b"").ok();
    assert!(out.contains("/dev/pts/0") && out.contains("xterm"), "{out}");
    let id = server
        .docker(&["run", "-dt", "busybox", "sh", "-c", "tty; sleep 100"])
        .ok();
    acceptance::wait::until("its output", || {
        server
            .docker(&["logs", &id])
            .out
            .contains("/dev/pts/0")
            .then_some(())
    });
}

#[test]
fn list_inspect_logs_stop_kill_and_remove_agree() {
    let server = server();
    let loop_ = "trap 'echo bye; exit 3' TERM; i=0; while true; do echo line $i; i=$((i+1)); sleep 0.1; done";
    let id = server
        .docker(&[
            "run", "-d", "--name", "web", "--label", "a=b", "busybox", "sh", "-c", loop_,
        ])
        .ok();
    assert_eq!(id.len(), 64);
    let listed = server.docker(&[
        "ps",
        "--no-trunc",
        "--filter",
        "label=a=b",
        "--format",
        "{{.ID}} {{.Names}} {{.Image}} {{.State}}",
    ]);
    assert_eq!(listed.ok(), format!("{id} web busybox running"));
    assert!(server.orlop(&["ps"]).ok().contains("web"));
    acceptance::wait::until("three lines", || {
        server
            .docker(&["logs", "web"])
            .out
            .contains("line 2")
            .then_some(())
    });
    assert!(
        server
            .docker(&["logs", "--tail", "1", "web"])
            .ok()
            .lines()
            .count()
            == 1
    );
    server.docker(&["stop", &id[..12]]).ok();
    assert_eq!(
        server.inspect("web", "{{.State.Status}} {{.State.ExitCode}}"),
        "exited 3"
    );
    assert!(server.orlop(&["logs", "web"]).ok().ends_with("bye"));
    server.docker(&["start", "web"]).ok();
    let running = server.docker(&["rm", "web"]).fails_with(1);
    assert!(running.contains("running"), "{running}");
    server.orlop(&["kill", "--signal", "KILL", "web"]).ok();
    acceptance::wait::until("the end", || {
        (server.inspect("web", "{{.State.ExitCode}}") == "137").then_some(())
    });
    server.orlop(&["rm", "web"]).ok();
    let gone = server
        .docker(&["inspect", "--type", "container", "web"])
        .fails_with(1);
    assert!(gone.contains("No such container"), "{gone}");
}

#[test]
fn a_name_is_taken_once_and_a_prefix_must_be_unique() {
    let server = server();
    server.docker(&["create", "--name", "web", "busybox"]).ok();
    let taken = server
        .docker(&["create", "--name", "web", "busybox"])
        .fails_with(1);
    assert!(taken.contains("already in use"), "{taken}");
    let missing = server.docker(&["create", "nothing-like-it"]).fails_with(1);
    assert!(missing.contains("nothing-like-it"), "{missing}");
}

#[test]
fn environment_user_workdir_and_hostname_are_as_asked() {
    let server = server();
    let run = |options: &[&str], command: &str| {
        let arguments = [&["run", "--rm"], options, &["busybox", "sh", "-c", command]].concat();
        server.docker(&arguments).ok()
    };
    assert_eq!(
        run(&["-e", "A=1", "-e", "B=x y"], "echo $A $B $HOME"),
        "1 x y /root"
    );
    assert_eq!(
        run(&["-u", "ada"], "id -u; id -g; echo $HOME"),
        "1000\n1000\n/home/ada"
    );
    assert_eq!(run(&["-u", "ada"], "id -G"), "1000 50");
    assert_eq!(run(&["-u", "1234:50"], "echo $(id -u) $(id -g)"), "1234 50");
    assert_eq!(run(&["-w", "/made/here"], "pwd"), "/made/here");
    assert_eq!(
        run(
            &["--hostname", "box"],
            "hostname; cat /etc/hostname; grep -c box /etc/hosts"
        ),
        "box\nbox\n1"
    );
    let unknown = server.docker(&["run", "--rm", "-u", "nobody-here", "busybox", "true"]);
    assert_eq!(unknown.code, 125, "{}", unknown.err);
    assert!(unknown.err.contains("nobody-here"), "{}", unknown.err);
}

#[test]
fn attach_sees_what_follows_and_pause_holds_it() {
    let server = server();
    server
        .docker(&["run", "-d", "-i", "--name", "echo", "busybox", "cat"])
        .ok();
    let mut client = server
        .docker_command(&["attach", "echo"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("attach");
    let mut stdin = client.stdin.take().expect("piped");
    stdin.write_all(b"one\ntwo\n").expect("write");
    acceptance::wait::until("the echo", || {
        server
            .docker(&["logs", "echo"])
            .out
            .contains("two")
            .then_some(())
    });
    // Its input stays open when a client leaves (--interactive without being attached at first).
    drop(stdin);
    assert_eq!(server.inspect("echo", "{{.State.Status}}"), "running");
    server.docker(&["stop", "-t", "0", "echo"]).ok();
    let output = client.wait_with_output().expect("wait");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "one\ntwo\n");
    server
        .docker(&["run", "-d", "--name", "idle", "busybox", "sleep", "1000"])
        .ok();
    server.docker(&["pause", "idle"]).ok();
    assert_eq!(server.inspect("idle", "{{.State.Status}}"), "paused");
    server.docker(&["unpause", "idle"]).ok();
    assert_eq!(server.inspect("idle", "{{.State.Status}}"), "running");
}

#[test]
fn exec_runs_beside_and_returns_its_own_code() {
    let server = server();
    server
        .docker(&[
            "run", "-d", "--name", "idle", "-e", "A=1", "busybox", "sleep", "1000",
        ])
        .ok();
    assert_eq!(
        server
            .docker(&[
                "exec",
                "idle",
                "sh",
                "-c",
                "echo $A; ps | grep -c 'sleep 1000'"
            ])
            .out
            .lines()
            .next(),
        Some("1")
    );
    server
        .docker(&["exec", "idle", "sh", "-c", "exit 5"])
        .fails_with(5);
    let missing = server.docker(&["exec", "idle", "no-such"]);
    assert_eq!(missing.code, 127, "{missing:?}");
    assert!(
        format!("{}{}", missing.out, missing.err).contains("not found"),
        "{missing:?}"
    );
    assert_eq!(
        server
            .docker_with(&["exec", "-i", "idle", "cat"], b"through")
            .ok(),
        "through"
    );
    assert_eq!(
        server
            .docker(&[
                "exec",
                "-u",
                "ada",
                "-w",
                "/tmp",
                "idle",
                "sh",
                "-c",
                "id -u; pwd"
            ])
            .ok(),
        "1000\n/tmp"
    );
}

#[test]
fn restart_policies_are_kept() {
    let server = server();
    server
        .docker(&[
            "run",
            "-d",
            "--name",
            "flaky",
            "--restart",
            "on-failure:2",
            "busybox",
            "sh",
            "-c",
            "exit 1",
        ])
        .ok();
    acceptance::wait::until("two restarts", || {
        (server.inspect("flaky", "{{.RestartCount}} {{.State.Status}}") == "2 exited").then_some(())
    });
    server
        .docker(&[
            "run",
            "-d",
            "--name",
            "steady",
            "--restart",
            "always",
            "busybox",
            "sleep",
            "1000",
        ])
        .ok();
    let before = server.inspect("steady", "{{.State.Pid}}");
    server.docker(&["exec", "steady", "kill", "-9", "1"]);
    let pid: i32 = before.parse().expect("pid");
    acceptance::server::signal(
        pid.try_into().expect("pid"),
        nix::sys::signal::Signal::SIGKILL,
    );
    acceptance::wait::until("another process", || {
        let now = server.inspect("steady", "{{.State.Status}} {{.State.Pid}}");
        (now.starts_with("running") && !now.ends_with(&before)).then_some(())
    });
    server.docker(&["stop", "-t", "0", "steady"]).ok();
    assert_eq!(server.inspect("steady", "{{.State.Status}}"), "exited");
}

#[test]
fn the_last_words_of_a_short_program_are_heard() {
    let server = server();
    // The shim is gone before most of this has reached the client.
    for round in 0..20 {
        let said = server.docker(&[
            "run",
            "--rm",
            "--network",
            "none",
            "busybox",
            "sh",
            "-c",
            "busybox echo one; busybox echo two; true",
        ]);
        assert_eq!(said.ok(), "one\ntwo", "round {round}");
    }
}
