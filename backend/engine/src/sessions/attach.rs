//! Attaching to a container, also before it starts.

use std::path::PathBuf;
use std::time::Duration;

use orlop_model::request::TermSize;

use super::{AttachOptions, Session, connection};
use crate::{Engine, EngineError};

/// Between two looks for the socket of a shim that is being started.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

impl Engine {
    /// Attaches to a container. One that is yet to start is attached to as soon as it starts,
    /// before its process runs.
    ///
    /// # Errors
    /// If there is no such container.
    pub async fn attach(
        &self,
        which: &str,
        options: AttachOptions,
    ) -> Result<Session, EngineError> {
        // As its owner, so that no start begins between the look at it and the wait.
        let owned = self.own(which).await?;
        let (record, slot) = (&owned.record, &owned.slot);
        let folder = self.run_dir_of(&record.id);
        let options = AttachOptions {
            input: options.input && record.request.open_stdin,
            ..options
        };
        if record.state.status.is_alive() {
            drop(owned);
            return connection::connect(folder, options).await;
        }
        let announced = slot.announce();
        let mut seen = slot.observe();
        let before = seen.borrow().clone();
        let ready = async move {
            let begun = seen
                .wait_for(|now| now.begun > before.begun || now.removed)
                .await;
            let removed = begun.map_or(true, |now| now.removed);
            if removed {
                return Err(EngineError::not_found("the container was removed"));
            }
            let found = wait_for_socket(&folder, || seen.borrow().failed > before.failed).await;
            drop(announced);
            found
                .then_some(folder)
                .ok_or_else(|| EngineError::conflict("the container could not be started"))
        };
        Ok(connection::connect_later(ready, options))
    }

    /// Sets the size of a container's terminal.
    ///
    /// # Errors
    /// If it does not run.
    pub async fn resize_container(&self, which: &str, size: TermSize) -> Result<(), EngineError> {
        let id = self.running(which).await?;
        let session = connection::connect(self.run_dir_of(&id), AttachOptions::default()).await?;
        session.input.resize(size).await
    }
}

/// Attaches to the process whose shim has this folder as soon as the shim listens. Waits for ever
/// where none comes: drop it when the start has failed.
pub(crate) async fn attach_in(
    folder: PathBuf,
    options: AttachOptions,
) -> Result<Session, EngineError> {
    wait_for_socket(&folder, || false).await;
    connection::connect(folder, options).await
}

/// Waits until a shim listens; `false` when its start has failed.
async fn wait_for_socket(folder: &std::path::Path, failed: impl Fn() -> bool) -> bool {
    loop {
        if connection::connect_shim(folder).await.is_ok() {
            return true;
        }
        if failed() {
            return false;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}
