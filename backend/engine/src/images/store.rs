//! What all verbs on images share: blobs, registries' connections, and the rule that nothing is
//! swept away under a job that works on layers.

use std::collections::HashSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use orlop_image::content::{BlobStore, ContentError};
use orlop_image::digest::Digest as ImageDigest;
use orlop_model::id::{DiffId, Digest, ImageId};
use orlop_records::layers::StoredLayer;
use orlop_wire::request::Request;
use tokio::sync::{OwnedRwLockReadGuard, RwLock};

use crate::images::describe::{to_image_digest, to_model_digest};
use crate::images::fetches::Fetches;
use crate::registry::Transport;
use crate::{Engine, EngineConfig, EngineError};

/// What all verbs on images share.
#[derive(Debug)]
pub(crate) struct ImageStore {
    /// Compressed layers and manifests as they came.
    pub(crate) blobs: BlobStore,
    /// Connections to registries.
    pub(crate) transport: Transport,
    /// Layers on their way.
    pub(crate) fetches: Fetches,
    /// Read-held by whoever works with layers or blobs that no record names yet, and by whoever
    /// relies on unused ones to stay; written by the sweeper.
    busy: Arc<RwLock<()>>,
}

/// While one is held, no layer and no blob is swept away. Hold it from before the first look at
/// what is there until the records name all that is needed. However the work ends, also by being
/// dropped, what it left unused is swept away then.
#[derive(Debug)]
pub(crate) struct Busy {
    engine: Engine,
    guard: Option<OwnedRwLockReadGuard<()>>,
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.guard = None;
        // Without a runtime the engine is at its end, and the next start sweeps.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let engine = self.engine.clone();
            runtime.spawn(async move {
                if let Err(error) = engine.sweep_images().await {
                    tracing::debug!(%error, "unused layers stay until the next sweep");
                }
            });
        }
    }
}

impl ImageStore {
    /// Opens the blob store in the data directory.
    pub(crate) fn open(config: &EngineConfig) -> Result<Self, EngineError> {
        Self::open_at(&config.data_dir.join("blobs"))
    }

    /// Opens the blob store in this folder.
    pub(super) fn open_at(blobs: &Path) -> Result<Self, EngineError> {
        Ok(Self {
            blobs: BlobStore::open(blobs)?,
            transport: Transport::new()?,
            fetches: Fetches::default(),
            busy: Arc::default(),
        })
    }

    /// A blob's file, for the worker.
    pub(crate) fn blob_file(&self, digest: &ImageDigest) -> Result<File, EngineError> {
        Ok(self.blobs.file(digest)?)
    }

    /// Stores some bytes.
    pub(crate) async fn put(&self, bytes: Vec<u8>) -> Result<Digest, EngineError> {
        let blobs = self.blobs.clone();
        let digest = blocking(move || blobs.put(&bytes)).await??;
        Ok(to_model_digest(&digest))
    }
}

impl From<ContentError> for EngineError {
    fn from(error: ContentError) -> Self {
        Self::internal(error.to_string())
    }
}

/// Runs what waits for a disk on a thread for such work.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, EngineError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| EngineError::internal(format!("a file operation was cut short: {error}")))
}

impl Engine {
    /// What all verbs on images share.
    pub(crate) fn image_store(&self) -> &ImageStore {
        &self.inner.images
    }

    /// Keeps every layer and blob from being swept away.
    pub(crate) async fn busy_with_images(&self) -> Busy {
        let guard = Arc::clone(&self.image_store().busy).read_owned().await;
        Busy {
            engine: self.clone(),
            guard: Some(guard),
        }
    }

    /// Removes layers and blobs that nothing needs, unless some job works on layers just now (its
    /// end brings the next chance). Returns the layers that went. What cannot be removed is told
    /// in the log and goes at the next start.
    pub(crate) async fn sweep_images(&self) -> Result<Vec<StoredLayer>, EngineError> {
        let store = self.image_store();
        let Ok(_alone) = store.busy.try_write() else {
            return Ok(Vec::new());
        };
        self.records().delete_hidden_images().await?;
        // Records first: a crash in between leaves files without a record, which the next start
        // sweeps away, and never a record without its files.
        let unused = self.records().delete_unused_layers().await?;
        for layer in &unused {
            self.remove_layer_files(&layer.diff_id).await;
        }
        self.remove_unneeded_blobs().await?;
        Ok(unused)
    }

    async fn remove_layer_files(&self, diff_id: &DiffId) {
        let request = Request::RemoveLayer {
            diff_id: diff_id.clone(),
        };
        if let Err(error) = self.worker().done(request).await {
            tracing::warn!(layer = %diff_id, %error, "an unused layer could not be removed");
        }
    }

    async fn remove_unneeded_blobs(&self) -> Result<(), EngineError> {
        let needed = self.records().needed_blobs().await?;
        let needed: HashSet<ImageDigest> = needed.iter().map(to_image_digest).collect();
        let blobs = self.image_store().blobs.clone();
        blocking(move || {
            for digest in blobs.list()? {
                if !needed.contains(&digest) {
                    blobs.remove(&digest)?;
                }
            }
            Ok::<_, ContentError>(())
        })
        .await??;
        Ok(())
    }

    /// A container of this image is gone. An image that only waited for that goes too, in the
    /// background.
    pub(crate) fn let_go_of_image(&self, id: &ImageId) {
        let (engine, id) = (self.clone(), id.clone());
        self.spawn(async move {
            if engine.records().is_hidden_image(&id).await.unwrap_or(false)
                && let Err(error) = engine.sweep_images().await
            {
                tracing::debug!(%error, "unused layers stay until the next sweep");
            }
        });
    }

    /// Every layer that the records name: what the worker keeps when it sweeps at start.
    pub(crate) async fn known_layers(&self) -> Result<Vec<DiffId>, EngineError> {
        let layers = self.records().layers().await?;
        Ok(layers.into_iter().map(|layer| layer.diff_id).collect())
    }

    /// Takes away what a crash left: half blobs, and whole ones that no record names. For the
    /// start, before any job runs; the worker's own sweep follows with [`Engine::known_layers`].
    pub(crate) async fn reconcile_images(&self) -> Result<(), EngineError> {
        let blobs = self.image_store().blobs.clone();
        blocking(move || blobs.clean(|_| false)).await??;
        self.sweep_images().await?;
        Ok(())
    }
}
