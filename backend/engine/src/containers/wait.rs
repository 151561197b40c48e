//! Waiting for a container's end or removal.

use orlop_model::lifecycle::{Exit, Status};
use tokio::sync::watch;

use super::live::Observed;
use crate::{Engine, EngineError};

/// What `wait` waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WaitFor {
    /// Not running now; returns at once for a container that never ran.
    #[default]
    NotRunning,
    /// The next exit.
    NextExit,
    /// Removal.
    Removed,
}

impl Engine {
    /// Registers the wait before it returns: what happens afterwards is not missed.
    ///
    /// # Errors
    /// If there is no such container.
    pub async fn wait_container(
        &self,
        which: &str,
        what: WaitFor,
    ) -> Result<impl Future<Output = Result<Exit, EngineError>> + Send + use<>, EngineError> {
        let id = self.resolve_container(which).await?;
        let slot = self.inner.containers.slot(&id);
        // Before the record is read, so that no change falls between.
        let mut seen = slot.observe();
        let before = seen.borrow().clone();
        let (record, _) = self.find(id.as_str()).await?;
        let status = record.state.status;
        let known = record.state.exit.clone();
        let ended = matches!(status, Status::Created | Status::Exited | Status::Dead);
        Ok(async move {
            if what == WaitFor::NotRunning && ended {
                return Ok(known.unwrap_or_else(never_ran));
            }
            let exit = wait(&mut seen, &before, what).await?;
            Ok(exit.or(known).unwrap_or_else(never_ran))
        })
    }
}

async fn wait(
    seen: &mut watch::Receiver<Observed>,
    before: &Observed,
    what: WaitFor,
) -> Result<Option<Exit>, EngineError> {
    let met = |now: &Observed| match what {
        WaitFor::Removed => now.removed,
        WaitFor::NotRunning | WaitFor::NextExit => now.exits > before.exits || now.removed,
    };
    let now = seen.wait_for(met).await;
    let now = now.map_err(|_| EngineError::internal("Orlop stopped while it waited"))?;
    Ok(now.exit.clone())
}

/// What is told of a container that never ran, as Docker has it.
fn never_ran() -> Exit {
    Exit {
        code: 0,
        signal: None,
        oom_killed: false,
        at: jiff::Timestamp::UNIX_EPOCH,
        error: None,
    }
}
