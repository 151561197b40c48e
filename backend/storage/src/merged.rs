//! Layers seen as one tree, through an overlay mount that is attached nowhere: it exists as long
//! as its descriptor, and the host's mount table never shows it. Needs `CAP_SYS_ADMIN`.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use orlop_linux::mount::Attributes;
use orlop_linux::overlay::Overlay;
use rustix::fs::OFlags;
use rustix::io::Errno;

use crate::attributes::is_opaque;
use crate::confine::{FileError, Root, failed};
use crate::layout::make_folder;

/// The layers that can be seen at all, lowest first: a layer whose top is opaque hides everything
/// below it, which overlayfs does not look at for the top of a mount.
pub fn visible(layers: &[PathBuf]) -> Result<&[PathBuf], FileError> {
    for (at, layer) in layers.iter().enumerate().rev() {
        let root = Root::open(layer)?;
        if is_opaque(&root).map_err(failed("looking at", layer.display()))? {
            return Ok(&layers[at..]);
        }
    }
    Ok(layers)
}

/// Layers over each other, lowest first, for reading.
pub fn read_only(layers: &[PathBuf]) -> Result<Root, FileError> {
    match visible(layers)? {
        [] => Err(failed("mounting", "no layers")(Errno::INVAL)),
        // overlayfs wants two; the marks that one layer may hold are known to whoever reads it.
        [only] => Root::open(only),
        several => top_of(overlay(several, None, FOR_FILES)?),
    }
}

/// Layers over each other, lowest first, with an upper directory that takes the changes. No other
/// mount may use it at the same time.
pub fn writable(layers: &[PathBuf], upper: &Path, work: &Path) -> Result<Root, FileError> {
    match visible(layers)? {
        // An image from nothing: its first layer is written as it is.
        [] => Root::open(upper),
        some => top_of(overlay(some, Some((upper, work)), FOR_FILES)?),
    }
}

/// The same as a mount for a container's own namespace, where programs run and devices open.
pub fn container_root(layers: &[PathBuf], upper: &Path, work: &Path) -> Result<OwnedFd, FileError> {
    let visible = visible(layers)?;
    let changes = Some((upper, work));
    if !visible.is_empty() {
        return overlay(visible, changes, Attributes::empty());
    }
    // overlayfs wants something below; an image from nothing has nothing.
    let nothing = upper.with_file_name("nothing");
    make_folder(&nothing, 0o755)?;
    overlay(&[nothing], changes, Attributes::empty())
}

/// Nothing in the tree is a device, a program or set-id to whoever holds the mount.
const FOR_FILES: Attributes = Attributes::MOUNT_ATTR_NODEV
    .union(Attributes::MOUNT_ATTR_NOSUID)
    .union(Attributes::MOUNT_ATTR_NOEXEC);

fn overlay(
    layers: &[PathBuf],
    upper: Option<(&Path, &Path)>,
    attributes: Attributes,
) -> Result<OwnedFd, FileError> {
    let lower: Vec<&Path> = layers.iter().rev().map(PathBuf::as_path).collect();
    let made = Overlay {
        lower: &lower,
        upper,
    }
    .make(attributes);
    made.map_err(failed(
        "mounting",
        format!("{} layers as one tree", layers.len()),
    ))
}

/// fsmount(2) gives an `O_PATH` descriptor; listing wants a real one.
fn top_of(mount: OwnedFd) -> Result<Root, FileError> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let top = rustix::fs::openat(&mount, c".", flags, rustix::fs::Mode::empty());
    top.map(|top| Root::of_mount(top, mount))
        .map_err(failed("opening", "an overlay mount"))
}
