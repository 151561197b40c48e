//! Signals: kill, pause, unpause, and what stopping needs of them.

use std::time::Duration;

use orlop_model::event::EventObject;
use orlop_model::id::ContainerId;
use orlop_model::lifecycle::Status;
use orlop_model::signal::Signal;
use orlop_wire::request::{Request, Target};

use super::live::Observed;
use super::resolve::Owned;
use crate::{Engine, EngineError, ErrorKind};

/// How long `kill` waits for the end of what it has killed.
const KILL_TIMEOUT: Duration = Duration::from_secs(10);

impl Engine {
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
            self.ends_within(&record.id, &before, KILL_TIMEOUT).await;
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
    pub(super) async fn intervene(
        &self,
        owned: &mut Owned,
        stop: bool,
    ) -> Result<Observed, EngineError> {
        let before = owned.slot.observe().borrow().clone();
        owned.slot.note(|seen| seen.interventions += 1);
        if stop && !owned.record.state.stopped_by_user {
            owned.record.state.stopped_by_user = true;
            self.records().update_container(&owned.record).await?;
        }
        Ok(before)
    }

    /// Thaws a frozen container that is about to end.
    pub(super) async fn thaw(&self, owned: &mut Owned) -> Result<(), EngineError> {
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
    pub(super) async fn signal(&self, id: &ContainerId, signal: Signal) -> Result<(), EngineError> {
        let target = Target::Container(id.clone());
        match self.worker().done(Request::Signal { target, signal }).await {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    pub(super) async fn ends_within(
        &self,
        id: &ContainerId,
        before: &Observed,
        timeout: Duration,
    ) -> bool {
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
