//! Configurations that are wrong, each refused with the property's name.

use serde_json::{Value, json};

use super::*;

fn config(change: impl FnOnce(&mut Value)) -> Value {
    let mut config = json!({
        "ociVersion": "1.0.2",
        "process": { "args": ["true"], "cwd": "/" },
        "root": { "path": "rootfs" },
        "linux": { "namespaces": [
            { "type": "mount" }, { "type": "uts" }, { "type": "pid" }, { "type": "ipc" }
        ] }
    });
    change(&mut config);
    config
}

fn outcome(config: Value) -> Result<Plan, String> {
    let config = serde_json::from_value(config).map_err(|error| error.to_string())?;
    understand(&config, "/bundle".as_ref(), Host::default(), 0).map_err(|error| error.to_string())
}

#[test]
fn a_small_configuration_is_enough_and_strange_properties_are_passed_over() {
    let plan = outcome(config(|c| c["strange"] = json!({ "x": 1 }))).expect("a plan");
    assert_eq!(plan.bundle.root, Path::new("/bundle/rootfs"));
    assert!(plan.bundle.process.capabilities.bounding.is_empty());
    assert!(matches!(plan.access, Access::Only(rules) if rules.len() == 10));
}

#[test]
fn each_wrong_property_is_named() {
    let cases: [(&str, Value, &str); 42] = [
        ("/ociVersion", json!("2.0.0"), "ociVersion"),
        ("/process", Value::Null, "process: is missing"),
        ("/process/args", json!([]), "process.args"),
        ("/process/args", json!([""]), "process.args[0]"),
        ("/process/args", json!(["a\u{0}b"]), "process.args"),
        ("/process/cwd", json!("tmp"), "process.cwd"),
        ("/process/oomScoreAdj", json!(1001), "process.oomScoreAdj"),
        (
            "/process/user",
            json!({ "uid": 4294967295u32 }),
            "process.user",
        ),
        ("/process/user", json!({ "uid": -1 }), "invalid value"),
        (
            "/process/rlimits",
            json!([{"type": "RLIMIT_X", "soft": 1, "hard": 1}]),
            "rlimits[0].type",
        ),
        (
            "/process/rlimits",
            json!([{"type": "RLIMIT_CPU", "soft": 2, "hard": 1}]),
            "soft limit",
        ),
        (
            "/process/rlimits",
            json!([{"type": "RLIMIT_CPU", "soft": 1, "hard": 1}, {"type": "RLIMIT_CPU", "soft": 1, "hard": 1}]),
            "comes twice",
        ),
        (
            "/process/apparmorProfile",
            json!("p"),
            "process.apparmorProfile",
        ),
        ("/process/selinuxLabel", json!("l"), "process.selinuxLabel"),
        (
            "/process/scheduler",
            json!({"policy": "SCHED_FIFO"}),
            "process.scheduler",
        ),
        ("/root", Value::Null, "root: is missing"),
        ("/root/path", json!(""), "root.path"),
        ("/windows", json!({}), "windows"),
        ("/vm", json!({}), "vm"),
        (
            "/mounts",
            json!([{"destination": "/", "type": "tmpfs"}]),
            "mounts[0].destination",
        ),
        (
            "/mounts",
            json!([{"destination": "/a/../b", "type": "tmpfs"}]),
            "mounts[0].destination",
        ),
        ("/mounts", json!([{"destination": "/a"}]), "mounts[0].type"),
        (
            "/mounts",
            json!([{"destination": "/a", "type": "bind"}]),
            "mounts[0].source",
        ),
        (
            "/mounts",
            json!([{"destination": "/a", "source": "/b", "options": ["bind", "size=1"]}]),
            "\"size\"",
        ),
        (
            "/mounts",
            json!([{"destination": "/a", "type": "tmpfs", "options": ["remount"]}]),
            "\"remount\"",
        ),
        (
            "/mounts",
            json!([{"destination": "/a", "type": "proc", "options": ["tmpcopyup"]}]),
            "tmpcopyup",
        ),
        (
            "/mounts",
            json!([{"destination": "/proc", "type": "tmpfs"}]),
            "only procfs",
        ),
        (
            "/hooks",
            json!({"poststop": [{"path": "sh"}]}),
            "hooks.poststop[0].path",
        ),
        (
            "/hooks",
            json!({"prestart": [{"path": "/sh", "timeout": 0}]}),
            "hooks.prestart[0].timeout",
        ),
        (
            "/linux/namespaces",
            json!([{"type": "pid"}]),
            "linux.namespaces",
        ),
        (
            "/linux/namespaces",
            json!([{"type": "mount"}, {"type": "moon"}]),
            "\"moon\"",
        ),
        (
            "/linux/namespaces",
            json!([{"type": "mount"}, {"type": "mount"}]),
            "comes twice",
        ),
        (
            "/linux/namespaces",
            json!([{"type": "mount", "path": "/x"}]),
            "linux.namespaces[0].path",
        ),
        (
            "/linux/namespaces",
            json!([{"type": "mount"}, {"type": "user"}]),
            "linux.uidMappings",
        ),
        (
            "/linux/uidMappings",
            json!([{"containerID": 0, "hostID": 1, "size": 1}]),
            "linux.uidMappings",
        ),
        (
            "/linux/timeOffsets",
            json!({"monotonic": {"secs": 1}}),
            "linux.timeOffsets",
        ),
        (
            "/linux/sysctl",
            json!({"kernel.core_pattern": "x"}),
            "kernel.core_pattern",
        ),
        (
            "/linux/sysctl",
            json!({"net.ipv4.ip_forward": "1"}),
            "no network namespace",
        ),
        ("/linux/maskedPaths", json!(["proc"]), "linux.maskedPaths"),
        (
            "/linux/rootfsPropagation",
            json!("up"),
            "linux.rootfsPropagation",
        ),
        ("/linux/intelRdt", json!({}), "linux.intelRdt"),
        (
            "/linux/personality",
            json!({"domain": "LINUX32"}),
            "linux.personality",
        ),
    ];
    for (pointer, value, named) in cases {
        let told = outcome(set(pointer, value.clone())).expect_err(pointer);
        assert!(told.contains(named), "{pointer} = {value}: {told}");
    }
}

