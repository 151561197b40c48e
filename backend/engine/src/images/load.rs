//! Load: from a `docker save` or OCI archive to the images in it.

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use orlop_image::archive::{LoadedImage, LoadedLayer, load};
use orlop_image::compression::Limits;
use orlop_image::manifest::Platform;
use orlop_model::id::{Digest, ImageId, JobId};
use orlop_model::job::JobKind;
use orlop_model::reference::Reference;
use orlop_records::images::NewImage;
use orlop_records::layers::{LayerBlob, NewLayer};

use crate::images::Upload;
use crate::images::describe::{created_at, to_model_digest};
use crate::images::progress::{Progress, say};
use crate::images::spool::{Spooled, spool_upload};
use crate::images::store::{Busy, blocking};
use crate::jobs::JobContext;
use crate::{Engine, EngineError};

/// Layers that are unpacked at the same time.
const PARALLEL_LAYERS: usize = 3;

impl Engine {
    /// Takes a `docker save` or OCI archive, compressed or not.
    ///
    /// # Errors
    /// If the upload breaks off; what is wrong with the archive is the job's error.
    pub async fn load_images(&self, title: String, upload: Upload) -> Result<JobId, EngineError> {
        let busy = self.busy_with_images().await;
        let spooled = spool_upload(self.image_store(), upload).await?;
        self.start_load(title, spooled, busy).await
    }

    pub(super) async fn start_load(
        &self,
        title: String,
        spooled: Spooled,
        busy: Busy,
    ) -> Result<JobId, EngineError> {
        let engine = self.clone();
        self.start_job(JobKind::Load, title, move |job| async move {
            let loaded = engine.load(&job, &spooled).await;
            drop(busy);
            loaded
        })
        .await
    }

    /// Loads all images of a spooled archive; the first one's id.
    async fn load(
        &self,
        job: &JobContext,
        spooled: &Spooled,
    ) -> Result<Option<ImageId>, EngineError> {
        let archive = self.image_store().blob_file(&spooled.digest)?;
        let blobs = self.image_store().blobs.clone();
        let read = move || load(archive, &blobs, &Platform::host(), Limits::default());
        let images = blocking(read)
            .await?
            .map_err(|error| EngineError::invalid(error.to_string()))?;
        let first = images.first().map(|image| to_model_digest(&image.id));
        for image in images {
            self.load_one(job, image).await?;
        }
        Ok(first)
    }

    async fn load_one(&self, job: &JobContext, loaded: LoadedImage) -> Result<(), EngineError> {
        let layers: Vec<NewLayer> = stream::iter(loaded.layers)
            .map(|layer| self.load_layer(job, layer))
            .buffered(PARALLEL_LAYERS)
            .try_collect()
            .await?;
        let image = NewImage {
            id: to_model_digest(&loaded.id),
            config: loaded.config_bytes,
            created_at: created_at(&loaded.config),
            manifest: loaded
                .manifest
                .map(|manifest| to_model_digest(&manifest.digest())),
            parent: None,
            layers,
            tags: names(&loaded.names),
            digests: Vec::new(),
        };
        self.records().insert_image(&image).await?;
        for tag in &image.tags {
            say(job, format!("Loaded image: {}", tag.familiar())).await;
        }
        if image.tags.is_empty() {
            say(job, format!("Loaded image ID: {}", image.id)).await;
        }
        let name = image.tags.first().map(Reference::familiar);
        let name = name.unwrap_or_else(|| image.id.to_string());
        self.image_event("load", image.id.as_str(), &name);
        Ok(())
    }

    async fn load_layer(
        &self,
        job: &JobContext,
        loaded: LoadedLayer,
    ) -> Result<NewLayer, EngineError> {
        let diff_id: Digest = to_model_digest(&loaded.diff_id);
        let mut progress = Progress::new(job, diff_id.short());
        let total = loaded.blob.length();
        if let Some(stored) = self.records().layer(&diff_id).await? {
            progress.tell("Already exists", total, total).await;
            return Ok(stored);
        }
        let blob = &loaded.blob.digest;
        let unpacked = self
            .unpack_blob(Some(diff_id), blob, total, &mut progress)
            .await?;
        let layer = NewLayer {
            diff_id: unpacked.diff_id,
            size: unpacked.size,
            blob: Some(LayerBlob {
                digest: to_model_digest(&loaded.blob.digest),
                size: total,
                media_type: loaded.blob.media_type,
            }),
        };
        self.records().insert_layer(&layer).await?;
        progress.tell("Load complete", total, total).await;
        Ok(layer)
    }
}

/// The names of an archive that are names of images: an OCI layout may hold bare tags, which name
/// nothing by themselves.
fn names(saved: &[String]) -> Vec<Reference> {
    let full = saved.iter().filter(|name| name.contains([':', '/']));
    let parsed = full.filter_map(|name| name.parse::<Reference>().ok());
    parsed.filter(|name| name.digest().is_none()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bare_tags_and_pinned_names_give_no_name() {
        let pinned = format!("debian@sha256:{}", "0a".repeat(32));
        let saved = ["debian:12", "latest", "team/app", &pinned, "NOT valid:x"];
        let names = names(&saved.map(str::to_owned));
        let familiar: Vec<_> = names.iter().map(Reference::familiar).collect();
        assert_eq!(familiar, ["debian:12", "team/app:latest"]);
    }
}
