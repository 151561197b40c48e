//! Where things stand below the data directory, and who may see them.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use orlop_image::digest::Digest;
use orlop_model::id::{ContainerId, DiffId, JobId};
use orlop_model::name::VolumeName;

use crate::confine::{FileError, failed};
use crate::trash::Trash;

/// The data directory. Layers, volumes, contexts and the trash are root's alone; the server's own folders
/// (database, blobs) are not made here.
#[derive(Debug, Clone)]
pub struct Layout {
    data: PathBuf,
}

impl Layout {
    /// The layout below `data`.
    #[must_use]
    pub fn new(data: PathBuf) -> Self {
        Self { data }
    }

    /// Makes the folders that hold root's things, and takes them from everybody else.
    pub fn prepare(&self) -> Result<(), FileError> {
        for (folder, mode) in [
            (self.layers(), 0o700),
            (self.volumes(), 0o700),
            (self.trash_folder(), 0o700),
            (self.contexts(), 0o700),
            (self.containers(), 0o711),
        ] {
            make_folder(&folder, mode)?;
        }
        Ok(())
    }

    /// The data directory itself.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// All layers.
    #[must_use]
    pub fn layers(&self) -> PathBuf {
        self.data.join("layers")
    }

    /// An unpacked layer, in overlay form.
    #[must_use]
    pub fn layer(&self, diff_id: &DiffId) -> PathBuf {
        self.layers().join(diff_id.hex())
    }

    /// All containers.
    #[must_use]
    pub fn containers(&self) -> PathBuf {
        self.data.join("containers")
    }

    /// A container's folder.
    #[must_use]
    pub fn container(&self, id: &ContainerId) -> PathBuf {
        self.containers().join(id.as_str())
    }

    /// What a container has changed.
    #[must_use]
    pub fn upper(&self, id: &ContainerId) -> PathBuf {
        self.container(id).join("upper")
    }

    /// overlayfs's own folder beside it.
    #[must_use]
    pub fn work(&self, id: &ContainerId) -> PathBuf {
        self.container(id).join("work")
    }

    /// All volumes.
    #[must_use]
    pub fn volumes(&self) -> PathBuf {
        self.data.join("volumes")
    }

    /// A volume's folder.
    #[must_use]
    pub fn volume(&self, name: &VolumeName) -> PathBuf {
        self.volumes().join(name.as_str())
    }

    /// What a container sees of a volume.
    #[must_use]
    pub fn volume_data(&self, name: &VolumeName) -> PathBuf {
        self.volume(name).join("_data")
    }

    /// All unpacked build contexts. Not in the jobs' own folders: those are the server's, which
    /// could put a link there for root to follow.
    #[must_use]
    pub fn contexts(&self) -> PathBuf {
        self.data.join("contexts")
    }

    /// A job's unpacked build context.
    #[must_use]
    pub fn context(&self, id: &JobId) -> PathBuf {
        self.contexts().join(id.as_str())
    }

    /// The trash.
    #[must_use]
    pub fn trash(&self) -> Trash {
        Trash::new(self.trash_folder())
    }

    fn trash_folder(&self) -> PathBuf {
        self.data.join("trash")
    }
}

/// Makes a folder with exactly these permissions, or gives them to the one that is there.
pub fn make_folder(folder: &Path, mode: u32) -> Result<(), FileError> {
    let made = DirBuilder::new().recursive(true).mode(mode).create(folder);
    made.map_err(failed("making", folder.display()))?;
    fs::set_permissions(folder, fs::Permissions::from_mode(mode))
        .map_err(failed("setting permissions of", folder.display()))
}

/// A digest in the words of the domain.
#[must_use]
pub fn diff_id(digest: &Digest) -> DiffId {
    DiffId::from_sha256(*digest.as_bytes())
}

/// A digest in the words of images.
#[must_use]
pub fn digest(diff_id: &DiffId) -> Digest {
    // Both types hold the same 32 bytes; a DiffId is 64 hexadecimal digits by construction.
    Digest::from_hex(diff_id.hex()).unwrap_or(Digest::from_bytes([0; 32]))
}
