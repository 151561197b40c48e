//! How long a start and an exec session take, as the server sees it; far below what other engines
//! need, also without optimisation. The figures are printed (`--no-capture`).

mod support;

use std::time::{Duration, Instant};

use orlop_model::id::ContainerId;
use orlop_model::spec::Network;
use orlop_wire::request::Request;

use support::{Host, spec};

const ROUNDS: usize = 20;

/// The median of some rounds.
fn median(mut round: impl FnMut()) -> Duration {
    let mut times: Vec<_> = (0..ROUNDS)
        .map(|_| {
            let begun = Instant::now();
            round();
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[ROUNDS / 2]
}

/// Times of rounds of start to exit: until the worker has answered, and in all; and of releases.
fn rounds(host: &Host, network: impl Fn(&ContainerId, u8) -> Network) -> [Duration; 3] {
    let mut number = 10;
    let mut ids = Vec::new();
    let mut answered = Vec::new();
    let all = median(|| {
        let mut spec = spec::program(host, &["true"]);
        number += 1;
        spec.network = network(&spec.id, number);
        let begun = Instant::now();
        host.started(&spec::start(&spec, false));
        answered.push(begun.elapsed());
        let path = host.run_folder(&spec.id).join("exit.json");
        while !path.exists() {
            std::thread::yield_now();
        }
        ids.push(spec.id);
    });
    let mut ids = ids.into_iter();
    let release = median(|| {
        let container = ids.next().expect("one for each round");
        host.done(Request::Release { container });
    });
    answered.sort_unstable();
    [answered[ROUNDS / 2], all, release]
}

#[test]
fn a_container_starts_runs_and_ends_quickly() {
    let host = Host::new().with_network();
    let [answered, all, release] = rounds(&host, |_, _| Network::None);
    println!("no network: answered {answered:?}, start to exit {all:?}, release {release:?}");
    let [answered, all, release] = rounds(&host, |id, number| Network::Bridge {
        endpoint: host.endpoint(id, number),
        ports: Vec::new(),
    });
    println!("bridge: answered {answered:?}, start to exit {all:?}, release {release:?}");
    assert!(all < Duration::from_millis(150), "{all:?}");
}

#[test]
fn an_exec_session_starts_runs_and_ends_quickly() {
    let host = Host::new();
    let idle = spec::program(&host, &["sleep", "600"]);
    host.started(&spec::start(&idle, false));
    let all = median(|| {
        let mut exec = spec::exec(&idle.id, &["true"]);
        exec.wait_for_attach = false;
        host.started(&Request::Exec(Box::new(exec.clone())));
        let path = host.exec_folder(&exec.id).join("exit.json");
        while !path.exists() {
            std::thread::yield_now();
        }
    });
    println!("exec to exit {all:?}");
    assert!(all < Duration::from_millis(100), "{all:?}");
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
