//! At start: what the records say against what runs.

use jiff::Timestamp;
use orlop_model::container::Container;
use orlop_model::event::EventObject;
use orlop_model::lifecycle::{Exit, Status};
use orlop_wire::request::Request;

use super::health;
use super::watch::{is_shim_alive, read_exit, read_state};
use crate::{Engine, EngineError};

/// What became of a container while no engine watched.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    /// It runs.
    Runs { pid: u32 },
    /// It ended, by its exit record.
    Ended(Exit),
    /// Neither it nor a record is there: the host was restarted, or somebody took both away.
    Gone,
}

/// What is to be done with a container whose record is true now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Nothing.
    Leave,
    /// Start it, as its policy says for a start of Orlop or of the host.
    Start,
    /// Go on with a restart that was planned.
    Restart,
}

impl Engine {
    /// Makes the records true, adopts what runs, and takes away what nothing names.
    ///
    /// # Errors
    /// If the records cannot be read or the worker does not answer.
    pub(crate) async fn reconcile(&self) -> Result<(), EngineError> {
        self.mark_interrupted_jobs().await?;
        self.end_stray_builds().await;
        self.start_network().await?;
        let mut keep = Vec::new();
        let (mut start, mut restart) = (Vec::new(), Vec::new());
        for record in self.records().containers().await? {
            if matches!(record.state.status, Status::Removing | Status::Dead) {
                match self.finish_removal(&record).await {
                    Ok(()) => continue,
                    Err(error) => self.note_failed_removal(&record, &error).await?,
                }
            }
            keep.push(record.id.clone());
            match self.adopt(&record).await? {
                Next::Leave => {}
                Next::Start => start.push(record.id),
                Next::Restart => restart.push(record.id),
            }
        }
        self.reconcile_images().await?;
        let layers = self.known_layers().await?;
        self.worker()
            .done(Request::Sweep {
                containers: keep,
                layers,
                // No job runs yet, so no build context is needed any more.
                jobs: Vec::new(),
            })
            .await?;
        self.adopt_execs();
        for id in restart {
            self.resume_restart(id);
        }
        for id in start {
            let engine = self.clone();
            self.spawn(async move {
                if let Err(error) = engine.start_container(id.as_str(), false).await {
                    tracing::warn!(container = %id.short(), %error, "a container was not started again");
                }
            });
        }
        Ok(())
    }

    /// Goes on with a removal that this engine's predecessor did not live to finish.
    async fn finish_removal(&self, record: &Container) -> Result<(), EngineError> {
        let container = record.id.clone();
        self.worker()
            .done(Request::RemoveContainer { container })
            .await?;
        if record.state.removes_volumes {
            self.remove_anonymous_volumes(record).await;
        }
        self.records().delete_container(&record.id).await?;
        Ok(())
    }

    async fn note_failed_removal(
        &self,
        record: &Container,
        error: &EngineError,
    ) -> Result<(), EngineError> {
        tracing::warn!(container = %record.id.short(), %error, "a removal could not be finished");
        let mut owned = self.own_id(&record.id).await?;
        owned.record.state.status = Status::Dead;
        Ok(self.records().update_container(&owned.record).await?)
    }

    async fn start_network(&self) -> Result<(), EngineError> {
        let subnet = self.config().subnet;
        let request = Request::EnsureNetwork {
            gateway: subnet.gateway(),
            prefix: subnet.prefix(),
        };
        self.worker().done(request).await
    }

    /// Makes one record true, and says what is to be done now.
    async fn adopt(&self, record: &Container) -> Result<Next, EngineError> {
        let folder = self.run_dir_of(&record.id);
        let found = if is_shim_alive(&folder) {
            read_state(&folder).map_or(Found::Gone, |state| Found::Runs { pid: state.pid })
        } else {
            read_exit(&folder).map_or(Found::Gone, Found::Ended)
        };
        let alive = record.state.status.is_alive();
        match found {
            Found::Runs { pid } => {
                let mut owned = self.own_id(&record.id).await?;
                // A start whose end this engine's predecessor did not live to write down.
                if !alive {
                    owned.record.state.status = Status::Running;
                    owned.record.state.started_at = read_state(&folder).map(|s| s.started_at);
                    health::begin(&mut owned.record);
                }
                owned.record.state.pid = pid;
                self.records().update_container(&owned.record).await?;
                self.watch(record.id.clone());
                self.watch_health(&owned.record);
                self.finish_stop(&owned.record);
                Ok(Next::Leave)
            }
            Found::Ended(exit) if alive || is_newer(&exit, record) => {
                self.ended(&record.id, exit).await?;
                Ok(Next::Leave)
            }
            Found::Gone if alive => {
                let next = boot(record);
                let mut owned = self.own_id(&record.id).await?;
                owned.record.state.status = Status::Exited;
                owned.record.state.pid = 0;
                owned.record.state.stop_due = None;
                health::end(&mut owned.record);
                owned.record.ports.clear();
                owned.record.state.exit = Some(gone());
                self.records().update_container(&owned.record).await?;
                let code = ("exitCode".to_owned(), "137".to_owned());
                self.tell(EventObject::Container, "die", &owned.record, [code]);
                drop(owned);
                self.release(record).await;
                if record.request.host.auto_remove {
                    self.remove_later(record.id.clone());
                }
                Ok(next)
            }
            Found::Ended(_) | Found::Gone => {
                if folder.exists() {
                    self.release(record).await;
                }
                Ok(match record.state.status {
                    // The pause before a restart was not over.
                    Status::Restarting => Next::Restart,
                    Status::Exited => boot(record),
                    _ => Next::Leave,
                })
            }
        }
    }

    async fn release(&self, record: &Container) {
        let request = Request::Release {
            container: record.id.clone(),
        };
        if let Err(error) = self.worker().done(request).await {
            tracing::warn!(container = %record.id.short(), %error, "something of an ended container was left on the host");
        }
    }
}

/// What the policy says for a start of Orlop; a container that never ran is not meant.
fn boot(record: &Container) -> Next {
    if record.state.started_at.is_some() && Engine::wants_start_at_boot(record) {
        Next::Start
    } else {
        Next::Leave
    }
}

/// Whether an exit record tells of a run that the record does not know of.
fn is_newer(exit: &Exit, record: &Container) -> bool {
    record
        .state
        .exit
        .as_ref()
        .is_none_or(|known| known.at < exit.at)
}

fn gone() -> Exit {
    Exit {
        code: 137,
        signal: Some(9),
        oom_killed: false,
        at: Timestamp::now(),
        error: Some("it was gone when Orlop started: the host was restarted, or it was killed together with its shim".to_owned()),
    }
}
