//! A query over one container's log, as a stream.

use std::path::{Path, PathBuf};

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio::sync::watch;

use super::query::{Tail, shows};
use super::segments::{self, Segments};
use super::{LogCursor, LogQuery, LogRecord};
use crate::{Engine, EngineError};

/// Most records that are read at a time.
const BATCH: usize = 512;

struct Reading {
    engine: Engine,
    container: String,
    query: LogQuery,
    segments: Segments,
    changes: Option<watch::Receiver<u64>>,
    ended: bool,
}

impl Engine {
    /// Reads a container's log.
    ///
    /// # Errors
    /// If there is no such container, or its log cannot be read.
    pub async fn container_logs(
        &self,
        which: &str,
        query: LogQuery,
    ) -> Result<BoxStream<'static, Result<LogRecord, EngineError>>, EngineError> {
        let id = self.resolve_container(which).await?;
        let folder = self
            .config()
            .data_dir
            .join("containers")
            .join(id.as_str())
            .join("logs");
        let from = start(&folder, &query).await?;
        // Before the first read, so that no change falls between.
        let changes = if query.follow && folder.exists() {
            Some(self.inner.logs.watch(&folder).map_err(failed)?)
        } else {
            None
        };
        let segments = Segments::new(folder, from);
        let container = id.as_str().to_owned();
        let reading = Reading {
            engine: self.clone(),
            container,
            query,
            segments,
            changes,
            ended: false,
        };
        let batches = stream::try_unfold(reading, |reading| async move { reading.batch().await });
        Ok(batches
            .flat_map(|batch| match batch {
                Ok(records) => stream::iter(records.into_iter().map(Ok).collect::<Vec<_>>()),
                Err(error) => stream::iter(vec![Err(error)]),
            })
            .boxed())
    }
}

fn failed(error: std::io::Error) -> EngineError {
    EngineError::internal(format!("a container's log cannot be read: {error}"))
}

/// Where a query begins.
async fn start(folder: &Path, query: &LogQuery) -> Result<LogCursor, EngineError> {
    if let Some(after) = query.after {
        return Ok(after);
    }
    let Some(lines) = query.tail else {
        return Ok(LogCursor::default());
    };
    let (folder, query): (PathBuf, LogQuery) = (folder.to_owned(), query.clone());
    blocking(move || tail_start(&folder, &query, lines)).await
}

/// Where the last lines begin: looked for in the last segment, then in twice as many, until
/// enough are found, so that a long log is not read for its end.
fn tail_start(folder: &Path, query: &LogQuery, lines: usize) -> std::io::Result<LogCursor> {
    let numbers = segments::numbers(folder)?;
    let mut looked = 1;
    loop {
        let first = numbers.len().saturating_sub(looked);
        let from = LogCursor {
            segment: numbers.get(first).copied().unwrap_or(0),
            ..LogCursor::default()
        };
        let mut tail = Tail::new(lines, from);
        let mut segments = Segments::new(folder.to_owned(), from);
        while let Some(record) = segments.next()? {
            if shows(query, &record) {
                tail.push(&record);
            }
        }
        if first == 0 || tail.is_full() {
            return Ok(tail.start().unwrap_or_else(|| tail.end()));
        }
        looked *= 2;
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> Result<T, EngineError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| EngineError::internal(error.to_string()))?
        .map_err(failed)
}

type Batch = Option<(Vec<LogRecord>, Reading)>;

impl Reading {
    async fn batch(mut self) -> Result<Batch, EngineError> {
        loop {
            if self.ended {
                return Ok(None);
            }
            // Before the read: what a container wrote before its end is then read.
            let goes_on = self.changes.is_some() && self.is_alive().await;
            if let Some(changes) = &mut self.changes {
                changes.mark_unchanged();
            }
            let (reading, read) = blocking(move || {
                let read = self.read()?;
                Ok((self, read))
            })
            .await?;
            self = reading;
            let Read { records, at_end } = read;
            if at_end && !goes_on {
                self.ended = true;
            }
            if !records.is_empty() {
                return Ok(Some((records, self)));
            }
            if at_end && !self.ended {
                self.wait().await;
            }
        }
    }

    async fn is_alive(&self) -> bool {
        self.engine.running(&self.container).await.is_ok()
    }

    /// Waits for more, or for the container's end.
    async fn wait(&mut self) {
        let Ok(id) = self.container.parse() else {
            return;
        };
        let mut seen = self.engine.inner.containers.slot(&id).observe();
        let engine = self.engine.clone();
        let Some(changes) = &mut self.changes else {
            return;
        };
        // Looked at after the subscription: an end in between is not missed.
        if engine.running(&self.container).await.is_err() {
            return;
        }
        tokio::select! {
            // Either error means that something is shutting down; the next look tells.
            _ = changes.changed() => {}
            _ = seen.changed() => {}
        }
    }

    fn read(&mut self) -> std::io::Result<Read> {
        let mut records = Vec::new();
        while records.len() < BATCH {
            let Some(record) = self.segments.next()? else {
                return Ok(Read {
                    records,
                    at_end: true,
                });
            };
            if self.query.until.is_some_and(|until| record.time >= until) {
                self.changes = None;
                return Ok(Read {
                    records,
                    at_end: true,
                });
            }
            if shows(&self.query, &record) {
                records.push(record);
            }
        }
        Ok(Read {
            records,
            at_end: false,
        })
    }
}

struct Read {
    records: Vec<LogRecord>,
    at_end: bool,
}
