//! What is known of containers beyond their records: who changes them, who waits for what.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use orlop_model::id::ContainerId;
use orlop_model::lifecycle::Exit;
use tokio::sync::watch;

/// Slots of all containers that were asked for since the start.
#[derive(Debug, Default)]
pub(crate) struct Live(Mutex<HashMap<ContainerId, Arc<Slot>>>);

impl Live {
    /// The slot of a container.
    pub(crate) fn slot(&self, id: &ContainerId) -> Arc<Slot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.entry(id.clone()).or_default().clone()
    }

    /// Forgets a container that was removed.
    pub(super) fn forget(&self, id: &ContainerId) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(id);
    }
}

/// One container's owner and broadcast.
#[derive(Debug, Default)]
pub(crate) struct Slot {
    /// Held by whoever changes the record.
    pub(super) owner: Arc<tokio::sync::Mutex<()>>,
    observed: watch::Sender<Observed>,
    /// Clients that attach as soon as it starts.
    waiting: AtomicUsize,
}

/// What has happened to a container since this engine started. The numbers only grow.
#[derive(Debug, Clone, Default)]
pub(crate) struct Observed {
    /// Starts that were begun.
    pub(crate) begun: u64,
    /// Starts that failed.
    pub(crate) failed: u64,
    /// Exits.
    pub(super) exits: u64,
    /// Ends in a row before the container had run for a while.
    pub(super) early_ends: u32,
    /// Changes by a person that make a planned restart moot.
    pub(super) interventions: u64,
    /// How it last ended.
    pub(super) exit: Option<Exit>,
    /// It is gone.
    pub(crate) removed: bool,
}

impl Slot {
    /// What happens to it, from now on.
    pub(crate) fn observe(&self) -> watch::Receiver<Observed> {
        self.observed.subscribe()
    }

    pub(super) fn note(&self, change: impl FnOnce(&mut Observed)) {
        self.observed.send_modify(change);
    }

    /// Announces a client that attaches as soon as the container starts.
    pub(crate) fn announce(self: &Arc<Self>) -> Announced {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Announced(self.clone())
    }

    pub(super) fn is_awaited(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }
}

/// A client that waits to attach; dropped when it is attached or gone.
#[derive(Debug)]
pub(crate) struct Announced(Arc<Slot>);

impl Drop for Announced {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}
