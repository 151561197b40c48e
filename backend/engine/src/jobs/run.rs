//! Running a job: its task, what it tells, how it ends.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use orlop_model::event::EventObject;
use orlop_model::id::{ImageId, JobId};
use orlop_model::job::{Job, JobEvent, JobKind, JobLine, JobStatus};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::log::{Writer, Written};
use crate::{Engine, EngineError, ErrorKind, random};

/// A job that has not ended.
#[derive(Debug)]
pub(super) struct Live {
    written: watch::Sender<Written>,
    log: Mutex<Writer>,
    cancel: CancellationToken,
    /// The engine ends, and the job with it.
    interrupt: CancellationToken,
    /// What takes away what the work had begun; the job ends after it.
    cleanups: TaskTracker,
}

impl Live {
    pub(super) fn written(&self) -> watch::Receiver<Written> {
        self.written.subscribe()
    }

    pub(super) fn cancel(&self) {
        self.cancel.cancel();
    }

    pub(super) async fn ended(&self) {
        // The sender is `self`, so the wait cannot fail.
        let _ = self
            .written
            .subscribe()
            .wait_for(|written| written.ended)
            .await;
    }

    fn write(&self, event: JobEvent) {
        let last = matches!(&event, JobEvent::Status { status, .. } if status.is_final());
        let line = JobLine {
            at: Timestamp::now(),
            event,
        };
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let written = log.write(&line);
        if let Err(error) = &written {
            tracing::warn!(%error, "a line of a job's log was not written");
        }
        self.written.send_modify(|count| {
            count.lines += u64::from(written.is_ok());
            count.ended |= last;
        });
    }
}

/// What a job's work gets.
#[derive(Debug, Clone)]
pub(crate) struct JobContext {
    dir: PathBuf,
    live: Arc<Live>,
    runtime: Handle,
}

impl JobContext {
    /// Its folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Tells something: into the log, and to whoever follows.
    pub(crate) async fn emit(&self, event: JobEvent) {
        self.tell(event);
    }

    /// As [`JobContext::emit`], where nothing can be awaited.
    pub(crate) fn tell(&self, event: JobEvent) {
        self.live.write(event);
    }

    /// Takes away what the work had begun, for the drop of work that is cancelled: the job does
    /// not count as ended before this is done.
    pub(crate) fn clean_up(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.live.cleanups.spawn_on(work, &self.runtime);
    }
}

impl Engine {
    /// A job's folder.
    pub(crate) fn job_dir(&self, id: &JobId) -> PathBuf {
        self.config().data_dir.join("jobs").join(id.as_str())
    }

    /// Makes an id and a folder for a job, before its upload arrives.
    pub(crate) fn new_job_dir(&self) -> Result<(JobId, PathBuf), EngineError> {
        let id = JobId::from_bytes(random::bytes32()?);
        let dir = self.job_dir(&id);
        std::fs::create_dir_all(&dir).map_err(|error| {
            EngineError::internal(format!("cannot make {}: {error}", dir.display()))
        })?;
        Ok((id, dir))
    }

