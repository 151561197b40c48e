//! Image manifests and indexes, in Docker's (v2 schema 2) and the OCI form.
//!
//! A manifest's digest is of its bytes, so the bytes are kept as they came and never written anew.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

mod platform;

pub use platform::Platform;

/// A manifest or index may be this long.
pub const MAX_MANIFEST_BYTES: usize = 4 << 20;
/// An image may have this many layers: what one overlay mount takes.
pub const MAX_LAYERS: usize = 500;
/// An index may name this many manifests.
pub const MAX_MANIFESTS: usize = 2000;

/// The media types that are spoken here.
pub mod media_type {
    /// Docker image manifest, version 2, schema 2.
    pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
    /// Docker manifest list.
    pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
    /// Docker image configuration.
    pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
    /// Docker layer, gzip.
    pub const DOCKER_LAYER_GZIP: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
    /// Docker layer, not compressed.
    pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar";
    /// OCI image manifest.
    pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
    /// OCI index.
    pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
    /// OCI image configuration.
    pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
    /// OCI layer, not compressed.
    pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
    /// OCI layer, gzip.
    pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
    /// OCI layer, zstd.
    pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
    /// What to ask a registry for, best first.
    pub const ACCEPT: [&str; 4] = [OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST];
}

/// Why bytes are not a manifest that can be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// Longer than any honest one.
    #[error("the manifest is longer than {MAX_MANIFEST_BYTES} bytes")]
    TooLong,
    /// Not JSON of the right form.
    #[error("the manifest is malformed: {0}")]
    Json(#[from] serde_json::Error),
    /// A form that is not spoken here (Docker schema 1, an artifact, …).
    #[error("manifests of type {0:?} are not supported")]
    MediaType(String),
    /// Too many layers or manifests.
    #[error("the manifest lists {found} {what}; at most {limit} are supported")]
    TooMany {
        /// Layers or manifests.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many may be.
        limit: usize,
    },
    /// A layer of a type that cannot be unpacked.
    #[error("layers of type {0:?} are not supported")]
    LayerType(String),
    /// A size below zero.
    #[error("the manifest gives the size {0} for a blob")]
    Size(i64),
}

/// A reference to a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the blob is.
    #[serde(default)]
    pub media_type: String,
    /// Its digest.
    pub digest: Digest,
    /// Its length in bytes.
    pub size: i64,
    /// For which machine, in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Free notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
}

impl Descriptor {
    /// A reference without platform and notes.
    #[must_use]
    pub fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        let size = i64::try_from(size).unwrap_or(i64::MAX);
        Self {
            media_type: media_type.to_owned(),
            digest,
            size,
            platform: None,
            annotations: None,
        }
    }

    /// The length in bytes; [`parse`] has made sure that it is not negative.
    #[must_use]
    pub fn length(&self) -> u64 {
        u64::try_from(self.size).unwrap_or(0)
    }

    fn check(&self) -> Result<(), ManifestError> {
        if self.size < 0 {
            Err(ManifestError::Size(self.size))
        } else {
            Ok(())
        }
    }
}

/// A manifest or an index, with the bytes its digest is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// One image.
    Manifest(Manifest),
    /// A choice of images.
    Index(Index),
}

/// One image: a configuration and layers, lowest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// As it came.
    pub raw: Vec<u8>,
    /// Its type.
    pub media_type: String,
    /// The image's configuration.
    pub config: Descriptor,
    /// The layers, lowest first.
    pub layers: Vec<Descriptor>,
}

/// A choice of manifests for different machines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// As it came.
    pub raw: Vec<u8>,
    /// Its type.
    pub media_type: String,
    /// What there is.
    pub manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    schema_version: u32,
    #[serde(default)]
    media_type: Option<String>,
    #[serde(default)]
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Option<Vec<Descriptor>>,
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
}

