//! What a container gets and what it does not, looked at from inside.

mod support;
#[path = "../../linux/tests/support/machine.rs"]
mod virtual_machine;

/// The same containers on a kernel with control groups of version 2 alone.
mod machine {
    use super::virtual_machine::{own_tests, run_tests};

    #[test]
    fn every_test_passes_on_version_2_in_a_virtual_machine() {
        let tests = own_tests();
        assert!(tests.len() > 8, "{tests:?}");
        run_tests(&tests, &[]);
    }
}

use std::collections::BTreeMap;
use std::fs;

use orlop_linux::capability::CapabilitySet;
use orlop_model::limits::Ulimit;
use orlop_model::spec::{Network, Seccomp};
use orlop_wire::reply::FailureKind;

use support::{Host, spec};

/// The value of a field of `/proc/<pid>/status`.
fn field<'a>(status: &'a str, name: &str) -> &'a str {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{name} in {status}"))
        .trim_start_matches(':')
        .trim()
}

#[test]
fn every_namespace_is_its_own() {
    let host = Host::new();
    let kinds = ["pid", "net", "mnt", "uts", "ipc", "cgroup"];
    let script = "for n in pid net mnt uts ipc cgroup; do readlink /proc/self/ns/$n; done";
    let read = || host.shell(script).ok();
    let (one, other) = (read(), read());
    for ((kind, a), b) in kinds.iter().zip(one.lines()).zip(other.lines()) {
        let host = fs::read_link(format!("/proc/self/ns/{kind}")).expect("namespace");
        assert_ne!(a, host.to_string_lossy(), "{kind}");
        // Numbers of namespaces that have ended are used again, save that of the host.
        assert!(b.starts_with(kind), "{b}");
    }
    assert_eq!(one.lines().count(), kinds.len());
}

#[test]
fn capabilities_are_dockers_for_root_and_none_for_others() {
    let host = Host::new();
    let mut spec = spec::shell(&host, "cat /proc/self/status");
    let status = host.run(&spec).ok();
    let default = "00000000a80425fb";
    for name in ["CapPrm", "CapEff", "CapBnd"] {
        assert_eq!(field(&status, name), default, "{name}");
    }
    for name in ["CapInh", "CapAmb"] {
        assert_eq!(field(&status, name), "0000000000000000", "{name}");
    }
    assert_eq!(
        (field(&status, "Seccomp"), field(&status, "Seccomp_filters")),
        ("2", "1")
    );
    assert_eq!(field(&status, "NoNewPrivs"), "0");
    spec.process.user = "ada".to_owned();
    let status = host.run(&spec).ok();
    assert_eq!(field(&status, "CapBnd"), default);
    for name in ["CapPrm", "CapEff", "CapInh", "CapAmb"] {
        assert_eq!(field(&status, name), "0000000000000000", "{name}");
    }
    assert_eq!(field(&status, "Uid"), "1000\t1000\t1000\t1000");
    assert_eq!(field(&status, "Groups"), "50");
    spec.security.no_new_privileges = true;
    spec.security.capabilities.clear();
    let status = host.run(&spec).ok();
    assert_eq!(field(&status, "CapBnd"), "0000000000000000");
    assert_eq!(
        (field(&status, "NoNewPrivs"), field(&status, "Seccomp")),
        ("1", "2")
    );
}

#[test]
fn an_init_has_no_more_rights_than_its_program() {
    let host = Host::new();
    let mut spec = spec::shell(&host, "cat /proc/1/status; echo $$");
    spec.init = true;
    let status = host.run(&spec).ok();
    assert_eq!(field(&status, "CapEff"), "00000000a80425fb");
    assert_eq!(field(&status, "Seccomp"), "2");
    assert!(!status.ends_with("\n1\n"), "{status}");
}

