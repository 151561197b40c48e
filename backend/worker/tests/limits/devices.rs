//! Devices of the host in a container: shown, usable as far as was said, judged by the policy.

use orlop_model::device::{DeviceMapping, Devices};
use orlop_model::spec::ContainerSpec;
use orlop_wire::reply::{Failure, FailureKind};

use super::support::{Host, spec};

fn with(host: &Host, script: &str, devices: &[&str], rules: &[&str]) -> ContainerSpec {
    let parse = |text: &&str| text.parse::<DeviceMapping>().expect("device");
    ContainerSpec {
        devices: Devices {
            shown: devices.iter().map(parse).collect(),
            rules: rules
                .iter()
                .map(|rule| rule.parse().expect("rule"))
                .collect(),
        },
        ..spec::shell(host, script)
    }
}

fn refused(host: &Host, devices: &[&str], rules: &[&str]) -> Failure {
    let spec = with(host, "true", devices, rules);
    host.ask(&spec::start(&spec, false)).expect_err("refused")
}

#[test]
fn a_device_is_shown_under_its_own_and_under_another_name() {
    let host = Host::new();
    let script = "for d in /dev/fuse /dev/deep/fuse; do \
        stat -c '%F %t:%T' $d; head -c 0 $d && echo open; done";
    let spec = with(
        &host,
        script,
        &["/dev/fuse", "/dev/fuse:/dev/deep/fuse"],
        &[],
    );
    let said = host.run(&spec).stdout;
    assert_eq!(said, "character special file a:e5\nopen\n".repeat(2));
}

#[test]
fn without_being_given_it_cannot_be_opened_even_with_a_node() {
    let host = Host::new();
    let script = "ls /dev/fuse; mknod /tmp/fuse c 10 229 && head -c 0 /tmp/fuse || echo kept";
    let run = host.run(&with(&host, script, &[], &[]));
    assert!(run.stdout.ends_with("kept\n"), "{run:?}");
    assert!(!run.stdout.contains("/dev/fuse"), "{run:?}");
}

#[test]
fn only_what_was_said_may_be_done_with_it() {
    let host = Host::new();
    let script = "head -c 0 /dev/fuse && echo read; (: > /dev/fuse) 2>&1 || echo kept";
    let run = host.run(&with(&host, script, &["/dev/fuse:r"], &[]));
    assert!(run.stdout.starts_with("read\n"), "{run:?}");
    assert!(run.stdout.ends_with("kept\n"), "{run:?}");
}

#[test]
fn a_rule_opens_a_node_that_the_container_makes() {
    let host = Host::new();
    let script = "mknod /tmp/fuse c 10 229; head -c 0 /tmp/fuse && echo open";
    let run = host.run(&with(&host, script, &[], &["c 10:229 r"]));
    assert_eq!(run.stdout, "open\n", "{run:?}");
}

#[test]
fn a_folder_of_devices_is_shown_whole() {
    let host = Host::new();
    let run = host.run(&with(&host, "ls /dev/mine", &["/dev:/dev/mine:r"], &[]));
    for name in ["fuse", "null"] {
        assert!(run.stdout.lines().any(|line| line == name), "{run:?}");
    }
    assert!(!run.stdout.contains("pts"), "{run:?}");
}

#[test]
fn what_is_no_device_or_is_taken_is_refused() {
    let host = Host::new();
    for (device, word) in [
        ("/dev/there-is-none", "/dev/there-is-none"),
        ("/etc/passwd", "not a device"),
        ("/dev/fuse:/dev/null", "something else"),
        ("/dev/fuse:/proc/x", "/proc"),
    ] {
        let failure = refused(&host, &[device], &[]);
        assert!(failure.message.contains(word), "{failure:?}");
    }
}

#[test]
fn the_policy_says_which_devices_there_are() {
    let host = Host::with_policy("[policy]\ndevices = [\"/dev/null\", \"/dev/zero\"]\n");
    let run = host.run(&with(&host, "echo yes", &["/dev/zero:/dev/mine"], &[]));
    assert_eq!(run.stdout, "yes\n");
    for failure in [
        refused(&host, &["/dev/fuse"], &[]),
        refused(&host, &["/dev:/dev/all"], &[]),
        refused(&host, &[], &["c *:* rwm"]),
    ] {
        assert_eq!(failure.kind, FailureKind::Denied, "{failure:?}");
    }
}
