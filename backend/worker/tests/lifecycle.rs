//! Containers from start to end: exit codes, output, input, signals, and what is left afterwards.

mod support;

use std::fs;
use std::os::fd::AsFd as _;

use orlop_linux::process;
use orlop_model::request::LogOptions;
use orlop_model::signal::Signal;
use orlop_model::spec::Network;
use orlop_wire::frame::{HEADER_LEN, Header, Stream, segment_start};
use orlop_wire::reply::{FailureKind, Reply};
use orlop_wire::request::{Request, Target};

use support::session::{ALL, Session};
use support::{Host, spec, wait_until};

#[test]
fn a_command_runs_and_its_output_and_exit_code_come_back() {
    let host = Host::new();
    let run = host.shell("echo out; echo err >&2; exit 7");
    assert_eq!(
        (run.stdout.as_str(), run.stderr.as_str()),
        ("out\n", "err\n")
    );
    assert_eq!((run.exit.code, run.exit.signal), (7, None));
}

#[test]
fn a_container_on_the_bridge_has_its_address_and_leaves_no_interface() {
    let host = Host::new().with_network();
    let mut spec = spec::shell(
        &host,
        "ip addr show eth0; ip route; ping -c 1 -W 2 10.77.0.1",
    );
    spec.network = Network::Bridge {
        endpoint: host.endpoint(&spec.id, 9),
        ports: Vec::new(),
    };
    let text = host.run(&spec).ok();
    assert!(
        text.contains("10.77.0.9/24") && text.contains("default via 10.77.0.1"),
        "{text}"
    );
    // A container in the host's network sees what is left there.
    let mut look = spec::shell(&host, "ip link");
    look.network = Network::Host;
    let links = host.run(&look).ok();
    assert!(!links.contains("orl"), "{links}");
}

#[test]
fn what_cannot_be_started_is_told_with_dockers_words_and_leaves_nothing() {
    let host = Host::new();
    host.put("/bin/plain", "no program");
    host.put("/bin/script", "#!/no/such/interpreter\n");
    make_executable(&host, "/bin/script");
    for (args, kind, words) in [
        (
            ["nope"],
            FailureKind::CommandNotFound,
            "executable file not found in $PATH",
        ),
        (
            ["/nope"],
            FailureKind::CommandNotFound,
            "no such file or directory",
        ),
        (
            ["/bin/plain"],
            FailureKind::CommandNotExecutable,
            "permission denied",
        ),
        (
            ["/etc"],
            FailureKind::CommandNotExecutable,
            "is a directory",
        ),
        (
            ["/bin/script"],
            FailureKind::CommandNotFound,
            "no such file or directory",
        ),
    ] {
        let spec = spec::program(&host, &args);
        let failure = host
            .ask(&spec::start(&spec, false))
            .expect_err("no program");
        assert_eq!(failure.kind, kind, "{args:?} {failure}");
        assert!(failure.message.contains(words), "{args:?} {failure}");
        assert!(!host.run_folder(&spec.id).exists(), "{args:?}");
    }
    let mut spec = spec::shell(&host, "true");
    spec.process.user = "nobody-knows".to_owned();
    let failure = host.ask(&spec::start(&spec, false)).expect_err("no user");
    assert!(
        failure.message.contains("unable to find user nobody-knows"),
        "{failure}"
    );
}

fn make_executable(host: &Host, path: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(host.layer_path(path), mode).expect("mode");
}

#[test]
fn a_program_that_fails_after_a_client_attached_says_so_on_its_standard_error() {
    let host = Host::new();
    host.put("/bin/script", "#!/no/such/interpreter\n");
    make_executable(&host, "/bin/script");
    let run = host.run(&spec::program(&host, &["/bin/script"]));
    assert_eq!(run.exit.code, 127);
    assert!(run.stderr.contains("no such file or directory"), "{run:?}");
}

#[test]
fn input_reaches_the_program_and_its_end_too() {
    let host = Host::new();
    let mut spec = spec::program(&host, &["cat"]);
    spec.process.open_stdin = true;
    spec.process.stdin_once = true;
    host.started(&spec::start(&spec, true));
    let mut session = Session::attach(&host.run_folder(&spec.id), ALL);
    session.write("first\n");
    session.expect("first\n");
    session.write("last\n");
    session.send(&orlop_wire::shim::ToShim::StdinEnd);
    assert_eq!(session.finish().ok(), "first\nlast\n");
    let without = host.shell("cat; echo over");
    assert_eq!(without.ok(), "over\n");
}

