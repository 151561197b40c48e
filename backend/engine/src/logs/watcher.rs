//! Notice of growing logs: one inotify instance for all of them, since a host has few.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt as _;
use inotify::{EventMask, Inotify, WatchDescriptor, WatchMask, Watches};
use tokio::sync::watch;

use crate::EngineError;

type Senders = Arc<Mutex<HashMap<WatchDescriptor, watch::Sender<u64>>>>;

/// The instance, and who waits for which folder.
#[derive(Debug)]
pub(crate) struct Watcher {
    watches: Mutex<Watches>,
    senders: Senders,
}

impl Watcher {
    /// Makes the instance; needs a running runtime.
    ///
    /// # Errors
    /// If the host has no instance left (`fs.inotify.max_user_instances`).
    pub(crate) fn new() -> Result<Self, EngineError> {
        let failed = |error: std::io::Error| {
            EngineError::internal(format!(
                "inotify: {error}; raise fs.inotify.max_user_instances if there are too many"
            ))
        };
        let inotify = Inotify::init().map_err(failed)?;
        let watches = Mutex::new(inotify.watches());
        let senders = Senders::default();
        let mut events = inotify
            .into_event_stream(vec![0; 16 * 1024])
            .map_err(failed)?;
        let told = senders.clone();
        tokio::spawn(async move {
            while let Some(Ok(event)) = events.next().await {
                let senders = told.lock().unwrap_or_else(PoisonError::into_inner);
                if event.mask.contains(EventMask::Q_OVERFLOW) {
                    // Some notice was lost: everybody looks.
                    senders
                        .values()
                        .for_each(|s| s.send_modify(|count| *count += 1));
                } else if let Some(sender) = senders.get(&event.wd) {
                    sender.send_modify(|count| *count += 1);
                }
            }
        });
        Ok(Self { watches, senders })
    }

    /// Changes of files in a folder, counted.
    pub(super) fn watch(&self, folder: &Path) -> std::io::Result<watch::Receiver<u64>> {
        let mask = WatchMask::MODIFY | WatchMask::CREATE;
        let mut watches = self.watches.lock().unwrap_or_else(PoisonError::into_inner);
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        // Watches that nobody waits for any more.
        let idle: Vec<_> = senders
            .iter()
            .filter(|(_, s)| s.is_closed())
            .map(|(wd, _)| wd.clone())
            .collect();
        for wd in idle {
            senders.remove(&wd);
            // A folder that is gone took its watch with it.
            let _ = watches.remove(wd);
        }
        let wd = watches.add(folder, mask)?;
        Ok(senders.entry(wd).or_default().subscribe())
    }
}
