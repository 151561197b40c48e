//! The container in which a step works: a fresh upper directory that becomes a layer, or nothing.
//! However the work ends, nothing of the container is left.

use std::path::PathBuf;
use std::time::Duration;

use orlop_model::id::{ContainerId, DiffId};
use orlop_model::signal::Signal;
use orlop_wire::reply::Unpacked;
use orlop_wire::request::{Request, Target};

use crate::containers::watch::exit_of;
use crate::images::store::blocking;
use crate::jobs::JobContext;
use crate::{Engine, EngineError, ErrorKind, random};

/// Folder in a job's folder that names its work containers, for the next start after a crash.
pub(super) const MARKERS: &str = "work";
/// How long a killed container may take to end.
const LONGEST_END: Duration = Duration::from_secs(10);
/// How often a container is looked at that was perhaps just being started.
const LOOKS: u32 = 3;
/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A work container; dropped, it is ended and removed.
#[derive(Debug)]
pub(super) struct WorkContainer {
    engine: Engine,
    job: JobContext,
    pub(super) id: ContainerId,
    marker: PathBuf,
    /// It has become a layer; nothing is left to take away.
    committed: bool,
}

impl WorkContainer {
    /// A new one; its storage comes with the first request that names it.
    pub(super) async fn new(engine: &Engine, job: &JobContext) -> Result<Self, EngineError> {
        let id = ContainerId::from_bytes(random::bytes32()?);
        let folder = job.dir().join(MARKERS);
        let marker = folder.join(id.as_str());
        let path = marker.clone();
        let made = blocking(move || {
            std::fs::create_dir_all(&folder)?;
            std::fs::write(path, b"")
        });
        made.await?.map_err(|error| {
            EngineError::internal(format!("noting a build's container: {error}"))
        })?;
        Ok(Self {
            engine: engine.clone(),
            job: job.clone(),
            id,
            marker,
            committed: false,
        })
    }

    /// Makes a layer of what has changed in it.
    pub(super) async fn commit(mut self) -> Result<Unpacked, EngineError> {
        let request = Request::CommitUpper {
            container: self.id.clone(),
        };
        let unpacked = self.engine.worker().unpacked(request, Vec::new()).await?;
        self.committed = true;
        forget(&self.engine, &self.id, self.marker.clone()).await;
        Ok(unpacked)
    }

    /// Takes its process's surroundings away after its end, so that it can be committed.
    pub(super) async fn release(&self) -> Result<(), EngineError> {
        let container = self.id.clone();
        self.engine
            .worker()
            .done(Request::Release { container })
            .await
    }
}

impl Drop for WorkContainer {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        let (engine, id) = (self.engine.clone(), self.id.clone());
        let marker = self.marker.clone();
        self.job
            .clean_up(async move { take_away(&engine, &id, marker).await });
    }
}

/// Ends a work container and removes everything of it, whatever state it is in.
pub(super) async fn take_away(engine: &Engine, id: &ContainerId, marker: PathBuf) {
    if !end(engine, id).await {
        tracing::warn!(container = %id.short(), "a build's container does not end");
        return;
    }
    let container = id.clone();
    let release = Request::Release {
        container: id.clone(),
    };
    for request in [release, Request::RemoveContainer { container }] {
        match engine.worker().done(request).await {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                tracing::warn!(container = %id.short(), %error, "something of a build's container was left");
                return;
            }
        }
    }
    forget(engine, id, marker).await;
}

/// Ends what runs in a work container, also when its start is still being undone.
async fn end(engine: &Engine, id: &ContainerId) -> bool {
    let folder = engine.run_dir_of(id);
    for look in 0..LOOKS {
        let kill = Request::Signal {
            target: Target::Container(id.clone()),
            signal: Signal::KILL,
        };
        // One that does not run cannot be killed, and need not.
        let killed = engine.worker().done(kill).await.is_ok();
        if folder.exists() {
            let ended = tokio::time::timeout(LONGEST_END, exit_of(&folder)).await;
            if ended.is_err() || killed {
                return ended.is_ok();
            }
        } else if look > 0 {
            return true;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    true
}

/// Takes away what the server itself keeps of a work container.
async fn forget(engine: &Engine, id: &ContainerId, marker: PathBuf) {
    if let Err(error) = engine.records().release_address(id).await {
        tracing::warn!(%error, "an address of a build was not given back");
    }
    // A marker that stays is dealt with at the next start.
    let _ = blocking(move || {
        std::fs::remove_file(&marker)?;
        // Goes with its last marker.
        marker.parent().map_or(Ok(()), std::fs::remove_dir)
    })
    .await;
}

/// Layers by their texts, as the builder knows them.
pub(super) fn diff_ids(layers: &[String]) -> Result<Vec<DiffId>, EngineError> {
    let parsed = layers.iter().map(|text| {
        text.parse()
            .map_err(|error| EngineError::internal(format!("layer {text}: {error}")))
    });
    parsed.collect()
}
