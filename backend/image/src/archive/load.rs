//! Loads images from a `docker save` archive or an OCI layout in one pass over the stream.
//!
//! Every file of the archive is first staged beside the blob store; when the archive has ended and
//! its documents fit together, the blobs that an image needs are published and the rest vanish.

use std::collections::HashMap;
use std::io::{self, Read, Write};

use serde::Deserialize;

use crate::compression::{self, Decoder};
use crate::config::{ConfigError, ImageConfig, MAX_CONFIG_BYTES};
use crate::content::{BlobStore, ContentError, StagedBlob};
use crate::digest::Digest;
use crate::layer::path::PathError;
use crate::layer::{Entry, EntryPath, Kind, Limits, ReadError, Source, TarReader};
use crate::manifest::{
    Descriptor, MAX_MANIFEST_BYTES, Manifest, ManifestError, Parsed, Platform, media_type, parse,
};

/// Files in one archive.
const MAX_FILES: u64 = 50_000;
/// Links and indexes that lead to another one.
const MAX_HOPS: usize = 8;

/// Why an archive cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The tar stream is bad.
    #[error(transparent)]
    Archive(#[from] ReadError),
    /// The blob store failed, or a blob is not what its name says.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// Writing a blob failed.
    #[error("storing {path}: {source}")]
    Store {
        /// Which file of the archive.
        path: EntryPath,
        /// Why.
        source: io::Error,
    },
    /// A manifest is bad.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A configuration is bad.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A document of the archive is malformed.
    #[error("{name} is malformed: {source}")]
    Document {
        /// Which.
        name: &'static str,
        /// Why.
        source: serde_json::Error,
    },
    /// A name in a document is refused.
    #[error(transparent)]
    Path(#[from] PathError),
    /// A document names a file that is not in the archive.
    #[error("the archive names {0}, but does not hold it")]
    Missing(String),
    /// The archive holds neither form.
    #[error("the archive holds neither manifest.json nor index.json: it is not an image archive")]
    NoImage,
    /// The layers and the configuration do not belong together.
    #[error("an image has {layers} layers, but its configuration lists {diff_ids}")]
    Layers {
        /// In the manifest.
        layers: usize,
        /// In the configuration.
        diff_ids: usize,
    },
    /// No image of the index runs on this machine.
    #[error("no image of the archive is for {0}")]
    Platform(Platform),
}

/// An image whose blobs are now in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedImage {
    /// Digest of the configuration: the image's id.
    pub id: Digest,
    /// The configuration.
    pub config: ImageConfig,
    /// The bytes of the configuration.
    pub config_bytes: Vec<u8>,
    /// The manifest, where the archive holds one; in the store, too.
    pub manifest: Option<Manifest>,
    /// The layers, lowest first.
    pub layers: Vec<LoadedLayer>,
    /// The names it was saved under.
    pub names: Vec<String>,
}

/// A layer of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoadedLayer {
    /// The digest that the uncompressed tar must have; not verified here.
    pub diff_id: Digest,
    /// The blob, as it was in the archive.
    pub blob: Descriptor,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SavedImage {
    config: String,
    #[serde(default)]
    repo_tags: Option<Vec<String>>,
    #[serde(default)]
    layers: Option<Vec<String>>,
}

/// Loads every image of a (possibly compressed) archive that `platform` can run.
pub fn load(
    reader: impl Read,
    store: &BlobStore,
    platform: &Platform,
    compression_limits: compression::Limits,
) -> Result<Vec<LoadedImage>, LoadError> {
    let decoder = Decoder::new(reader, compression_limits).map_err(ReadError::from)?;
    let limits = Limits {
        max_entries: MAX_FILES,
        ..Limits::default()
    };
    let mut archive = TarReader::new(decoder, limits);
    let mut parts = Parts::default();
    while let Some(entry) = archive.next_entry()? {
        parts.take(entry, &mut archive, store)?;
    }
    let images = if let Some(raw) = parts.document("manifest.json")? {
        let saved: Vec<SavedImage> =
            serde_json::from_slice(&raw).map_err(|source| LoadError::Document {
                name: "manifest.json",
                source,
            })?;
        saved
            .into_iter()
            .map(|image| parts.docker_image(image))
            .collect::<Result<Vec<_>, _>>()?
    } else if let Some(raw) = parts.document("index.json")? {
        parts.oci_images(&raw, platform)?
    } else {
        return Err(LoadError::NoImage);
    };
    parts.publish(&images)?;
    Ok(images)
}

