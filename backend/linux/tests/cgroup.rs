//! Control groups of the real host, each test with a parent group of its own; and version 2's
//! files in a plain folder, where the host has no controllers of version 2.

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use orlop_linux::cgroup::layout::Unified;
use orlop_linux::cgroup::{Cgroup, Controller, Layout, devices, group};
use orlop_model::limits::Limits;

/// A group that is removed, with all that runs in it, at the end of its test.
struct Test {
    layout: Layout,
    parent: String,
    cgroup: Cgroup,
}

impl Test {
    fn new(name: &str) -> Self {
        Self::on(Layout::discover().expect("layout"), name)
    }

    fn on(layout: Layout, name: &str) -> Self {
        let parent = format!("orlop-test-{}-{name}", std::process::id());
        let cgroup = Cgroup::new(&layout, &parent, "c1");
        cgroup.create().expect("create");
        Self {
            layout,
            parent,
            cgroup,
        }
    }

    /// A shell script that runs in the group from its first command on.
    fn run(&self, script: &str) -> Child {
        let mut child = Command::new("sh")
            .args(["-c", &format!("read go; {script}")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("spawn");
        self.cgroup.attach(child.id()).expect("attach");
        let mut stdin = child.stdin.take().expect("stdin");
        stdin.write_all(b"\n").expect("go");
        child
    }

    fn limit(&self, limits: &Limits) {
        assert_eq!(
            self.cgroup.limit(limits).expect("limit"),
            Vec::<String>::new()
        );
    }
}

impl Drop for Test {
    fn drop(&mut self) {
        let _ = self.cgroup.kill();
        self.cgroup.remove().expect("remove");
        group::remove_parent(&self.layout, &self.parent).expect("remove the parent");
    }
}

fn output(mut child: Child) -> (String, Option<i32>) {
    let mut text = String::new();
    let mut stdout = child.stdout.take().expect("stdout");
    stdout.read_to_string(&mut text).expect("read");
    (text, child.wait().expect("wait").code())
}

fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_process_is_in_every_hierarchy_and_nothing_is_left() {
    let test = Test::new("every");
    let child = test.run("cat /proc/self/cgroup");
    let (text, _) = output(child);
    let path = format!("/{}/c1", test.parent);
    let hierarchies = test.cgroup.directories().count();
    assert_eq!(text.matches(&path).count(), hierarchies, "{text}");
    assert_eq!(group::children(&test.layout, &test.parent), ["c1"]);
    let directories: Vec<_> = test.cgroup.directories().cloned().collect();
    drop(test);
    for directory in directories {
        let parent = directory.parent().expect("parent");
        assert!(!parent.exists(), "{} is left", parent.display());
    }
}

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
    let used = || {
        let before = test.cgroup.stats().cpu_nanos;
        let begun = Instant::now();
        std::thread::sleep(Duration::from_millis(1_000));
        let used = test.cgroup.stats().cpu_nanos - before;
        used as f64 / begun.elapsed().as_nanos() as f64
    };
    let share = used();
    assert!((0.05..0.35).contains(&share), "{share} of a CPU");
    assert!(test.cgroup.stats().cpu_throttled_periods > 0);
    let warnings = test.cgroup.change_limits(&Limits::default());
    assert_eq!(warnings.expect("change"), Vec::<String>::new());
    let share = used();
    assert!(share > 0.4, "{share} of a CPU");
    test.cgroup.kill().expect("kill");
    child.wait().expect("wait");
}

#[test]
fn freezing_stops_everything_and_killing_works_on_the_frozen() {
    let test = Test::new("freeze");
    let mut child = test.run("while :; do :; done");
    test.cgroup.freeze(true).expect("freeze");
    let before = test.cgroup.stats().cpu_nanos;
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(test.cgroup.stats().cpu_nanos, before);
    test.cgroup.freeze(false).expect("thaw");
    eventually("it runs again", || test.cgroup.stats().cpu_nanos > before);
    test.cgroup.freeze(true).expect("freeze");
    test.cgroup.kill().expect("kill");
    assert_eq!(child.wait().expect("wait").code(), None);
    eventually("it is empty", || {
        test.cgroup.pids().expect("pids").is_empty()
    });
}

#[test]
fn killing_reaches_groups_below() {
    let test = Test::new("below");
    let directory = test
        .cgroup
        .directories()
        .last()
        .expect("a hierarchy")
        .clone();
    let below = directory.join("below");
    fs::create_dir(&below).expect("below");
    let mut child = test.run("sleep 60");
    fs::write(below.join("cgroup.procs"), child.id().to_string()).expect("move");
    if test.layout.v2.is_some() {
        assert!(test.cgroup.pids().expect("pids").contains(&child.id()));
        test.cgroup.kill().expect("kill");
    } else {
        child.kill().expect("kill");
    }
    child.wait().expect("wait");
}

/// Opens devices in a group that may use the default ones.
fn try_devices(test: &Test) {
    test.cgroup
        .allow_devices(&devices::DEFAULT)
        .expect("devices");
    let script = "for d in null zero full random urandom kmsg; do \
        (head -c 0 /dev/$d) 2>/dev/null && echo $d; done";
    let (text, _) = output(test.run(script));
    assert_eq!(text, "null\nzero\nfull\nrandom\nurandom\n");
    // A node can be made, but not opened.
    let folder = tempfile::tempdir().expect("folder");
    let node = folder.path().join("kmsg");
    let script = format!(
        "mknod {0} c 1 11 && echo made; head -c 0 {0} && echo open",
        node.display()
    );
    let (text, _) = output(test.run(&script));
    assert_eq!(text, "made\n");
}

#[test]
fn only_harmless_devices_can_be_opened() {
    try_devices(&Test::new("devices"));
}

#[test]
fn only_harmless_devices_can_be_opened_in_version_2() {
    let mut layout = Layout::discover().expect("layout");
    assert!(layout.v2.is_some(), "this host has no version 2");
    layout.v1.clear();
    try_devices(&Test::on(layout, "devices2"));
}

#[test]
fn attaching_again_soon_is_cheap() {
    let test = Test::new("cost");
    let children: Vec<_> = (0..3).map(|_| sleeping()).collect();
    let mut micros = Vec::new();
    for child in &children {
        let begun = Instant::now();
        test.cgroup.attach(child.id()).expect("attach");
        micros.push(begun.elapsed().as_micros());
    }
    println!(
        "attach to {} hierarchies: {micros:?} µs",
        test.cgroup.directories().count()
    );
    let begun = Instant::now();
    test.cgroup.kill().expect("kill");
    println!("kill: {} µs", begun.elapsed().as_micros());
    for mut child in children {
        child.wait().expect("wait");
    }
    let begun = Instant::now();
    test.cgroup.remove().expect("remove");
    println!("remove: {} µs", begun.elapsed().as_micros());
    let begun = Instant::now();
    test.cgroup.create().expect("create");
    println!("create: {} µs", begun.elapsed().as_micros());
}

fn sleeping() -> Child {
    Command::new("sleep").arg("60").spawn().expect("spawn")
}

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
