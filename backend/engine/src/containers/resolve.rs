//! Names, ids and unique prefixes of ids.

use std::sync::Arc;

use orlop_model::container::Container;
use orlop_model::id::ContainerId;
use tokio::sync::OwnedMutexGuard;

use super::live::Slot;
use crate::{Engine, EngineError};

impl Engine {
    /// The id behind a name, an id or a unique prefix of an id, in this order.
    pub(crate) async fn resolve_container(&self, which: &str) -> Result<ContainerId, EngineError> {
        let bare = which.strip_prefix('/').unwrap_or(which);
        if let Ok(id) = bare.parse::<ContainerId>()
            && self.records().container(&id).await?.is_some()
        {
            return Ok(id);
        }
        if let Some(id) = self.records().container_named(bare).await? {
            return Ok(id);
        }
        let mut found = self.records().containers_with_prefix(bare).await?;
        match found.len() {
            1 => Ok(found.remove(0)),
            0 => Err(no_such(which)),
            _ => Err(EngineError::invalid(format!(
                "Multiple IDs found with provided prefix: {which}"
            ))),
        }
    }

    /// The record and slot of a container, for reading.
    pub(crate) async fn find(&self, which: &str) -> Result<(Container, Arc<Slot>), EngineError> {
        let id = self.resolve_container(which).await?;
        let record = self
            .records()
            .container(&id)
            .await?
            .ok_or_else(|| no_such(which))?;
        let slot = self.inner.containers.slot(&id);
        Ok((record, slot))
    }

    /// As [`Engine::find`], as the container's one owner until `Owned` is dropped.
    pub(crate) async fn own(&self, which: &str) -> Result<Owned, EngineError> {
        let id = self.resolve_container(which).await?;
        self.own_id(&id).await
    }

    pub(super) async fn own_id(&self, id: &ContainerId) -> Result<Owned, EngineError> {
        let slot = self.inner.containers.slot(id);
        let guard = slot.owner.clone().lock_owned().await;
        let record = self.records().container(id).await?;
        let record = record.ok_or_else(|| no_such(id.as_str()))?;
        Ok(Owned {
            record,
            slot,
            _guard: guard,
        })
    }
}

/// A container whose record nobody else changes.
pub(crate) struct Owned {
    pub(crate) record: Container,
    pub(crate) slot: Arc<Slot>,
    _guard: OwnedMutexGuard<()>,
}

fn no_such(which: &str) -> EngineError {
    EngineError::not_found(format!("No such container: {which}"))
}
