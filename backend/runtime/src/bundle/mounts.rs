//! Mounts of a bundle: what comes from the host is opened there, before anything of the container
//! exists; everything gets its place by descriptor, below the root and before it is entered, so
//! that hooks find the root complete.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use nix::fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2};
use nix::sys::stat::{Mode, fstat};
use orlop_linux::mount::{self, Attributes, FsOption, Spread};
use orlop_wire::reply::Failure;

use super::copy_up;
use super::options::Change;
use super::plan::{BundleMount, Content, OwnCgroup};
use crate::failure::{Step as _, invalid};
use crate::init::place::{Missing, place_in};

/// Files of `/proc` that something may be mounted over: they tell and decide nothing.
const HARMLESS_IN_PROC: [&str; 11] = [
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/uptime",
    "/proc/loadavg",
    "/proc/slabinfo",
    "/proc/net/dev",
    "/proc/sys/kernel/ns_last_pid",
    "/proc/sys/crypto/fips_enabled",
];

/// A mount with what the host gives to it.
#[derive(Debug)]
pub(super) struct Prepared<'a> {
    mount: &'a BundleMount,
    given: Given,
}

#[derive(Debug)]
enum Given {
    Nothing,
    /// A copy of a mount, attached nowhere, and whether it is a folder.
    Tree(OwnedFd, bool),
    Cgroups(Vec<(Vec<String>, OwnedFd)>),
}

/// Opens what comes from the host. `folder` is the bundle's, which relative sources start at.
pub(super) fn prepare<'a>(
    mounts: &'a [BundleMount],
    folder: &Path,
    cgroups: &[OwnCgroup],
) -> Result<Vec<Prepared<'a>>, Failure> {
    let one = |wanted: &'a BundleMount| -> Result<Prepared<'a>, Failure> {
        let given = match &wanted.content {
            Content::Fresh { .. } => Given::Nothing,
            Content::Bind { source, recursive } => {
                let source: PathBuf = folder.join(source);
                let (tree, is_folder) = copy_of(&source, *recursive)
                    .step(format!("opening the mount source {}", source.display()))?;
                Given::Tree(tree, is_folder)
            }
            Content::Cgroup => Given::Cgroups(
                cgroups
                    .iter()
                    .map(|group| {
                        let (tree, _) = copy_of(&group.path, false)
                            .step(format!("opening the cgroup {}", group.path.display()))?;
                        Ok((group.names.clone(), tree))
                    })
                    .collect::<Result<_, Failure>>()?,
            ),
        };
        Ok(Prepared {
            mount: wanted,
            given,
        })
    };
    mounts.iter().map(one).collect()
}

fn copy_of(path: &Path, recursive: bool) -> std::io::Result<(OwnedFd, bool)> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let found = open(path, flags, Mode::empty())?;
    let is_folder = fstat(&found)?.st_mode & nix::libc::S_IFMT == nix::libc::S_IFDIR;
    Ok((mount::copy_of_fd(found.as_fd(), recursive)?, is_folder))
}

/// Gives every mount its place below the root.
pub(super) fn attach(root: &OwnedFd, prepared: Vec<Prepared<'_>>) -> Result<(), Failure> {
    for Prepared { mount, given } in prepared {
        let what = format!("mounting at {}", mount.target);
        match (given, &mount.content) {
            (Given::Tree(tree, is_folder), _) => bind(root, mount, &tree, is_folder)?,
            (Given::Cgroups(groups), _) => cgroups(root, mount, groups)?,
            (Given::Nothing, Content::Fresh { kind, source }) => {
                fresh(root, mount, kind, source)?;
            }
            (Given::Nothing, _) => return Err(invalid(format!("{what}: nothing to mount"))),
        }
    }
    Ok(())
}

fn bind(
    root: &OwnedFd,
    wanted: &BundleMount,
    tree: &OwnedFd,
    is_folder: bool,
) -> Result<(), Failure> {
    let missing = if is_folder {
        Missing::Directory
    } else {
        Missing::File
    };
    let over = target(root, wanted, missing)?;
    let what = || format!("mounting at {}", wanted.target);
    change(tree, false, wanted.options.own).step(what())?;
    change(tree, true, wanted.options.all).step(what())?;
    // What is shared with the host is so only when asked for.
    let (spread, recursive) = wanted.options.spread.unwrap_or((Spread::Private, true));
    if !recursive {
        mount::change(tree, true, Attributes::empty(), Some(Spread::Private)).step(what())?;
    }
    mount::change(tree, recursive, Attributes::empty(), Some(spread)).step(what())?;
    mount::attach(tree, over).step(what())
}

