//! Health checks: what they find, what they leave, and what a killed server does to them.

use acceptance::fixture::{self, write_files};
use acceptance::server::Server;
use acceptance::wait;

fn server() -> Server {
    let server = Server::start();
    fixture::import_busybox(&server);
    server
}

fn health(server: &Server, name: &str) -> String {
    server.inspect(name, "{{.State.Health.Status}}")
}

fn until_health(server: &Server, name: &str, status: &str) {
    wait::until(status, || (health(server, name) == status).then_some(()));
}

fn status_text(server: &Server, filter: &str) -> String {
    let arguments = [
        "ps",
        "--filter",
        filter,
        "--format",
        "{{.Names}} {{.Status}}",
    ];
    server.docker(&arguments).ok()
}

#[test]
fn a_check_tells_healthy_from_unhealthy_and_everybody_sees_it() {
    let server = server();
    server
        .docker(&[
            "run",
            "-d",
            "--name",
            "web",
            "--health-cmd",
            "echo looked; test -f /ok",
            "--health-interval",
            "100ms",
            "--health-retries",
            "2",
            "busybox",
            "sleep",
            "1000",
        ])
        .ok();
    until_health(&server, "web", "unhealthy");
    assert!(status_text(&server, "health=unhealthy").ends_with("(unhealthy)"));
    assert_eq!(status_text(&server, "health=healthy"), "");
    let last = "{{range .State.Health.Log}}{{.ExitCode}} {{.Output}}{{end}}";
    assert!(server.inspect("web", last).contains("1 looked"));
    server.docker(&["exec", "web", "touch", "/ok"]).ok();
    until_health(&server, "web", "healthy");
    assert!(status_text(&server, "name=web").ends_with("(healthy)"));
    assert_eq!(
        server.inspect("web", "{{.State.Health.FailingStreak}}"),
        "0"
    );
    wait::until("five results at most", || {
        let count = server.inspect("web", "{{len .State.Health.Log}}");
        (count == "5").then_some(())
    });
    wait::until("both events", || {
        let events = server.docker(&[
            "events",
            "--since",
            "1h",
            "--until",
            "0s",
            "--filter",
            "event=health_status",
            "--format",
            "{{.Action}}",
        ]);
        (events.ok() == "health_status: unhealthy\nhealth_status: healthy").then_some(())
    });
    let asked = "{{.Config.Healthcheck.Test}} {{.Config.Healthcheck.Interval}}";
    assert_eq!(
        server.inspect("web", asked),
        "[CMD-SHELL echo looked; test -f /ok] 100ms"
    );
    server.docker(&["stop", "-t", "0", "web"]).ok();
    assert_eq!(server.inspect("web", "{{.State.Status}}"), "exited");
    server.docker(&["start", "web"]).ok();
    until_health(&server, "web", "healthy");
}

#[test]
fn the_images_check_is_used_changed_or_switched_off() {
    let server = server();
    let folder = server.folder().join("context");
    let dockerfile = "FROM busybox\n\
        HEALTHCHECK --interval=100ms --retries=1 CMD test ! -f /bad\n\
        CMD [\"sleep\", \"1000\"]\n";
    write_files(&folder, &[("Dockerfile", dockerfile)]);
    let path = folder.to_str().expect("utf-8");
    server.docker(&["build", "-t", "checked", path]).ok();
    server
        .docker(&["run", "-d", "--name", "own", "checked"])
        .ok();
    until_health(&server, "own", "healthy");
    server.docker(&["exec", "own", "touch", "/bad"]).ok();
    until_health(&server, "own", "unhealthy");
    let none = ["run", "-d", "--name", "none", "--no-healthcheck", "checked"];
    server.docker(&none).ok();
    assert_eq!(server.inspect("none", "{{.State.Health}}"), "<nil>");
    server
        .orlop(&[
            "run",
            "-d",
            "--name",
            "other",
            "--health-cmd",
            "false",
            "checked",
        ])
        .ok();
    until_health(&server, "other", "unhealthy");
    let asked = "{{.Config.Healthcheck.Test}} {{.Config.Healthcheck.Retries}}";
    assert_eq!(server.inspect("other", asked), "[CMD-SHELL false] 1");
    let short = [
        "run",
        "--health-cmd",
        "x",
        "--health-interval",
        "1us",
        "checked",
    ];
    let told = server.docker(&short);
    assert_ne!(told.code, 0);
    assert!(
        told.err.contains("less than one millisecond") || told.err.contains("1ms"),
        "{told:?}"
    );
}

#[test]
fn a_probe_that_takes_too_long_is_killed_with_all_it_started() {
    let server = server();
    // One of its processes has a session of its own.
    let probe = "echo begun; setsid sleep 6543 & sleep 6543";
    server
        .docker(&[
            "run",
            "-d",
            "--name",
            "slow",
            "--health-cmd",
            probe,
            "--health-interval",
            "100ms",
            "--health-timeout",
            "300ms",
            "--health-retries",
            "1",
            "busybox",
            "sleep",
            "1000",
        ])
        .ok();
    until_health(&server, "slow", "unhealthy");
    let log = server.inspect(
        "slow",
        "{{range .State.Health.Log}}{{.ExitCode}} {{.Output}}{{end}}",
    );
    assert!(
        log.starts_with("-1 Health check exceeded timeout (300ms): begun"),
        "{log}"
    );
    server.docker(&["pause", "slow"]).ok();
    let streak = server.inspect("slow", "{{.State.Health.FailingStreak}}");
    server.docker(&["unpause", "slow"]).ok();
    wait::until("more probes", || {
        let now = server.inspect("slow", "{{.State.Health.FailingStreak}}");
        (now != streak).then_some(())
    });
    // At most the one that runs now, whatever came before it.
    let processes = server.docker(&["top", "slow"]).ok();
    let left = processes.matches("sleep 6543").count();
    assert!(left <= 3, "{processes}");
}

#[test]
fn checks_go_on_after_the_server_was_killed_in_the_middle_of_one() {
    let mut server = server();
    let probe = "if test -f /slow; then sleep 5432; fi; test -f /ok";
    server
        .docker(&[
            "run",
            "-d",
            "--name",
            "web",
            "--health-cmd",
            probe,
            "--health-interval",
            "100ms",
            "--health-timeout",
            "1h",
            "--health-retries",
            "1",
            "busybox",
            "sleep",
            "1000",
        ])
        .ok();
    until_health(&server, "web", "unhealthy");
    server.docker(&["exec", "web", "touch", "/slow"]).ok();
    let probes = |server: &Server| {
        let table = server.docker(&["top", "web"]).ok();
        let lines = table.lines().map(str::trim_end);
        lines.filter(|line| line.ends_with("sleep 5432")).count()
    };
    wait::until("a probe that lasts", || (probes(&server) > 0).then_some(()));
    server.kill();
    server.launch();
    assert_eq!(health(&server, "web"), "unhealthy");
    server.docker(&["exec", "web", "rm", "/slow"]).ok();
    server.docker(&["exec", "web", "touch", "/ok"]).ok();
    wait::until("the old probe ends with nobody to hear it", || {
        (probes(&server) <= 1).then_some(())
    });
    // The one that was begun between launch and rm may last; the container's restart ends it.
    server.docker(&["restart", "-t", "0", "web"]).ok();
    until_health(&server, "web", "healthy");
}