/// The small configuration with one property set.
fn set(pointer: &str, value: Value) -> Value {
    config(|config| {
        let (above, name) = pointer.rsplit_once('/').expect("a pointer");
        let above = config.pointer_mut(above).expect("its parent");
        above[name] = value;
    })
}

#[test]
fn resources_and_filters_that_cannot_be_had_are_named() {
    for (resources, named) in [
        (json!({"memory": {"swappiness": 10}}), "memory.swappiness"),
        (json!({"cpu": {"burst": 10}}), "cpu.burst"),
        (json!({"blockIO": {"weight": 10}}), "blockIO.weight"),
        (json!({"unified": {"memory.high": "1"}}), "unified"),
        (
            json!({"devices": [{"allow": true, "type": "x"}]}),
            "devices[0].type",
        ),
        (
            json!({"devices": [{"allow": true, "access": "x"}]}),
            "devices[0].access",
        ),
        (
            json!({"devices": [{"allow": true}, {"allow": false, "type": "c", "major": 1}]}),
            "devices[1]",
        ),
    ] {
        let told = outcome(set("/linux/resources", resources)).expect_err(named);
        assert!(told.contains(named), "{told}");
    }
    for (seccomp, named) in [
        (json!({"defaultAction": "SCMP_ACT_FLY"}), "defaultAction"),
        (json!({"defaultAction": "SCMP_ACT_NOTIFY"}), "defaultAction"),
        (
            json!({"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/x"}),
            "listenerPath",
        ),
        (
            json!({"defaultAction": "SCMP_ACT_ALLOW", "flags": ["X"]}),
            "flags",
        ),
        (
            json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [], "action": "SCMP_ACT_LOG"}]}),
            "syscalls[0].names",
        ),
        (
            json!({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"],
                "action": "SCMP_ACT_LOG", "args": [{"index": 9, "value": 1, "op": "SCMP_CMP_EQ"}]}]}),
            "syscalls[0].args",
        ),
    ] {
        let told = outcome(set("/linux/seccomp", seccomp)).expect_err(named);
        assert!(told.contains(named), "{told}");
    }
}

#[test]
fn the_last_rule_about_a_device_counts() {
    let rules = |rules: Value| {
        let plan = outcome(set("/linux/resources", json!({ "devices": rules })));
        plan.expect("a plan").access
    };
    assert_eq!(
        rules(json!([{"allow": false}, {"allow": true}])),
        Access::All
    );
    let Access::Only(list) = rules(json!([
        {"allow": true},
        {"allow": false, "access": "rwm"},
        {"allow": true, "type": "c", "major": 10, "minor": 200, "access": "rw"}
    ])) else {
        panic!("not all");
    };
    let texts: Vec<_> = list.iter().map(ToString::to_string).collect();
    assert!(texts.contains(&"c 10:200 rw".to_owned()), "{texts:?}");
}