    /// Records a job and begins its work. A cancel drops the work where it waits.
    pub(crate) async fn start_job<F, Fut>(
        &self,
        kind: JobKind,
        title: String,
        work: F,
    ) -> Result<JobId, EngineError>
    where
        F: FnOnce(JobContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Option<ImageId>, EngineError>> + Send + 'static,
    {
        let (id, _) = self.new_job_dir()?;
        self.start_prepared_job(id, kind, title, work).await
    }

    /// As [`Engine::start_job`], for an id of [`Engine::new_job_dir`].
    pub(crate) async fn start_prepared_job<F, Fut>(
        &self,
        id: JobId,
        kind: JobKind,
        title: String,
        work: F,
    ) -> Result<JobId, EngineError>
    where
        F: FnOnce(JobContext) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Option<ImageId>, EngineError>> + Send + 'static,
    {
        let dir = self.job_dir(&id);
        let log = Writer::create(&dir)
            .map_err(|error| EngineError::internal(format!("cannot make a job's log: {error}")))?;
        let live = Arc::new(Live {
            written: watch::Sender::new(Written::default()),
            log: Mutex::new(log),
            cancel: CancellationToken::new(),
            interrupt: CancellationToken::new(),
            cleanups: TaskTracker::new(),
        });
        let now = Timestamp::now();
        let job = Job {
            id: id.clone(),
            kind,
            title,
            status: JobStatus::Running,
            created_at: now,
            started_at: Some(now),
            finished_at: None,
            error: None,
            image: None,
        };
        self.records().put_job(&job).await?;
        self.inner.jobs.insert(id.clone(), live.clone());
        self.tell_job(&job);
        let context = JobContext {
            dir,
            live: live.clone(),
            runtime: self.inner.runtime.clone(),
        };
        let work = self.spawn(work(context));
        self.spawn(self.clone().see_through(job, live, work));
        Ok(id)
    }

    /// Waits for the work's end, or ends it, and writes down how it went.
    async fn see_through(
        self,
        mut job: Job,
        live: Arc<Live>,
        mut work: tokio::task::JoinHandle<Result<Option<ImageId>, EngineError>>,
    ) {
        let abort = |work: tokio::task::JoinHandle<_>| async move {
            work.abort();
            // Its drop has run when this returns, whatever it says.
            let _ = work.await;
        };
        let (status, error, image) = tokio::select! {
            biased;
            () = live.cancel.cancelled() => {
                abort(work).await;
                (JobStatus::Cancelled, None, None)
            }
            () = live.interrupt.cancelled() => {
                abort(work).await;
                (JobStatus::Interrupted, Some("Orlop was stopped".to_owned()), None)
            }
            done = &mut work => match done {
                Ok(Ok(image)) => (JobStatus::Succeeded, None, image),
                Ok(Err(error)) if error.kind() == ErrorKind::Cancelled => (JobStatus::Cancelled, None, None),
                Ok(Err(error)) => (JobStatus::Failed, Some(error.to_string()), None),
                Err(error) => (JobStatus::Failed, Some(format!("a fault of Orlop: {error}")), None),
            },
        };
        live.cleanups.close();
        live.cleanups.wait().await;
        job.status = status;
        job.error = error;
        job.image = image;
        self.finish_job(job, &live).await;
    }

    async fn finish_job(&self, mut job: Job, live: &Live) {
        job.finished_at = Some(Timestamp::now());
        if let Err(error) = self.records().put_job(&job).await {
            tracing::error!(job = %job.id, %error, "the end of a job was not recorded");
        }
        if let Some(error) = &job.error {
            tracing::info!(job = %job.id.short(), kind = job.kind.as_str(), %error, "a job failed");
        }
        // The log's last line first: who then finds the job ended finds the log whole.
        live.write(JobEvent::Status {
            status: job.status,
            error: job.error.clone(),
            image: job.image.clone(),
        });
        self.inner.jobs.remove(&job.id);
        self.tell_job(&job);
    }

    /// Ends every job, each told as interrupted.
    pub(crate) async fn interrupt_jobs(&self) {
        let running = self.inner.jobs.all();
        for live in &running {
            live.interrupt.cancel();
        }
        for live in &running {
            live.ended().await;
        }
    }

    /// At start: what ran when Orlop ended cannot go on, and says so.
    pub(crate) async fn mark_interrupted_jobs(&self) -> Result<(), EngineError> {
        for mut job in self.records().unfinished_jobs().await? {
            job.status = JobStatus::Interrupted;
            job.finished_at = Some(Timestamp::now());
            job.error = Some("Orlop ended while it ran; begin it again".to_owned());
            self.records().put_job(&job).await?;
            let event = JobEvent::Status {
                status: job.status,
                error: job.error.clone(),
                image: None,
            };
            let line = JobLine {
                at: Timestamp::now(),
                event,
            };
            // The folder may be gone with what crashed; the record tells all the same.
            if let Ok(mut log) = Writer::create(&self.job_dir(&job.id)) {
                let _ = log.write(&line);
            }
        }
        Ok(())
    }

    fn tell_job(&self, job: &Job) {
        let attributes = [
            ("kind".to_owned(), job.kind.as_str().to_owned()),
            ("name".to_owned(), job.title.clone()),
        ];
        self.publish(
            EventObject::Job,
            job.status.as_str(),
            job.id.as_str(),
            attributes,
        );
    }
}
