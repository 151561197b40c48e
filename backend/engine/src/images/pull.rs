//! Pull: from a reference at a registry to a recorded image.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use orlop_image::config::{ImageConfig, MAX_CONFIG_BYTES};
use orlop_image::manifest::{Manifest, Platform};
use orlop_model::id::{Digest, ImageId, JobId};
use orlop_model::job::JobKind;
use orlop_model::reference::Reference;
use orlop_records::images::NewImage;
use orlop_records::layers::NewLayer;

use crate::images::describe::{created_at, diff_ids, to_model_digest};
use crate::images::layer::WantedLayer;
use crate::images::progress::say;
use crate::jobs::JobContext;
use crate::registry::{Credentials, RegistryError, Repository};
use crate::{Engine, EngineError};

/// Layers on their way at the same time, for one pull.
const PARALLEL_LAYERS: usize = 3;

impl Engine {
    /// Begins a pull.
    ///
    /// # Errors
    /// If the job cannot be recorded; what the registry says is the job's error.
    pub async fn pull_image(
        &self,
        reference: Reference,
        credentials: Option<Credentials>,
    ) -> Result<JobId, EngineError> {
        let engine = self.clone();
        let title = reference.familiar();
        self.start_job(JobKind::Pull, title, move |job| async move {
            let pulled = engine.pull(&job, &reference, credentials.as_ref()).await;
            pulled.map(Some)
        })
        .await
    }

    /// Pulls within a running job: a build that needs a base image does so too.
    pub(crate) async fn pull(
        &self,
        job: &JobContext,
        reference: &Reference,
        credentials: Option<&Credentials>,
    ) -> Result<ImageId, EngineError> {
        let _busy = self.busy_with_images().await;
        say(
            job,
            format!("Pulling from {}", reference.familiar_repository()),
        )
        .await;
        let repository = Repository::new(
            self.image_store().transport.clone(),
            reference.clone(),
            &self.config().registries,
            credentials,
        );
        let resolved = repository.resolve(&Platform::host()).await?;
        let described = &resolved.manifest.config;
        let raw = repository
            .small_blob(described.digest, described.length(), MAX_CONFIG_BYTES)
            .await?;
        let config = ImageConfig::parse(&raw).map_err(RegistryError::from)?;
        let wanted = wanted_layers(&resolved.manifest, &config)?;
        let layers: Vec<NewLayer> = stream::iter(wanted)
            .map(|layer| self.fetch_layer(&repository, layer, job))
            .buffered(PARALLEL_LAYERS)
            .try_collect()
            .await?;
        let id = to_model_digest(&described.digest);
        let digest = to_model_digest(&resolved.digest);
        let known = self.records().image(&id).await?.is_some();
        let image = NewImage {
            id: id.clone(),
            config: raw,
            created_at: created_at(&config),
            manifest: Some(self.image_store().put(resolved.manifest.raw).await?),
            parent: None,
            layers,
            tags: tag_of(reference).into_iter().collect(),
            digests: pinned(reference, &digest).into_iter().collect(),
        };
        self.records().insert_image(&image).await?;
        self.image_event(
            "pull",
            &reference.familiar(),
            &reference.familiar_repository(),
        );
        say(job, format!("Digest: {digest}")).await;
        let outcome = if known {
            "Image is up to date"
        } else {
            "Downloaded newer image"
        };
        say(
            job,
            format!("Status: {outcome} for {}", reference.familiar()),
        )
        .await;
        Ok(id)
    }
}

/// Each layer's blob with its diff ID, lowest first.
fn wanted_layers(
    manifest: &Manifest,
    config: &ImageConfig,
) -> Result<Vec<WantedLayer>, EngineError> {
    let diff_ids = diff_ids(config);
    if diff_ids.len() != manifest.layers.len() {
        return Err(EngineError::invalid(format!(
            "the image has {} layers, but its configuration lists {}: it is not a container image",
            manifest.layers.len(),
            diff_ids.len()
        )));
    }
    let pairs = diff_ids.into_iter().zip(manifest.layers.iter().cloned());
    Ok(pairs
        .map(|(diff_id, blob)| WantedLayer { diff_id, blob })
        .collect())
}

/// The name that a pull gives: what is pulled by digest gets none.
fn tag_of(reference: &Reference) -> Option<Reference> {
    reference.digest().is_none().then(|| reference.clone())
}

/// `repository@digest`, by which the very same image can be pulled again.
pub(crate) fn pinned(reference: &Reference, digest: &Digest) -> Option<Reference> {
    // Both parts were parsed before, so their sum parses too.
    format!(
        "{}/{}@{digest}",
        reference.registry(),
        reference.repository()
    )
    .parse()
    .ok()
}

#[cfg(test)]
mod tests {
    use orlop_image::digest::Digest as ImageDigest;
    use orlop_image::manifest::{Descriptor, media_type};

    use super::*;

    #[test]
    fn a_manifest_that_does_not_fit_its_configuration_is_refused() {
        let layer = Descriptor::new(media_type::OCI_LAYER_GZIP, ImageDigest::of(b"x"), 1);
        let config = Descriptor::new(media_type::OCI_CONFIG, ImageDigest::of(b"{}"), 2);
        let manifest = Manifest::build(config, vec![layer]);
        let empty = ImageConfig::parse(b"{}").expect("configuration");
        assert!(wanted_layers(&manifest, &empty).is_err());
        let raw = format!(
            r#"{{"rootfs":{{"diff_ids":["{}"]}}}}"#,
            ImageDigest::of(b"tar")
        );
        let fitting = ImageConfig::parse(raw.as_bytes()).expect("configuration");
        assert_eq!(wanted_layers(&manifest, &fitting).expect("fits").len(), 1);
    }

    #[test]
    fn a_pull_by_digest_gives_no_tag_but_a_pinned_name() {
        let digest = Digest::from_sha256([7; 32]);
        let tagged: Reference = "debian:12".parse().expect("reference");
        let by_digest = pinned(&tagged, &digest).expect("reference");
        assert_eq!(by_digest.familiar(), format!("debian@{digest}"));
        assert_eq!(tag_of(&tagged), Some(tagged));
        assert_eq!(tag_of(&by_digest), None);
    }
}
