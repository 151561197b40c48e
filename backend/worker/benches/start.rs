//! How long a start and an exec session take in the worker alone, without server and client.
//!
//! `cargo xtask bench` runs it beside the comparison with Docker. Needs root.
#![expect(clippy::print_stdout, reason = "the figures are what it is run for")]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use orlop_model::id::ContainerId;
use orlop_model::spec::Network;
use orlop_wire::request::Request;

use support::{Host, spec};

const ROUNDS: usize = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// The best and the median of some rounds. On a busy machine the best tells more.
fn rounds_of(mut round: impl FnMut()) -> (Duration, Duration) {
    let mut times: Vec<_> = (0..ROUNDS)
        .map(|_| {
            // What the kernel still tears down of the round before is not this round's.
            std::thread::sleep(PAUSE);
            let begun = Instant::now();
            round();
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    (times[0], times[ROUNDS / 2])
}

/// Times of rounds of start to exit, and of releases.
fn rounds(host: &Host, network: impl Fn(&ContainerId, u8) -> Network) -> [(Duration, Duration); 2] {
    let mut number = 10;
    let mut ids = Vec::new();
    let all = rounds_of(|| {
        let mut spec = spec::program(host, &["true"]);
        number += 1;
        spec.network = network(&spec.id, number);
        host.started(&spec::start(&spec, false));
        let path = host.run_folder(&spec.id).join("exit.json");
        while !path.exists() {
            std::thread::yield_now();
        }
        ids.push(spec.id);
    });
    let mut ids = ids.into_iter();
    let release = rounds_of(|| {
        let container = ids.next().expect("one for each round");
        host.done(Request::Release { container });
    });
    [all, release]
}

fn report(what: &str, (best, median): (Duration, Duration)) {
    println!("{what}: best {best:.1?}, median {median:.1?}");
}

fn starts() {
    let host = Host::new().with_network();
    let [all, release] = rounds(&host, |_, _| Network::None);
    report("start to exit, no network", all);
    report("release, no network", release);
    let [all, release] = rounds(&host, |id, number| Network::Bridge {
        endpoint: host.endpoint(id, number),
        ports: Vec::new(),
    });
    report("start to exit, bridge", all);
    report("release, bridge", release);
}

fn execs() {
    let host = Host::new();
    let idle = spec::program(&host, &["sleep", "600"]);
    host.started(&spec::start(&idle, false));
    let all = rounds_of(|| {
        let mut exec = spec::exec(&idle.id, &["true"]);
        exec.wait_for_attach = false;
        host.started(&Request::Exec(Box::new(exec.clone())));
        let path = host.exec_folder(&exec.id).join("exit.json");
        while !path.exists() {
            std::thread::yield_now();
        }
    });
    report("exec to exit", all);
}

fn main() {
    starts();
    execs();
}