fn change(tree: &OwnedFd, recursive: bool, change: Change) -> std::io::Result<()> {
    if change.is_empty() {
        return Ok(());
    }
    mount::alter(tree, recursive, change.set, change.clear)
}

fn fresh(root: &OwnedFd, wanted: &BundleMount, kind: &str, source: &str) -> Result<(), Failure> {
    let what = || format!("mounting {kind} at {}", wanted.target);
    if matches!(kind, "proc" | "sysfs") {
        // A link there would put what is masked by name in another place (CVE-2019-19921).
        refuse_link(root, &wanted.target)?;
    }
    let over = target(root, wanted, Missing::Directory)?;
    let mode;
    let mut data: Vec<FsOption<'_>> = Vec::new();
    for (name, value) in &wanted.options.data {
        data.push(match value {
            Some(value) => FsOption::Value(name, Path::new(value)),
            None => FsOption::Flag(name),
        });
    }
    if kind == "tmpfs" && !wanted.options.has_data("mode") {
        // What is covered keeps its mode.
        mode = format!("{:o}", fstat(&over).step(what())?.st_mode & 0o7777);
        data.push(FsOption::Value("mode", Path::new(&mode)));
    }
    let own = wanted.options.own;
    let made = mount::make(kind, Some(source), &data, own.set).step(what())?;
    change(&made, true, wanted.options.all).step(what())?;
    if wanted.options.copy_up {
        copy_up::copy(&over, &made).step(format!("filling {}", wanted.target))?;
    }
    if let Some((spread, recursive)) = wanted.options.spread {
        mount::change(&made, recursive, Attributes::empty(), Some(spread)).step(what())?;
    }
    mount::attach(&made, over).step(what())
}

/// The container's own cgroups: the group itself where there is one hierarchy, a folder with one
/// for each otherwise.
fn cgroups(
    root: &OwnedFd,
    wanted: &BundleMount,
    groups: Vec<(Vec<String>, OwnedFd)>,
) -> Result<(), Failure> {
    let what = || format!("mounting cgroup at {}", wanted.target);
    let over = target(root, wanted, Missing::Directory)?;
    let set = wanted.options.own.set;
    if let [(names, tree)] = groups.as_slice()
        && names.is_empty()
    {
        private(tree, set).step(what())?;
        return mount::attach(tree, over).step(what());
    }
    let mode = FsOption::Value("mode", Path::new("755"));
    let closed = set & Attributes::MOUNT_ATTR_RDONLY;
    let top = mount::make("tmpfs", Some("cgroup"), &[mode], set - closed).step(what())?;
    mount::attach(&top, over).step(what())?;
    for (names, tree) in groups {
        let Some((first, links)) = names.split_first() else {
            continue;
        };
        private(&tree, set).step(what())?;
        let place = place_in(top.as_fd(), Path::new(first), Missing::Directory).step(what())?;
        mount::attach(&tree, place).step(what())?;
        for link in links {
            nix::unistd::symlinkat(first.as_str(), &top, link.as_str()).step(what())?;
        }
    }
    mount::alter(&top, false, closed, Attributes::empty()).step(what())
}

fn private(tree: &OwnedFd, set: Attributes) -> std::io::Result<()> {
    mount::change(tree, true, set, Some(Spread::Private))
}

fn refuse_link(root: &OwnedFd, target: &str) -> Result<(), Failure> {
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    // What is missing is made later.
    let Ok(found) = openat2(root, target, how) else {
        return Ok(());
    };
    let kind = fstat(&found).step(format!("looking at {target}"))?.st_mode & nix::libc::S_IFMT;
    if kind == nix::libc::S_IFLNK {
        Err(invalid(format!(
            "{target} of the root file system is a symbolic link"
        )))
    } else {
        Ok(())
    }
}

/// The place of a mount, made where it is missing. Not in `/proc`, by whatever name, but for
/// files of it that tell nothing.
fn target(root: &OwnedFd, wanted: &BundleMount, missing: Missing) -> Result<OwnedFd, Failure> {
    let target = wanted.target.as_str();
    let over = place_in(root.as_fd(), Path::new(target), missing)
        .step(format!("making the mount target {target}"))?;
    let in_proc = mount::is_procfs(over.as_fd()).step(format!("looking at {target}"))?;
    if in_proc && !HARMLESS_IN_PROC.contains(&target) {
        return Err(invalid(format!("mount target {target:?} lies in /proc")));
    }
    Ok(over)
}
