//! Writes images as one tar that every engine loads: an OCI layout with Docker's `manifest.json`
//! beside it, the form that `docker save` itself writes since version 25.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read, Write};

use serde::Serialize;

use crate::digest::Digest;
use crate::layer::path::PathError;
use crate::layer::{Entry, EntryPath, Kind, TarWriter, WriteError};
use crate::manifest::{Descriptor, Manifest, media_type};

/// Why images cannot be saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// Writing failed, or a layer does not have the size it should.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// A layer cannot be opened.
    #[error("opening layer {digest}: {source}")]
    Layer {
        /// Which.
        digest: Digest,
        /// Why.
        source: io::Error,
    },
    /// A document cannot be written.
    #[error("writing a document of the archive: {0}")]
    Json(#[from] serde_json::Error),
    /// A name of the archive's own is refused, which cannot be.
    #[error(transparent)]
    Path(#[from] PathError),
}

/// An image to be saved.
#[derive(Debug, Clone)]
pub struct SaveImage {
    /// The bytes of its configuration.
    pub config_bytes: Vec<u8>,
    /// Its layers, lowest first.
    pub layers: Vec<SaveLayer>,
    /// Its names; none when it is saved by id.
    pub names: Vec<SaveName>,
}

/// A layer, as it will stand in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaveLayer {
    /// Digest of its uncompressed tar.
    pub diff_id: Digest,
    /// The bytes that are saved: the blob as it was pulled, or the uncompressed tar.
    pub blob: Descriptor,
}

impl SaveLayer {
    /// A layer that is saved as an uncompressed tar of this size.
    #[must_use]
    pub fn plain(diff_id: Digest, size: u64) -> Self {
        Self {
            diff_id,
            blob: Descriptor::new(media_type::OCI_LAYER, diff_id, size),
        }
    }
}

/// A name with a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaveName {
    /// As people write it: `debian:bookworm`.
    pub short: String,
    /// With the registry: `docker.io/library/debian:bookworm`.
    pub full: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct DockerEntry {
    config: String,
    repo_tags: Option<Vec<String>>,
    layers: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct IndexDocument {
    schema_version: u32,
    media_type: &'static str,
    manifests: Vec<Descriptor>,
}

/// Writes `images` to `out`; `open` gives the bytes of a layer.
pub fn save<W: Write>(
    out: W,
    images: &[SaveImage],
    mut open: impl FnMut(&SaveLayer) -> io::Result<Box<dyn Read>>,
) -> Result<W, SaveError> {
    let mut documents: BTreeMap<Digest, &[u8]> = BTreeMap::new();
    let manifests: Vec<Manifest> = images.iter().map(manifest_of).collect();
    let mut index = Vec::new();
    let mut docker = Vec::new();
    for (image, manifest) in images.iter().zip(&manifests) {
        documents.insert(manifest.digest(), &manifest.raw);
        documents.insert(manifest.config.digest, &image.config_bytes);
        index.extend(index_entries(image, manifest));
        docker.push(DockerEntry {
            config: blob_path(&manifest.config.digest),
            repo_tags: (!image.names.is_empty())
                .then(|| image.names.iter().map(|name| name.short.clone()).collect()),
            layers: image
                .layers
                .iter()
                .map(|layer| blob_path(&layer.blob.digest))
                .collect(),
        });
    }
    let index = IndexDocument {
        schema_version: 2,
        media_type: media_type::OCI_INDEX,
        manifests: index,
    };
    let mut archive = Archive {
        tar: TarWriter::new(out),
        directories: BTreeSet::new(),
    };
    archive.file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    archive.file("index.json", &serde_json::to_vec(&index)?)?;
    archive.file("manifest.json", &serde_json::to_vec(&docker)?)?;
    for (digest, bytes) in &documents {
        archive.file(&blob_path(digest), bytes)?;
    }
    let mut written = BTreeSet::new();
    for layer in images.iter().flat_map(|image| &image.layers) {
        let digest = layer.blob.digest;
        if written.insert(digest) && !documents.contains_key(&digest) {
            let bytes = open(layer).map_err(|source| SaveError::Layer { digest, source })?;
            archive.stream(&blob_path(&digest), layer.blob.length(), bytes)?;
        }
    }
    Ok(archive.tar.finish()?)
}

fn blob_path(digest: &Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

fn manifest_of(image: &SaveImage) -> Manifest {
    let config = Descriptor::new(
        media_type::OCI_CONFIG,
        Digest::of(&image.config_bytes),
        image.config_bytes.len() as u64,
    );
    let layers = image.layers.iter().map(|layer| Descriptor {
        media_type: oci_layer_type(&layer.blob.media_type).to_owned(),
        ..layer.blob.clone()
    });
    Manifest::build(config, layers.collect())
}

/// Docker's layer types under their OCI names: one manifest should not mix the two.
fn oci_layer_type(media_type: &str) -> &str {
    match media_type {
        media_type::DOCKER_LAYER_GZIP => media_type::OCI_LAYER_GZIP,
        media_type::DOCKER_LAYER | "" => media_type::OCI_LAYER,
        other => other,
    }
}

/// One entry a name, as other engines read them; one without when there is no name.
fn index_entries(image: &SaveImage, manifest: &Manifest) -> Vec<Descriptor> {
    let bare = Descriptor::new(
        &manifest.media_type,
        manifest.digest(),
        manifest.raw.len() as u64,
    );
    if image.names.is_empty() {
        return vec![bare];
    }
    let named = image.names.iter().map(|name| {
        let tag = name.short.rsplit(':').next().unwrap_or_default();
        let notes = [
            ("io.containerd.image.name".to_owned(), name.full.clone()),
            (
                "org.opencontainers.image.ref.name".to_owned(),
                tag.to_owned(),
            ),
        ];
        Descriptor {
            annotations: Some(notes.into()),
            ..bare.clone()
        }
    });
    named.collect()
}

struct Archive<W> {
    tar: TarWriter<W>,
    directories: BTreeSet<EntryPath>,
}

impl<W: Write> Archive<W> {
    fn file(&mut self, name: &str, bytes: &[u8]) -> Result<(), SaveError> {
        self.stream(name, bytes.len() as u64, bytes)
    }

    fn stream(&mut self, name: &str, size: u64, bytes: impl Read) -> Result<(), SaveError> {
        let path = EntryPath::parse(name.as_bytes())?;
        let mut parent = EntryPath::top();
        let names: Vec<&[u8]> = path.names().collect();
        for part in &names[..names.len() - 1] {
            parent = parent.join(part)?;
            if self.directories.insert(parent.clone()) {
                self.tar
                    .empty(&Entry::new(parent.clone(), Kind::Directory, 0o755))?;
            }
        }
        self.tar
            .entry(&Entry::new(path, Kind::File { size }, 0o644), bytes)?;
        Ok(())
    }
}
