//! Devices of the host for a container: found, judged by the policy, and turned into nodes, rules
//! and numbers. A device is only looked at (`O_PATH`), never opened: opening some does something.

use std::fs;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, major, minor};
use orlop_linux::cgroup::devices::DEFAULT;
use orlop_model::device::{BlockDevice, DeviceKind, DeviceMapping, DeviceRule};
use orlop_model::limits::Limits;
use orlop_model::spec::ContainerSpec;
use orlop_runtime::DeviceNode;
use orlop_wire::reply::{Failure, FailureKind};

use crate::context::internal;
use crate::policy::Policy;

/// How deep a folder of devices is read.
const MOST_DEPTH: usize = 8;
/// How many devices a container can be given.
const MOST_NODES: usize = 1_024;
/// Folders of `/dev` that are the container's own.
const OWN: [&str; 4] = ["pts", "shm", "fd", "mqueue"];

/// What a container gets.
#[derive(Debug, Default)]
pub(super) struct Granted {
    /// Nodes to be made in it.
    pub(super) nodes: Vec<DeviceNode>,
    /// What it may use.
    pub(super) rules: Vec<DeviceRule>,
}

/// Finds and judges the devices that a container asks for.
pub(super) fn granted(policy: &Policy, spec: &ContainerSpec) -> Result<Granted, Failure> {
    let mut granted = Granted {
        nodes: Vec::new(),
        rules: DEFAULT.to_vec(),
    };
    for mapping in &spec.devices.shown {
        let found = Found::look(Path::new(mapping.host())).map_err(|error| {
            invalid(format!(
                "error gathering device information while adding custom device {:?}: {error}",
                mapping.host()
            ))
        })?;
        collect(
            policy,
            mapping,
            &found,
            mapping.container(),
            MOST_DEPTH,
            &mut granted,
        )?;
    }
    granted.rules.extend(&spec.devices.rules);
    Ok(granted)
}

fn collect(
    policy: &Policy,
    mapping: &DeviceMapping,
    found: &Found,
    target: &str,
    depth: usize,
    granted: &mut Granted,
) -> Result<(), Failure> {
    let Some(kind) = found.kind() else {
        if found.is_folder() && depth > 0 {
            policy.judge_device(&found.place)?;
            return below(policy, mapping, found, target, depth, granted);
        }
        return Err(invalid(format!("{} is not a device node", mapping.host())));
    };
    policy.judge_device(&found.place)?;
    if granted.nodes.len() == MOST_NODES {
        let most = format!("{} holds more than {MOST_NODES} devices", mapping.host());
        return Err(invalid(most));
    }
    let (major, minor) = found.number();
    granted.rules.push(DeviceRule {
        kind,
        major: Some(major),
        minor: Some(minor),
        access: mapping.access,
    });
    granted.nodes.push(DeviceNode {
        path: target.to_owned(),
        kind,
        major,
        minor,
        mode: found.stat.st_mode & 0o777,
        uid: found.stat.st_uid,
        gid: found.stat.st_gid,
    });
    Ok(())
}

/// Every device of a folder; what is none is passed over, links too.
fn below(
    policy: &Policy,
    mapping: &DeviceMapping,
    folder: &Found,
    target: &str,
    depth: usize,
    granted: &mut Granted,
) -> Result<(), Failure> {
    let what = |error| internal(format!("reading {}: {error}", folder.place.display()));
    for entry in fs::read_dir(&folder.place).map_err(what)?.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !OWN.contains(name)) else {
            continue;
        };
        // What is gone meanwhile is no device.
        let Ok(found) = Found::look_at(&entry.path()) else {
            continue;
        };
        if found.is_folder() || found.kind().is_some() {
            let target = format!("{}/{name}", target.trim_end_matches('/'));
            if depth > 1 || !found.is_folder() {
                collect(policy, mapping, &found, &target, depth - 1, granted)?;
            }
        }
    }
    Ok(())
}

/// Limits in which every block device is known by its number.
pub(super) fn numbered(limits: &Limits) -> Result<Limits, Failure> {
    let mut limits = limits.clone();
    for device in limits.block.devices_mut() {
        if let BlockDevice::Path(path) = device {
            let found = Found::look(Path::new(path))
                .map_err(|error| invalid(format!("block device {path}: {error}")))?;
            if found.kind() != Some(DeviceKind::Block) || !found.place.starts_with("/dev") {
                return Err(invalid(format!("{path} is not a block device below /dev")));
            }
            let (major, minor) = found.number();
            *device = BlockDevice::Number(major, minor);
        }
    }
    Ok(limits)
}

/// A file of the host, looked at once.
struct Found {
    stat: FileStat,
    /// Where it really lies.
    place: PathBuf,
}

impl Found {
    /// Links are followed, as `/dev/disk` is full of them.
    fn look(path: &Path) -> std::io::Result<Self> {
        Self::with(path, OFlag::O_PATH | OFlag::O_CLOEXEC)
    }

    /// Links are not followed.
    fn look_at(path: &Path) -> std::io::Result<Self> {
        Self::with(path, OFlag::O_PATH | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW)
    }

    fn with(path: &Path, flags: OFlag) -> std::io::Result<Self> {
        let fd = nix::fcntl::open(path, flags, Mode::empty())?;
        Ok(Self {
            stat: fstat(&fd)?,
            place: fs::read_link(format!("/proc/self/fd/{}", fd.as_raw_fd()))?,
        })
    }

    fn kind(&self) -> Option<DeviceKind> {
        match SFlag::from_bits_truncate(self.stat.st_mode & SFlag::S_IFMT.bits()) {
            SFlag::S_IFBLK => Some(DeviceKind::Block),
            SFlag::S_IFCHR => Some(DeviceKind::Character),
            _ => None,
        }
    }

    fn is_folder(&self) -> bool {
        self.stat.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFDIR.bits()
    }

    /// Major and minor number, which have 12 and 20 bits.
    fn number(&self) -> (u32, u32) {
        let number = self.stat.st_rdev;
        (major(number) as u32, minor(number) as u32)
    }
}

fn invalid(message: String) -> Failure {
    Failure::new(FailureKind::Invalid, message)
}

#[cfg(test)]
mod tests {
    use orlop_model::limits::{BlockLimits, BlockRate};

    use super::*;

    fn reading(path: &str) -> Limits {
        let rate = BlockRate {
            device: path.parse().expect("device"),
            rate: 1,
        };
        Limits {
            block: BlockLimits {
                read_bps: vec![rate],
                ..BlockLimits::default()
            },
            ..Limits::default()
        }
    }

    #[test]
    fn only_a_block_device_has_its_throughput_limited() {
        assert_eq!(numbered(&reading("8:1")), Ok(reading("8:1")));
        for path in ["/dev/null", "/etc/passwd", "/dev/there-is-none"] {
            let failure = numbered(&reading(path)).expect_err(path);
            assert!(failure.message.contains(path), "{}", failure.message);
        }
    }
}