/// Reads a manifest or an index; `content_type` is what the registry called it, if one did.
pub fn parse(raw: &[u8], content_type: Option<&str>) -> Result<Parsed, ManifestError> {
    if raw.len() > MAX_MANIFEST_BYTES {
        return Err(ManifestError::TooLong);
    }
    let document: Document = serde_json::from_slice(raw)?;
    let named = document
        .media_type
        .as_deref()
        .or_else(|| content_type.map(|text| text.split(';').next().unwrap_or_default().trim()));
    let is_known = |text: &&str| media_type::ACCEPT.contains(text);
    let media_type = match (
        named.filter(is_known),
        &document.config,
        &document.manifests,
    ) {
        (Some(known), ..) => known,
        (None, Some(_), None) => media_type::OCI_MANIFEST,
        (None, None, Some(_)) => media_type::OCI_INDEX,
        _ => {
            return Err(ManifestError::MediaType(
                named.unwrap_or_default().to_owned(),
            ));
        }
    };
    let media_type = media_type.to_owned();
    if document.schema_version != 2 {
        return Err(ManifestError::MediaType(format!(
            "schema {}",
            document.schema_version
        )));
    }
    let raw = raw.to_vec();
    if media_type == media_type::OCI_INDEX || media_type == media_type::DOCKER_LIST {
        let manifests = document.manifests.unwrap_or_default();
        limit("manifests", manifests.len(), MAX_MANIFESTS)?;
        manifests.iter().try_for_each(Descriptor::check)?;
        return Ok(Parsed::Index(Index {
            raw,
            media_type,
            manifests,
        }));
    }
    let Some(config) = document.config else {
        return Err(ManifestError::MediaType(media_type));
    };
    let layers = document.layers.unwrap_or_default();
    limit("layers", layers.len(), MAX_LAYERS)?;
    config.check()?;
    for layer in &layers {
        layer.check()?;
        check_layer_type(&layer.media_type)?;
    }
    Ok(Parsed::Manifest(Manifest {
        raw,
        media_type,
        config,
        layers,
    }))
}

/// Whether a layer of this type is a tar. How it is compressed is found from its bytes; layers
/// that may not be pushed ("foreign", "nondistributable") are tars all the same.
fn check_layer_type(media_type: &str) -> Result<(), ManifestError> {
    let docker = media_type.starts_with("application/vnd.docker.image.rootfs.")
        && media_type.contains("diff.tar");
    let oci =
        media_type.starts_with("application/vnd.oci.image.layer.") && media_type.contains("v1.tar");
    if (docker || oci || media_type.is_empty()) && !media_type.ends_with("+encrypted") {
        Ok(())
    } else {
        Err(ManifestError::LayerType(media_type.to_owned()))
    }
}

fn limit(what: &'static str, found: usize, limit: usize) -> Result<(), ManifestError> {
    if found > limit {
        Err(ManifestError::TooMany { what, found, limit })
    } else {
        Ok(())
    }
}

impl Index {
    /// The manifest that runs best on `platform`. Entries without a platform count when nothing
    /// else fits and there is only one; attestations never do.
    #[must_use]
    pub fn choose(&self, platform: &Platform) -> Option<&Descriptor> {
        let ranked = self.manifests.iter().filter_map(|descriptor| {
            let rank = platform.rank(descriptor.platform.as_ref()?)?;
            Some((rank, descriptor))
        });
        // The first of the best: max_by_key would give the last one.
        let best = ranked.fold(None, |best: Option<(u8, &Descriptor)>, next| match best {
            Some(best) if best.0 >= next.0 => Some(best),
            _ => Some(next),
        });
        let mut bare = self
            .manifests
            .iter()
            .filter(|descriptor| descriptor.platform.is_none());
        best.map(|(_, descriptor)| descriptor)
            .or_else(|| bare.next().filter(|_| bare.next().is_none()))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ManifestDocument<'a> {
    schema_version: u32,
    media_type: &'a str,
    config: &'a Descriptor,
    layers: &'a [Descriptor],
}

impl Manifest {
    /// Writes a new manifest in the OCI form, or in Docker's when the configuration has Docker's
    /// type.
    #[must_use]
    pub fn build(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        let media_type = if config.media_type == media_type::DOCKER_CONFIG {
            media_type::DOCKER_MANIFEST
        } else {
            media_type::OCI_MANIFEST
        };
        let document = ManifestDocument {
            schema_version: 2,
            media_type,
            config: &config,
            layers: &layers,
        };
        // Strings and numbers only: no such value fails to serialise.
        let raw = serde_json::to_vec(&document).unwrap_or_default();
        Self {
            raw,
            media_type: media_type.to_owned(),
            config,
            layers,
        }
    }

    /// The digest of the bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&self.raw)
    }
}

#[cfg(test)]
mod tests;
