//! Named volumes: folders of root's that containers get mounted, and their first content.

use std::io;

use orlop_image::layer::ReadError;
use orlop_model::name::VolumeName;
use rustix::io::Errno;

use crate::apply::{Applied, ApplyError, Policy, apply};
use crate::confine::{FileError, Root, failed};
use crate::layout::{Layout, make_folder};
use crate::tree::{Form, TreeSource};

/// Why a volume could not be filled.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// A file operation failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// Reading the image's files failed.
    #[error("reading the image's files: {0}")]
    Tree(ReadError),
    /// Writing the files failed.
    #[error(transparent)]
    Apply(#[from] ApplyError),
}

/// Makes a volume, where it is missing. Says whether it was made.
pub fn create(layout: &Layout, name: &VolumeName) -> Result<bool, FileError> {
    let data = layout.volume_data(name);
    if data.is_dir() {
        return Ok(false);
    }
    make_folder(&layout.volume(name), 0o700)?;
    make_folder(&data, 0o755)?;
    Ok(true)
}

/// Moves a volume and what is in it to the trash. Says whether there was one.
pub fn remove(layout: &Layout, name: &VolumeName) -> Result<bool, FileError> {
    layout.trash().put(&layout.volume(name))
}

/// Every volume there is, in the order of their names.
pub fn list(layout: &Layout) -> io::Result<Vec<VolumeName>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(layout.volumes())? {
        let name = entry?.file_name();
        all.extend(name.to_str().and_then(|name| name.parse().ok()));
    }
    all.sort();
    Ok(all)
}

/// Gives an empty volume what the image has at the place where it is mounted: files, owners,
/// permissions and the attributes of the directory itself. A volume that is not empty, and a path
/// that the image does not have, are left alone.
pub fn copy_up(image: &Root, path: &[u8], data: &Root) -> Result<Option<Applied>, VolumeError> {
    let listed = crate::walk::list(data).map_err(failed("listing", "the volume"))?;
    if !listed.is_empty() {
        return Ok(None);
    }
    let shown = String::from_utf8_lossy(path);
    let directory = match image.directory(&crate::confine::c_path(path).unwrap_or_default()) {
        Ok(directory) => directory,
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Ok(None),
        Err(errno) => return Err(failed("looking for", shown)(errno).into()),
    };
    let source = TreeSource::of_directory(&directory, Form::Plain);
    let policy = Policy {
        top: true,
        keep_directory_links: false,
        ..Policy::OVER
    };
    Ok(Some(apply(
        &mut source.map_err(VolumeError::Tree)?,
        data,
        policy,
    )?))
}
