//! Further processes, signals, waiting, attaching and lists of processes, as Docker's clients ask.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Stdio};

use acceptance::fixture;
use acceptance::http::call;
use acceptance::server::Server;
use acceptance::wait;

fn server() -> Server {
    let server = Server::start();
    fixture::import_busybox(&server);
    server
}

fn idle(server: &Server, name: &str) {
    server
        .docker(&[
            "run", "-d", "--init", "--name", name, "busybox", "sleep", "1000",
        ])
        .ok();
}

fn spawn(server: &Server, arguments: &[&str]) -> Child {
    server
        .docker_command(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("docker")
}

#[test]
fn exec_takes_all_that_docker_can_ask_for() {
    let server = server();
    idle(&server, "idle");
    let exec = |options: &[&str], script: &str| {
        let arguments = [&["exec"], options, &["idle", "sh", "-c", script]].concat();
        server.docker(&arguments)
    };
    let effective = "grep CapEff /proc/self/status | awk '{print $2}'";
    assert_eq!(exec(&[], effective).ok(), "00000000a80425fb");
    let privileged = exec(&["--privileged"], effective).ok();
    let bits = u64::from_str_radix(&privileged, 16).expect("bits");
    assert_ne!(bits & (1 << 21), 0, "CAP_SYS_ADMIN: {privileged}");
    assert_eq!(
        exec(&["--privileged"], "grep Seccomp: /proc/self/status").ok(),
        "Seccomp:\t0"
    );
    let said = exec(
        &["-u", "ada", "-e", "A=1", "-w", "/tmp"],
        "id -u; echo $A; pwd; echo $HOME",
    );
    assert_eq!(said.ok(), "1000\n1\n/tmp\n/home/ada");
    server
        .docker(&[
            "exec",
            "-d",
            "idle",
            "sh",
            "-c",
            "echo done > /mark; sleep 4321",
        ])
        .ok();
    wait::until("the detached one", || {
        (server.docker(&["exec", "idle", "cat", "/mark"]).out == "done\n").then_some(())
    });
    assert!(server.docker(&["top", "idle"]).ok().contains("sleep 4321"));
    server.docker(&["rm", "-f", "idle"]).ok();
}

#[test]
fn several_clients_attach_and_each_sees_all() {
    let server = server();
    server
        .docker(&["run", "-d", "-i", "--name", "echo", "busybox", "cat"])
        .ok();
    let mut clients: Vec<Child> = (0..3)
        .map(|_| spawn(&server, &["attach", "echo"]))
        .collect();
    let mut readers: Vec<_> = clients
        .iter_mut()
        .map(|client| BufReader::new(client.stdout.take().expect("piped")))
        .collect();
    let line = |reader: &mut BufReader<_>| {
        let mut line = String::new();
        reader.read_line(&mut line).expect("read");
        line
    };
    let inputs: Vec<_> = clients
        .iter_mut()
        .map(|client| client.stdin.take().expect("piped"))
        .collect();
    // A first round, after which all three are attached.
    for (index, mut input) in inputs.iter().enumerate() {
        writeln!(input, "hello {index}").expect("write");
        let own = format!("hello {index}\n");
        let reader = &mut readers[index];
        while line(reader) != own {}
    }
    writeln!(&inputs[1], "to all").expect("write");
    for reader in &mut readers {
        while line(reader) != "to all\n" {}
    }
    server.docker(&["stop", "-t", "0", "echo"]).ok();
    for client in &mut clients {
        client.wait().expect("wait");
    }
}

#[test]
fn detach_keys_leave_the_container_running() {
    let server = server();
    server
        .docker(&["run", "-dit", "--name", "tty", "busybox", "sh"])
        .ok();
    // `script` gives docker the terminal that detaching wants.
    let inner = "docker attach --detach-keys ctrl-x tty";
    let command = server.docker_command(&[]);
    let mut script = std::process::Command::new("script");
    script.args(["--quiet", "--return", "--command", inner, "/dev/null"]);
    for (key, value) in command.get_envs() {
        script.env(key, value.expect("set"));
    }
    let mut child = script
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script");
    let mut input = child.stdin.take().expect("piped");
    let mut output = BufReader::new(child.stdout.take().expect("piped"));
    input.write_all(b"echo is''here\n").expect("write");
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("ishere") {
        assert_ne!(output.read_until(b'\n', &mut seen).expect("read"), 0);
    }
    input.write_all(b"\x18").expect("write");
    child.wait().expect("wait");
    assert_eq!(server.inspect("tty", "{{.State.Status}}"), "running");
    server.docker(&["rm", "-f", "tty"]).ok();
}

#[test]
fn several_wait_at_once_and_for_different_things() {
    let server = server();
    server
        .docker(&[
            "run",
            "-d",
            "--rm",
            "--name",
            "short",
            "-i",
            "busybox",
            "sh",
            "-c",
            "read x; exit 7",
        ])
        .ok();
    let waits: Vec<Child> = (0..3).map(|_| spawn(&server, &["wait", "short"])).collect();
    let removed = spawn(&server, &["run", "--rm", "busybox", "sh", "-c", "exit 3"]);
    let mut attached = spawn(&server, &["attach", "short"]);
    // `docker wait` says nothing until the end: that all three hear it is what counts.
    wait::until("the waits are there", || {
        let sockets = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
        let own = server.run_dir().join("orlop.sock").display().to_string();
        (sockets.lines().filter(|line| line.ends_with(&own)).count() >= 5).then_some(())
    });
    let mut stdin = attached.stdin.take().expect("piped");
    writeln!(stdin, "go").expect("write");
    drop(stdin);
    for wait in waits {
        let output = wait.wait_with_output().expect("wait");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "7\n");
    }
    attached.wait().expect("wait");
    let status = removed.wait_with_output().expect("wait").status;
    assert_eq!(status.code(), Some(3));
    wait::until("it is removed", || {
        server.docker(&["ps", "-aq"]).ok().is_empty().then_some(())
    });
    // One that never ran does not run now.
    server
        .docker(&["create", "--name", "never", "busybox"])
        .ok();
    assert_eq!(server.docker(&["wait", "never"]).ok(), "0");
}

