//! Terminals and exec sessions: sizes, resuming, slow readers, much input, ends.

mod support;

use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use orlop_linux::process;
use orlop_model::request::TermSize;
use orlop_model::signal::Signal;
use orlop_model::spec::ContainerSpec;
use orlop_wire::reply::FailureKind;
use orlop_wire::request::{Request, Target};
use orlop_wire::shim::{Attach, FromShim, RING_BYTES, ToShim};

use support::session::{ALL, Session};
use support::{Host, spec, wait_until};

/// A container that waits for exec sessions.
fn idle(host: &Host) -> ContainerSpec {
    let spec = spec::program(host, &["sleep", "600"]);
    host.started(&spec::start(&spec, false));
    spec
}

#[test]
fn a_terminal_has_its_size_and_follows_the_window() {
    let host = Host::new();
    let script = "stty size; tty; ls -l /dev/console | cut -c1; \
        trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.01; done";
    let mut spec = spec::shell(&host, script);
    spec.process.tty = Some(TermSize { rows: 31, cols: 97 });
    spec.process.open_stdin = true;
    spec.process.user = "ada".to_owned();
    host.started(&spec::start(&spec, true));
    let mut session = Session::attach(&host.run_folder(&spec.id), ALL);
    session.expect("31 97\r\n/dev/pts/0\r\nc\r\n");
    session.expect("ready");
    session.send(&ToShim::Resize(TermSize {
        rows: 50,
        cols: 132,
    }));
    session.expect("50 132");
    assert_eq!(session.finish().exit.code, 0);
}

#[test]
fn an_exec_session_is_inside_and_its_exit_code_comes_back() {
    let host = Host::new();
    let spec = idle(&host);
    let script = "hostname; for n in /proc/self/ns/*; do readlink $n; done; echo err >&2; exit 9";
    let run = host.exec(&spec::exec(&spec.id, &["sh", "-c", script]));
    assert_eq!((run.exit.code, run.stderr.as_str()), (9, "err\n"));
    assert!(run.stdout.starts_with("box\n"));
    let pid = host.state(&host.run_folder(&spec.id)).pid;
    for kind in ["cgroup", "ipc", "mnt", "net", "pid", "uts"] {
        let link = std::fs::read_link(format!("/proc/{pid}/ns/{kind}")).expect("namespace");
        assert!(
            run.stdout.contains(&*link.to_string_lossy()),
            "{kind} {run:?}"
        );
    }
    let own = "grep -E '^(CapEff|CapBnd|Seccomp):' /proc/self/status; ls /proc/self/fd; \
               cat /proc/self/cgroup | grep -c ':/$'; pwd";
    let text = host.exec(&spec::exec(&spec.id, &["sh", "-c", own])).ok();
    assert_eq!(text.matches("00000000a80425fb").count(), 2, "{text}");
    assert!(text.contains("Seccomp:\t2\n0\n1\n2\n3\n"), "{text}");
}

#[test]
fn what_an_exec_session_cannot_start_is_told() {
    let host = Host::new();
    let spec = idle(&host);
    for (args, kind) in [
        (["nope"], FailureKind::CommandNotFound),
        (["/etc/passwd"], FailureKind::CommandNotExecutable),
    ] {
        let exec = spec::exec(&spec.id, &args);
        assert_eq!(host.try_exec(&exec).expect_err("no program").kind, kind);
        assert!(!host.exec_folder(&exec.id).exists());
    }
    let mut exec = spec::exec(&spec.id, &["true"]);
    exec.process.cwd = "/nowhere".to_owned();
    assert!(
        host.try_exec(&exec)
            .expect_err("no folder")
            .message
            .contains("no such file")
    );
    host.done(Request::Signal {
        target: Target::Container(spec.id.clone()),
        signal: Signal::KILL,
    });
    host.exit(&host.run_folder(&spec.id));
    let gone = host
        .try_exec(&spec::exec(&spec.id, &["true"]))
        .expect_err("ended");
    assert_eq!(gone.kind, FailureKind::Conflict);
}

