//! Limits, counters, devices and freezing, with the kernel's own control groups: those of this
//! host, and in a virtual machine those of version 2 alone.

mod block;
mod devices;
mod machine;
#[path = "../support/mod.rs"]
mod support;
#[path = "../../../linux/tests/support/machine.rs"]
mod virtual_machine;

use std::time::{Duration, Instant};

use orlop_model::limits::Limits;
use orlop_model::signal::Signal;
use orlop_wire::reply::Reply;
use orlop_wire::request::{Request, Target};

use support::session::{ALL, Session};
use support::{Host, spec, wait_until};

#[test]
fn memory_beyond_the_limit_ends_the_container_and_is_told() {
    let host = Host::new();
    let mut spec = spec::shell(&host, "head -c 200m /dev/zero | tail; echo survived");
    spec.process.args = ["dd", "if=/dev/zero", "of=/dev/null", "bs=200M", "count=1"]
        .map(str::to_owned)
        .to_vec();
    spec.limits.memory = Some(32 << 20);
    let run = host.run(&spec);
    assert_eq!((run.exit.code, run.exit.oom_killed), (137, true), "{run:?}");
    spec.process.args = vec!["true".to_owned()];
    let again = host.run(&spec);
    assert!(!again.exit.oom_killed, "a new run has a new count");
}

#[test]
fn no_more_processes_than_allowed() {
    let host = Host::new();
    let mut spec = spec::shell(
        &host,
        "for i in 1 2 3 4 5 6 7 8 9; do sleep 0.1 & done 2>&1; wait; cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max",
    );
    spec.limits.pids = Some(5);
    let text = host.run(&spec).stdout;
    assert!(
        text.contains("can't fork") && !text.contains("\n9"),
        "{text}"
    );
}

#[test]
fn a_cpu_quota_holds() {
    let host = Host::new();
    let mut spec = spec::shell(&host, "while :; do :; done");
    spec.limits.nano_cpus = Some(200_000_000);
    host.started(&spec::start(&spec, false));
    wait_until("it is held back", || {
        stats(&host, &spec).cpu_throttled_periods > 2
    });
    let stats = stats(&host, &spec);
    // A fifth of each period of 100 ms, and what a slow machine overruns at the first.
    let most = (stats.cpu_periods + 2) * 20_000_000;
    assert!(stats.cpu_nanos > 20_000_000, "{stats:?}");
    assert!(stats.cpu_nanos < most + 100_000_000, "{stats:?}");
}

fn stats(host: &Host, spec: &orlop_model::spec::ContainerSpec) -> orlop_model::stats::Stats {
    let request = Request::Stats {
        container: spec.id.clone(),
    };
    match host.ask(&request) {
        Ok(Reply::Stats(stats)) => *stats,
        other => panic!("{other:?}"),
    }
}

#[test]
fn counters_and_processes_are_told_and_limits_change_while_it_runs() {
    let host = Host::new();
    let mut spec = spec::shell(&host, "sleep 600 & sleep 600; true");
    spec.limits = Limits {
        memory: Some(64 << 20),
        pids: Some(50),
        ..Limits::default()
    };
    host.started(&spec::start(&spec, false));
    wait_until("three processes", || stats(&host, &spec).pids == 3);
    let before = stats(&host, &spec);
    assert_eq!((before.memory_limit, before.pids_limit), (64 << 20, 50));
    assert!(before.memory_usage > 0 && before.online_cpus > 0 && before.host_cpu_nanos > 0);
    let limits = Limits {
        memory: Some(96 << 20),
        pids: Some(70),
        ..Limits::default()
    };
    let change = Request::UpdateLimits {
        container: spec.id.clone(),
        limits,
    };
    match host.ask(&change) {
        Ok(Reply::Warnings(warnings)) => assert_eq!(warnings, Vec::<String>::new()),
        other => panic!("{other:?}"),
    }
    let after = stats(&host, &spec);
    assert_eq!((after.memory_limit, after.pids_limit), (96 << 20, 70));
    let top = Request::Top {
        container: spec.id.clone(),
        columns: orlop_model::process_table::full(),
    };
    let Ok(Reply::Processes { titles, rows }) = host.ask(&top) else {
        panic!("no processes")
    };
    assert_eq!(titles.len(), 8);
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert!(rows.iter().all(|row| row.len() == 8), "{rows:?}");
    assert!(rows.iter().any(|row| row[7] == "sleep 600"), "{rows:?}");
}

#[test]
fn a_frozen_container_stands_still_and_can_be_killed() {
    let host = Host::new();
    let spec = spec::shell(&host, "while :; do echo tick; sleep 0.01; done");
    host.started(&spec::start(&spec, true));
    let mut session = Session::attach(&host.run_folder(&spec.id), ALL);
    session.expect("tick\ntick\n");
    let freeze = |frozen| {
        host.done(Request::Freeze {
            container: spec.id.clone(),
            frozen,
        });
    };
    freeze(true);
    let used = stats(&host, &spec).cpu_nanos;
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(stats(&host, &spec).cpu_nanos, used);
    freeze(false);
    let begun = Instant::now();
    wait_until("it to go on", || stats(&host, &spec).cpu_nanos > used);
    assert!(begun.elapsed() < Duration::from_secs(5));
    freeze(true);
    host.done(Request::Signal {
        target: Target::Container(spec.id.clone()),
        signal: Signal::KILL,
    });
    freeze(false);
    assert_eq!(host.exit(&host.run_folder(&spec.id)).code, 137);
}
