//! A process that ends at any step of a container's life leaves the old state or the new one, and
//! the same command then succeeds. The points are those of `orlop_wire::fault`.

use std::fs;
use std::path::PathBuf;

use acceptance::client::Ended;
use acceptance::server::Server;
use acceptance::{fixture, host, wait};
use orlop_wire::fault::Point;

/// The life of a container, from its creation to its removal, with an exec session in between.
/// Fails at the step that a fault hits, and goes on after it.
const LIFE: &[&[&str]] = &[
    &[
        "create",
        "--name",
        "life",
        "-v",
        "/kept",
        "busybox",
        "sh",
        "-c",
        "while [ ! -e /end ]; do sleep 0.05; done; exit 7",
    ],
    &["start", "life"],
    &["exec", "life", "touch", "/end"],
    &["wait", "life"],
    &["rm", "-v", "life"],
];

/// Whether a step was done, now or before.
fn is_done(step: &[&str], ended: &Ended) -> bool {
    let was_done = match step[0] {
        "create" => "already in use",
        "rm" => "No such container",
        // Its shim was killed, or the session before did what it was to do.
        "exec" => "is not running",
        _ => return ended.code == 0,
    };
    ended.code == 0 || ended.err.contains(was_done)
}

/// A server that is killed at one point, and started again.
struct Life {
    server: Server,
    mark: PathBuf,
}

impl Life {
    fn new() -> Self {
        let server = Server::start();
        fixture::import_busybox(&server);
        let mark = server.folder().join("mark");
        Self { server, mark }
    }

    /// Lives through everything with this point armed, starting the server again where it ended.
    fn with(&mut self, point: Point) {
        self.server.stop();
        let _ = fs::remove_file(&self.mark);
        // The server's own user makes it too.
        let folder = self.server.folder().join(point.name());
        fs::create_dir(&folder).expect("folder");
        fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o777))
            .expect("permissions");
        self.mark = folder.join("reached");
        self.server.fault = Some(format!("{}:{}", point.name(), self.mark.display()));
        self.server.launch();
        let mut hit = false;
        for step in LIFE {
            let ended = self.server.docker(step);
            if hit {
                assert!(
                    is_done(step, &ended),
                    "{} long ago: {ended:?}",
                    point.name()
                );
            } else if ended.code != 0 || self.mark.exists() {
                self.recover(point, step, &ended);
                hit = true;
            }
        }
        if !hit {
            // What happens behind the last answer.
            wait::until(point.name(), || self.mark.exists().then_some(()));
            self.recover_server();
            self.check(point);
        }
        assert_eq!(
            self.server.docker(&["ps", "-aq"]).ok(),
            "",
            "{}",
            point.name()
        );
        let volumes = fs::read_dir(self.server.data_dir().join("volumes"));
        let left = volumes.expect("volumes").count();
        assert_eq!(left, 0, "{}: an anonymous volume is left", point.name());
    }

    fn recover_server(&mut self) {
        self.server.fault = None;
        self.server.kill();
        self.server.launch();
    }

    /// After a fault: the records are true, and the step succeeds when it is done again, unless it
    /// was done.
    fn recover(&mut self, point: Point, step: &[&str], before: &Ended) {
        let name = point.name();
        assert!(self.mark.exists(), "{name} was not reached, but {before:?}");
        self.recover_server();
        self.check(point);
        let again = self.server.docker(step);
        assert!(is_done(step, &again), "{name}: {again:?}");
    }

    /// What a record says of a container is so.
    fn check(&self, point: Point) {
        let list = self
            .server
            .docker(&["ps", "-a", "--format", "{{.Names}} {{.State}}"])
            .ok();
        for line in list.lines() {
            let (which, state) = line.split_once(' ').expect("two words");
            let pid = self
                .server
                .inspect(which, "{{.State.Pid}}")
                .parse()
                .expect("pid");
            assert_eq!(
                state == "running",
                host::is_alive(pid),
                "{}: {line}",
                point.name()
            );
            assert!(
                matches!(state, "created" | "running" | "exited"),
                "{}: {line}",
                point.name()
            );
        }
    }
}

/// Lives once with each of the points that a test has, a third of all.
fn live(part: usize) {
    let mut life = Life::new();
    for point in Point::ALL.iter().skip(part).step_by(3) {
        life.with(*point);
    }
}

#[test]
fn every_step_survives_the_end_of_the_process_that_does_it_first_third() {
    live(0);
}

#[test]
fn every_step_survives_the_end_of_the_process_that_does_it_second_third() {
    live(1);
}

#[test]
fn every_step_survives_the_end_of_the_process_that_does_it_last_third() {
    live(2);
}