#[test]
fn signals_end_it_and_the_record_says_which() {
    let host = Host::new();
    let spec = spec::shell(&host, "trap 'exit 3' TERM; while :; do sleep 0.01; done");
    host.started(&spec::start(&spec, false));
    std::thread::sleep(std::time::Duration::from_millis(100));
    let target = || Target::Container(spec.id.clone());
    host.done(Request::Signal {
        target: target(),
        signal: Signal::TERM,
    });
    assert_eq!(host.exit(&host.run_folder(&spec.id)).code, 3);
    let gone = host.ask(&Request::Signal {
        target: target(),
        signal: Signal::TERM,
    });
    assert_eq!(gone.expect_err("ended").kind, FailureKind::NotFound);
    let spec = spec::program(&host, &["sleep", "600"]);
    host.started(&spec::start(&spec, false));
    host.done(Request::Signal {
        target: Target::Container(spec.id.clone()),
        signal: Signal::KILL,
    });
    let exit = host.exit(&host.run_folder(&spec.id));
    assert_eq!(
        (exit.code, exit.signal, exit.oom_killed),
        (137, Some(9), false)
    );
}

#[test]
fn it_can_be_started_again_and_finds_its_files() {
    let host = Host::new();
    let mut spec = spec::shell(&host, "echo x >> /count; wc -l < /count");
    assert_eq!(host.run(&spec).ok().trim(), "1");
    assert_eq!(host.run(&spec).ok().trim(), "2");
    spec.process.args = vec!["sleep".to_owned(), "600".to_owned()];
    host.started(&spec::start(&spec, false));
    let twice = host.ask(&spec::start(&spec, false)).expect_err("it runs");
    assert_eq!(twice.kind, FailureKind::Conflict);
}

#[test]
fn nothing_is_left_after_release_and_removal() {
    let host = Host::new();
    let before = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    let spec = spec::shell(&host, "echo x > /file; mkdir /a; sleep 0.05");
    host.started(&spec::start(&spec, false));
    let folder = host.run_folder(&spec.id);
    let shim = host.state(&folder).shim_pid;
    let during = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    assert_eq!(
        during.matches(spec.id.as_str()).count(),
        0,
        "the host sees no mount of it"
    );
    assert!(host.container_data(&spec.id).join("upper").exists());
    host.exit(&folder);
    let release = || Request::Release {
        container: spec.id.clone(),
    };
    host.done(release());
    host.done(release());
    assert!(!folder.exists());
    wait_until("the shim's end", || process::start_time(shim).is_none());
    let remove = || Request::RemoveContainer {
        container: spec.id.clone(),
    };
    host.done(remove());
    host.done(remove());
    assert!(!host.container_data(&spec.id).exists());
    wait_until("the trash to be empty", || {
        fs::read_dir(host.data().join("trash"))
            .expect("trash")
            .count()
            == 0
    });
    let count = |text: &str| text.lines().count();
    let after = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    assert!(count(&after) <= count(&before) + 1, "{after}");
    assert_eq!(cgroups_of(spec.id.as_str()), 0);
}

fn cgroups_of(id: &str) -> usize {
    let hierarchies = fs::read_dir("/sys/fs/cgroup").expect("cgroups").flatten();
    let parents = hierarchies.filter_map(|h| fs::read_dir(h.path()).ok());
    parents
        .flatten()
        .flatten()
        .filter(|parent| parent.path().join(id).exists())
        .count()
}

#[test]
fn containers_outlive_the_worker_and_the_next_one_knows_them() {
    let mut host = Host::new();
    let spec = spec::shell(
        &host,
        "while ! [ -e /go ]; do sleep 0.01; done; echo done; exit 4",
    );
    host.started(&spec::start(&spec, false));
    let folder = host.run_folder(&spec.id);
    host.kill_worker();
    let mut session = Session::attach(&folder, ALL);
    host.start_worker();
    let exec = spec::exec(&spec.id, &["touch", "/go"]);
    host.exec(&exec).ok();
    session.expect("done");
    assert_eq!(session.finish().exit.code, 4);
}