#[test]
fn the_mounts_are_those_of_the_reference_and_show_nothing_of_the_host() {
    let host = Host::new();
    let text = host.shell("cat /proc/self/mountinfo").ok();
    let mounts: BTreeMap<&str, (&str, &str, &str)> = text
        .lines()
        .map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            let dash = words.iter().position(|w| *w == "-").expect("separator");
            (words[4], (words[5], words[dash + 1], words[dash + 3]))
        })
        .collect();
    let has = |point: &str, kind: &str, options: &[&str]| {
        let (own, found, of_kind) = mounts
            .get(point)
            .unwrap_or_else(|| panic!("{point}: {text}"));
        assert_eq!(*found, kind, "{point}");
        for option in options {
            let listed = own
                .split(',')
                .chain(of_kind.split(','))
                .any(|o| o == *option);
            assert!(listed, "{point} is not {option}: {own} {of_kind}");
        }
    };
    has("/", "overlay", &["rw"]);
    has("/proc", "proc", &["nosuid", "nodev", "noexec"]);
    has("/sys", "sysfs", &["ro", "nosuid", "nodev", "noexec"]);
    has("/dev", "tmpfs", &["nosuid", "mode=755", "size=65536k"]);
    has(
        "/dev/pts",
        "devpts",
        &["nosuid", "noexec", "gid=5", "mode=620", "ptmxmode=666"],
    );
    has(
        "/dev/shm",
        "tmpfs",
        &["nosuid", "nodev", "noexec", "size=65536k"],
    );
    has("/dev/mqueue", "mqueue", &["nosuid", "nodev", "noexec"]);
    for point in ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys"] {
        has(point, "proc", &["ro"]);
    }
    let cgroups: Vec<_> = mounts
        .keys()
        .filter(|p| p.starts_with("/sys/fs/cgroup"))
        .collect();
    // One in version 2, one for each hierarchy in version 1.
    assert!(!cgroups.is_empty(), "{text}");
    for point in cgroups {
        assert!(
            mounts[point].0.starts_with("ro,nosuid,nodev,noexec"),
            "{point} {text}"
        );
    }
    // The place of a bind's source on the host shows, as with any engine; nothing else does.
    let of_host = text.lines().filter(|line| {
        let words: Vec<_> = line.split(' ').collect();
        line.contains(&host.data().display().to_string())
            && !matches!(
                words[4],
                "/" | "/etc/hosts" | "/etc/hostname" | "/etc/resolv.conf"
            )
    });
    assert_eq!(of_host.count(), 0, "{text}");
    assert!(
        !text.contains("shared:") && !text.contains("master:"),
        "{text}"
    );
}

#[test]
fn what_belongs_to_the_host_is_masked_or_closed() {
    let host = Host::new();
    let script = "for f in interrupts kcore keys latency_stats timer_list sched_debug; do \
          [ -e /proc/$f ] && { dd if=/proc/$f bs=64 count=1 2>/dev/null | wc -c; }; done; \
        for d in acpi scsi asound; do [ -d /proc/$d ] && ls -A /proc/$d; done; \
        ls -A /sys/firmware /sys/devices/virtual/powercap 2>/dev/null | grep -v : ; \
        cat /sys/devices/system/cpu/cpu*/thermal_throttle/* 2>/dev/null; true";
    let text = host.shell(script).ok();
    assert!(
        text.lines().all(|line| line == "0" || line.is_empty()),
        "{text}"
    );
    let script = "for f in sys/kernel/core_pattern sys/kernel/hostname sysrq-trigger \
          irq/default_smp_affinity; do (echo x > /proc/$f) 2>/dev/null && echo wrote $f; done; \
        (echo x > /sys/kernel/uevent_helper) 2>/dev/null && echo wrote sys; \
        mkdir /sys/fs/cgroup/memory/x 2>/dev/null && echo made; \
        mount -t tmpfs none /tmp 2>/dev/null && echo mounted; \
        mount -o remount,rw /proc/sys 2>/dev/null && echo remounted; \
        umount /proc/kcore 2>/dev/null && echo unmounted; echo end";
    assert_eq!(host.shell(script).ok(), "end\n");
}

#[test]
fn devices_are_the_harmless_ones_and_no_other_can_be_opened() {
    let host = Host::new();
    let text = host
        .shell("ls -A /dev; cat /dev/null; head -c 4 /dev/zero | wc -c")
        .ok();
    let names: Vec<_> = text.lines().collect();
    let expected = "core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom \
                    zero 4";
    assert_eq!(names, expected.split_whitespace().collect::<Vec<_>>());
    let disk = "mknod /tmp/mem c 1 1 && { head -c 1 /tmp/mem 2>&1; true; }; \
                mknod /tmp/null c 1 3 && cat /tmp/null && echo null";
    let text = host.shell(disk).ok();
    assert!(
        text.contains("not permitted") && text.ends_with("null\n"),
        "{text}"
    );
}

#[test]
fn the_process_is_as_a_program_expects_it() {
    let host = Host::new();
    let script = "echo $$; umask; pwd; ls /proc/self/fd; hostname; cat /etc/hostname; \
        cut -d' ' -f6 /proc/1/stat; cat /proc/self/oom_score_adj; echo $HOME $HOSTNAME";
    let text = host.shell(script).ok();
    // ls itself has the directory open, as number 3.
    assert_eq!(text, "1\n0022\n/\n0\n1\n2\n3\nbox\nbox\n1\n0\n/root box\n");
    let read = |args: &[&str]| host.run(&spec::program(&host, args)).ok();
    let status = read(&["cat", "/proc/self/status"]);
    assert_eq!(field(&status, "SigBlk"), "0000000000000000");
    assert_eq!(field(&status, "SigIgn"), "0000000000000000");
    // ls itself had the directory open, which is closed when it follows the links.
    let open = read(&["ls", "-l", "/proc/1/fd"]);
    assert_eq!(open.matches("->").count(), 3, "{open}");
}

