//! Signals: stop, restart, kill, pause, unpause.

use std::time::Duration;

use orlop_model::event::EventObject;
use orlop_model::id::ContainerId;
use orlop_model::lifecycle::Status;
use orlop_model::signal::Signal;
use orlop_wire::request::{Request, Target};

use super::live::Observed;
use super::resolve::Owned;
use crate::{Engine, EngineError, ErrorKind};

/// Docker's default between the polite signal and the kill.
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a killed container may take to be gone.
const KILL_TIMEOUT: Duration = Duration::from_secs(30);

impl Engine {
    /// Asks it to stop, and kills it when `timeout` (its own, when absent) has passed.
    ///
    /// # Errors
    /// [`ErrorKind::NotModified`] if it does not run.
    pub async fn stop_container(
        &self,
        which: &str,
        timeout: Option<Duration>,
    ) -> Result<(), EngineError> {
        let which = which.to_owned();
        self.see_to_it(|engine| async move { engine.stop(&which, timeout).await })
            .await
    }

    async fn stop(&self, which: &str, timeout: Option<Duration>) -> Result<(), EngineError> {
        let mut owned = self.own(which).await?;
        let before = self.intervene(&mut owned, true).await?;
        let record = &owned.record;
        match record.state.status {
            Status::Running | Status::Paused => {}
            // The restart that was planned is off now.
            Status::Restarting => {
                owned.record.state.status = Status::Exited;
                self.records().update_container(&owned.record).await?;
                return Ok(());
            }
            _ => {
                return Err(EngineError::new(
                    ErrorKind::NotModified,
                    "the container does not run",
                ));
            }
        }
        let id = record.id.clone();
        let polite = record.request.stop_signal.unwrap_or(Signal::TERM);
        let own = record
            .request
            .stop_timeout
            .map(|s| Duration::from_secs(s.into()));
        let timeout = timeout.or(own).unwrap_or(STOP_TIMEOUT);
        // A frozen process hears nothing.
        self.thaw(&mut owned).await?;
        let record = owned.record.clone();
        // Its end needs the record.
        drop(owned);
        self.signal(&id, polite).await?;
        if timeout.is_zero() || !self.ends_within(&id, &before, timeout).await {
            self.signal(&id, Signal::KILL).await?;
            if !self.ends_within(&id, &before, KILL_TIMEOUT).await {
                return Err(EngineError::internal(
                    "the container was killed and has not ended",
                ));
            }
        }
        self.tell(EventObject::Container, "stop", &record, []);
        Ok(())
    }

    /// Stops and starts.
    ///
    /// # Errors
    /// As stop and start.
    pub async fn restart_container(
        &self,
        which: &str,
        timeout: Option<Duration>,
    ) -> Result<(), EngineError> {
        let which = which.to_owned();
        self.see_to_it(|engine| async move {
            match engine.stop_container(&which, timeout).await {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::NotModified => {}
                Err(error) => return Err(error),
            }
            engine.start_container(&which, false).await?;
            let (record, _) = engine.find(&which).await?;
            engine.tell(EventObject::Container, "restart", &record, []);
            Ok(())
        })
        .await
    }

    /// Sends a signal to its first process.
    ///
    /// # Errors
    /// If it does not run.
    pub async fn kill_container(&self, which: &str, signal: Signal) -> Result<(), EngineError> {
        let which = which.to_owned();
        self.see_to_it(|engine| async move { engine.kill(&which, signal).await })
            .await
    }

    async fn kill(&self, which: &str, signal: Signal) -> Result<(), EngineError> {
        let mut owned = self.own(which).await?;
        if !owned.record.state.status.is_alive() {
            return Err(EngineError::conflict(format!(
                "Cannot kill container: {which}: container {} is not running",
                owned.record.id
            )));
        }
        // These tell that a person wants it gone; other signals may mean anything.
        let polite = owned.record.request.stop_signal.unwrap_or(Signal::TERM);
        let ends = signal == Signal::KILL || signal == polite;
        let before = self.intervene(&mut owned, ends).await?;
        if ends {
            self.thaw(&mut owned).await?;
        }
        let record = owned.record.clone();
        drop(owned);
        self.signal(&record.id, signal).await?;
        let number = ("signal".to_owned(), signal.number().to_string());
        self.tell(EventObject::Container, "kill", &record, [number]);
        if signal == Signal::KILL {
            self.ends_within(&record.id, &before, STOP_TIMEOUT).await;
        }
        Ok(())
    }