#[test]
fn a_container_ends_with_its_shim_also_with_an_init_and_another_user() {
    let host = Host::new();
    for (init, user) in [(false, ""), (true, ""), (false, "ada"), (true, "ada")] {
        let mut spec = spec::program(&host, &["sleep", "600"]);
        spec.init = init;
        spec.process.user = user.to_owned();
        host.started(&spec::start(&spec, false));
        let folder = host.run_folder(&spec.id);
        let state = host.state(&folder);
        let init_process = process::open_exact(state.pid, state.start_time).expect("it runs");
        let shim = process::open_exact(state.shim_pid, state.shim_start_time).expect("shim");
        process::send_signal(shim.as_fd(), 9).expect("kill");
        wait_until("the container's end", || {
            process::send_signal(init_process.as_fd(), 0).is_err()
                || process::start_time(state.pid).is_none()
        });
        assert!(!folder.join("exit.json").exists());
        host.done(Request::Release {
            container: spec.id.clone(),
        });
    }
}

#[test]
fn an_init_reaps_orphans_and_passes_signals_on() {
    let host = Host::new();
    let script = "(sleep 0.01 &) ; trap 'ps -o pid,stat,comm; exit 5' TERM; sleep 0.2; \
                  echo ready; while :; do sleep 0.01; done";
    let mut spec = spec::shell(&host, script);
    spec.init = true;
    host.started(&spec::start(&spec, true));
    let mut session = Session::attach(&host.run_folder(&spec.id), ALL);
    session.expect("ready");
    host.done(Request::Signal {
        target: Target::Container(spec.id.clone()),
        signal: Signal::TERM,
    });
    let run = session.finish();
    assert_eq!(run.exit.code, 5, "{run:?}");
    assert!(!run.stdout.contains(" Z"), "{run:?}");
}

#[test]
fn the_log_keeps_every_byte_over_restarts_and_rotations() {
    let host = Host::new();
    let mut spec = spec::shell(&host, "echo to-out; echo to-err >&2");
    host.run(&spec);
    host.run(&spec);
    let frames = frames(&host, &spec);
    let of = |stream| {
        let texts = frames.iter().filter(|(s, _)| *s == stream);
        texts.map(|(_, text)| text.as_str()).collect::<String>()
    };
    assert_eq!(of(Stream::Stdout), "to-out\nto-out\n");
    assert_eq!(of(Stream::Stderr), "to-err\nto-err\n");
    // Restarts alone push nothing out.
    assert_eq!(segments(&host, &spec).len(), 1);
    spec.log = LogOptions {
        segment_size: 4096,
        segments: 3,
    };
    spec.process.args[2] = "seq 100000".to_owned();
    host.run(&spec);
    assert!(segments(&host, &spec).len() <= 3);
    let last = self::frames(&host, &spec).pop().expect("a frame");
    assert!(last.1.ends_with("100000\n"));
}

fn segments(host: &Host, spec: &orlop_model::spec::ContainerSpec) -> Vec<u64> {
    let folder = host.container_data(&spec.id).join("logs");
    let entries = fs::read_dir(folder).expect("logs").flatten();
    let mut all: Vec<_> = entries
        .filter_map(|entry| segment_start(entry.file_name().to_str()?))
        .collect();
    all.sort_unstable();
    all
}

fn frames(host: &Host, spec: &orlop_model::spec::ContainerSpec) -> Vec<(Stream, String)> {
    let mut found = Vec::new();
    for number in segments(host, spec) {
        let name = orlop_wire::frame::segment_name(number);
        let bytes = fs::read(host.container_data(&spec.id).join("logs").join(name)).expect("log");
        let mut rest = &bytes[..];
        while let Some((head, more)) = rest.split_first_chunk::<HEADER_LEN>() {
            let header = Header::decode(head).expect("a frame");
            let (payload, after) = more.split_at(header.len as usize);
            found.push((header.stream, String::from_utf8_lossy(payload).into_owned()));
            rest = after;
        }
        assert!(rest.is_empty(), "a torn frame");
    }
    found
}

#[test]
fn a_request_that_is_none_is_answered_and_harms_nobody() {
    use std::io::{Read as _, Write as _};
    let host = Host::new();
    for bytes in [
        &b"\x05\0\0\0hello"[..],
        b"\xff\xff\xff\xff",
        b"\x02\0\0\0{}",
    ] {
        let mut connection = host.connect();
        connection.write_all(bytes).expect("write");
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).expect("an answer");
        let text = String::from_utf8_lossy(&answer).into_owned();
        assert!(text.contains("failed"), "{text}");
    }
    drop(host.connect());
    assert!(matches!(
        host.ask(&Request::ListLayers),
        Ok(Reply::Layers(_))
    ));
}
