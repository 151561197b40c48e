//! The container's mounts. Needs a mount namespace of its own.
//!
//! After [`enter`] every path is the container's own: whatever a link in the image says, nothing
//! outside can be reached. Magic links are never followed.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use orlop_linux::mount::{self, Attributes, FsOption, Spread};
use orlop_model::mount::{Mount, MountSource, Propagation};
use orlop_model::namespace::Share;
use orlop_model::spec::ContainerSpec;
use orlop_wire::reply::Failure;

use super::place::{Missing, place};
use crate::failure::{Step as _, invalid};
use crate::plan::{PreparedMount, check_target};

const NOSUID: Attributes = Attributes::MOUNT_ATTR_NOSUID;
const NODEV: Attributes = Attributes::MOUNT_ATTR_NODEV;
const NOEXEC: Attributes = Attributes::MOUNT_ATTR_NOEXEC;
const RDONLY: Attributes = Attributes::MOUNT_ATTR_RDONLY;

/// Makes all mounts private, and opens the place where the root is attached for a moment.
pub(super) fn open_point(point: &Path) -> Result<OwnedFd, Failure> {
    mount::make_all_private().step("making mounts private")?;
    nix::fcntl::open(
        point,
        nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_DIRECTORY | nix::fcntl::OFlag::O_CLOEXEC,
        nix::sys::stat::Mode::empty(),
    )
    .step(format!("opening {}", point.display()))
}

/// Makes the prepared root this namespace's root.
pub(super) fn enter(root: &OwnedFd, point: &OwnedFd) -> Result<(), Failure> {
    mount::attach(root, point).step("attaching the root file system")?;
    mount::enter_root(root.as_fd()).step("entering the root file system")
}

/// A mount of the kernel's that has no place yet.
pub(super) struct Made {
    mount: OwnedFd,
    target: &'static str,
}

/// Makes `/proc`, `/sys`, `/dev` and what lies in it. In a user namespace that works only while
/// the host's own are there to be seen (mount_namespaces(7)).
pub(super) fn make_system(spec: &ContainerSpec) -> Result<Vec<Made>, Failure> {
    let value = |name, text| FsOption::Value(name, Path::new(text));
    let shm = spec.shm_size.to_string();
    let sys = if spec.security.privileged {
        Attributes::empty()
    } else {
        RDONLY
    };
    let all = NOSUID | NODEV | NOEXEC;
    let dev = [value("mode", "755"), value("size", "64m")];
    let pts = [
        value("gid", "5"),
        value("mode", "620"),
        value("ptmxmode", "666"),
        FsOption::Flag("newinstance"),
    ];
    let memory = [value("mode", "1777"), value("size", &shm)];
    let mut wanted: Vec<(&str, &'static str, &[FsOption<'_>], Attributes)> = vec![
        ("proc", "/proc", &[], all),
        ("sysfs", "/sys", &[], all | sys),
        ("tmpfs", "/dev", &dev, NOSUID),
        ("devpts", "/dev/pts", &pts, NOSUID | NOEXEC),
    ];
    let own_ipc = spec.namespaces.ipc == Share::Own;
    // What is shared comes with the prepared mounts.
    if own_ipc && spec.shm_size > 0 {
        wanted.push(("tmpfs", "/dev/shm", &memory, all));
    }
    // The queues of somebody else's namespace belong to somebody else's users.
    if own_ipc || !spec.namespaces.user {
        wanted.push(("mqueue", "/dev/mqueue", &[], all));
    }
    let made = wanted
        .into_iter()
        .map(|(kind, target, options, attributes)| {
            let mount = make(kind, target, options, attributes)?;
            Ok(Made { mount, target })
        });
    made.collect()
}

/// Gives what [`make_system`] has made its places.
pub(super) fn attach_system(system: Vec<Made>) -> Result<(), Failure> {
    for top in ["/proc", "/sys", "/dev"] {
        // A link there would put what is masked by name below in another place (CVE-2019-19921).
        if fs::symlink_metadata(top).is_ok_and(|found| found.is_symlink()) {
            return Err(invalid(format!("{top} of the image is a symbolic link")));
        }
    }
    for made in system {
        put(&made.mount, made.target)?;
    }
    Ok(())
}