#[test]
fn a_shell_in_a_terminal_answers_and_resumes_at_the_exact_byte() {
    let host = Host::new();
    let spec = idle(&host);
    let mut exec = spec::exec(&spec.id, &["sh"]);
    exec.process.tty = spec::terminal();
    exec.process.open_stdin = true;
    host.started(&Request::Exec(Box::new(exec.clone())));
    let folder = host.exec_folder(&exec.id);
    let mut session = Session::attach(&folder, ALL);
    session.write("PS1='>'; echo first-$((1+1)); tty\n");
    session.expect("first-2");
    session.expect("/dev/pts/0");
    let next = session.next;
    drop(session);
    let resumed = Attach {
        from: Some(next),
        ..ALL
    };
    let mut session = Session::attach(&folder, resumed);
    session.write("echo second-$((1+2))\n");
    session.expect("second-3");
    assert!(!session.stdout.contains("first-2"), "{}", session.stdout);
    session.write("exit 6\n");
    assert_eq!(session.finish().exit.code, 6);
}

#[test]
fn interrupt_is_answered_while_output_pours() {
    let host = Host::new();
    let spec = idle(&host);
    let mut exec = spec::exec(&spec.id, &["sh", "-c", "trap 'exit 3' INT; yes; exit 1"]);
    exec.process.tty = spec::terminal();
    exec.process.open_stdin = true;
    host.started(&Request::Exec(Box::new(exec.clone())));
    let mut session = Session::attach(&host.exec_folder(&exec.id), ALL);
    session.expect("y\r\ny\r\n");
    session.write("\x03");
    assert_eq!(session.finish().exit.code, 3);
}

#[test]
fn a_large_paste_comes_back_whole_from_a_client_that_acknowledges() {
    let host = Host::new();
    let mut spec = spec::program(&host, &["cat"]);
    spec.process.open_stdin = true;
    spec.process.stdin_once = true;
    host.started(&spec::start(&spec, true));
    let folder = host.run_folder(&spec.id);
    let mut session = Session::attach(&folder, ALL);
    session.send(&ToShim::Ack(0));
    let line = "0123456789abcde\n";
    let total = 10 << 20;
    // One connection carries the input and, when it is not stuck, the acknowledgements.
    let writer = Arc::new(Mutex::new(session.again()));
    let seen = Arc::new(AtomicU64::new(0));
    let input = std::thread::spawn({
        let (writer, seen) = (writer.clone(), seen.clone());
        move || {
            let chunk = line.repeat(4096);
            for _ in 0..total / chunk.len() {
                writer.lock().expect("lock").write(&chunk);
            }
            let mut writer = writer.lock().expect("lock");
            writer.send(&ToShim::StdinEnd);
            writer.try_send(&ToShim::Ack(seen.load(Ordering::SeqCst)));
        }
    });
    while session.stdout.len() < total {
        session.expect_more();
        seen.store(session.next, Ordering::SeqCst);
        if let Ok(mut writer) = writer.try_lock() {
            writer.try_send(&ToShim::Ack(session.next));
        }
    }
    let run = session.finish();
    input.join().expect("the input is taken");
    assert_eq!((run.exit.code, run.stdout.len()), (0, total));
    assert!(
        run.stdout
            .as_bytes()
            .chunks(16)
            .all(|chunk| chunk == line.as_bytes())
    );
}

