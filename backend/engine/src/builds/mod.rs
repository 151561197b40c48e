//! Builds: upload, plan, run, each as a job.
//!
//! What a Dockerfile means is decided by the `builder` crate; here it is done. The worker unpacks
//! and lists the context, runs steps in containers, copies files and makes layers; the records
//! hold the cache.

mod config;
mod context;
mod extra;
mod fetch;
mod output;
mod process;
mod queue;
mod run;
mod steps;
mod stray;
mod upload;
mod work;

use std::collections::BTreeMap;

use orlop_model::id::JobId;
use orlop_model::job::JobKind;
use orlop_model::reference::Reference;

use context::Folder;
pub(crate) use queue::Queue;

use crate::images::Upload;
use crate::jobs::JobContext;
use crate::{Engine, EngineError};

/// What to build.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// Names of the image.
    pub tags: Vec<Reference>,
    /// Path of the Dockerfile in the context; `Dockerfile` when absent.
    pub dockerfile: Option<String>,
    /// Build arguments; `None` takes the value from nowhere, as Docker does.
    pub args: BTreeMap<String, Option<String>>,
    /// Labels of the image.
    pub labels: BTreeMap<String, String>,
    /// Last stage to build.
    pub target: Option<String>,
    /// Do not use the cache.
    pub no_cache: bool,
    /// Pull the base images anew.
    pub pull: bool,
    /// For people.
    pub title: String,
}

/// Where the files come from.
pub enum BuildContext {
    /// A tar, tar.gz, tar.xz, tar.zst or zip of the context.
    Archive(Upload),
    /// Single files with their paths in the context, one after the other.
    Files(futures_util::stream::BoxStream<'static, Result<ContextFile, std::io::Error>>),
    /// A Dockerfile alone.
    Dockerfile(String),
}

/// One file of a context.
pub struct ContextFile {
    /// Path in the context, `/` between its parts.
    pub path: String,
    /// Its bytes.
    pub body: Upload,
}

impl Engine {
    /// Takes the context and begins the build. Returns once the upload is spooled and unpacked; a
    /// wrong Dockerfile is refused here, before anything runs.
    ///
    /// # Errors
    /// If the upload breaks off or is no archive, or the Dockerfile is missing or wrong.
    pub async fn build_image(
        &self,
        options: BuildOptions,
        context: BuildContext,
    ) -> Result<JobId, EngineError> {
        let (id, dir) = self.new_job_dir()?;
        let folder = Folder::new(self.clone(), id.clone(), dir.clone());
        let archive = upload::spool(&dir, context).await?;
        let mut prepared = self.prepare_build(folder, archive, &options).await?;
        self.check_build(&options, &prepared).await?;
        let engine = self.clone();
        let title = run::title(&options);
        let work = move |job: JobContext| async move {
            prepared.folder.owner = Some(job.clone());
            let built = engine.build(&job, &options, &prepared).await;
            drop(prepared);
            built.map(Some)
        };
        self.start_prepared_job(id, JobKind::Build, title, work)
            .await
    }
}
