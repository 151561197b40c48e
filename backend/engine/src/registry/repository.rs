//! One repository at a registry and its mirrors: manifests and blobs, from the first place that
//! gives them.

use std::sync::Arc;

use orlop_image::digest::{Digest, Mismatch};
use orlop_image::manifest::{
    self, Index, MAX_MANIFEST_BYTES, Manifest, Parsed, Platform, media_type,
};
use orlop_model::reference::Reference;
use reqwest::Response;
use reqwest::header::CONTENT_TYPE;

use crate::config::RegistryConfig;
use crate::registry::blob::BlobReader;
use crate::registry::endpoint::endpoints;
use crate::registry::error::RegistryError;
use crate::registry::place::Place;
use crate::registry::retry::Backoff;
use crate::registry::transport::Transport;
use crate::registry::{Credentials, response};

/// Tries after the first for what is small; somebody waits for the answer.
const SMALL_TRIES: u32 = 3;
/// Indexes within indexes.
const MAX_DEPTH: usize = 3;

/// A manifest for this machine, and the digest that its reference stands for.
#[derive(Debug, Clone)]
pub(crate) struct Resolved {
    /// The manifest.
    pub(crate) manifest: Manifest,
    /// Digest of what the tag named: the index, where there is one.
    pub(crate) digest: Digest,
}

/// One repository at a registry and its mirrors.
#[derive(Debug)]
pub(crate) struct Repository {
    transport: Transport,
    reference: Reference,
    places: Vec<Place>,
}

impl Repository {
    /// Prepares to ask for what `reference` names; nothing is sent yet.
    pub(crate) fn new(
        transport: Transport,
        reference: Reference,
        config: &RegistryConfig,
        credentials: Option<&Credentials>,
    ) -> Arc<Self> {
        let places = endpoints(&reference, config)
            .into_iter()
            .map(|endpoint| Place::new(endpoint, reference.repository(), credentials))
            .collect();
        Arc::new(Self {
            transport,
            reference,
            places,
        })
    }

    /// The manifest that the reference names, for `platform`.
    pub(crate) async fn resolve(&self, platform: &Platform) -> Result<Resolved, RegistryError> {
        let pinned = self.reference.digest().map(orlop_model::id::Digest::as_str);
        let named = pinned
            .or(self.reference.tag())
            .unwrap_or_default()
            .to_owned();
        let (mut parsed, digest) = self.manifest(&named).await?;
        for _ in 0..MAX_DEPTH {
            match parsed {
                Parsed::Manifest(manifest) => return Ok(Resolved { manifest, digest }),
                Parsed::Index(index) => {
                    let Some(chosen) = index.choose(platform) else {
                        return Err(no_platform(platform, &index));
                    };
                    parsed = self.manifest(&chosen.digest.to_string()).await?.0;
                }
            }
        }
        Err(RegistryError::protocol(
            self.reference.registry(),
            "its indexes have no end",
        ))
    }

    /// A blob's bytes, to be read as they come. The reader verifies the length, not the digest.
    pub(crate) fn blob(self: &Arc<Self>, digest: Digest, size: u64) -> BlobReader {
        BlobReader::new(Arc::clone(self), digest, size)
    }

    /// All of a small blob, verified.
    pub(crate) async fn small_blob(
        self: &Arc<Self>,
        digest: Digest,
        size: u64,
        limit: usize,
    ) -> Result<Vec<u8>, RegistryError> {
        let host = self.reference.registry();
        if size > limit as u64 {
            let reason = format!("blob {digest} has {size} bytes; at most {limit} are taken");
            return Err(RegistryError::protocol(host, reason));
        }
        let mut reader = self.blob(digest, size);
        let mut bytes = Vec::new();
        while let Some(chunk) = reader.chunk().await? {
            bytes.extend_from_slice(&chunk);
        }
        verify(host, &bytes, &digest)?;
        Ok(bytes)
    }

    /// A manifest or index by tag or digest, and its digest.
    async fn manifest(&self, named: &str) -> Result<(Parsed, Digest), RegistryError> {
        let path = format!("{}/manifests/{named}", self.reference.repository());
        let mut mirrors = Vec::new();
        for (at, place) in self.asked() {
            match self.manifest_from(place, &path, named).await {
                Ok(found) => return Ok(found),
                Err(error) => self.judge(at, error, &mut mirrors)?,
            }
        }
        Err(self.nowhere())
    }

    async fn manifest_from(
        &self,
        place: &Place,
        path: &str,
        named: &str,
    ) -> Result<(Parsed, Digest), RegistryError> {
        let mut backoff = Backoff::new(SMALL_TRIES);
        loop {
            let error = match self.try_manifest(place, path, named).await {
                Ok(found) => return Ok(found),
                Err(error) => error,
            };
            // A place that never answered is not worth a wait: the next one may.
            if !place.has_answered() || !pause(&mut backoff, &error).await {
                return Err(error);
            }
        }
    }

