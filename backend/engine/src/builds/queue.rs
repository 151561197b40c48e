//! Builds wait for their turn: each may use all of the machine, so a few at a time are enough.

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::host;

/// Builds that run at the same time even on a small machine.
const FEWEST: usize = 2;

/// The turns.
#[derive(Debug)]
pub(crate) struct Queue(Semaphore);

impl Default for Queue {
    fn default() -> Self {
        let cpus = usize::try_from(host::cpus()).unwrap_or(FEWEST);
        Self(Semaphore::new((cpus / 2).max(FEWEST)))
    }
}

impl Queue {
    /// A turn; `waits` is called when it does not come at once. Dropping it lets the next begin.
    pub(super) async fn turn(&self, waits: impl FnOnce()) -> Option<SemaphorePermit<'_>> {
        if let Ok(permit) = self.0.try_acquire() {
            return Some(permit);
        }
        waits();
        // The semaphore is never closed.
        self.0.acquire().await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_build_too_many_waits_for_a_turn() {
        let queue = Queue(Semaphore::new(1));
        let mut waited = false;
        let first = queue.turn(|| waited = true).await;
        assert!(!waited);
        let second = queue.turn(|| waited = true);
        let release = async { drop(first) };
        let (second, ()) = tokio::join!(second, release);
        assert!(second.is_some() && waited);
    }
}
