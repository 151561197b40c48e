//! Block devices: the most of a second, on a loop device of its own.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::stat::{major, minor};
use orlop_linux::cgroup::Controller;
use orlop_model::device::BlockDevice;
use orlop_model::limits::{BlockLimits, BlockRate, BlockWeight, Limits};

use super::{Test, output};

/// A loop device over a file of 4 MiB; dropped, it is gone.
struct Loop {
    path: String,
    _folder: tempfile::TempDir,
}

impl Loop {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let file = folder.path().join("disk");
        fs::write(&file, vec![7; 4 << 20]).expect("file");
        let output = Command::new("losetup")
            .args(["--find", "--show"])
            .arg(&file)
            .output()
            .expect("losetup");
        let path = String::from_utf8(output.stdout).expect("path");
        assert!(path.starts_with("/dev/loop"), "{:?}", output.stderr);
        Self {
            path: path.trim().to_owned(),
            _folder: folder,
        }
    }

    fn device(&self) -> BlockDevice {
        let number = fs::metadata(&self.path).expect("device").rdev();
        let part = |number| u32::try_from(number).expect("number");
        BlockDevice::Number(part(major(number)), part(minor(number)))
    }
}

impl Drop for Loop {
    fn drop(&mut self) {
        let _ = Command::new("losetup").args(["-d", &self.path]).status();
    }
}

/// How long reading half a megabyte takes, past the page cache.
fn read(test: &Test, disk: &Loop) -> Duration {
    let script = format!(
        "dd if={} of=/dev/null bs=32k count=16 iflag=direct 2>&1",
        disk.path
    );
    let begun = Instant::now();
    let (text, code) = output(test.run(&script));
    assert_eq!(code, Some(0), "{text}");
    begun.elapsed()
}

#[test]
fn the_bytes_read_in_a_second_are_bounded_until_they_are_set_free() {
    let (test, disk) = (Test::new("block"), Loop::new());
    let rate = |rate| {
        vec![BlockRate {
            device: disk.device(),
            rate,
        }]
    };
    let limits = Limits {
        block: BlockLimits {
            read_bps: rate(256 << 10),
            write_iops: rate(100),
            ..BlockLimits::default()
        },
        ..Limits::default()
    };
    test.limit(&limits);
    let held = read(&test, &disk);
    assert!(held > Duration::from_millis(1_200), "{held:?}");
    let stats = test.cgroup.stats();
    let BlockDevice::Number(major, minor) = disk.device() else {
        panic!("a path")
    };
    let count = stats
        .block_bytes
        .iter()
        .find(|count| (count.major, count.minor) == (major, minor))
        .expect("counted");
    assert!(count.way.eq_ignore_ascii_case("read"), "{stats:?}");
    assert!(count.count >= 512 << 10, "{stats:?}");
    assert!(stats.block_read >= 512 << 10, "{stats:?}");

    let warnings = test.cgroup.change_limits(&Limits::default());
    assert_eq!(warnings.expect("change"), Vec::<String>::new());
    let free = read(&test, &disk);
    assert!(free < Duration::from_millis(1_000), "{free:?}");
}

#[test]
fn a_weight_is_set_or_told_to_be_impossible() {
    let (test, disk) = (Test::new("weight"), Loop::new());
    let limits = Limits {
        block: BlockLimits {
            weight: Some(500),
            device_weights: vec![BlockWeight {
                device: disk.device(),
                weight: 10,
            }],
            ..BlockLimits::default()
        },
        ..Limits::default()
    };
    let warnings = test.cgroup.limit(&limits).expect("limit");
    let read = |file: &&str| {
        let mut directories = test.cgroup.directories();
        directories.find_map(|directory| fs::read_to_string(directory.join(file)).ok())
    };
    let text = [
        "io.bfq.weight",
        "io.weight",
        "blkio.bfq.weight",
        "blkio.weight",
    ]
    .iter()
    .find_map(read);
    match text {
        Some(text) => assert!(text.contains("500") || text.contains("4950"), "{text}"),
        None => assert_eq!(warnings.len(), 2, "{warnings:?}"),
    }
    assert!(test.layout.has(Controller::Blkio));
}
