//! User namespaces of containers: whose ids they get, and files that show them.
//!
//! Root of such a container is a subordinate id on the host (subuid(5)). Its image is not copied
//! for that: layers and the container's own changes are shown through a mount that maps their
//! owners, so on disk everything is as in any other container.

use std::fs;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::sched::CloneFlags;
use nix::unistd::{Gid, Uid, setfsgid, setfsuid};
use orlop_linux::capability::{self, CapabilitySet};
use orlop_linux::{mount, process, users};
use orlop_model::namespace::{IdMap, IdSpan};
use orlop_storage::layout::Layout;
use orlop_storage::merged;
use orlop_wire::channel;
use orlop_wire::reply::{Failure, FailureKind};

use super::failures::file_failure;
use crate::context::{Context, internal};

/// Ids that a container needs: up to `nobody`, 65,534, and the one after it.
const IDS: u32 = 65_536;

/// The ids of one container, and a namespace that has them.
pub(super) struct Users {
    pub(super) map: IdMap,
    namespace: OwnedFd,
}

impl Users {
    /// The subordinate ids of Orlop's user.
    pub(super) fn of_host(context: &Context) -> Result<Self, Failure> {
        let ids = &context.config.subordinate_ids;
        let span = |file: &Path| {
            let text = fs::read_to_string(file).unwrap_or_default();
            subordinate(&text, &ids.user, context.config.server_uid)
                .ok_or_else(|| lacking(&ids.user, file))
        };
        let map = IdMap {
            users: vec![span(&ids.users_file)?],
            groups: vec![span(&ids.groups_file)?],
        };
        let namespace = users::make(&map)
            .map_err(|error| internal(format!("making a user namespace: {error}")))?;
        Ok(Self { map, namespace })
    }

    /// Shows the owners of our own files as the container's: as far as their file system can.
    pub(super) fn show(&self, mount: &OwnedFd) {
        // Where it cannot, they belong to nobody, and can still be read.
        let _ = mount::map_ids(mount, self.namespace.as_fd());
    }

    /// The root file system. It is made by a process with a mount namespace of its own, in which
    /// the folders of the layers and of the container are covered by their mapped selves.
    pub(super) fn root(
        &self,
        layout: &Layout,
        layers: &[PathBuf],
        own: &Path,
    ) -> Result<OwnedFd, Failure> {
        let fail = |error: io::Error| internal(format!("preparing the root file system: {error}"));
        let (ours, theirs) = UnixStream::pair().map_err(fail)?;
        let maker = process::clone(CloneFlags::CLONE_NEWNS, None, || {
            let made = self.make_root(&layout.layers(), layers, own);
            let (answer, root) = match made {
                Ok(root) => (Ok(()), Some(root)),
                Err(failure) => (Err(failure), None),
            };
            let fds: Vec<_> = root.iter().map(std::os::fd::AsFd::as_fd).collect();
            i32::from(channel::send::<Result<(), Failure>>(theirs.as_fd(), &answer, &fds).is_err())
        });
        let maker = maker.map_err(fail)?;
        drop(theirs);
        let answer = channel::receive::<Result<(), Failure>>(ours.as_fd());
        process::wait(maker.pidfd.as_fd()).map_err(fail)?;
        let (made, mut fds) = answer.map_err(|error| internal(error.to_string()))?;
        made?;
        fds.pop()
            .ok_or_else(|| internal("the root file system went astray"))
    }

    fn make_root(
        &self,
        all_layers: &Path,
        layers: &[PathBuf],
        own: &Path,
    ) -> Result<OwnedFd, Failure> {
        mount::make_all_private().map_err(|error| internal(error.to_string()))?;
        for folder in [all_layers, own] {
            self.cover(folder).map_err(|error| match error.kind() {
                io::ErrorKind::InvalidInput => Failure::new(
                    FailureKind::Unsupported,
                    format!(
                        "the file system of {} cannot map owners, which a user namespace needs: ext4, xfs, btrfs or tmpfs on Linux 5.19 can",
                        folder.display()
                    ),
                ),
                _ => internal(format!("mapping {}: {error}", folder.display())),
            })?;
        }
        self.act_as_root()
            .map_err(|error| internal(error.to_string()))?;
        let (upper, work) = (own.join("upper"), own.join("work"));
        merged::container_root(layers, &upper, &work).map_err(|error| file_failure(&error))
    }

    fn cover(&self, folder: &Path) -> io::Result<()> {
        let mapped = mount::copy_of(folder, false)?;
        mount::map_ids(&mapped, self.namespace.as_fd())?;
        mount::attach(&mapped, fs::File::open(folder)?)
    }

    /// overlayfs works in the upper directory as whoever mounts it: that must be somebody whom the
    /// map knows. The rights stay.
    fn act_as_root(&self) -> io::Result<()> {
        let (uid, gid) = self
            .map
            .root()
            .ok_or_else(|| io::Error::other("the map has no root"))?;
        let rights = CapabilitySet::effective()?;
        setfsgid(Gid::from_raw(gid));
        setfsuid(Uid::from_raw(uid));
        // Those over files went with the user (capabilities(7)).
        Ok(capability::apply(rights, rights)?)
    }
}

/// The first span of ids in a text of subuid(5)'s form that is long enough.
fn subordinate(text: &str, name: &str, number: u32) -> Option<IdSpan> {
    let number = number.to_string();
    text.lines().find_map(|line| {
        let mut fields = line.trim().split(':');
        let owner = fields.next()?;
        let outside: u32 = fields.next()?.parse().ok()?;
        let count: u32 = fields.next()?.parse().ok()?;
        let fits = (owner == name || owner == number) && count >= IDS;
        // Never the host's own users.
        (fits && outside >= IDS && outside.checked_add(IDS).is_some()).then_some(IdSpan {
            inside: 0,
            outside,
            count: IDS,
        })
    })
}

fn lacking(name: &str, file: &Path) -> Failure {
    Failure::new(
        FailureKind::Unsupported,
        format!(
            "a user namespace needs {IDS} subordinate ids, and {} has none of user {name:?}: usermod --add-subuids 231072-296607 --add-subgids 231072-296607 {name}",
            file.display()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_found_by_name_or_number_and_is_never_the_hosts() {
        let text = "root:100000:65536\n# odd\nada:1:65536\nada:200000:10\nada:300000:70000\n7:400000:65536\n";
        let outside = |name, number| subordinate(text, name, number).map(|span| span.outside);
        assert_eq!(outside("root", 0), Some(100_000));
        assert_eq!(
            outside("ada", 1000),
            Some(300_000),
            "long enough, no user of the host"
        );
        assert_eq!(outside("x", 7), Some(400_000));
        assert_eq!(outside("x", 8), None);
    }
}
