//! Namespaces: made, joined by path, or the host's; their users' maps, their clocks, and the
//! kernel parameters that they have of their own.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use nix::sched::CloneFlags;
use orlop_runtime::bundle::{IdMaps, Namespaces};

use super::{PlanError, invalid, unsupported};
use crate::config::{IdMapping, Linux};

/// `CLONE_NEWTIME`, which nix does not name.
const NEW_TIME: CloneFlags = CloneFlags::from_bits_retain(0x80);

/// Kinds by the names of the specification, in the order in which they are joined: the user
/// namespace last, since it takes rights over the others away.
pub(crate) const KINDS: [(&str, CloneFlags); 8] = [
    ("time", NEW_TIME),
    ("ipc", CloneFlags::CLONE_NEWIPC),
    ("uts", CloneFlags::CLONE_NEWUTS),
    ("network", CloneFlags::CLONE_NEWNET),
    ("pid", CloneFlags::CLONE_NEWPID),
    ("cgroup", CloneFlags::CLONE_NEWCGROUP),
    ("mount", CloneFlags::CLONE_NEWNS),
    ("user", CloneFlags::CLONE_NEWUSER),
];

/// Namespaces that a configuration wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    new: CloneFlags,
    join: Vec<(CloneFlags, PathBuf)>,
    id_maps: Option<IdMaps>,
    time_offsets: Option<String>,
}

impl Wanted {
    /// Reads them off.
    ///
    /// # Errors
    /// The property that is wrong or not supported.
    pub(crate) fn of(linux: &Linux) -> Result<Self, PlanError> {
        let mut new = CloneFlags::empty();
        let mut join = Vec::new();
        for (at, wanted) in linux.namespaces.iter().enumerate() {
            let field = format!("linux.namespaces[{at}]");
            let kind = KINDS.iter().find(|(name, _)| *name == wanted.kind);
            let Some((name, flag)) = kind else {
                let why = format!("{:?} is no kind of namespace", wanted.kind);
                return Err(invalid(format!("{field}.type"), why));
            };
            if new.contains(*flag) || join.iter().any(|(known, _)| known == flag) {
                return Err(invalid(field, format!("{name} comes twice")));
            }
            match wanted.path.as_ref().filter(|p| !p.as_os_str().is_empty()) {
                None => new |= *flag,
                Some(path) if !path.is_absolute() => {
                    let why = format!("{} is not an absolute path", path.display());
                    return Err(invalid(format!("{field}.path"), why));
                }
                Some(_) if *name == "mount" => {
                    return Err(unsupported(
                        format!("{field}.path"),
                        "every container gets a mount namespace of its own",
                    ));
                }
                Some(path) => join.push((*flag, path.clone())),
            }
        }
        if !new.contains(CloneFlags::CLONE_NEWNS) {
            return Err(unsupported(
                "linux.namespaces",
                "a container without a mount namespace would change the host's mounts",
            ));
        }
        let order = |(flag, _): &(CloneFlags, PathBuf)| KINDS.iter().position(|(_, f)| f == flag);
        join.sort_by_key(order);
        let wanted = Self {
            id_maps: id_maps(linux, new.contains(CloneFlags::CLONE_NEWUSER))?,
            time_offsets: time_offsets(linux, new.contains(NEW_TIME))?,
            new,
            join,
        };
        Ok(wanted)
    }

    /// A kind is made.
    #[must_use]
    pub(crate) fn makes(&self, kind: CloneFlags) -> bool {
        self.new.contains(kind)
    }

    /// A kind is not the host's.
    #[must_use]
    pub(crate) fn has(&self, kind: CloneFlags) -> bool {
        self.makes(kind) || self.join.iter().any(|(joined, _)| *joined == kind)
    }

