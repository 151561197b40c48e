//! A container's cgroups by the path that its configuration names, over the runtime's own code.

use std::path::PathBuf;

use orlop_linux::cgroup::{Cgroup, CgroupError, Layout};
use orlop_model::limits::Limits;
use orlop_runtime::bundle::OwnCgroup;
use serde::{Deserialize, Serialize};

use crate::plan::{Access, PlanError, invalid, unsupported};

/// Where a container's groups are, in every hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Group {
    parts: Vec<String>,
}

/// Why groups could not be made or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GroupError {
    /// The kernel refuses.
    #[error(transparent)]
    Cgroup(#[from] CgroupError),
    /// The host's hierarchies are not to be found.
    #[error("finding the host's cgroups: {0}")]
    Layout(#[from] std::io::Error),
    /// Somebody else's processes are in it.
    #[error("linux.cgroupsPath: {0} has processes in it already")]
    InUse(String),
}

impl Group {
    /// The group that a configuration names, or one by the container's id.
    ///
    /// # Errors
    /// If the path is none, or of systemd's form.
    pub(crate) fn of(path: Option<&str>, id: &str) -> Result<Self, PlanError> {
        const FIELD: &str = "linux.cgroupsPath";
        let Some(path) = path.filter(|path| !path.is_empty()) else {
            return Ok(Self {
                parts: vec![format!("orlop-oci-{id}")],
            });
        };
        if !path.contains('/') && path.split(':').count() == 3 {
            return Err(unsupported(
                FIELD,
                format!("{path:?} is systemd's form slice:prefix:name"),
            ));
        }
        let parts: Vec<String> = path
            .split('/')
            .filter(|part| !part.is_empty() && *part != ".")
            .map(ToOwned::to_owned)
            .collect();
        if parts.is_empty() || path.contains('\0') || parts.iter().any(|part| part == "..") {
            let why = format!("{path:?} is no path below the root of the cgroups");
            return Err(invalid(FIELD, why));
        }
        Ok(Self { parts })
    }

    fn at(&self, layout: &Layout, depth: usize) -> Cgroup {
        let (above, own) = self.parts[..depth].split_at(depth - 1);
        Cgroup::new(layout, &above.join("/"), &own[0])
    }

    /// The groups, as the runtime knows them.
    ///
    /// # Errors
    /// If the host's hierarchies cannot be found.
    pub(crate) fn open(&self) -> Result<Cgroup, GroupError> {
        Ok(self.at(&Layout::discover()?, self.parts.len()))
    }

    /// Makes sure that nobody is in the groups: their processes would be taken for the container's.
    ///
    /// # Errors
    /// If somebody is, or it cannot be told.
    pub(crate) fn check_free(&self) -> Result<(), GroupError> {
        if self.open()?.pids()?.is_empty() {
            Ok(())
        } else {
            Err(GroupError::InUse(self.parts.join("/")))
        }
    }

    /// Makes the groups with those above them, and sets limits and devices; what the host cannot
    /// enforce comes back in words.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(crate) fn make(
        &self,
        limits: &Limits,
        access: &Access,
    ) -> Result<(Cgroup, Vec<String>), GroupError> {
        let layout = Layout::discover()?;
        for depth in 1..self.parts.len() {
            self.at(&layout, depth).create()?;
        }
        let cgroup = self.at(&layout, self.parts.len());
        cgroup.create()?;
        let warnings = cgroup.limit(limits)?;
        if let Access::Only(rules) = access {
            cgroup.allow_devices(rules)?;
        }
        Ok((cgroup, warnings))
    }

    /// Whether its processes are stopped for a while.
    #[must_use]
    pub(crate) fn is_frozen(&self) -> bool {
        let Ok(cgroup) = self.open() else {
            return false;
        };
        let says = |path: PathBuf, word: &str| {
            std::fs::read_to_string(path).is_ok_and(|text| text.trim() == word)
        };
        cgroup.directories().any(|folder| {
            says(folder.join("freezer.state"), "FROZEN") || says(folder.join("cgroup.freeze"), "1")
        })
    }

    /// The groups as mounts of type `cgroup` show them: a folder for each hierarchy by the name of
    /// its mount, and a link for each controller that shares it.
    #[must_use]
    pub(crate) fn shown(&self, cgroup: &Cgroup) -> Vec<OwnCgroup> {
        let depth = self.parts.len();
        let folders: Vec<&PathBuf> = cgroup.directories().collect();
        let alone = folders.len() == 1;
        let one = |path: &&PathBuf| {
            let mount = path.ancestors().nth(depth)?;
            let name = mount.file_name()?.to_string_lossy().into_owned();
            let mut names = Vec::new();
            if !(alone && path.join("cgroup.controllers").exists()) {
                let links = name.split(',').filter(|link| *link != name);
                names.push(name.clone());
                names.extend(links.map(ToOwned::to_owned));
            }
            Some(OwnCgroup {
                names,
                path: (*path).clone(),
            })
        };
        folders.iter().filter_map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_plain_and_below_the_root() {
        let parts = |path| Group::of(path, "id").map(|group| group.parts.join("/"));
        assert_eq!(parts(None).as_deref(), Ok("orlop-oci-id"));
        assert_eq!(parts(Some("/a/./b//c")).as_deref(), Ok("a/b/c"));
        for wrong in ["/", "a/../b", "system.slice:podman:id"] {
            assert!(parts(Some(wrong)).is_err(), "{wrong}");
        }
    }
}
