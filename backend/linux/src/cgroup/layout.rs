//! Where this host's control groups are: which controller, which version, which directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A controller that Orlop uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Controller {
    /// CPU time.
    Cpu,
    /// Counting CPU time; only version 1 has it apart.
    Cpuacct,
    /// Which CPUs and memory nodes.
    Cpuset,
    /// Memory.
    Memory,
    /// Which devices; version 2 has a BPF program instead.
    Devices,
    /// Pausing; version 2 has it in every group.
    Freezer,
    /// Block devices; version 2 calls it io.
    Blkio,
    /// Number of processes.
    Pids,
    /// Huge pages.
    Hugetlb,
}

impl Controller {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Cpu,
        Self::Cpuacct,
        Self::Cpuset,
        Self::Memory,
        Self::Devices,
        Self::Freezer,
        Self::Blkio,
        Self::Pids,
        Self::Hugetlb,
    ];

    /// Its name in version 1.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Cpuacct => "cpuacct",
            Self::Cpuset => "cpuset",
            Self::Memory => "memory",
            Self::Devices => "devices",
            Self::Freezer => "freezer",
            Self::Blkio => "blkio",
            Self::Pids => "pids",
            Self::Hugetlb => "hugetlb",
        }
    }

    /// Its name in version 2; `None` where version 2 has no such controller.
    #[must_use]
    pub fn v2_name(self) -> Option<&'static str> {
        match self {
            Self::Blkio => Some("io"),
            Self::Cpu | Self::Cpuset | Self::Memory | Self::Pids | Self::Hugetlb => {
                Some(self.name())
            }
            Self::Cpuacct | Self::Devices | Self::Freezer => None,
        }
    }
}

/// One hierarchy of version 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hierarchy {
    /// Where it is mounted.
    pub mount: PathBuf,
    /// What it controls.
    pub controllers: Vec<Controller>,
}

/// The hierarchy of version 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unified {
    /// Where it is mounted.
    pub mount: PathBuf,
    /// What it controls.
    pub controllers: Vec<Controller>,
}

/// All hierarchies of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layout {
    /// Those of version 1.
    pub v1: Vec<Hierarchy>,
    /// That of version 2.
    pub v2: Option<Unified>,
}

/// Which versions a layout has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// No control groups at all.
    None,
    /// Version 1 alone.
    V1,
    /// Version 1 with controllers, and version 2 beside it.
    Hybrid,
    /// Version 2 alone.
    V2,
}

impl Layout {
    /// This host's layout, as the calling process sees it.
    ///
    /// # Errors
    /// If `/proc` cannot be read.
    pub fn discover() -> io::Result<Self> {
        let mut layout = Self::parse(&fs::read_to_string("/proc/self/mountinfo")?);
        if let Some(unified) = &mut layout.v2 {
            let names = fs::read_to_string(unified.mount.join("cgroup.controllers"))?;
            unified.controllers = v2_controllers(&names);
        }
        Ok(layout)
    }

    /// The layout in the text of a mountinfo file (proc_pid_mountinfo(5)); version 2's
    /// controllers are not in it.
    #[must_use]
    pub fn parse(mountinfo: &str) -> Self {
        let mut layout = Self::default();
        for mount in mountinfo.lines().filter_map(Mount::parse) {
            match mount.kind {
                "cgroup2" if layout.v2.is_none() => {
                    layout.v2 = Some(Unified {
                        mount: mount.point,
                        controllers: Vec::new(),
                    });
                }
                "cgroup" => {
                    let controllers: Vec<_> = Controller::ALL
                        .into_iter()
                        .filter(|c| mount.options.split(',').any(|o| o == c.name()))
                        .filter(|c| layout.v1_of(*c).is_none())
                        .collect();
                    if !controllers.is_empty() {
                        layout.v1.push(Hierarchy {
                            mount: mount.point,
                            controllers,
                        });
                    }
                }
                _ => {}
            }
        }
        layout
    }

    /// Which versions there are.
    #[must_use]
    pub fn version(&self) -> Version {
        match (self.v1.is_empty(), &self.v2) {
            (true, None) => Version::None,
            (true, Some(_)) => Version::V2,
            (false, None) => Version::V1,
            (false, Some(_)) => Version::Hybrid,
        }
    }