/// What the archive held, by name.
#[derive(Default)]
struct Parts {
    files: HashMap<EntryPath, Digest>,
    links: HashMap<EntryPath, EntryPath>,
    blobs: HashMap<Digest, StagedBlob>,
}

impl Parts {
    fn take(
        &mut self,
        entry: Entry,
        archive: &mut impl Source,
        store: &BlobStore,
    ) -> Result<(), LoadError> {
        match entry.kind {
            Kind::File { .. } => {
                let promised = promised_digest(&entry.path);
                let mut writer = store.begin()?;
                let mut buffer = vec![0; 256 << 10];
                while let Some(piece) = archive.next_piece(&mut buffer)? {
                    let stored = writer.write_all(piece.bytes);
                    stored.map_err(|source| LoadError::Store {
                        path: entry.path.clone(),
                        source,
                    })?;
                }
                let staged = writer.stage(promised.as_ref())?;
                self.files.insert(entry.path, staged.digest());
                self.blobs.entry(staged.digest()).or_insert(staged);
            }
            Kind::Symlink { target } => {
                // Old archives link a layer that two images share: `../<id>/layer.tar`.
                if let Some(target) = resolve_link(&entry.path, &target) {
                    self.links.insert(entry.path, target);
                }
            }
            Kind::HardLink { target } => {
                self.links.insert(entry.path, target);
            }
            _ => {}
        }
        Ok(())
    }

    fn find(&self, name: &str) -> Result<Option<&StagedBlob>, LoadError> {
        let mut path = EntryPath::parse(name.as_bytes())?;
        for _ in 0..MAX_HOPS {
            if let Some(digest) = self.files.get(&path) {
                return Ok(self.blobs.get(digest));
            }
            match self.links.get(&path) {
                Some(target) => path = target.clone(),
                None => break,
            }
        }
        Ok(None)
    }

    fn need(&self, name: &str) -> Result<&StagedBlob, LoadError> {
        self.find(name)?
            .ok_or_else(|| LoadError::Missing(name.chars().take(200).collect()))
    }

    fn need_blob(&self, descriptor: &Descriptor) -> Result<&StagedBlob, LoadError> {
        let missing = || LoadError::Missing(format!("blob {}", descriptor.digest));
        self.blobs.get(&descriptor.digest).ok_or_else(missing)
    }

    fn document(&self, name: &str) -> Result<Option<Vec<u8>>, LoadError> {
        Ok(self
            .find(name)?
            .map(|blob| blob.read(MAX_MANIFEST_BYTES))
            .transpose()?)
    }

    fn docker_image(&self, saved: SavedImage) -> Result<LoadedImage, LoadError> {
        let config_blob = self.need(&saved.config)?;
        let names = saved.layers.unwrap_or_default();
        let blobs = names
            .iter()
            .map(|name| self.need(name))
            .collect::<Result<Vec<_>, _>>()?;
        let layers = blobs
            .iter()
            .map(|blob| Descriptor::new(media_type::DOCKER_LAYER, blob.digest(), blob.size()))
            .collect();
        self.image(
            config_blob,
            layers,
            None,
            saved.repo_tags.unwrap_or_default(),
        )
    }

