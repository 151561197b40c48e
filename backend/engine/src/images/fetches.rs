//! Two pulls that need the same layer fetch it once: the first does, the others watch.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use orlop_model::id::DiffId;
use tokio::sync::watch;

/// Where a fetch stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Stage {
    /// Everything came; the worker is still unpacking.
    pub(crate) extracting: bool,
    /// Bytes done.
    pub(crate) current: u64,
    /// Bytes in all.
    pub(crate) total: u64,
}

type Active = Arc<Mutex<HashMap<DiffId, watch::Receiver<Stage>>>>;

/// The fetches under way.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fetches {
    active: Active,
}

/// What somebody who needs a layer has to do.
pub(crate) enum Turn {
    /// Fetch it.
    Lead(Lead),
    /// Watch the one who fetches; when it is gone, look whether the layer is there.
    Follow(watch::Receiver<Stage>),
}

/// The duty to fetch a layer. Those who watch are told when it is dropped, however it went.
#[derive(Debug)]
pub(crate) struct Lead {
    diff_id: DiffId,
    stage: watch::Sender<Stage>,
    active: Active,
}

impl Fetches {
    /// Takes a place in the queue for a layer.
    pub(crate) fn join(&self, diff_id: &DiffId) -> Turn {
        match lock(&self.active).entry(diff_id.clone()) {
            Entry::Occupied(leader) => Turn::Follow(leader.get().clone()),
            Entry::Vacant(place) => {
                let (stage, watched) = watch::channel(Stage::default());
                place.insert(watched);
                let active = Arc::clone(&self.active);
                Turn::Lead(Lead {
                    diff_id: diff_id.clone(),
                    stage,
                    active,
                })
            }
        }
    }
}

impl Lead {
    /// Tells those who watch.
    pub(crate) fn tell(&self, stage: Stage) {
        self.stage.send_replace(stage);
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        lock(&self.active).remove(&self.diff_id);
    }
}

/// A panic elsewhere leaves the map as valid as it was: every change is one call.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_second_follows_the_first_and_leads_when_that_one_is_gone() {
        let fetches = Fetches::default();
        let layer = DiffId::from_sha256([1; 32]);
        let Turn::Lead(lead) = fetches.join(&layer) else {
            panic!("first")
        };
        let Turn::Follow(mut watched) = fetches.join(&layer) else {
            panic!("second")
        };
        assert!(matches!(
            fetches.join(&DiffId::from_sha256([2; 32])),
            Turn::Lead(_)
        ));
        lead.tell(Stage {
            current: 5,
            ..Stage::default()
        });
        watched.changed().await.expect("told");
        assert_eq!(watched.borrow().current, 5);
        drop(lead);
        assert!(watched.changed().await.is_err());
        assert!(matches!(fetches.join(&layer), Turn::Lead(_)));
    }
}