    /// Freezes it.
    ///
    /// # Errors
    /// If it does not run, or is frozen already.
    pub async fn pause_container(&self, which: &str) -> Result<(), EngineError> {
        let which = which.to_owned();
        self.see_to_it(|engine| async move { engine.set_paused(&which, true).await })
            .await
    }

    /// Thaws it.
    ///
    /// # Errors
    /// If it is not frozen.
    pub async fn unpause_container(&self, which: &str) -> Result<(), EngineError> {
        let which = which.to_owned();
        self.see_to_it(|engine| async move { engine.set_paused(&which, false).await })
            .await
    }

    async fn set_paused(&self, which: &str, paused: bool) -> Result<(), EngineError> {
        let mut owned = self.own(which).await?;
        let (from, to, action) = if paused {
            (Status::Running, Status::Paused, "pause")
        } else {
            (Status::Paused, Status::Running, "unpause")
        };
        let record = &mut owned.record;
        if record.state.status != from {
            let why = match (record.state.status, paused) {
                (Status::Paused, true) => "is already paused",
                (_, true) => "is not running",
                (_, false) => "is not paused",
            };
            return Err(EngineError::conflict(format!(
                "Container {} {why}",
                record.id
            )));
        }
        self.freeze(&record.id, paused).await?;
        record.state.status = to;
        self.records().update_container(record).await?;
        self.tell(EventObject::Container, action, record, []);
        Ok(())
    }

    /// Notes that a person acts on a container; with `stop`, that it shall stay ended. Returns
    /// what had happened to it before.
    async fn intervene(&self, owned: &mut Owned, stop: bool) -> Result<Observed, EngineError> {
        let before = owned.slot.observe().borrow().clone();
        owned.slot.note(|seen| seen.interventions += 1);
        if stop && !owned.record.state.stopped_by_user {
            owned.record.state.stopped_by_user = true;
            self.records().update_container(&owned.record).await?;
        }
        Ok(before)
    }

    /// Thaws a frozen container that is about to end.
    async fn thaw(&self, owned: &mut Owned) -> Result<(), EngineError> {
        if owned.record.state.status == Status::Paused {
            self.freeze(&owned.record.id, false).await?;
            owned.record.state.status = Status::Running;
            self.records().update_container(&owned.record).await?;
            self.tell(EventObject::Container, "unpause", &owned.record, []);
        }
        Ok(())
    }

    async fn freeze(&self, id: &ContainerId, frozen: bool) -> Result<(), EngineError> {
        self.worker()
            .done(Request::Freeze {
                container: id.clone(),
                frozen,
            })
            .await
    }

    /// Sends a signal; a process that is gone already is no error.
    async fn signal(&self, id: &ContainerId, signal: Signal) -> Result<(), EngineError> {
        let target = Target::Container(id.clone());
        match self.worker().done(Request::Signal { target, signal }).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    async fn ends_within(&self, id: &ContainerId, before: &Observed, timeout: Duration) -> bool {
        let mut seen = self.inner.containers.slot(id).observe();
        let ended = seen.wait_for(|now| now.exits > before.exits || now.removed);
        if timeout == Duration::MAX {
            return ended.await.is_ok();
        }
        tokio::time::timeout(timeout, ended)
            .await
            .is_ok_and(|ended| ended.is_ok())
    }

    /// Ends a container at once, on its way out.
    pub(super) async fn end_now(&self, which: &str) -> Result<(), EngineError> {
        match self.kill_container(which, Signal::KILL).await {
            Err(error) if error.kind() == ErrorKind::Conflict => Ok(()),
            other => other,
        }
    }
}
