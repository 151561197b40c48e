//! Durable jobs: a record, a log, progress and cancel, apart from the request that began them.

mod log;
mod run;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::stream::BoxStream;
use orlop_model::id::JobId;
use orlop_model::job::{Job, JobLine};

pub(crate) use run::JobContext;
use run::Live;

use crate::{Engine, EngineError, ErrorKind};

/// Jobs that have not ended.
#[derive(Debug, Default)]
pub(crate) struct Running(Mutex<HashMap<JobId, Arc<Live>>>);

impl Running {
    fn get(&self, id: &JobId) -> Option<Arc<Live>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(id)
            .cloned()
    }

    fn insert(&self, id: JobId, live: Arc<Live>) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, live);
    }

    fn remove(&self, id: &JobId) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
    }

    fn all(&self) -> Vec<Arc<Live>> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }
}

impl Engine {
    /// Jobs, the newest first.
    ///
    /// # Errors
    /// If the records cannot be read.
    pub async fn list_jobs(&self, limit: usize) -> Result<Vec<Job>, EngineError> {
        Ok(self
            .records()
            .jobs(u32::try_from(limit).unwrap_or(u32::MAX))
            .await?)
    }

    /// One job.
    ///
    /// # Errors
    /// If there is no such job.
    pub async fn inspect_job(&self, id: &JobId) -> Result<Job, EngineError> {
        let found = self.records().job(id).await?;
        found.ok_or_else(|| EngineError::not_found(format!("No such job: {}", id.short())))
    }

    /// Its log: the lines so far from number `from`, then those to come until it ends; each with
    /// its number.
    ///
    /// # Errors
    /// If there is no such job, or its log cannot be read.
    pub async fn follow_job(
        &self,
        id: &JobId,
        from: u64,
    ) -> Result<BoxStream<'static, Result<(u64, JobLine), EngineError>>, EngineError> {
        let live = self.inner.jobs.get(id);
        self.inspect_job(id).await?;
        Ok(log::follow(
            self.job_dir(id),
            live.map(|live| live.written()),
            from,
        ))
    }

    /// Its log so far from number `from`, at most `limit` lines; each with its number (from 0).
    ///
    /// # Errors
    /// If there is no such job, or its log cannot be read.
    pub async fn job_log(
        &self,
        id: &JobId,
        from: u64,
        limit: usize,
    ) -> Result<Vec<(u64, JobLine)>, EngineError> {
        use futures_util::{StreamExt as _, TryStreamExt as _};
        self.inspect_job(id).await?;
        log::follow(self.job_dir(id), None, from)
            .take(limit)
            .try_collect()
            .await
    }

    /// Ends it; nothing half done is left.
    ///
    /// # Errors
    /// If there is no such job, or it has ended already.
    pub async fn cancel_job(&self, id: &JobId) -> Result<(), EngineError> {
        let Some(live) = self.inner.jobs.get(id) else {
            let job = self.inspect_job(id).await?;
            return Err(EngineError::new(
                ErrorKind::Conflict,
                format!("the job has ended already: {}", job.status.as_str()),
            ));
        };
        live.cancel();
        live.ended().await;
        Ok(())
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// If there is no such job.
    pub async fn wait_job(&self, id: &JobId) -> Result<Job, EngineError> {
        if let Some(live) = self.inner.jobs.get(id) {
            live.ended().await;
        }
        self.inspect_job(id).await
    }
}
