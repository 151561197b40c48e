//! The files that limits become, on both versions.

use super::*;
use crate::cgroup::layout::{Hierarchy, Unified};

const CONTROLLERS: [Controller; 4] = [
    Controller::Cpu,
    Controller::Cpuset,
    Controller::Memory,
    Controller::Pids,
];

fn v1() -> Layout {
    Layout {
        v1: CONTROLLERS
            .map(|c| Hierarchy {
                mount: c.name().into(),
                controllers: vec![c],
            })
            .to_vec(),
        v2: None,
    }
}

fn v2() -> Layout {
    Layout {
        v1: Vec::new(),
        v2: Some(Unified {
            mount: "unified".into(),
            controllers: CONTROLLERS.to_vec(),
        }),
    }
}

fn lines(plan: &Plan) -> Vec<String> {
    let line = |w: &Write| {
        format!(
            "{} = {}{}",
            w.file,
            w.value,
            if w.optional { " ?" } else { "" }
        )
    };
    plan.writes.iter().map(line).collect()
}

fn full() -> Limits {
    Limits {
        memory: Some(64 << 20),
        nano_cpus: Some(1_500_000_000),
        cpu_shares: Some(512),
        cpuset_cpus: Some("0-1".to_owned()),
        pids: Some(100),
        ..Limits::default()
    }
}

#[test]
fn limits_become_files_of_version_1() {
    assert_eq!(
        lines(&initial(&full(), &v1())),
        [
            "memory.memsw.limit_in_bytes = -1 ?",
            "memory.limit_in_bytes = 67108864",
            "memory.memsw.limit_in_bytes = 134217728 ?",
            "cpu.shares = 512",
            "cpu.cfs_quota_us = -1",
            "cpu.cfs_period_us = 100000",
            "cpu.cfs_quota_us = 150000",
            "cpuset.cpus = 0-1",
            "pids.max = 100",
        ]
    );
}

#[test]
fn limits_become_files_of_version_2() {
    assert_eq!(
        lines(&initial(&full(), &v2())),
        [
            "memory.max = 67108864",
            "memory.swap.max = 67108864 ?",
            "cpu.weight = 20",
            "cpu.max = 150000 100000",
            "cpuset.cpus = 0-1",
            "pids.max = 100",
        ]
    );
}

#[test]
fn no_limits_are_no_writes_on_a_fresh_group_and_free_one_in_use() {
    for layout in [v1(), v2()] {
        assert_eq!(initial(&Limits::default(), &layout), Plan::default());
    }
    assert_eq!(
        lines(&update(&Limits::default(), &v1())),
        [
            "memory.memsw.limit_in_bytes = -1 ?",
            "memory.limit_in_bytes = -1",
            "memory.soft_limit_in_bytes = -1",
            "cpu.shares = 1024",
            "cpu.cfs_quota_us = -1",
            "cpu.cfs_period_us = 100000",
            "pids.max = max",
        ]
    );
    assert_eq!(
        lines(&update(&Limits::default(), &v2())),
        [
            "memory.max = max",
            "memory.low = 0",
            "memory.swap.max = max ?",
            "cpu.weight = 100",
            "cpu.max = max 100000",
            "pids.max = max",
        ]
    );
}

#[test]
fn swap_counts_as_docker_counts_it() {
    let swap = |memory_swap| {
        let limits = Limits {
            memory: Some(100),
            memory_swap,
            ..Limits::default()
        };
        let plan = initial(&limits, &v2());
        plan.writes[1].value.clone()
    };
    assert_eq!(swap(None), "100");
    assert_eq!(swap(Some(0)), "100");
    assert_eq!(swap(Some(250)), "150");
    assert_eq!(swap(Some(100)), "0");
    assert_eq!(swap(Some(-1)), "max");
}

#[test]
fn shares_and_weights_meet_at_both_ends() {
    assert_eq!((weight_of(2), weight_of(262_144)), (1, 10_000));
    assert_eq!((weight_of(0), weight_of(u64::MAX)), (1, 10_000));
    assert_eq!(weight_of(1_024), 39);
}

#[test]
fn a_limit_that_the_host_cannot_enforce_is_told() {
    let plan = initial(&full(), &Layout::default());
    assert!(plan.writes.is_empty());
    assert_eq!(plan.warnings.len(), 4);
    assert!(plan.warnings[0].contains("memory limits are not in force"));
}

#[test]
fn tiny_quotas_are_raised_to_what_the_kernel_takes() {
    let limits = Limits {
        nano_cpus: Some(1),
        ..Limits::default()
    };
    assert_eq!(lines(&initial(&limits, &v2())), ["cpu.max = 1000 100000"]);
}