fn make(
    kind: &str,
    target: &str,
    options: &[FsOption<'_>],
    attributes: Attributes,
) -> Result<OwnedFd, Failure> {
    let source = if kind == "tmpfs" && target == "/dev/shm" {
        "shm"
    } else {
        kind
    };
    mount::make(kind, Some(source), options, attributes)
        .step(format!("mounting {kind} at {target}"))
}

fn put(made: &OwnedFd, target: &str) -> Result<(), Failure> {
    let what = || format!("mounting at {target}");
    let over = place(Path::new(target), Missing::Directory).step(what())?;
    mount::attach(made, over).step(what())
}

/// Gives what was opened on the host's side its place: volumes, binds, `/etc/hosts` and its like.
pub(super) fn attach(mounts: Vec<PreparedMount>) -> Result<(), Failure> {
    for prepared in mounts {
        let target = prepared.target.as_str();
        check_target(target)?;
        let what = || format!("mounting at {target}");
        let missing = if prepared.directory {
            Missing::Directory
        } else {
            Missing::File
        };
        let over = place(Path::new(target), missing).step(what())?;
        // A link of the image may lead into /proc by another name.
        if mount::is_procfs(over.as_fd()).step(what())? {
            return Err(invalid(format!("mount target {target:?} lies in /proc")));
        }
        let set = if prepared.read_only {
            RDONLY
        } else {
            Attributes::empty()
        };
        mount::change(&prepared.mount, !prepared.writable_below, set, None).step(what())?;
        pass(&prepared.mount, prepared.propagation).step(what())?;
        mount::attach(&prepared.mount, over).step(what())?;
    }
    Ok(())
}

/// Sets how mount events pass. What lies below a mount that does not share with the host is made
/// to share no more, also where only the mount itself was spoken of: else a mount that the
/// container makes there would show outside.
fn pass(mount: &OwnedFd, propagation: Propagation) -> io::Result<()> {
    let set =
        |recursive, spread| mount::change(mount, recursive, Attributes::empty(), Some(spread));
    match propagation {
        Propagation::Rprivate => set(true, Spread::Private),
        Propagation::Rslave | Propagation::Slave => set(true, Spread::Slave),
        Propagation::Rshared => set(true, Spread::Shared),
        Propagation::Shared => set(false, Spread::Shared),
        Propagation::Private => {
            set(true, Spread::Slave)?;
            set(false, Spread::Private)
        }
    }
}

/// Mounts of memory that were asked for.
pub(super) fn mount_memory(mounts: &[Mount]) -> Result<(), Failure> {
    for wanted in mounts {
        let MountSource::Tmpfs {
            size,
            mode,
            options,
        } = &wanted.source
        else {
            continue;
        };
        check_target(&wanted.target)?;
        let mut texts: Vec<(String, String)> = Vec::new();
        let mut attributes = NOSUID | NODEV | NOEXEC;
        if wanted.read_only {
            attributes |= RDONLY;
        }
        for option in options {
            match (option.as_str(), option.split_once('=')) {
                ("exec", _) => attributes.remove(NOEXEC),
                ("suid", _) => attributes.remove(NOSUID),
                ("dev", _) => attributes.remove(NODEV),
                ("noexec" | "nosuid" | "nodev" | "rw", _) => {}
                (
                    _,
                    Some((
                        name @ ("size" | "mode" | "uid" | "gid" | "nr_inodes" | "nr_blocks"),
                        value,
                    )),
                ) => {
                    texts.push((name.to_owned(), value.to_owned()));
                }
                _ => {
                    return Err(invalid(format!(
                        "tmpfs option {option:?} at {} is not known",
                        wanted.target
                    )));
                }
            }
        }
        texts.extend(size.map(|bytes| ("size".to_owned(), bytes.to_string())));
        texts.extend(mode.map(|bits| ("mode".to_owned(), format!("{bits:o}"))));
        if !texts.iter().any(|(name, _)| name == "mode") {
            texts.push(("mode".to_owned(), "1777".to_owned()));
        }
        let list: Vec<_> = texts
            .iter()
            .map(|(n, v)| FsOption::Value(n, Path::new(v)))
            .collect();
        put(
            &make("tmpfs", &wanted.target, &list, attributes)?,
            &wanted.target,
        )?;
    }
    Ok(())
}

/// `/sys/fs/cgroup`: the container's own part, by its cgroup namespace. A host without is no
/// reason to fail: programs that look there find nothing.
pub(super) fn mount_cgroups(privileged: bool) -> Result<(), Failure> {
    let own = fs::read_to_string("/proc/self/cgroup").step("reading the own cgroups")?;
    let mut attributes = NOSUID | NODEV | NOEXEC;
    if !privileged {
        attributes |= RDONLY;
    }
    let top = "/sys/fs/cgroup";
    let controllers: Vec<&str> = own
        .lines()
        .filter_map(|line| line.split(':').nth(1))
        .filter(|c| !c.is_empty())
        .collect();
    if controllers.is_empty() {
        let made = mount::make("cgroup2", Some("cgroup"), &[], attributes);
        if let (Ok(made), Ok(over)) = (made, mount::open_target(Path::new(top))) {
            mount::attach(&made, over).step("mounting cgroup2")?;
        }
        return Ok(());
    }
    let folder = make(
        "tmpfs",
        top,
        &[FsOption::Value("mode", Path::new("755"))],
        NOSUID | NODEV | NOEXEC,
    )?;
    put(&folder, top)?;
    for controller in controllers {
        let name = controller.strip_prefix("name=").unwrap_or(controller);
        let options: Vec<FsOption<'_>> = if controller.starts_with("name=") {
            vec![
                FsOption::Value("name", Path::new(name)),
                FsOption::Flag("none"),
            ]
        } else {
            controller.split(',').map(FsOption::Flag).collect()
        };
        if let Ok(made) = mount::make("cgroup", Some("cgroup"), &options, attributes) {
            let target = format!("{top}/{name}");
            let over = place(Path::new(&target), Missing::Directory)
                .step(format!("mounting cgroup {name}"))?;
            mount::attach(&made, over).step(format!("mounting cgroup {name}"))?;
        }
    }
    if !privileged {
        let over = mount::open_target(Path::new(top)).step("closing /sys/fs/cgroup")?;
        mount::change(&over, false, RDONLY, None).step("closing /sys/fs/cgroup")?;
    }
    Ok(())
}

/// Closes the root file system itself; mounts in it stay as they are.
pub(super) fn make_root_read_only() -> Result<(), Failure> {
    let root = mount::open_target(Path::new("/")).step("closing the root file system")?;
    mount::change(&root, false, RDONLY, None).step("closing the root file system")
}
