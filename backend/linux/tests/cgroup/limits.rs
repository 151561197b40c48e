//! Memory, CPU time, processes, huge pages: limits that hold.

use std::fs;
use std::time::{Duration, Instant};

use orlop_linux::cgroup::Controller;
use orlop_model::limits::{HugePageLimit, Limits};

use super::{Test, output};

#[test]
fn the_limit_of_processes_holds() {
    let test = Test::new("pids");
    test.limit(&Limits {
        pids: Some(4),
        ..Limits::default()
    });
    let script =
        "for i in 1 2 3 4 5 6 7 8; do sleep 5 >/dev/null 2>&1 & done 2>/dev/null; echo all";
    let (text, code) = output(test.run(script));
    assert!(code != Some(0) && !text.contains("all"), "{text} {code:?}");
    assert!(test.cgroup.pids().expect("pids").len() <= 4);
    assert_eq!(test.cgroup.stats().pids_limit, 4);
}

#[test]
fn running_out_of_memory_is_counted() {
    let test = Test::new("memory");
    test.limit(&Limits {
        memory: Some(16 << 20),
        memory_swap: Some(16 << 20),
        ..Limits::default()
    });
    assert_eq!(test.cgroup.oom_kills(), 0);
    let child = test.run("exec tail /dev/zero");
    let (_, code) = output(child);
    assert_eq!(code, None, "killed by a signal");
    assert!(test.cgroup.oom_kills() >= 1);
    let stats = test.cgroup.stats();
    assert_eq!(stats.memory_limit, 16 << 20);
    assert!(stats.memory_max_usage > 8 << 20, "{stats:?}");
}

#[test]
fn the_cpu_quota_holds_and_can_be_changed() {
    let test = Test::new("cpu");
    test.limit(&Limits {
        nano_cpus: Some(200_000_000),
        ..Limits::default()
    });
    let mut child = test.run("while :; do :; done");
    // What others run meanwhile takes time away, but gives none.
    let second = || {
        let before = test.cgroup.stats();
        let begun = Instant::now();
        std::thread::sleep(Duration::from_secs(1));
        let after = test.cgroup.stats();
        let share = (after.cpu_nanos - before.cpu_nanos) as f64 / begun.elapsed().as_nanos() as f64;
        let throttled = after.cpu_throttled_periods - before.cpu_throttled_periods;
        (share, throttled)
    };
    let (share, _) = second();
    assert!((0.01..0.35).contains(&share), "{share} of a CPU");
    let stats = test.cgroup.stats();
    assert!(stats.cpu_throttled_periods > 0, "{stats:?}");
    assert!(stats.cpu_periods >= stats.cpu_throttled_periods);
    let warnings = test.cgroup.change_limits(&Limits::default());
    assert_eq!(warnings.expect("change"), Vec::<String>::new());
    let (share, throttled) = second();
    assert!(share > 0.01 && throttled <= 1, "{share} {throttled}");
    test.cgroup.kill().expect("kill");
    child.wait().expect("wait");
}

#[test]
fn memory_is_told_in_the_kernels_own_words() {
    let test = Test::new("details");
    test.limit(&Limits {
        memory: Some(64 << 20),
        memory_reservation: Some(32 << 20),
        ..Limits::default()
    });
    let mut child = test.run("sleep 60");
    let stats = test.cgroup.stats();
    let anonymous = if test.layout.v1_of(Controller::Memory).is_some() {
        "rss"
    } else {
        "anon"
    };
    assert!(stats.memory_details.contains_key(anonymous), "{stats:?}");
    test.cgroup.kill().expect("kill");
    child.wait().expect("wait");
}

#[test]
fn what_only_version_1_has_is_told_in_version_2() {
    let test = Test::new("switches");
    let limits = Limits {
        memory_swappiness: Some(10),
        oom_kill_disable: Some(true),
        ..Limits::default()
    };
    let warnings = test.cgroup.limit(&limits).expect("limit");
    let read = |file: &str| {
        let mut all = test.cgroup.directories();
        all.find_map(|directory| fs::read_to_string(directory.join(file)).ok())
    };
    if test.layout.v1_of(Controller::Memory).is_some() {
        assert_eq!(warnings, Vec::<String>::new());
        assert_eq!(read("memory.swappiness").as_deref(), Some("10\n"));
        let control = read("memory.oom_control").expect("file");
        assert!(control.starts_with("oom_kill_disable 1\n"), "{control}");
    } else {
        assert_eq!(warnings.len(), 2, "{warnings:?}");
    }
}

#[test]
fn real_time_is_refused_where_there_is_none_to_give() {
    let test = Test::new("realtime");
    let limits = Limits {
        cpu_rt_runtime: Some(1_000),
        ..Limits::default()
    };
    let error = test.cgroup.limit(&limits).expect_err("no budget above");
    assert!(error.to_string().contains("real-time"), "{error}");
}

#[test]
fn huge_pages_are_limited_where_the_kernel_has_them() {
    let test = Test::new("huge");
    let size = "2MB".parse().expect("size");
    let limits = Limits {
        huge_pages: vec![HugePageLimit {
            size,
            bytes: 4 << 20,
        }],
        ..Limits::default()
    };
    assert!(
        test.layout.has(Controller::Hugetlb),
        "this host has no hugetlb"
    );
    test.limit(&limits);
    let files = ["hugetlb.2MB.max", "hugetlb.2MB.limit_in_bytes"];
    let mut all = test.cgroup.directories();
    let found = all.find_map(|directory| {
        let mut texts = files
            .iter()
            .map(|file| fs::read_to_string(directory.join(file)));
        texts.find_map(Result::ok)
    });
    assert_eq!(found.as_deref(), Some("4194304\n"));
}
