//! Files that a build copies and that are not in its context (here-documents, downloads, an empty
//! folder): a small context of their own, unpacked by the worker like any other.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use orlop_model::id::JobId;
use orlop_wire::request::{Request, Tree};

use super::context::read_index;
use crate::images::store::blocking;
use crate::jobs::JobContext;
use crate::{Engine, EngineError, random};

/// Names of the archives in a job's folder begin so.
pub(super) const PREFIX: &str = "extra-";

/// One file of such a context.
#[derive(Debug)]
pub(super) enum ExtraFile {
    /// A text.
    Text {
        /// Its name.
        name: String,
        /// Its content.
        content: String,
    },
    /// A file of the server, which is removed.
    Stored {
        /// Its name.
        name: String,
        /// Where it is.
        path: PathBuf,
    },
    /// An empty folder.
    Folder {
        /// Its name.
        name: String,
    },
}

/// Such a context; dropped, it is removed.
#[derive(Debug)]
pub(super) struct Extra {
    engine: Engine,
    job: JobContext,
    id: JobId,
}

impl Extra {
    /// Makes a context of these files.
    pub(super) async fn make(
        engine: &Engine,
        job: &JobContext,
        files: Vec<ExtraFile>,
    ) -> Result<Self, EngineError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = job.dir().join(format!("{PREFIX}{number}"));
        let extra = Self {
            engine: engine.clone(),
            job: job.clone(),
            id: JobId::from_bytes(random::bytes32()?),
        };
        let archive = blocking(move || archive(path, files)).await?;
        let archive = archive
            .map_err(|error| EngineError::internal(format!("storing files to copy: {error}")))?;
        let request = Request::UnpackContext {
            job: extra.id.clone(),
        };
        let stream = engine
            .worker()
            .indexed(request, vec![archive.into()])
            .await?;
        read_index(stream).await?;
        Ok(extra)
    }

    /// The tree of its files.
    pub(super) fn tree(&self) -> Tree {
        Tree::Context(self.id.clone())
    }
}

impl Drop for Extra {
    fn drop(&mut self) {
        let (engine, job) = (self.engine.clone(), self.id.clone());
        self.job.clean_up(async move {
            if let Err(error) = engine.worker().done(Request::RemoveJob { job }).await {
                tracing::debug!(%error, "files of a build stay until the next start");
            }
        });
    }
}

/// Writes the archive, and takes its name away: the descriptor is enough.
fn archive(path: PathBuf, files: Vec<ExtraFile>) -> std::io::Result<File> {
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(&path)?;
    std::fs::remove_file(&path)?;
    let mut builder = tar::Builder::new(file);
    let mut header = tar::Header::new_gnu();
    header.set_mtime(u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0));
    for file in files {
        match file {
            ExtraFile::Text { name, content } => {
                header.set_mode(0o644);
                header.set_size(content.len() as u64);
                builder.append_data(&mut header, name, content.as_bytes())?;
            }
            ExtraFile::Stored { name, path } => {
                let stored = File::open(&path)?;
                std::fs::remove_file(&path)?;
                header.set_mode(0o600);
                header.set_size(stored.metadata()?.len());
                builder.append_data(&mut header, name, stored)?;
            }
            ExtraFile::Folder { name } => {
                let mut header = header.clone();
                header.set_entry_type(tar::EntryType::Directory);
                header.set_mode(0o755);
                header.set_size(0);
                builder.append_data(&mut header, name, std::io::empty())?;
            }
        }
    }
    let mut file = builder.into_inner()?;
    std::io::Seek::rewind(&mut file)?;
    Ok(file)
}
