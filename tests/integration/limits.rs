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

#[test]
fn limits_change_while_it_runs() {
    let server = server();
    server
        .docker(&[
            "run", "-d", "--name", "web", "-m", "64m", "busybox", "sleep", "1000",
        ])
        .ok();
    server
        .docker(&[
            "update",
            "-m",
            "96m",
            "--memory-swap",
            "96m",
            "--pids-limit",
            "44",
            "web",
        ])
        .ok();
    let shown = server.inspect("web", "{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}");
    assert_eq!(shown, format!("{} 44", 96 << 20));
    let stats = server
        .docker(&["stats", "--no-stream", "--format", "{{.MemUsage}}", "web"])
        .ok();
    assert!(stats.contains("/ 96MiB"), "{stats}");
    server
        .docker(&["update", "--restart", "on-failure:2", "web"])
        .ok();
    assert_eq!(
        server.inspect(
            "web",
            "{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.Memory}}"
        ),
        format!("on-failure {}", 96 << 20)
    );
}

#[test]
fn a_device_is_given_and_is_shown_in_inspect() {
    let server = server();
    let script = "head -c 0 /dev/mine && echo open; (: > /dev/mine) 2>/dev/null || echo kept";
    let said = server
        .docker(&[
            "run",
            "--name",
            "with",
            "--device",
            "/dev/fuse:/dev/mine:r",
            "busybox",
            "sh",
            "-c",
            script,
        ])
        .ok();
    assert_eq!(said.trim(), "open\nkept");
    let shown = server.inspect("with", "{{json .HostConfig.Devices}}");
    assert!(
        shown.contains(r#""PathInContainer":"/dev/mine""#),
        "{shown}"
    );
}

#[test]
fn what_the_host_cannot_do_is_said_when_the_container_is_made() {
    let server = server();
    let wrong = server.docker(&["create", "--device-read-bps", "/dev/null:1mb", "busybox"]);
    assert!(wrong.err.contains("not a block device"), "{wrong:?}");
    let wrong = server.docker(&["create", "--blkio-weight", "5", "busybox"]);
    assert!(
        wrong.err.contains("10 to 1000") || wrong.err.contains("10-1000"),
        "{wrong:?}"
    );
}