#[test]
fn users_are_found_in_the_images_own_files() {
    let host = Host::new();
    let mut spec = spec::shell(&host, "id; echo $HOME; echo hi > /dev/stdout");
    let mut with = |user: &str, groups: &[&str]| {
        spec.process.user = user.to_owned();
        spec.process.groups = groups.iter().map(ToString::to_string).collect();
        host.run(&spec).ok()
    };
    let ada = "uid=1000(ada) gid=1000(ada) groups=50(staff)\n/home/ada\nhi\n";
    assert_eq!(with("ada", &[]), ada);
    assert_eq!(with("1000", &[]), ada);
    assert_eq!(
        with("ada:audio", &["7"]),
        "uid=1000(ada) gid=29(audio) groups=7\n/home/ada\nhi\n"
    );
    assert_eq!(with("4321:1234", &[]), "uid=4321 gid=1234\n/\nhi\n");
    spec.process.user = "4294967295".to_owned();
    assert_eq!(
        host.try_run(&spec).expect_err("refused").kind,
        FailureKind::Invalid
    );
}

#[test]
fn limits_of_the_process_are_set_and_clamped() {
    let host = Host::new();
    let mut spec = spec::shell(&host, "ulimit -n; ulimit -c");
    let limit = |name: &str, soft, hard| Ulimit {
        name: name.to_owned(),
        soft,
        hard,
    };
    spec.process.ulimits = vec![limit("nofile", 77, 88), limit("core", 0, 0)];
    assert_eq!(host.run(&spec).ok(), "77\n0\n");
    spec.process.ulimits = vec![limit("nofile", -1, -1)];
    assert!(
        host.run(&spec)
            .ok()
            .lines()
            .next()
            .is_some_and(|most| most != "77")
    );
}

#[test]
fn only_parameters_of_its_own_namespaces_are_set() {
    let host = Host::new();
    let mut spec = spec::shell(
        &host,
        "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/shmmni",
    );
    let set = |list: &[(&str, &str)]| {
        let pairs = list.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        pairs.collect::<BTreeMap<_, _>>()
    };
    spec.sysctls = set(&[("net.ipv4.ip_forward", "1"), ("kernel.shmmni", "77")]);
    assert_eq!(host.run(&spec).ok(), "1\n77\n");
    for name in [
        "kernel.core_pattern",
        "vm.swappiness",
        "kernel.shm/../core_pattern",
        "kernel.hostname",
    ] {
        spec.sysctls = set(&[(name, "1")]);
        assert_eq!(
            host.try_run(&spec).expect_err(name).kind,
            FailureKind::Invalid
        );
    }
    spec.network = Network::Host;
    spec.sysctls = set(&[("net.ipv4.ip_forward", "1")]);
    assert!(host.try_run(&spec).is_err());
}

#[test]
fn a_read_only_root_can_be_written_only_where_something_is_mounted() {
    let host = Host::new();
    let mut spec = spec::shell(
        &host,
        "pwd; touch /x 2>/dev/null || echo closed; touch /dev/shm/y",
    );
    spec.security.read_only = true;
    spec.process.cwd = "/made/for/it".to_owned();
    assert_eq!(host.run(&spec).ok(), "/made/for/it\nclosed\n");
}

#[test]
fn a_privileged_container_has_every_right_and_device_that_the_host_can_give() {
    let host = Host::new();
    let mut spec = spec::shell(
        &host,
        "grep CapEff /proc/self/status; ls /dev; mount -t tmpfs none /tmp && echo mounted; \
         echo 1 > /proc/sys/net/ipv4/conf/lo/forwarding && echo wrote; head -c 4 /dev/kmsg >/dev/null; true",
    );
    spec.security.privileged = true;
    spec.security.seccomp = Seccomp::Unconfined;
    let all = CapabilitySet::all().iter().map(|c| c.to_string());
    spec.security.capabilities = all.collect();
    let text = host.run(&spec).ok();
    let own = CapabilitySet::bounding().expect("bounding");
    assert!(
        text.contains(&format!("CapEff:\t{:016x}", own.bits())),
        "{text}"
    );
    assert!(
        text.contains("mounted") && text.contains("wrote") && text.contains("kmsg"),
        "{text}"
    );
    let host = Host::with_policy("[policy]\nprivileged = false\nhost-network = false\n");
    assert_eq!(
        host.try_run(&spec).expect_err("policy").kind,
        FailureKind::Denied
    );
    spec.security.privileged = false;
    spec.layers = vec![host.layer.clone()];
    assert_eq!(
        host.try_run(&spec).expect_err("policy").kind,
        FailureKind::Denied
    );
    let mut spec = spec::shell(&host, "true");
    spec.network = Network::Host;
    assert_eq!(
        host.try_run(&spec).expect_err("policy").kind,
        FailureKind::Denied
    );
}

#[test]
fn without_a_network_there_is_a_loopback_and_nothing_of_the_hosts() {
    let host = Host::new();
    let text = host
        .shell("ip -o link; cat /proc/net/unix | wc -l; ping -c 1 127.0.0.1")
        .ok();
    assert!(text.starts_with("1: lo: <LOOPBACK,UP"), "{text}");
    assert!(!text.contains("2: "), "{text}");
    assert!(
        text.contains("\n1\n"),
        "only the title of /proc/net/unix: {text}"
    );
}
