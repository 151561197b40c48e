//! Block devices by their path: what the worker makes of it.

use std::fs;

use orlop_model::limits::{BlockLimits, BlockRate, Limits};
use orlop_wire::reply::Reply;
use orlop_wire::request::Request;

use super::support::{Host, spec};

/// Over a file of its own; dropped, it is gone.
struct Loop {
    path: String,
    _folder: tempfile::TempDir,
}

impl Loop {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("disk");
        fs::write(&file, vec![7; 1 << 20]).expect("file");
        let output = std::process::Command::new("losetup")
            .args(["--find", "--show"])
            .arg(&file)
            .output()
            .expect("losetup");
        let path = String::from_utf8(output.stdout).expect("path");
        Self {
            path: path.trim().to_owned(),
            _folder: folder,
        }
    }

    fn reading(&self, rate: u64) -> Limits {
        let device = self.path.parse().expect("device");
        Limits {
            block: BlockLimits {
                read_bps: vec![BlockRate { device, rate }],
                ..BlockLimits::default()
            },
            ..Limits::default()
        }
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = std::process::Command::new("losetup")
            .args(["-d", &self.path])
            .status();
    }
}

#[test]
fn a_rate_is_in_the_containers_group_and_changes_while_it_runs() {
    let (host, disk) = (Host::new(), Loop::new());
    let script = "cat /sys/fs/cgroup/io.max /sys/fs/cgroup/blkio/blkio.throttle.read_bps_device \
        2>/dev/null; sleep 60";
    let mut spec = spec::shell(&host, script);
    spec.limits = disk.reading(1_000_000);
    host.started(&spec::start(&spec, true));
    let mut session = super::Session::attach(&host.run_folder(&spec.id), super::ALL);
    session.expect("1000000");
    let change = Request::UpdateLimits {
        container: spec.id.clone(),
        limits: disk.reading(2_000_000),
    };
    match host.ask(&change) {
        Ok(Reply::Warnings(warnings)) => assert_eq!(warnings, Vec::<String>::new()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_no_block_device_is_refused_before_and_at_the_start() {
    let host = Host::new();
    let mut spec = spec::shell(&host, "true");
    let device = "/dev/null".parse().expect("device");
    spec.limits.block.write_iops = vec![BlockRate { device, rate: 1 }];
    let check = Request::CheckLimits {
        limits: spec.limits.clone(),
    };
    for request in [check, spec::start(&spec, false)] {
        let failure = host.ask(&request).expect_err("no block device");
        assert!(failure.message.contains("/dev/null"), "{failure:?}");
    }
}