#[test]
fn top_has_the_columns_that_are_asked_for() {
    let server = server();
    idle(&server, "idle");
    let titles = |arguments: &[&str]| {
        let table = server.docker(&[&["top", "idle"], arguments].concat()).ok();
        let first = table.lines().next().expect("titles");
        first
            .split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        titles(&[]),
        ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    );
    assert_eq!(titles(&["aux"])[..4], ["USER", "PID", "%CPU", "%MEM"]);
    assert_eq!(
        titles(&["-o", "pid,comm,args"]),
        ["PID", "COMMAND", "COMMAND"]
    );
    let table = server.docker(&["top", "idle", "-eo", "pid,args"]).ok();
    let pid = server.inspect("idle", "{{.State.Pid}}");
    assert!(table.lines().any(|line| line.starts_with(&pid)), "{table}");
    assert!(table.contains("sleep 1000"), "{table}");
    let told = server.docker(&["top", "idle", "-o", "comm"]).fails_with(1);
    assert!(told.contains("PID"), "{told}");
    server.docker(&["rm", "-f", "idle"]).ok();
}

#[test]
fn signals_are_sent_by_name_and_number_and_stop_escalates() {
    let server = server();
    let script = "trap 'echo got usr1' USR1; trap 'echo got 12' 12; trap 'echo got rt' 36; \
        trap 'echo polite' TERM; trap 'echo quit; exit 4' QUIT; echo ready; \
        while true; do sleep 0.05; done";
    server
        .docker(&["run", "-d", "--name", "deaf", "busybox", "sh", "-c", script])
        .ok();
    let says = |what: &str| {
        wait::until(what, || {
            server
                .docker(&["logs", "deaf"])
                .out
                .contains(what)
                .then_some(())
        });
    };
    says("ready");
    for (signal, heard) in [
        ("USR1", "got usr1"),
        ("SIGUSR2", "got 12"),
        ("36", "got rt"),
    ] {
        server.docker(&["kill", "--signal", signal, "deaf"]).ok();
        says(heard);
    }
    let wrong = server.docker(&["kill", "--signal", "NOPE", "deaf"]);
    assert_ne!(wrong.code, 0);
    assert!(wrong.err.contains("NOPE"), "{wrong:?}");
    server.docker(&["stop", "-t", "1", "deaf"]).ok();
    says("polite");
    assert_eq!(server.inspect("deaf", "{{.State.ExitCode}}"), "137");
    server.docker(&["start", "deaf"]).ok();
    wait::until("ready again", || {
        let log = server.docker(&["logs", "deaf"]).out;
        (log.matches("ready").count() == 2).then_some(())
    });
    // Older clients have no option for it.
    let socket = server.run_dir().join("orlop.sock");
    let stop = call(&socket, "POST", "/containers/deaf/stop?signal=QUIT", "");
    assert_eq!(stop.status, 204, "{stop:?}");
    assert_eq!(server.inspect("deaf", "{{.State.ExitCode}}"), "4");
}
