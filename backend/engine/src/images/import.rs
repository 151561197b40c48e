//! Import: from a root file system in one tar to an image with one layer.

use jiff::Timestamp;
use orlop_image::compression::{Decoder, Limits};
use orlop_image::config::{History, ImageConfig, RootFs};
use orlop_image::manifest::Platform;
use orlop_model::id::{ImageId, JobId};
use orlop_model::job::JobKind;
use orlop_model::reference::Reference;
use orlop_records::images::NewImage;
use orlop_records::layers::{LayerBlob, NewLayer};
use orlop_wire::reply::Unpacked;

use crate::images::describe::{created_at, to_image_digest, to_model_digest};
use crate::images::progress::{Progress, say};
use crate::images::spool::{Spooled, spool_upload};
use crate::images::store::{Busy, blocking};
use crate::images::{ImportOptions, Upload, change};
use crate::jobs::JobContext;
use crate::{Engine, EngineError};

impl Engine {
    /// Takes a root file system (tar: plain, gzip, xz, zstd, bzip2). Returns once the upload is
    /// spooled; the job goes on by itself.
    ///
    /// # Errors
    /// If a change is wrong or the upload breaks off; what is wrong with the archive is the job's
    /// error.
    pub async fn import_image(
        &self,
        options: ImportOptions,
        upload: Upload,
    ) -> Result<JobId, EngineError> {
        change::check(&options.changes)?;
        let busy = self.busy_with_images().await;
        let spooled = spool_upload(self.image_store(), upload).await?;
        self.start_import(options, spooled, busy).await
    }

    /// Takes either kind of archive and finds out which it is; what has no manifest is imported
    /// under `options`.
    ///
    /// # Errors
    /// If a change is wrong, the upload breaks off, or it is no archive.
    pub async fn import_or_load(
        &self,
        options: ImportOptions,
        upload: Upload,
    ) -> Result<JobId, EngineError> {
        use orlop_image::archive::{ArchiveKind, identify};

        change::check(&options.changes)?;
        let busy = self.busy_with_images().await;
        let spooled = spool_upload(self.image_store(), upload).await?;
        let file = self.image_store().blob_file(&spooled.digest)?;
        let kind = blocking(move || identify(Decoder::new(file, Limits::default())?)).await?;
        match kind.map_err(|error| EngineError::field("file", error.to_string()))? {
            ArchiveKind::Images => self.start_load(options.title, spooled, busy).await,
            ArchiveKind::RootFs => self.start_import(options, spooled, busy).await,
        }
    }

    async fn start_import(
        &self,
        options: ImportOptions,
        spooled: Spooled,
        busy: Busy,
    ) -> Result<JobId, EngineError> {
        let engine = self.clone();
        self.start_job(
            JobKind::Import,
            options.title.clone(),
            move |job| async move {
                let imported = engine.import(&job, &options, &spooled).await;
                drop(busy);
                imported.map(Some)
            },
        )
        .await
    }

    async fn import(
        &self,
        job: &JobContext,
        options: &ImportOptions,
        spooled: &Spooled,
    ) -> Result<ImageId, EngineError> {
        let comment = match &options.message[..] {
            "" => format!("Imported from {}", options.title),
            message => message.to_owned(),
        };
        let history = History {
            comment: Some(comment),
            ..History::default()
        };
        let id = self
            .store_root_fs(
                job,
                spooled,
                history,
                &options.changes,
                options.reference.as_ref(),
            )
            .await?;
        let name = options.reference.as_ref().map(Reference::familiar);
        self.image_event(
            "import",
            id.as_str(),
            name.as_deref().unwrap_or(id.as_str()),
        );
        say(job, id.as_str()).await;
        Ok(id)
    }

    /// Unpacks a spooled root file system and records an image of this one layer.
    pub(super) async fn store_root_fs(
        &self,
        job: &JobContext,
        spooled: &Spooled,
        history: History,
        changes: &[String],
        name: Option<&Reference>,
    ) -> Result<ImageId, EngineError> {
        let (blob, total) = (&spooled.digest, spooled.size);
        let mut progress = Progress::new(job, to_model_digest(blob).short());
        let unpacked = self.unpack_blob(None, blob, total, &mut progress).await?;
        progress.tell("Import complete", total, total).await;
        let config = change::apply(config(&unpacked, history), changes)?;
        let raw = config.to_bytes();
        let image = NewImage {
            id: to_model_digest(&orlop_image::digest::Digest::of(&raw)),
            config: raw,
            created_at: created_at(&config),
            manifest: None,
            parent: None,
            layers: vec![layer(&unpacked, spooled)],
            tags: name.cloned().into_iter().collect(),
            digests: Vec::new(),
        };
        self.records().insert_image(&image).await?;
        Ok(image.id)
    }
}

fn config(unpacked: &Unpacked, history: History) -> ImageConfig {
    let platform = Platform::host();
    let now = Timestamp::now().to_string();
    ImageConfig {
        architecture: platform.architecture,
        os: platform.os,
        created: Some(now.clone()),
        rootfs: RootFs {
            diff_ids: vec![to_image_digest(&unpacked.diff_id)],
            ..RootFs::default()
        },
        history: vec![History {
            created: Some(now),
            ..history
        }],
        ..ImageConfig::default()
    }
}

fn layer(unpacked: &Unpacked, spooled: &Spooled) -> NewLayer {
    NewLayer {
        diff_id: unpacked.diff_id.clone(),
        size: unpacked.size,
        blob: Some(LayerBlob {
            digest: to_model_digest(&spooled.digest),
            size: spooled.size,
            media_type: spooled.layer_type(),
        }),
    }
}
