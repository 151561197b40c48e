//! One layer from a registry: network, digest check, blob store and the worker's unpacking, all in
//! one pass over the bytes.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use orlop_image::digest::Digest as ImageDigest;
use orlop_image::manifest::Descriptor;
use orlop_model::id::DiffId;
use orlop_records::layers::{LayerBlob, NewLayer};
use orlop_wire::reply::{Reply, Unpacked};
use orlop_wire::request::Request;
use tokio::sync::watch;

use crate::images::describe::to_model_digest;
use crate::images::fetches::{Lead, Stage, Turn};
use crate::images::progress::Progress;
use crate::images::store::blocking;
use crate::images::tee::{Tee, TeeError};
use crate::jobs::JobContext;
use crate::registry::Repository;
use crate::worker::unexpected;
use crate::{Engine, EngineError};

const DOWNLOADING: &str = "Downloading";
const EXTRACTING: &str = "Extracting";
const COMPLETE: &str = "Pull complete";
const EXISTS: &str = "Already exists";

/// A layer that a pull needs.
#[derive(Debug, Clone)]
pub(super) struct WantedLayer {
    /// By its configuration.
    pub(super) diff_id: DiffId,
    /// By its manifest.
    pub(super) blob: Descriptor,
}

impl From<TeeError> for EngineError {
    fn from(error: TeeError) -> Self {
        Self::internal(error.to_string())
    }
}

impl Engine {
    /// Sees to it that a layer is in place and recorded. The caller holds the store busy.
    pub(super) async fn fetch_layer(
        &self,
        repository: &Arc<Repository>,
        wanted: WantedLayer,
        job: &JobContext,
    ) -> Result<NewLayer, EngineError> {
        let part = to_model_digest(&wanted.blob.digest);
        let mut progress = Progress::new(job, part.short());
        let total = wanted.blob.length();
        let mut found_as = EXISTS;
        loop {
            match self.image_store().fetches.join(&wanted.diff_id) {
                Turn::Follow(watched) => {
                    follow(watched, &mut progress).await;
                    found_as = COMPLETE;
                }
                Turn::Lead(lead) => {
                    // Only now: whoever fetched it before has recorded it by now.
                    if let Some(stored) = self.records().layer(&wanted.diff_id).await? {
                        progress.tell(found_as, total, total).await;
                        return Ok(stored);
                    }
                    let layer = self
                        .download_layer(repository, &wanted, &lead, &mut progress)
                        .await?;
                    progress.tell(COMPLETE, total, total).await;
                    return Ok(layer);
                }
            }
        }
    }

    async fn download_layer(
        &self,
        repository: &Arc<Repository>,
        wanted: &WantedLayer,
        lead: &Lead,
        progress: &mut Progress<'_>,
    ) -> Result<NewLayer, EngineError> {
        let (reader, writer) = io::pipe()
            .map_err(|error| EngineError::internal(format!("cannot make a pipe: {error}")))?;
        let total = wanted.blob.length();
        let mut blob = repository.blob(wanted.blob.digest, total);
        let mut tee = Tee::start(self.image_store().blobs.begin()?, Some(writer));
        let download = async {
            let mut current = 0;
            while let Some(chunk) = blob.chunk().await? {
                current += chunk.len() as u64;
                tee.write(chunk).await?;
                lead.tell(Stage {
                    extracting: false,
                    current,
                    total,
                });
                progress.tell(DOWNLOADING, current, total).await;
            }
            let staged = tee.finish(Some(wanted.blob.digest)).await?;
            lead.tell(Stage {
                extracting: true,
                current: total,
                total,
            });
            progress.tell(EXTRACTING, total, total).await;
            Ok(staged)
        };
        let unpack = self.unpack_layer(Some(wanted.diff_id.clone()), reader.into());
        // Whichever fails first ends the other: a dropped request is cancelled by the worker.
        let (staged, unpacked) = tokio::try_join!(download, unpack)?;
        let digest = blocking(move || staged.publish()).await??;
        let layer = NewLayer {
            diff_id: unpacked.diff_id,
            size: unpacked.size,
            blob: Some(LayerBlob {
                digest: to_model_digest(&digest),
                size: total,
                media_type: wanted.blob.media_type.clone(),
            }),
        };
        self.records().insert_layer(&layer).await?;
        Ok(layer)
    }

    /// Has the worker unpack a layer's tar, compressed or not, from a pipe.
    async fn unpack_layer(
        &self,
        diff_id: Option<DiffId>,
        tar: OwnedFd,
    ) -> Result<Unpacked, EngineError> {
        let request = Request::UnpackLayer { diff_id };
        self.worker().unpacked(request, vec![tar]).await
    }

    /// Has the worker unpack a layer from a blob of this length, and tells how far it is.
    pub(super) async fn unpack_blob(
        &self,
        diff_id: Option<DiffId>,
        blob: &ImageDigest,
        total: u64,
        progress: &mut Progress<'_>,
    ) -> Result<Unpacked, EngineError> {
        let file = self.image_store().blob_file(blob)?;
        let (read, mut reads) = watch::channel(0);
        let request = Request::UnpackLayer { diff_id };
        let work = self.worker().call(&request, vec![file.into()], |bytes| {
            read.send_replace(bytes);
        });
        tokio::pin!(work);
        progress.tell(EXTRACTING, 0, total).await;
        let reply = loop {
            tokio::select! {
                reply = &mut work => break reply?,
                Ok(()) = reads.changed() => {
                    let current = *reads.borrow_and_update();
                    progress.tell(EXTRACTING, current, total).await;
                }
            }
        };
        match reply {
            Reply::Unpacked(unpacked) => Ok(unpacked),
            other => Err(unexpected(&other)),
        }
    }
}

/// Tells what the one who fetches the layer tells, until that one is gone.
async fn follow(mut watched: watch::Receiver<Stage>, progress: &mut Progress<'_>) {
    while watched.changed().await.is_ok() {
        let stage = *watched.borrow_and_update();
        let status = if stage.extracting {
            EXTRACTING
        } else {
            DOWNLOADING
        };
        progress.tell(status, stage.current, stage.total).await;
    }
}