    async fn try_manifest(
        &self,
        place: &Place,
        path: &str,
        named: &str,
    ) -> Result<(Parsed, Digest), RegistryError> {
        let answer = place
            .get(&self.transport, path, &media_type::ACCEPT, 0)
            .await?;
        let host = place.endpoint.name();
        let answer = response::expect_success(answer)
            .await
            .map_err(|error| self.about_manifest(error))?;
        let content_type = answer.headers().get(CONTENT_TYPE).cloned();
        let raw = response::body(answer, MAX_MANIFEST_BYTES).await?;
        let digest = Digest::of(&raw);
        if let Ok(promised) = named.parse::<Digest>() {
            verify(&host, &raw, &promised)?;
        }
        let content_type = content_type.as_ref().and_then(|value| value.to_str().ok());
        Ok((manifest::parse(&raw, content_type)?, digest))
    }

    /// The answer to a request for a blob, from its byte `from` on.
    pub(super) async fn open_blob(
        &self,
        digest: &Digest,
        from: u64,
    ) -> Result<Response, RegistryError> {
        let path = format!("{}/blobs/{digest}", self.reference.repository());
        let mut mirrors = Vec::new();
        for (at, place) in self.asked() {
            let opened = match place.get(&self.transport, &path, &[], from).await {
                Ok(answer) => response::expect_success(answer).await,
                Err(error) => Err(error),
            };
            match opened {
                Ok(answer) => return Ok(answer),
                Err(RegistryError::Status {
                    host, status: 404, ..
                }) => {
                    let unknown = RegistryError::BlobUnknown {
                        host,
                        digest: *digest,
                    };
                    self.judge(at, unknown, &mut mirrors)?;
                }
                Err(error) => self.judge(at, error, &mut mirrors)?,
            }
        }
        Err(self.nowhere())
    }

    /// The places that are worth a question, with their numbers.
    fn asked(&self) -> impl Iterator<Item = (usize, &Place)> {
        let all = self.places.iter().enumerate();
        all.filter(|(_, place)| !place.is_passed_over())
    }

    /// Whether to ask the next place after this one failed: always after a mirror, and where
    /// a plain connection is allowed, after an encrypted one that could not be made.
    fn judge(
        &self,
        at: usize,
        error: RegistryError,
        mirrors: &mut Vec<String>,
    ) -> Result<(), RegistryError> {
        let Some(place) = self.places.get(at) else {
            return Err(error);
        };
        let is_last = at + 1 == self.places.len();
        if !is_last && !place.has_answered() {
            place.pass_over();
        }
        if place.endpoint.mirror && !is_last {
            tracing::debug!(mirror = place.endpoint.name(), %error, "a mirror did not help");
            mirrors.push(format!("mirror {} said: {error}", place.endpoint.name()));
            return Ok(());
        }
        if !is_last && matches!(error, RegistryError::Unreachable { .. }) {
            return Ok(());
        }
        if mirrors.is_empty() {
            return Err(error);
        }
        let mirrors = mirrors.join("; ");
        Err(RegistryError::AfterMirrors {
            source: Box::new(error),
            mirrors,
        })
    }

    fn nowhere(&self) -> RegistryError {
        RegistryError::protocol(self.reference.registry(), "it has no valid address")
    }

    /// What a refused request for a manifest means, in Docker's words.
    fn about_manifest(&self, error: RegistryError) -> RegistryError {
        match error {
            RegistryError::Status {
                status: 404,
                reason,
                ..
            } => RegistryError::ManifestUnknown {
                reference: self.reference.familiar(),
                reason,
            },
            RegistryError::Unauthorized { reason, .. } => RegistryError::AccessDenied {
                repository: self.reference.familiar_repository(),
                reason,
            },
            other => other,
        }
    }
}

/// Waits before the next try; whether there is to be one.
pub(super) async fn pause(backoff: &mut Backoff, error: &RegistryError) -> bool {
    let mut jitter = [0];
    // Without a random number clients may try in step; no reason to fail.
    let _ = getrandom::fill(&mut jitter);
    let wait = error
        .is_passing()
        .then(|| backoff.next(error.asked_pause(), jitter[0]))
        .flatten();
    let Some(wait) = wait else { return false };
    tracing::debug!(%error, ?wait, "trying again");
    tokio::time::sleep(wait).await;
    true
}

fn verify(host: &str, bytes: &[u8], promised: &Digest) -> Result<(), RegistryError> {
    let found = Digest::of(bytes);
    if found == *promised {
        return Ok(());
    }
    let source = Mismatch::Digest {
        expected: *promised,
        found,
    };
    Err(RegistryError::Mismatch {
        host: host.to_owned(),
        source,
    })
}

fn no_platform(wanted: &Platform, index: &Index) -> RegistryError {
    let platforms = index
        .manifests
        .iter()
        .filter_map(|manifest| manifest.platform.as_ref());
    let named = platforms.filter(|platform| platform.os != "unknown");
    let mut offered: Vec<_> = named.map(ToString::to_string).collect();
    offered.sort();
    offered.dedup();
    let offered = if offered.is_empty() {
        "none".to_owned()
    } else {
        offered.join(", ")
    };
    RegistryError::NoPlatform {
        wanted: wanted.to_string(),
        offered,
    }
}
