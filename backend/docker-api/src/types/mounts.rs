//! `HostConfig.Mounts`, which is what `--mount` becomes.

use orlop_model::mount::{Mount, MountSource};
use serde::Deserialize;

use crate::error::ApiError;

/// One entry of `HostConfig.Mounts`.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
pub(crate) struct MountBody {
    target: String,
    source: String,
    r#type: String,
    read_only: bool,
    bind_options: Option<BindBody>,
    volume_options: Option<VolumeBody>,
    tmpfs_options: Option<TmpfsBody>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct BindBody {
    propagation: String,
    create_mountpoint: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct VolumeBody {
    no_copy: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct TmpfsBody {
    size_bytes: u64,
    mode: u32,
}

impl MountBody {
    /// Translates.
    pub(crate) fn into_mount(self) -> Result<Mount, ApiError> {
        let bad = |reason: &str| {
            ApiError::bad_request(format!(
                "invalid mount config for {:?}: {reason}",
                self.target
            ))
        };
        if !self.target.starts_with('/') {
            return Err(bad("Target must be an absolute path"));
        }
        let source = match self.r#type.as_str() {
            "bind" => {
                let options = self.bind_options.unwrap_or_default();
                MountSource::Bind {
                    path: self.source.clone(),
                    create: options.create_mountpoint,
                    propagation: options
                        .propagation
                        .parse()
                        .map_err(|e| bad(&format!("{e}")))?,
                }
            }
            "volume" | "" => {
                let copy_up = !self.volume_options.unwrap_or_default().no_copy;
                MountSource::volume(&self.source, copy_up).map_err(|e| bad(&e.to_string()))?
            }
            "tmpfs" => {
                let options = self.tmpfs_options.unwrap_or_default();
                MountSource::Tmpfs {
                    size: (options.size_bytes > 0).then_some(options.size_bytes),
                    mode: (options.mode > 0).then_some(options.mode),
                    options: Vec::new(),
                }
            }
            other => return Err(bad(&format!("mount type {other:?} is not supported"))),
        };
        Ok(Mount {
            target: self.target,
            source,
            read_only: self.read_only,
        })
    }
}
