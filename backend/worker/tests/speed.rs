//! How long a start and an exec session take, as the server sees it; far below what other engines
//! need, also without optimisation. The figures are printed (`--no-capture`).

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

#[test]
fn a_container_starts_runs_and_ends_quickly() {
    let host = Host::new().with_network();
    let [all, release] = rounds(&host, |_, _| Network::None);
    println!("no network: start to exit {all:?}, release {release:?}");
    let [all, release] = rounds(&host, |id, number| Network::Bridge {
        endpoint: host.endpoint(id, number),
        ports: Vec::new(),
    });
    println!("bridge: start to exit {all:?}, release {release:?}");
    assert!(all.0 < Duration::from_millis(28), "{all:?}");
}

#[test]
fn an_exec_session_starts_runs_and_ends_quickly() {
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
    println!("exec to exit {all:?}");
    assert!(all.0 < Duration::from_millis(20), "{all:?}");
}

#[test]
fn a_shim_takes_little_memory() {
    let host = Host::new();
    let idle = spec::program(&host, &["sleep", "600"]);
    host.started(&spec::start(&idle, false));
    let shim = host.state(&host.run_folder(&idle.id)).shim_pid;
    let text = std::fs::read_to_string(format!("/proc/{shim}/smaps_rollup")).expect("smaps");
    let kib = |name: &str| -> u64 {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok());
        number.expect("a number")
    };
    let own = kib("Private_Dirty:");
    println!(
        "shim: {} kB shared out (Pss), {own} kB its own",
        kib("Pss:")
    );
    assert!(own < 2048, "{text}");
}
