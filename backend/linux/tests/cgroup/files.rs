//! Version 2's files in a plain folder, on any host.

use std::fs;

use orlop_linux::cgroup::layout::Unified;
use orlop_linux::cgroup::{Cgroup, Controller, Layout};
use orlop_model::limits::Limits;

#[test]
fn version_2_gets_its_controllers_limits_and_processes() {
    let folder = tempfile::tempdir().expect("folder");
    let layout = Layout {
        v1: Vec::new(),
        v2: Some(Unified {
            mount: folder.path().to_owned(),
            controllers: vec![Controller::Cpu, Controller::Memory, Controller::Pids],
        }),
    };
    let cgroup = Cgroup::new(&layout, "orlop", "c1");
    let own = folder.path().join("orlop/c1");
    fs::create_dir_all(&own).expect("directories");
    let file = |name: &str, text: &str| fs::write(folder.path().join(name), text).expect("file");
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).expect("read");
    file("cgroup.subtree_control", "cpu memory pids\n");
    file("orlop/cgroup.subtree_control", "");
    for name in [
        "cgroup.procs",
        "cgroup.freeze",
        "cgroup.kill",
        "pids.max",
        "memory.max",
    ] {
        file(&format!("orlop/c1/{name}"), "");
    }
    file("orlop/c1/cgroup.events", "populated 1\nfrozen 1\n");
    file("orlop/c1/memory.events", "low 0\noom 2\noom_kill 2\n");
    file("orlop/c1/cpu.stat", "usage_usec 7\nnr_throttled 3\n");

    cgroup.create().expect("create");
    assert_eq!(
        read("cgroup.subtree_control"),
        "cpu memory pids\n",
        "not written again"
    );
    assert_eq!(read("orlop/cgroup.subtree_control"), "+cpu +memory +pids");
    let limits = Limits {
        memory: Some(4096),
        pids: Some(9),
        ..Limits::default()
    };
    cgroup.limit(&limits).expect("limit");
    assert_eq!(read("orlop/c1/memory.max"), "4096");
    assert_eq!(read("orlop/c1/pids.max"), "9");
    cgroup.attach(42).expect("attach");
    assert_eq!(cgroup.pids().expect("pids"), [42]);
    cgroup.freeze(true).expect("freeze");
    assert_eq!(read("orlop/c1/cgroup.freeze"), "1");
    cgroup.kill().expect("kill");
    assert_eq!(read("orlop/c1/cgroup.kill"), "1");
    assert_eq!(cgroup.oom_kills(), 2);
    let stats = cgroup.stats();
    assert_eq!((stats.cpu_nanos, stats.cpu_throttled_periods), (7_000, 3));
    assert!(cgroup.v2_directory().expect("directory").is_some());
}
