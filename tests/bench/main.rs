//! Orlop against the real Docker engine, runc and crun, on this machine, in one run: ratios, not
//! seconds.
//!
//! `cargo xtask bench` builds the release binary and runs this. Both engines get the same image
//! and the same requests, turn by turn, over their own sockets. Docker's half runs where
//! `dockerd` is installed (Debian: docker.io); without it the figures stand alone.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "the figures are what it is run for")]

mod docker;
mod memory;
mod oci;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use acceptance::fixture;
use acceptance::http::{call, send};
use acceptance::server::Server;
use docker::Docker;
use serde_json::json;

/// Rounds of each measurement; the median counts.
const ROUNDS: usize = 30;

/// One engine under measurement.
struct Engine {
    name: &'static str,
    socket: PathBuf,
}

/// Start-to-exit of `true`: from the start request to the answer of the wait.
fn start_to_exit(socket: &Path) -> Duration {
    let body = json!({"Image": "busybox", "Cmd": ["true"]}).to_string();
    let created = call(socket, "POST", "/containers/create", &body);
    assert_eq!(
        created.status,
        201,
        "{}",
        String::from_utf8_lossy(&created.body)
    );
    let id = created.json()["Id"].as_str().expect("id").to_owned();
    let wait = send(
        socket,
        "POST",
        &format!("/containers/{id}/wait?condition=next-exit"),
        "",
    );
    let start = Instant::now();
    let started = call(socket, "POST", &format!("/containers/{id}/start"), "");
    assert_eq!(
        started.status,
        204,
        "{}",
        String::from_utf8_lossy(&started.body)
    );
    let ended = wait.answer();
    let took = start.elapsed();
    assert_eq!(ended.json()["StatusCode"], 0);
    let removed = call(socket, "DELETE", &format!("/containers/{id}?force=1"), "");
    assert_eq!(
        removed.status,
        204,
        "{}",
        String::from_utf8_lossy(&removed.body)
    );
    took
}

/// `exec` of `true`: from its start request to the end of its stream.
fn exec(socket: &Path, container: &str) -> Duration {
    let body = json!({"Cmd": ["true"], "AttachStdout": true}).to_string();
    let created = call(
        socket,
        "POST",
        &format!("/containers/{container}/exec"),
        &body,
    );
    let id = created.json()["Id"].as_str().expect("id").to_owned();
    let start = Instant::now();
    let ended = call(
        socket,
        "POST",
        &format!("/exec/{id}/start"),
        r#"{"Detach":false}"#,
    );
    assert!(
        ended.status < 300,
        "{}",
        String::from_utf8_lossy(&ended.body)
    );
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// Measures every engine turn by turn, so that what else the machine does hits both alike.
fn paired(engines: &[Engine], mut measure: impl FnMut(&Engine) -> Duration) -> Vec<Duration> {
    let mut times = vec![Vec::new(); engines.len()];
    for engine in engines {
        measure(engine);
    }
    for _ in 0..ROUNDS {
        for (engine, times) in engines.iter().zip(&mut times) {
            times.push(measure(engine));
        }
    }
    times.into_iter().map(median).collect()
}

fn report(what: &str, engines: &[Engine], medians: &[Duration]) {
    let figures: Vec<_> = engines
        .iter()
        .zip(medians)
        .map(|(engine, median)| format!("{} {:.1} ms", engine.name, median.as_secs_f64() * 1e3))
        .collect();
    let ratio = match medians {
        [ours, theirs] => format!(", {:.1} times", theirs.as_secs_f64() / ours.as_secs_f64()),
        _ => String::new(),
    };
    println!("{what}: {}{ratio}", figures.join(", "));
}

fn idle_container(engine: &Engine) -> String {
    let body = json!({"Image": "busybox", "Cmd": ["sleep", "100000"]}).to_string();
    let created = call(&engine.socket, "POST", "/containers/create", &body);
    let id = created.json()["Id"].as_str().expect("id").to_owned();
    let path = format!("/containers/{id}/start");
    assert_eq!(call(&engine.socket, "POST", &path, "").status, 204);
    id
}

fn main() {
    oci::report(ROUNDS);
    let server = Server::start();
    fixture::import_busybox(&server);
    let docker = Docker::start();
    let mut engines = vec![Engine {
        name: "orlop",
        socket: server.run_dir().join("orlop.sock"),
    }];
    if let Some(docker) = &docker {
        engines.push(Engine {
            name: "docker",
            socket: docker.socket(),
        });
    } else {
        println!("dockerd is not installed: no ratios");
    }
    report(
        "start-to-exit of true, bridge network",
        &engines,
        &paired(&engines, |engine| start_to_exit(&engine.socket)),
    );
    let idle: Vec<_> = engines
        .iter()
        .map(|engine| (engine.socket.clone(), idle_container(engine)))
        .collect();
    let container = |engine: &Engine| {
        let found = idle.iter().find(|(socket, _)| *socket == engine.socket);
        found.expect("made above").1.clone()
    };
    report(
        "exec of true",
        &engines,
        &paired(&engines, |engine| exec(&engine.socket, &container(engine))),
    );
    memory::report(&server);
    for (socket, id) in &idle {
        let path = format!("/containers/{id}?force=1");
        assert_eq!(call(socket, "DELETE", &path, "").status, 204);
    }
}