#[test]
fn a_reader_that_asks_for_every_byte_holds_the_program_back_and_another_does_not() {
    let host = Host::new();
    let spec = spec::shell(&host, "seq 1000000; echo end >&2; sleep 600");
    host.started(&spec::start(&spec, true));
    let folder = host.run_folder(&spec.id);
    let mut holder = Session::attach(&folder, ALL);
    assert!(matches!(holder.receive(), Some(FromShim::Attached { .. })));
    std::thread::sleep(Duration::from_millis(300));
    // Nobody reads: it cannot have come to its end.
    let lossy = Attach {
        input: false,
        lossless: false,
        ..ALL
    };
    let mut other = Session::attach(&folder, lossy);
    let Some(FromShim::Attached { next, .. }) = other.receive() else {
        panic!("no answer")
    };
    assert!(next < 3 * RING_BYTES as u64, "{next}");
    while !holder.stderr.contains("end") {
        holder.expect_more();
    }
    let lines: Vec<_> = holder.stdout.lines().collect();
    assert_eq!(lines.len(), 1_000_000);
    assert_eq!(lines[999_999], "1000000");
    let spec = spec::shell(&host, "seq 1000000; echo end >&2");
    host.started(&spec::start(&spec, false));
    let folder = host.run_folder(&spec.id);
    let _idle = Session::attach(&folder, lossy);
    assert_eq!(host.exit(&folder).code, 0);
}

#[test]
fn a_session_without_a_client_is_ended_with_all_that_it_started() {
    let host = Host::new();
    let spec = idle(&host);
    let mut exec = spec::exec(&spec.id, &["sh"]);
    exec.process.tty = spec::terminal();
    exec.process.open_stdin = true;
    exec.linger_millis = Some(200);
    host.started(&Request::Exec(Box::new(exec.clone())));
    let folder = host.exec_folder(&exec.id);
    let mut session = Session::attach(&folder, ALL);
    session.write("set -m; (trap '' HUP; exec sleep 777) & echo started\n");
    session.expect("started\r\n");
    let count = || {
        let top = Request::Top {
            container: spec.id.clone(),
            columns: orlop_model::process_table::full(),
        };
        format!("{:?}", host.ask(&top)).matches("sleep 777").count()
    };
    wait_until("the background job", || count() == 1);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(count(), 1, "it stays while a client is there");
    drop(session);
    assert_eq!(host.exit(&folder).code, 137);
    wait_until("the end of the background job", || count() == 0);
}

#[test]
fn killing_a_session_ends_its_background_jobs_and_a_killed_shim_ends_its_session() {
    let host = Host::new();
    let spec = idle(&host);
    let script = "set -m; sleep 778 & echo up; wait";
    let exec = spec::exec(&spec.id, &["sh", "-c", script]);
    host.started(&Request::Exec(Box::new(exec.clone())));
    let mut session = Session::attach(&host.exec_folder(&exec.id), ALL);
    session.expect("up");
    host.done(Request::Signal {
        target: Target::Exec(exec.id.clone()),
        signal: Signal::KILL,
    });
    assert_eq!(session.finish().exit.code, 137);
    let top = Request::Top {
        container: spec.id.clone(),
        columns: orlop_model::process_table::full(),
    };
    wait_until("the end of the job", || {
        !format!("{:?}", host.ask(&top)).contains("sleep 778")
    });
    let mut exec = spec::exec(&spec.id, &["sleep", "779"]);
    exec.wait_for_attach = false;
    host.started(&Request::Exec(Box::new(exec.clone())));
    let state = host.state(&host.exec_folder(&exec.id));
    let shim = process::open_exact(state.shim_pid, state.shim_start_time).expect("shim");
    process::send_signal(shim.as_fd(), 9).expect("kill");
    wait_until("the session's end", || {
        process::start_time(state.pid).is_none()
    });
    host.done(Request::ReleaseExec { exec: exec.id });
    assert!(process::start_time(host.state(&host.run_folder(&spec.id)).pid).is_some());
}

#[test]
fn output_reaches_a_slow_client_whole_although_the_container_was_released() {
    let host = Host::new();
    let spec = spec::shell(&host, "seq 100000");
    host.started(&spec::start(&spec, true));
    let folder = host.run_folder(&spec.id);
    let session = Session::attach(&folder, ALL);
    host.exit(&folder);
    host.done(Request::Release {
        container: spec.id.clone(),
    });
    let run = session.finish();
    assert_eq!(run.stdout.lines().last(), Some("100000"));
}
