//! Control groups of the real host, each test with a parent group of its own; version 2's files in
//! a plain folder; and all of it again on a kernel with version 2 alone, in a virtual machine.

mod block;
mod delegated;
mod devices;
mod files;
mod limits;
mod machine;
#[path = "../support/machine.rs"]
mod virtual_machine;

use std::fs;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use orlop_linux::cgroup::{Cgroup, Layout, group};
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
