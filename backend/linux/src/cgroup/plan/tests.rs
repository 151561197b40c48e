//! The files that limits become, on both versions.

use orlop_model::device::BlockDevice;
use orlop_model::limits::{BlockLimits, BlockRate, BlockWeight, HugePageLimit, Limits};

use super::block::io_weight;
use super::cpu::weight_of;
use super::*;
use crate::cgroup::layout::{Controller, Hierarchy, Layout, Unified};

const CONTROLLERS: [Controller; 6] = [
    Controller::Cpu,
    Controller::Cpuset,
    Controller::Memory,
    Controller::Pids,
    Controller::Blkio,
    Controller::Hugetlb,
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
        let lacking = match &w.lacking {
            Lacking::Fail => String::new(),
            Lacking::Ignore => " ?".to_owned(),
            Lacking::Warn(_) => " or a warning".to_owned(),
            Lacking::Refuse(_) => " or a refusal".to_owned(),
            Lacking::Instead(other) => format!(" or {} = {}", other.file, other.value),
        };
        format!("{} = {}{lacking}", w.file, w.value)
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
            "memory.oom_control = 0 ?",
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

fn device() -> BlockDevice {
    BlockDevice::Number(8, 16)
}

fn rate(rate: u64) -> Vec<BlockRate> {
    let device = device();
    vec![BlockRate { device, rate }]
}

fn block() -> Limits {
    Limits {
        block: BlockLimits {
            weight: Some(500),
            device_weights: vec![BlockWeight {
                device: device(),
                weight: 10,
            }],
            read_bps: rate(1_048_576),
            write_bps: rate(2_048),
            write_iops: rate(7),
            ..BlockLimits::default()
        },
        ..Limits::default()
    }
}

#[test]
fn block_devices_are_limited_in_both_versions() {
    assert_eq!(
        lines(&initial(&block(), &v1())),
        [
            "blkio.bfq.weight = 500 or blkio.weight = 500",
            "blkio.bfq.weight_device = 8:16 10 or blkio.weight_device = 8:16 10",
            "blkio.throttle.read_bps_device = 8:16 1048576",
            "blkio.throttle.write_bps_device = 8:16 2048",
            "blkio.throttle.write_iops_device = 8:16 7",
        ]
    );
    assert_eq!(
        lines(&initial(&block(), &v2())),
        [
            "io.bfq.weight = 500 or io.weight = default 4950",
            "io.bfq.weight = 8:16 10 or io.weight = 8:16 1",
            "io.max = 8:16 rbps=1048576 wbps=2048 wiops=7",
        ]
    );
    assert_eq!((io_weight(10), io_weight(1_000)), (1, 10_000));
}

#[test]
fn a_block_device_that_is_not_known_by_number_is_refused() {
    let mut limits = block();
    for device in limits.block.devices_mut() {
        *device = BlockDevice::Path("/dev/vda".to_owned());
    }
    let plan = initial(&limits, &v2());
    assert!(plan.refusals[0].contains("/dev/vda"), "{plan:?}");
}

#[test]
fn what_only_version_1_has_is_told_or_refused_in_version_2() {
    let limits = Limits {
        memory_swappiness: Some(0),
        oom_kill_disable: Some(true),
        cpu_rt_period: Some(1_000_000),
        cpu_rt_runtime: Some(1_000),
        ..Limits::default()
    };
    assert_eq!(
        lines(&initial(&limits, &v1())),
        [
            "memory.swappiness = 0 or a warning",
            "memory.oom_control = 1 or a warning",
            "cpu.rt_period_us = 1000000 or a refusal",
            "cpu.rt_runtime_us = 1000 or a refusal",
        ]
    );
    let plan = initial(&limits, &v2());
    assert!(plan.warnings[0].contains("Memory swappiness discarded"));
    assert!(plan.warnings[1].contains("OomKillDisable discarded"));
    assert!(plan.refusals[0].contains("real-time"), "{plan:?}");
}

#[test]
fn huge_pages_have_a_file_for_each_size() {
    let limits = Limits {
        huge_pages: vec![HugePageLimit {
            size: "2MB".parse().expect("size"),
            bytes: 4_194_304,
        }],
        ..Limits::default()
    };
    let file = |layout| lines(&initial(&limits, &layout)).join("");
    assert_eq!(
        file(v1()),
        "hugetlb.2MB.limit_in_bytes = 4194304 or a refusal"
    );
    assert_eq!(file(v2()), "hugetlb.2MB.max = 4194304 or a refusal");
}
