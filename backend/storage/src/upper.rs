//! The folders in which overlayfs keeps what a container changes.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::path::Path;

use crate::confine::{FileError, failed};
use crate::layout::make_folder;

/// Makes `upper` and `work` in a container's folder, where they are missing. The top of the tree
/// that a container sees is the upper directory itself, so it gets the attributes of the top of
/// the highest layer.
pub fn prepare(container: &Path, highest_layer: Option<&Path>) -> Result<(), FileError> {
    let (upper, work) = (container.join("upper"), container.join("work"));
    make_folder(&work, 0o700)?;
    if upper.is_dir() {
        return Ok(());
    }
    let fail = |action| failed(action, upper.display());
    let Some(layer) = highest_layer else {
        return make_folder(&upper, 0o755);
    };
    let top = fs::metadata(layer).map_err(failed("looking at", layer.display()))?;
    make_folder(&upper, 0o755)?;
    chown(&upper, Some(top.uid()), Some(top.gid())).map_err(fail("setting the owner of"))?;
    fs::set_permissions(&upper, fs::Permissions::from_mode(top.mode() & 0o7777))
        .map_err(fail("setting permissions of"))
}
