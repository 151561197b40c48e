//! Starting a container: nothing slow on the way, and a failure leaves it as it was.

use jiff::Timestamp;
use orlop_model::container::Container;
use orlop_model::event::EventObject;
use orlop_model::lifecycle::{Exit, Status};
use orlop_model::request::RestartPolicy;
use orlop_model::spec::Network;
use orlop_wire::fault::{self, Point};
use orlop_wire::request::{Request, Start};

use super::address::choose_ports;
use super::health;
use super::resolve::Owned;
use crate::{Engine, EngineError, ErrorKind};

impl Engine {
    /// Starts a container that does not run. With `wait_for_attach`, or when a client waits to
    /// attach to it ([`Engine::attach`]), its process begins when the first client is connected.
    ///
    /// # Errors
    /// [`ErrorKind::NotModified`] if it runs already; otherwise why its process could not start.
    pub async fn start_container(
        &self,
        which: &str,
        wait_for_attach: bool,
    ) -> Result<(), EngineError> {
        let which = which.to_owned();
        self.see_to_it(|engine| async move {
            let mut owned = engine.own(&which).await?;
            owned.record.state.stopped_by_user = false;
            owned.record.state.restart_count = 0;
            owned.slot.note(|seen| seen.interventions += 1);
            engine.start_owned(&mut owned, wait_for_attach).await
        })
        .await
    }

    pub(super) async fn start_owned(
        &self,
        owned: &mut Owned,
        wait_for_attach: bool,
    ) -> Result<(), EngineError> {
        let record = &mut owned.record;
        match record.state.status {
            Status::Running => {
                return Err(EngineError::new(
                    ErrorKind::NotModified,
                    "the container runs already",
                ));
            }
            Status::Paused => {
                return Err(EngineError::conflict(
                    "cannot start a paused container, try unpause instead",
                ));
            }
            Status::Removing | Status::Dead => {
                return Err(EngineError::conflict(
                    "container is marked for removal and cannot be started",
                ));
            }
            Status::Created | Status::Exited | Status::Restarting => {}
        }
        let spec = self.records().spec(&record.id).await?;
        let mut spec =
            spec.ok_or_else(|| EngineError::internal("the container's specification is gone"))?;
        if let Network::Bridge { endpoint, ports } = &mut spec.network {
            // The bridge or the subnet may have another name since it was made.
            *endpoint = self.plan_endpoint(&record.id).await?;
            *ports = choose_ports(ports)?;
            record.endpoint = Some(endpoint.clone());
            record.ports.clone_from(ports);
        }
        let wait_for_attach = wait_for_attach || owned.slot.is_awaited();
        owned.slot.note(|seen| seen.begun += 1);
        let request = Request::Start(Box::new(Start {
            spec,
            wait_for_attach,
        }));
        fault::reach(Point::StartDecided);
        match self.worker().started(request).await {
            Ok(started) => {
                fault::reach(Point::StartAnswered);
                record.state.status = Status::Running;
                record.state.pid = started.pid;
                record.state.started_at = Some(Timestamp::now());
                record.state.stop_due = None;
                health::begin(record);
                // First, since it runs whatever the records say; its end waits for this owner.
                self.watch(record.id.clone());
                self.records().update_container(record).await?;
                fault::reach(Point::StartRecorded);
                self.watch_health(record);
                self.tell(EventObject::Container, "start", record, []);
                Ok(())
            }
            Err(error) => {
                owned.slot.note(|seen| seen.failed += 1);
                self.note_failed_start(record, &error).await?;
                Err(error)
            }
        }
    }

    /// The container stays as it was, and its exit code tells what was wrong.
    async fn note_failed_start(
        &self,
        record: &mut Container,
        error: &EngineError,
    ) -> Result<(), EngineError> {
        let code = match error.kind() {
            ErrorKind::CommandNotFound => 127,
            ErrorKind::CommandNotExecutable => 126,
            _ => 128,
        };
        if record.state.status == Status::Restarting {
            record.state.status = Status::Exited;
        }
        record.state.pid = 0;
        record.ports.clear();
        record.state.exit = Some(Exit {
            code,
            signal: None,
            oom_killed: false,
            at: Timestamp::now(),
            error: Some(error.to_string()),
        });
        self.records().update_container(record).await?;
        if record.request.host.auto_remove && record.request.host.restart == RestartPolicy::No {
            self.remove_later(record.id.clone());
        }
        Ok(())
    }
}
