//! Removing a container: record, storage, anonymous volumes.

use orlop_model::event::EventObject;
use orlop_model::id::ContainerId;
use orlop_model::lifecycle::Status;
use orlop_wire::fault::{self, Point};
use orlop_wire::request::Request;

use super::resolve::Owned;
use crate::{Engine, EngineError, ErrorKind};

impl Engine {
    /// Removes it; a running one only with `force`. Anonymous volumes go with `volumes`.
    ///
    /// # Errors
    /// If it runs and `force` is not set.
    pub async fn remove_container(
        &self,
        which: &str,
        force: bool,
        volumes: bool,
    ) -> Result<(), EngineError> {
        let which = which.to_owned();
        self.see_to_it(|engine| async move { engine.remove(&which, force, volumes).await })
            .await
    }

    async fn remove(&self, which: &str, force: bool, volumes: bool) -> Result<(), EngineError> {
        let mut owned = self.own(which).await?;
        if owned.record.state.status.is_alive() {
            if !force {
                return Err(EngineError::conflict(format!(
                    "cannot remove container \"{}\": container is running: stop the container before removing or force remove",
                    which.strip_prefix('/').unwrap_or(which)
                )));
            }
            let id = owned.record.id.clone();
            drop(owned);
            self.end_now(id.as_str()).await?;
            owned = match self.own_id(&id).await {
                // Its end removed it.
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                other => other?,
            };
        }
        self.remove_owned(owned, volumes).await
    }

    async fn remove_owned(&self, mut owned: Owned, volumes: bool) -> Result<(), EngineError> {
        let record = &mut owned.record;
        if record.state.status.is_alive() {
            return Err(EngineError::conflict(
                "the container was started again meanwhile",
            ));
        }
        record.state.status = Status::Removing;
        record.state.removes_volumes = volumes;
        self.records().update_container(record).await?;
        fault::reach(Point::RemoveDecided);
        let id = record.id.clone();
        if let Err(error) = self
            .worker()
            .done(Request::RemoveContainer {
                container: id.clone(),
            })
            .await
        {
            record.state.status = Status::Dead;
            self.records().update_container(record).await?;
            return Err(error);
        }
        fault::reach(Point::RemoveCleared);
        if volumes {
            self.remove_anonymous_volumes(&owned.record).await;
        }
        self.records().delete_container(&id).await?;
        fault::reach(Point::RemoveDeleted);
        self.let_go_of_image(&owned.record.image_id);
        self.forget_execs(&id);
        self.tell(EventObject::Container, "destroy", &owned.record, []);
        owned.slot.note(|seen| seen.removed = true);
        self.inner.containers.forget(&id);
        Ok(())
    }

    /// Removes a container that asked for it at its end.
    pub(super) fn remove_later(&self, id: ContainerId) {
        let engine = self.clone();
        self.spawn(async move {
            match engine.remove_container(id.as_str(), false, true).await {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => {
                    tracing::warn!(container = %id.short(), %error, "a container was not removed at its end");
                }
            }
        });
    }
}
