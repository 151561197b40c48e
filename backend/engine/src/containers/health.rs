//! Health checks: a task for each running container that has one, off the path of its start.
//!
//! Times are measured by a clock that nobody can set; only what is shown to people is wall time.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use orlop_model::container::Container;
use orlop_model::event::EventObject;
use orlop_model::health::{HealthResult, HealthStatus, Probe};
use orlop_model::id::ContainerId;
use orlop_model::lifecycle::Status;
use tokio::time::Instant;

use super::watch::read_state;
use crate::{Engine, EngineError};

/// Clock ticks in a second, which is what proc_pid_stat(5) counts in on every Linux.
const TICKS: u64 = 100;

/// A run of a container that is probed.
struct Watched {
    id: ContainerId,
    probe: Probe,
    /// Exits that were seen before this run.
    exits: u64,
    /// How long it had run at `since`.
    age: Duration,
    since: Instant,
}

impl Watched {
    fn ran(&self) -> Duration {
        self.age + self.since.elapsed()
    }
}

/// What is on record of a container's health as it starts.
pub(super) fn begin(record: &mut Container) {
    let request = &record.request;
    let has_one = request.health.probe(request.shell.as_deref()).is_some();
    let earlier = record.state.health.take();
    record.state.health = has_one.then(|| {
        let mut health = earlier.unwrap_or_default();
        health.begin();
        health
    });
}

/// What is on record of the health of a container that has ended: as Docker has it, not well.
pub(super) fn end(record: &mut Container) {
    if let Some(health) = &mut record.state.health {
        health.status = HealthStatus::Unhealthy;
    }
}

impl Engine {
    /// Probes a running container until it ends. Called by its owner.
    pub(super) fn watch_health(&self, record: &Container) {
        let request = &record.request;
        let Some(probe) = request.health.probe(request.shell.as_deref()) else {
            return;
        };
        let mut seen = self.inner.containers.slot(&record.id).observe();
        let exits = seen.borrow().exits;
        let watched = Watched {
            id: record.id.clone(),
            probe,
            exits,
            age: age_of(&self.run_dir_of(&record.id)).unwrap_or_default(),
            since: Instant::now(),
        };
        let status = record.state.health.as_ref().map(|health| health.status);
        let engine = self.clone();
        self.spawn(async move {
            tokio::select! {
                () = engine.inner.stop.cancelled() => {}
                _ = seen.wait_for(|now| now.exits > exits || now.removed) => {}
                minded = engine.mind_health(&watched, status.unwrap_or_default()) => {
                    if let Err(error) = minded {
                        tracing::error!(container = %watched.id.short(), %error, "a container is not probed any more");
                    }
                }
            }
        });
    }

    async fn mind_health(
        &self,
        watched: &Watched,
        mut status: HealthStatus,
    ) -> Result<(), EngineError> {
        loop {
            tokio::time::sleep(watched.probe.pause(status, watched.ran())).await;
            let (record, _) = self.find(watched.id.as_str()).await?;
            match record.state.status {
                Status::Running => {}
                // A frozen process answers nothing.
                Status::Paused => continue,
                _ => return Ok(()),
            }
            let (start, ran) = (Timestamp::now(), watched.ran());
            let Probe { args, timeout, .. } = &watched.probe;
            let probed = self.probe(watched.id.clone(), args.clone(), *timeout).await;
            let result = HealthResult {
                start,
                end: Timestamp::now(),
                code: probed.code,
                output: probed.output,
            };
            match self.note_health(watched, ran, result).await? {
                Some(now) => status = now,
                None => return Ok(()),
            }
        }
    }

    /// Writes a result down, unless the run that it tells of is over; the status now.
    async fn note_health(
        &self,
        watched: &Watched,
        ran: Duration,
        result: HealthResult,
    ) -> Result<Option<HealthStatus>, EngineError> {
        let mut owned = self.own_id(&watched.id).await?;
        let over = owned.slot.observe().borrow().exits > watched.exits;
        let record = &mut owned.record;
        if over || !record.state.status.is_alive() {
            return Ok(None);
        }
        let is_paused = record.state.status == Status::Paused;
        let health = record.state.health.get_or_insert_default();
        if is_paused {
            // It was frozen while it was asked.
            return Ok(Some(health.status));
        }
        let changed = health.take(&watched.probe, ran, result);
        let status = health.status;
        self.records().update_container(record).await?;
        if changed {
            let action = format!("health_status: {}", status.as_str());
            self.tell(EventObject::Container, &action, record, []);
        }
        Ok(Some(status))
    }
}

/// How long the process of a run folder has run.
fn age_of(folder: &Path) -> Option<Duration> {
    let started = read_state(folder)?.start_time;
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    let up: f64 = uptime.split(' ').next()?.parse().ok()?;
    let up = Duration::try_from_secs_f64(up).ok()?;
    Some(up.saturating_sub(Duration::from_millis(started * 1000 / TICKS)))
}
