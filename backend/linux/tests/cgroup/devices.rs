//! Devices that processes of a group can use: the default, further rules, both versions.

use orlop_linux::cgroup::{Layout, devices};
use orlop_model::device::DeviceRule;

use super::{Test, output};

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
fn further_rules_open_further_devices() {
    further_rules(&Test::new("rules"));
}

#[test]
fn further_rules_open_further_devices_in_version_2() {
    let mut layout = Layout::discover().expect("layout");
    layout.v1.clear();
    further_rules(&Test::on(layout, "rules2"));
}

/// Reading the kernel's messages, but not writing any.
fn further_rules(test: &Test) {
    let mut rules: Vec<DeviceRule> = devices::DEFAULT.to_vec();
    rules.push("c 1:11 r".parse().expect("rule"));
    test.cgroup.allow_devices(&rules).expect("devices");
    let script = "head -c 0 /dev/kmsg && echo read; (: > /dev/kmsg) 2>/dev/null || echo kept";
    let (text, _) = output(test.run(script));
    assert_eq!(text, "read\nkept\n");
}