    /// The hierarchy of version 1 that has a controller.
    #[must_use]
    pub fn v1_of(&self, controller: Controller) -> Option<&Hierarchy> {
        self.v1.iter().find(|h| h.controllers.contains(&controller))
    }

    /// Version 2 has a controller.
    #[must_use]
    pub fn v2_has(&self, controller: Controller) -> bool {
        self.v2
            .as_ref()
            .is_some_and(|unified| unified.controllers.contains(&controller))
    }

    /// Some hierarchy has a controller, or what version 2 has in its place.
    #[must_use]
    pub fn has(&self, controller: Controller) -> bool {
        self.v1_of(controller).is_some()
            || self.v2_has(controller)
            || (controller.v2_name().is_none() && self.v2.is_some())
    }
}

/// The controllers in the text of `cgroup.controllers`.
pub(super) fn v2_controllers(names: &str) -> Vec<Controller> {
    Controller::ALL
        .into_iter()
        .filter(|c| {
            c.v2_name()
                .is_some_and(|name| names.split_whitespace().any(|n| n == name))
        })
        .collect()
}

/// The name of an instance's parent group: `orlop` for the usual run directory, and for another
/// one a name made of its path, so that instances live side by side.
#[must_use]
pub fn parent_name(run_dir: &Path) -> String {
    if run_dir == Path::new("/run/orlop") {
        return "orlop".to_owned();
    }
    let path: String = run_dir
        .to_string_lossy()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    format!("orlop-{}", path.trim_matches('-'))
}

/// The fields of a mountinfo line that matter here.
struct Mount<'a> {
    point: PathBuf,
    kind: &'a str,
    options: &'a str,
}

impl<'a> Mount<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        // id parent device root point options [optional …] - type source super-options
        let (head, tail) = line.split_once(" - ")?;
        let point = head.split(' ').nth(4)?;
        let mut tail = tail.split(' ');
        Some(Self {
            point: PathBuf::from(unescape(point)),
            kind: tail.next()?,
            options: tail.nth(1)?,
        })
    }
}

/// Undoes the kernel's octal escapes of blanks and backslashes.
fn unescape(text: &str) -> String {
    [
        (r"\040", " "),
        (r"\011", "\t"),
        (r"\012", "\n"),
        (r"\134", "\\"),
    ]
    .into_iter()
    .fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    const V1: &str = "\
        31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
        35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
        40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd\n";
    const V2: &str = "41 31 0:38 / /sys/fs/cgroup\\040two rw,relatime - cgroup2 cgroup2 rw\n";

    #[test]
    fn version_1_is_found_with_controllers_that_share_a_mount() {
        let layout = Layout::parse(V1);
        assert_eq!(layout.version(), Version::V1);
        assert_eq!(
            layout.v1.len(),
            2,
            "a hierarchy without controllers does not count"
        );
        let cpu = layout.v1_of(Controller::Cpu).expect("cpu");
        assert_eq!(cpu.mount, Path::new("/sys/fs/cgroup/cpu,cpuacct"));
        assert_eq!(cpu.controllers, [Controller::Cpu, Controller::Cpuacct]);
        assert!(!layout.has(Controller::Pids) && !layout.has(Controller::Freezer));
    }

    #[test]
    fn version_2_is_found_alone_and_beside_version_1() {
        let layout = Layout::parse(V2);
        assert_eq!(layout.version(), Version::V2);
        assert!(
            layout.has(Controller::Freezer),
            "every group of version 2 can pause"
        );
        let mount = layout.v2.expect("version 2").mount;
        assert_eq!(mount, Path::new("/sys/fs/cgroup two"));
        let both = Layout::parse(&format!("{V1}{V2}"));
        assert_eq!(both.version(), Version::Hybrid);
        assert_eq!(Layout::parse("").version(), Version::None);
    }

    #[test]
    fn version_2_has_other_names() {
        let found = v2_controllers("cpuset cpu io memory hugetlb pids rdma\n");
        assert_eq!(found.len(), 6);
        assert!(found.contains(&Controller::Blkio));
    }

    #[test]
    fn instances_have_different_parents() {
        assert_eq!(parent_name(Path::new("/run/orlop")), "orlop");
        assert_eq!(parent_name(Path::new("/tmp/a b/run")), "orlop-tmp-a-b-run");
    }
}
