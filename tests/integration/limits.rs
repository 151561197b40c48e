//! Limits hold, and what they did is told.

use acceptance::fixture;
use acceptance::server::Server;

fn server() -> Server {
    let server = Server::start();
    fixture::import_busybox(&server);
    server
}

#[test]
fn a_container_over_its_memory_is_killed_and_reported_as_out_of_memory() {
    let server = server();
    let eat = "x=$(head -c 200000000 /dev/zero | tr '\\0' 'x'); echo ${#x}";
    let ended = server.docker(&[
        "run",
        "--name",
        "eater",
        "-m",
        "32m",
        "--memory-swap",
        "32m",
        "busybox",
        "sh",
        "-c",
        eat,
    ]);
    assert_eq!(ended.code, 137, "{ended:?}");
    assert_eq!(
        server.inspect("eater", "{{.State.OOMKilled}} {{.State.ExitCode}}"),
        "true 137"
    );
}

#[test]
fn the_pids_limit_stops_a_fork_bomb() {
    let server = server();
    let bomb = "for i in $(seq 1 100); do sleep 30 & done; wait";
    let ended = server.docker(&[
        "run",
        "--rm",
        "--pids-limit",
        "20",
        "busybox",
        "sh",
        "-c",
        bomb,
    ]);
    assert!(ended.err.contains("fork"), "{ended:?}");
}

#[test]
fn the_cpu_quota_is_measured() {
    let server = server();
    server
        .docker(&[
            "run",
            "-d",
            "--name",
            "held",
            "--cpus",
            "0.2",
            "busybox",
            "sh",
            "-c",
            "while true; do :; done",
        ])
        .ok();
    let usage = || -> u64 {
        let line = server
            .docker(&["stats", "--no-stream", "--format", "{{.CPUPerc}}", "held"])
            .ok();
        let percent: f64 = line.trim_end_matches('%').parse().expect("percent");
        percent.round() as u64
    };
    acceptance::wait::until("about a fifth of a CPU", || {
        (10..=30).contains(&usage()).then_some(())
    });
}

#[test]
fn limits_are_in_the_cgroup() {
    let server = server();
    server
        .docker(&[
            "run",
            "-d",
            "--name",
            "web",
            "-m",
            "64m",
            "--pids-limit",
            "33",
            "busybox",
            "sleep",
            "1000",
        ])
        .ok();
    let pid = server.inspect("web", "{{.State.Pid}}");
    let cgroup = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("cgroup");
    let read = |controller: &str, file: &str| {
        let line = cgroup.lines().find(|line| {
            line.split(':')
                .nth(1)
                .is_some_and(|c| c.split(',').any(|c| c == controller))
        });
        let (base, path) = match line {
            Some(line) => (
                format!("/sys/fs/cgroup/{controller}"),
                line.splitn(3, ':').nth(2).expect("path"),
            ),
            None => return String::new(),
        };
        std::fs::read_to_string(format!("{base}{path}/{file}"))
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let v2 = cgroup.lines().count() == 1;
    if v2 {
        let path = cgroup.trim().trim_start_matches("0::");
        let read = |file: &str| {
            std::fs::read_to_string(format!("/sys/fs/cgroup{path}/{file}")).expect(file)
        };
        assert_eq!(
            (read("memory.max").trim(), read("pids.max").trim()),
            ("67108864", "33")
        );
    } else {
        assert_eq!(
            (
                read("memory", "memory.limit_in_bytes").as_str(),
                read("pids", "pids.max").as_str()
            ),
            ("67108864", "33")
        );
    }
}
