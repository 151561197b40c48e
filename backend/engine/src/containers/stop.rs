//! Stopping: the polite signal, then the kill; also when Orlop itself was killed in between.

use std::time::Duration;

use jiff::Timestamp;
use orlop_model::container::Container;
use orlop_model::event::EventObject;
use orlop_model::lifecycle::Status;
use orlop_model::signal::Signal;

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
        self.stop_container_by(which, timeout, None).await
    }

    /// The same with another polite signal than its own.
    ///
    /// # Errors
    /// As [`Engine::stop_container`].
    pub async fn stop_container_by(
        &self,
        which: &str,
        timeout: Option<Duration>,
        signal: Option<Signal>,
    ) -> Result<(), EngineError> {
        let which = which.to_owned();
        self.see_to_it(|engine| async move { engine.stop(&which, timeout, signal).await })
            .await
    }

    async fn stop(
        &self,
        which: &str,
        timeout: Option<Duration>,
        signal: Option<Signal>,
    ) -> Result<(), EngineError> {
        let mut owned = self.own(which).await?;
        let before = self.intervene(&mut owned, true).await?;
        match owned.record.state.status {
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
        let own = owned.record.request.stop_timeout;
        let own = own.map(|seconds| Duration::from_secs(seconds.into()));
        let timeout = timeout.or(own).unwrap_or(STOP_TIMEOUT);
        // A frozen process hears nothing.
        self.thaw(&mut owned).await?;
        // On record, so that an Orlop that is killed meanwhile finishes it when it is back.
        owned.record.state.stop_due = due(Timestamp::now(), timeout);
        self.records().update_container(&owned.record).await?;
        let record = owned.record.clone();
        // Its end needs the record.
        drop(owned);
        let polite = signal
            .or(record.request.stop_signal)
            .unwrap_or(Signal::TERM);
        self.signal(&record.id, polite).await?;
        if timeout.is_zero() || !self.ends_within(&record.id, &before, timeout).await {
            self.signal(&record.id, Signal::KILL).await?;
            if !self.ends_within(&record.id, &before, KILL_TIMEOUT).await {
                return Err(EngineError::internal(
                    "the container was killed and has not ended",
                ));
            }
        }
        self.tell(EventObject::Container, "stop", &record, []);
        Ok(())
    }

    /// At start: finishes a stop that an earlier Orlop had begun. Called by the container's owner.
    pub(super) fn finish_stop(&self, record: &Container) {
        let Some(due) = record.state.stop_due else {
            return;
        };
        let before = self
            .inner
            .containers
            .slot(&record.id)
            .observe()
            .borrow()
            .clone();
        let (engine, record) = (self.clone(), record.clone());
        self.spawn(async move {
            let left = left(Timestamp::now(), due, &record);
            let ended = tokio::select! {
                () = engine.inner.stop.cancelled() => return,
                ended = engine.ends_within(&record.id, &before, left) => ended,
            };
            if !ended && let Err(error) = engine.signal(&record.id, Signal::KILL).await {
                tracing::warn!(container = %record.id.short(), %error, "a stop was not finished");
                return;
            }
            engine.tell(EventObject::Container, "stop", &record, []);
        });
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
        self.restart_container_by(which, timeout, None).await
    }

    /// The same with another polite signal than its own.
    ///
    /// # Errors
    /// As stop and start.
    pub async fn restart_container_by(
        &self,
        which: &str,
        timeout: Option<Duration>,
        signal: Option<Signal>,
    ) -> Result<(), EngineError> {
        let which = which.to_owned();
        self.see_to_it(|engine| async move {
            match engine.stop_container_by(&which, timeout, signal).await {
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
}

/// When a stop that begins now ends in a kill; never, where the wait is without end.
fn due(now: Timestamp, timeout: Duration) -> Option<Timestamp> {
    now.checked_add(timeout).ok()
}

/// What is left until then; never more than the whole, should the clock have been set back.
fn left(now: Timestamp, due: Timestamp, record: &Container) -> Duration {
    let own = record.request.stop_timeout;
    let most = own.map_or(STOP_TIMEOUT, |seconds| Duration::from_secs(seconds.into()));
    let left = Duration::try_from(due.duration_since(now)).unwrap_or_default();
    left.min(most.max(STOP_TIMEOUT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_without_end_is_never_due() {
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(due(now, Duration::MAX), None);
        let after = due(now, Duration::from_secs(3)).expect("soon");
        assert_eq!(after.as_second(), 3);
    }
}
