//! What happened: a broadcast to whoever listens, and a table for those who come later.

use std::collections::BTreeMap;

use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use orlop_model::event::{Event, EventObject};
use orlop_records::Records;
use tokio::sync::{Mutex, broadcast, mpsc};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::BroadcastStream;
use tokio_stream::wrappers::errors::BroadcastStreamRecvError;

use crate::{Engine, EngineError};

/// Events that a slow listener may be behind.
const BEHIND: usize = 1024;

/// So many events were missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed(pub u64);

/// The broadcast, and the task that keeps events in the records: off the path of what happens.
#[derive(Debug)]
pub(crate) struct Bus {
    listeners: broadcast::Sender<Event>,
    keeper: mpsc::UnboundedSender<Keep>,
    task: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug)]
enum Keep {
    Event(Box<Event>),
    /// Answers when everything before it is kept.
    Flush(tokio::sync::oneshot::Sender<()>),
    Stop,
}

impl Bus {
    pub(crate) fn start(records: Records) -> Self {
        let (listeners, _) = broadcast::channel(BEHIND);
        let (keeper, mut queue) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            while let Some(keep) = queue.recv().await {
                match keep {
                    Keep::Event(event) => {
                        if let Err(error) = records.insert_event(&event).await {
                            tracing::error!(%error, ?event, "an event was not recorded");
                        }
                    }
                    // Who asked may have gone.
                    Keep::Flush(done) => drop(done.send(())),
                    Keep::Stop => break,
                }
            }
        });
        Self {
            listeners,
            keeper,
            task: Mutex::new(Some(task)),
        }
    }

    /// Keeps what is left and ends.
    pub(crate) async fn finish(&self) {
        // Both fail only when the task has ended already.
        let _ = self.keeper.send(Keep::Stop);
        if let Some(task) = self.task.lock().await.take() {
            let _ = task.await;
        }
    }

    async fn flush(&self) {
        let (done, kept) = tokio::sync::oneshot::channel();
        if self.keeper.send(Keep::Flush(done)).is_ok() {
            // An error means that the task has ended, and kept everything before.
            let _ = kept.await;
        }
    }

    fn publish(&self, event: Event) {
        // Without listeners there is nobody to tell.
        let _ = self.listeners.send(event.clone());
        if self.keeper.send(Keep::Event(Box::new(event))).is_err() {
            tracing::debug!("an event came after the end");
        }
    }
}

impl Engine {
    /// Events from now on. A listener that is too slow misses events and is told how many.
    #[must_use]
    pub fn subscribe(&self) -> BoxStream<'static, Result<Event, Missed>> {
        let receiver = self.inner.events.listeners.subscribe();
        BroadcastStream::new(receiver)
            .map(|event| event.map_err(|BroadcastStreamRecvError::Lagged(count)| Missed(count)))
            .boxed()
    }

    /// Events of the past, oldest first.
    ///
    /// # Errors
    /// If the records cannot be read.
    pub async fn past_events(
        &self,
        since: Timestamp,
        until: Timestamp,
    ) -> Result<Vec<Event>, EngineError> {
        self.inner.events.flush().await;
        Ok(self.records().events(since, until).await?)
    }

    /// Tells that something happened.
    pub(crate) fn publish(
        &self,
        object: EventObject,
        action: &str,
        id: &str,
        attributes: impl IntoIterator<Item = (String, String)>,
    ) {
        self.inner.events.publish(Event {
            at: Timestamp::now(),
            object,
            action: action.to_owned(),
            id: id.to_owned(),
            attributes: attributes.into_iter().collect::<BTreeMap<_, _>>(),
        });
    }
}