    /// Opens those that are joined.
    pub(super) fn open(self) -> Result<Namespaces, PlanError> {
        let open = |(kind, path): (CloneFlags, PathBuf)| {
            let file = std::fs::File::open(&path).map_err(|error| {
                let why = format!("cannot open {}: {error}", path.display());
                invalid("linux.namespaces", why)
            })?;
            let magic = nix::sys::statfs::fstatfs(&file).map(|stat| stat.filesystem_type());
            if magic != Ok(nix::sys::statfs::NSFS_MAGIC) {
                let why = format!("{} is no namespace", path.display());
                return Err(invalid("linux.namespaces", why));
            }
            Ok((kind, OwnedFd::from(file)))
        };
        Ok(Namespaces {
            new: self.new,
            join: self
                .join
                .into_iter()
                .map(open)
                .collect::<Result<_, PlanError>>()?,
            id_maps: self.id_maps,
            time_offsets: self.time_offsets,
        })
    }
}

fn id_maps(linux: &Linux, makes: bool) -> Result<Option<IdMaps>, PlanError> {
    let maps = [
        ("linux.uidMappings", &linux.uid_mappings),
        ("linux.gidMappings", &linux.gid_mappings),
    ];
    for (field, map) in maps {
        if makes && map.is_empty() {
            return Err(invalid(field, "a new user namespace needs a map"));
        }
        if !makes && !map.is_empty() {
            return Err(invalid(field, "no user namespace is made"));
        }
        if map.iter().any(|range| range.size == 0) {
            return Err(invalid(field, "a range is empty"));
        }
    }
    let lines = |map: &[IdMapping]| {
        map.iter().fold(String::new(), |mut text, range| {
            // Writing to a String never fails.
            let _ = writeln!(text, "{} {} {}", range.container, range.host, range.size);
            text
        })
    };
    Ok(makes.then(|| IdMaps {
        uids: lines(&linux.uid_mappings),
        gids: lines(&linux.gid_mappings),
    }))
}

fn time_offsets(linux: &Linux, makes: bool) -> Result<Option<String>, PlanError> {
    let field = "linux.timeOffsets";
    if linux.time_offsets.is_empty() {
        return Ok(None);
    }
    if !makes {
        return Err(invalid(field, "no time namespace is made"));
    }
    let mut text = String::new();
    for (clock, offset) in &linux.time_offsets {
        if !matches!(clock.as_str(), "monotonic" | "boottime") {
            let why = format!("{clock:?} is not monotonic or boottime");
            return Err(invalid(field, why));
        }
        let _ = writeln!(text, "{clock} {} {}", offset.secs, offset.nanosecs);
    }
    Ok(Some(text))
}

/// Files below `/proc/sys`, of parameters that belong to the container's own namespaces; others
/// are the host's, and refused.
pub(super) fn sysctls(
    sysctls: &BTreeMap<String, String>,
    wanted: &Wanted,
) -> Result<Vec<(String, String)>, PlanError> {
    let one = |(name, value): (&String, &String)| {
        let field = format!("linux.sysctl[{name:?}]");
        let path = name.replace('.', "/");
        let plain = !path.is_empty()
            && !path.contains("//")
            && !path.split('/').any(str::is_empty)
            && path
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'/' | b'_' | b'-'));
        if !plain {
            return Err(invalid(field, "is no name of a kernel parameter"));
        }
        let (kind, belongs) = owner_of(&path);
        let Some(kind) = kind else {
            return Err(invalid(field, "is not in a namespace: it is the host's"));
        };
        if !wanted.has(kind) {
            return Err(invalid(
                field,
                format!("the container has no {belongs} namespace of its own"),
            ));
        }
        Ok((format!("/proc/sys/{path}"), value.clone()))
    };
    sysctls.iter().map(one).collect()
}

fn owner_of(path: &str) -> (Option<CloneFlags>, &'static str) {
    let ipc = path == "kernel/sem"
        || ["kernel/shm", "kernel/msg", "fs/mqueue/"]
            .iter()
            .any(|prefix| path.starts_with(prefix));
    if ipc {
        (Some(CloneFlags::CLONE_NEWIPC), "ipc")
    } else if path.starts_with("net/") {
        (Some(CloneFlags::CLONE_NEWNET), "network")
    } else if path == "kernel/domainname" {
        (Some(CloneFlags::CLONE_NEWUTS), "uts")
    } else {
        (None, "")
    }
}