    fn oci_images(&self, raw: &[u8], wanted: &Platform) -> Result<Vec<LoadedImage>, LoadError> {
        let Parsed::Index(index) = parse(raw, Some(media_type::OCI_INDEX))? else {
            return Err(LoadError::NoImage);
        };
        let mut images: Vec<LoadedImage> = Vec::new();
        for descriptor in &index.manifests {
            let Some(manifest) = self.oci_manifest(descriptor, wanted)? else {
                continue;
            };
            let name = descriptor.annotations.as_ref().and_then(|notes| {
                let keys = [
                    "io.containerd.image.name",
                    "org.opencontainers.image.ref.name",
                ];
                keys.iter().find_map(|key| notes.get(*key)).cloned()
            });
            let id = manifest.config.digest;
            if let Some(known) = images.iter_mut().find(|image| image.id == id) {
                known.names.extend(name);
                continue;
            }
            for layer in &manifest.layers {
                self.need_blob(layer)?;
            }
            let config = self.need_blob(&manifest.config)?;
            let layers = manifest.layers.clone();
            images.push(self.image(config, layers, Some(manifest), name.into_iter().collect())?);
        }
        if images.is_empty() {
            Err(LoadError::Platform(wanted.clone()))
        } else {
            Ok(images)
        }
    }

    /// Follows an index inside the layout to the manifest for this machine. Manifests for other
    /// machines, and things that are no images (attestations, artifacts), are passed over.
    fn oci_manifest(
        &self,
        descriptor: &Descriptor,
        wanted: &Platform,
    ) -> Result<Option<Manifest>, LoadError> {
        let mut descriptor = descriptor.clone();
        for _ in 0..MAX_HOPS {
            let raw = self.need_blob(&descriptor)?.read(MAX_MANIFEST_BYTES)?;
            match parse(&raw, Some(&descriptor.media_type)) {
                Ok(Parsed::Manifest(manifest)) => {
                    let other = descriptor.platform.as_ref().is_some_and(|platform| {
                        (&platform.os, &platform.architecture) != (&wanted.os, &wanted.architecture)
                    });
                    return Ok((!other).then_some(manifest));
                }
                Ok(Parsed::Index(index)) => match index.choose(wanted) {
                    Some(chosen) => descriptor = chosen.clone(),
                    None => return Ok(None),
                },
                Err(ManifestError::LayerType(_) | ManifestError::MediaType(_)) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    }

    fn image(
        &self,
        config_blob: &StagedBlob,
        layers: Vec<Descriptor>,
        manifest: Option<Manifest>,
        names: Vec<String>,
    ) -> Result<LoadedImage, LoadError> {
        let config_bytes = config_blob.read(MAX_CONFIG_BYTES)?;
        let config = ImageConfig::parse(&config_bytes)?;
        let diff_ids = &config.rootfs.diff_ids;
        if diff_ids.len() != layers.len() {
            let (layers, diff_ids) = (layers.len(), diff_ids.len());
            return Err(LoadError::Layers { layers, diff_ids });
        }
        let pairs = diff_ids.iter().zip(layers);
        let layers = pairs
            .map(|(diff_id, blob)| LoadedLayer {
                diff_id: *diff_id,
                blob,
            })
            .collect();
        Ok(LoadedImage {
            id: config_blob.digest(),
            config,
            config_bytes,
            manifest,
            layers,
            names,
        })
    }

    fn publish(&mut self, images: &[LoadedImage]) -> Result<(), LoadError> {
        for image in images {
            let layers = image.layers.iter().map(|layer| layer.blob.digest);
            let manifest = image.manifest.as_ref().map(Manifest::digest);
            for digest in layers.chain([image.id]).chain(manifest) {
                // Absent when an earlier image has published it already.
                if let Some(staged) = self.blobs.remove(&digest) {
                    staged.publish()?;
                }
            }
        }
        Ok(())
    }
}

/// The digest that a file of an OCI layout must have by its name.
fn promised_digest(path: &EntryPath) -> Option<Digest> {
    let hex = path.as_bytes().strip_prefix(b"blobs/sha256/")?;
    Digest::from_hex(std::str::from_utf8(hex).ok()?).ok()
}

/// Where a link inside the archive points; nothing when it leads out.
fn resolve_link(path: &EntryPath, target: &[u8]) -> Option<EntryPath> {
    let (parent, _) = path.split()?;
    let mut names: Vec<&[u8]> = parent.names().collect();
    for name in target.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => {
                names.pop()?;
            }
            _ => names.push(name),
        }
    }
    EntryPath::parse(&names.join(&b'/')).ok()
}

#[cfg(test)]
mod tests;
