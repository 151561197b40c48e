//! What builds need of images: a base to begin with, and a place for what they made.

use orlop_image::config::ImageConfig;
use orlop_image::digest::Digest as ImageDigest;
use orlop_model::id::ImageId;
use orlop_model::reference::Reference;
use orlop_records::images::{ImageLayer, NewImage};
use orlop_records::layers::NewLayer;

use crate::images::describe::{created_at, to_model_digest};
use crate::images::resolve::{no_such_image, opened};
use crate::jobs::JobContext;
use crate::{Engine, EngineError, ErrorKind};

/// An image to build on.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    /// Which.
    pub(crate) id: ImageId,
    /// Its configuration.
    pub(crate) config: ImageConfig,
    /// Its layers, lowest first.
    pub(crate) layers: Vec<ImageLayer>,
}

/// An image that was built.
#[derive(Debug, Clone)]
pub(crate) struct Built {
    /// Its configuration; `rootfs` lists exactly `layers`.
    pub(crate) config: ImageConfig,
    /// Every layer, lowest first: those of the base and new ones.
    pub(crate) layers: Vec<ImageLayer>,
    /// The image it was built on.
    pub(crate) parent: Option<ImageId>,
    /// Its names.
    pub(crate) tags: Vec<Reference>,
}

impl Engine {
    /// The image to build on, pulled within `job` when it is missing or `pull` asks for a fresh
    /// look. A name as written in `FROM`, an ID or a unique prefix of one. Hold
    /// [`Engine::busy_with_images`] for the whole build, so that no layer goes while only the
    /// build knows that it is needed.
    pub(crate) async fn base_image(
        &self,
        job: &JobContext,
        which: &str,
        pull: bool,
    ) -> Result<Base, EngineError> {
        let known = match self.find_image(which).await {
            Ok(found) => Some(found),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let id = match known {
            Some(found) if !pull || found.name.is_none() => found.id,
            _ => {
                let reference: Reference =
                    which
                        .parse()
                        .map_err(|error: orlop_model::reference::ReferenceError| {
                            EngineError::invalid(error.to_string())
                        })?;
                self.pull(job, &reference, None).await?
            }
        };
        self.base_by_id(id).await
    }

    /// The same image if it is here already; nothing is pulled.
    pub(crate) async fn local_base(&self, which: &str) -> Result<Option<Base>, EngineError> {
        match self.find_image(which).await {
            Ok(found) => self.base_by_id(found.id).await.map(Some),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn base_by_id(&self, id: ImageId) -> Result<Base, EngineError> {
        let stored = self.records().image(&id).await?;
        let stored = stored.ok_or_else(|| no_such_image(id.as_str()))?;
        let layers = stored.layers.clone();
        let (_, config) = opened(stored)?;
        Ok(Base { id, config, layers })
    }

    /// Records what a build made, with its names, in one transaction. The layers are in place.
    pub(crate) async fn store_built(&self, built: Built) -> Result<ImageId, EngineError> {
        let raw = built.config.to_bytes();
        let image = NewImage {
            id: to_model_digest(&ImageDigest::of(&raw)),
            created_at: created_at(&built.config),
            config: raw,
            manifest: None,
            parent: built.parent,
            layers: built.layers.into_iter().map(local_layer).collect(),
            tags: built.tags,
            digests: Vec::new(),
        };
        self.records().insert_image(&image).await?;
        for tag in &image.tags {
            self.image_event("tag", image.id.as_str(), &tag.familiar());
        }
        Ok(image.id)
    }
}

/// A layer as a build knows it; one that came from outside keeps its recorded blob.
fn local_layer(layer: ImageLayer) -> NewLayer {
    NewLayer {
        diff_id: layer.diff_id,
        size: layer.size,
        blob: None,
    }
}
