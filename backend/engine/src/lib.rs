//! Orlop's use cases: everything that a person or a client can ask for, without HTTP and without
//! system calls.
//!
//! [`Engine`] is the whole surface. Each topic adds its verbs in its own module; both faces (the
//! console and the Docker API) call the same verbs. Whatever needs privilege goes through
//! `worker` as a typed request.
#![forbid(unsafe_code)]

pub mod accounts;
pub mod builds;
pub mod config;
pub mod containers;
pub mod error;
pub mod events;
pub mod host;
pub mod images;
pub mod jobs;
pub mod logs;
mod random;
pub mod registry;
pub mod sessions;
pub mod worker;

use std::sync::Arc;

use orlop_records::Records;
use tokio_util::sync::CancellationToken;

pub use config::EngineConfig;
pub use error::{EngineError, ErrorKind};
pub use orlop_wire::frame::Stream;

/// The engine. Cheap to clone; all clones are one.
#[derive(Clone, Debug)]
pub struct Engine {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    config: EngineConfig,
    records: Records,
    worker: worker::Worker,
    events: events::Bus,
    jobs: jobs::Running,
    containers: containers::Live,
    execs: sessions::Execs,
    logs: logs::Watcher,
    accounts: accounts::Doors,
    images: images::ImageStore,
    builds: builds::Queue,
    /// Where background work runs: the faces' own runtimes end before the engine does.
    runtime: tokio::runtime::Handle,
    /// Ends the background work.
    stop: CancellationToken,
}

impl Engine {
    /// Opens the records, reconciles them with what runs, and starts the background work
    /// (watching shims, restart policies, job queue).
    ///
    /// # Errors
    /// If the database cannot be opened or the worker does not answer.
    pub async fn open(config: EngineConfig) -> Result<Self, EngineError> {
        let records = Records::open(&config.records_dir.join("orlop.db")).await?;
        let engine = Self {
            inner: Arc::new(Inner {
                worker: worker::Worker::new(config.worker_socket.clone()),
                events: events::Bus::start(records.clone()),
                jobs: jobs::Running::default(),
                containers: containers::Live::default(),
                execs: sessions::Execs::default(),
                logs: logs::Watcher::new()?,
                accounts: accounts::Doors::default(),
                images: images::ImageStore::open(&config)?,
                builds: builds::Queue::default(),
                runtime: tokio::runtime::Handle::current(),
                stop: CancellationToken::new(),
                records,
                config,
            }),
        };
        engine.reconcile().await?;
        Ok(engine)
    }

    /// The configuration that it was opened with.
    #[must_use]
    pub fn config(&self) -> &EngineConfig {
        &self.inner.config
    }

    /// Ends the background work and closes the records. Containers go on.
    pub async fn close(&self) {
        self.inner.stop.cancel();
        self.interrupt_jobs().await;
        self.inner.events.finish().await;
        self.inner.records.close().await;
    }

    /// Background work, on the runtime on which the engine was opened.
    pub(crate) fn spawn<F>(&self, work: F) -> tokio::task::JoinHandle<F::Output>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.inner.runtime.spawn(work)
    }

    /// Work that is seen through even when its caller goes away: a client that hangs up in the
    /// middle of a change leaves it whole.
    pub(crate) async fn see_to_it<T, F>(
        &self,
        work: impl FnOnce(Self) -> F,
    ) -> Result<T, EngineError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, EngineError>> + Send + 'static,
    {
        let done = self.spawn(work(self.clone())).await;
        done.map_err(|error| EngineError::internal(format!("a fault of Orlop: {error}")))?
    }

    /// The records.
    pub(crate) fn records(&self) -> &Records {
        &self.inner.records
    }

    /// The privileged worker.
    pub(crate) fn worker(&self) -> &worker::Worker {
        &self.inner.worker
    }
}
