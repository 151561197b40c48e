//! A container's output as it is written.
//!
//! The engine reads from disk only as fast as this socket takes: a slow reader holds nothing in
//! memory, and resumes by cursor after a break. When the container ends the stream says so and
//! waits for the next start.

use std::time::Duration;

use actix_web::{Error, HttpRequest, HttpResponse, web};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use orlop_engine::logs::{LogCursor, LogQuery, LogRecord};
use orlop_engine::{Engine, EngineError, ErrorKind};
use orlop_model::event::{Event, EventObject};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{Instant, timeout_at};

use super::socket::{Close, Left, Sender, Socket, accept};
use crate::auth::Listener;
use crate::pages::containers::logs::stream_word;
use crate::state::State;

/// Rows of one message at most.
const ROWS_MOST: usize = 500;
/// Bytes of one message at most, give or take a row.
const BATCH_MAX_LEN: usize = 128 << 10;
/// How long rows are gathered for one message.
const GATHER: Duration = Duration::from_millis(50);
/// Bytes of one row at most; what is longer comes as several.
const ROW_MAX_LEN: usize = 64 << 10;
/// Lines from the end that may be asked for.
const TAIL_MOST: usize = 10_000;

/// Where to begin.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct LogsQuery {
    /// So many lines from the end.
    tail: Option<usize>,
    /// What comes after this place.
    after: Option<String>,
}

/// One line, or a piece of one.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Row {
    cursor: String,
    time: String,
    stream: &'static str,
    text: String,
    partial: bool,
}

/// `GET /live/containers/{id}/logs`
pub(crate) async fn logs(
    request: HttpRequest,
    body: web::Payload,
    listener: Listener,
    state: web::Data<State>,
    id: web::Path<String>,
    query: web::Query<LogsQuery>,
) -> Result<HttpResponse, Error> {
    let shared = state.clone();
    let (id, query) = (id.into_inner(), query.into_inner());
    accept(
        &request,
        body,
        listener,
        state,
        move |mut socket: Socket| async move {
            let follow = follow(&shared.engine, &id, &query, socket.sender);
            tokio::select! {
                close = follow => close,
                () = socket.receiver.left() => Close::Away,
            }
        },
    )
}

async fn follow(engine: &Engine, which: &str, query: &LogsQuery, sender: Sender) -> Close {
    let container = match engine.inspect_container(which).await {
        Ok(container) => container,
        Err(error) => return refused(&error),
    };
    let mut stream = Stream {
        engine,
        id: container.id.to_string(),
        sender,
        at: query.after.as_ref().and_then(|text| text.parse().ok()),
    };
    // Before the first reading, so that no start falls between.
    let mut events = engine.subscribe();
    let mut tail = query.tail.map(|lines| lines.min(TAIL_MOST));
    loop {
        if let Err(close) = stream.run(tail.take()).await {
            return close;
        }
        if let Err(close) = stream.wait_for_start(&mut events).await {
            return close;
        }
    }
}

fn refused(error: &EngineError) -> Close {
    match error.kind() {
        ErrorKind::NotFound => Close::Gone,
        _ => {
            tracing::error!(%error, "a log cannot be read");
            Close::Away
        }
    }
}

type Events = BoxStream<'static, Result<Event, orlop_engine::events::Missed>>;

struct Stream<'a> {
    engine: &'a Engine,
    id: String,
    sender: Sender,
    /// Place behind the last row that was sent.
    at: Option<LogCursor>,
}

impl Stream<'_> {
    /// Sends what there is and what comes, until the container has ended.
    async fn run(&mut self, tail: Option<usize>) -> Result<(), Close> {
        let query = LogQuery {
            stdout: true,
            stderr: true,
            follow: true,
            tail,
            after: self.at,
            ..LogQuery::default()
        };
        let records = self.engine.container_logs(&self.id, query).await;
        let mut records = records.map_err(|error| refused(&error))?;
        while let Some(first) = records.next().await {
            let mut batch = vec![first.map_err(|error| refused(&error))?];
            gather(&mut records, &mut batch)
                .await
                .map_err(|error| refused(&error))?;
            self.at = batch.last().map(|record| record.cursor);
            self.send(&batch).await.map_err(|Left| Close::Away)?;
        }
        Ok(())
    }

    async fn send(&mut self, batch: &[LogRecord]) -> Result<(), Left> {
        let mut rows = Vec::new();
        for record in batch {
            if record.dropped {
                if !rows.is_empty() {
                    self.sender.json(&json!({ "rows": rows })).await?;
                    rows.clear();
                }
                // The shim knows that something is missing, not how much.
                self.sender.json(&json!({ "gap": 0 })).await?;
            }
            push_rows(record, &mut rows);
        }
        self.sender.json(&json!({ "rows": rows })).await
    }

    /// Tells how the container ended, and waits until it runs again.
    async fn wait_for_start(&mut self, events: &mut Events) -> Result<(), Close> {
        let container = self.engine.inspect_container(&self.id).await;
        let state = container.map_err(|error| refused(&error))?.state;
        if state.status.is_alive() {
            return Ok(());
        }
        if let Some(exit) = &state.exit {
            let end =
                json!({ "end": { "state": state.status, "code": exit.code, "time": exit.at } });
            self.sender.json(&end).await.map_err(|Left| Close::Away)?;
        }
        loop {
            match events.next().await {
                Some(Ok(event))
                    if event.object == EventObject::Container && event.id == self.id =>
                {
                    match event.action.as_str() {
                        "start" => {
                            let start = json!({ "start": { "time": event.at } });
                            let told = self.sender.json(&start).await;
                            return told.map_err(|Left| Close::Away);
                        }
                        "destroy" => return Err(Close::Gone),
                        _ => {}
                    }
                }
                Some(Ok(_)) => {}
                // Something was missed: perhaps the start.
                Some(Err(_)) => return Ok(()),
                None => return Err(Close::Away),
            }
        }
    }
}

/// Adds what comes at once, within the bounds of one message.
async fn gather(
    records: &mut BoxStream<'static, Result<LogRecord, EngineError>>,
    batch: &mut Vec<LogRecord>,
) -> Result<(), EngineError> {
    let until = Instant::now() + GATHER;
    let mut len = batch.iter().map(|record| record.bytes.len()).sum::<usize>();
    while batch.len() < ROWS_MOST && len < BATCH_MAX_LEN {
        match timeout_at(until, records.next()).await {
            Ok(Some(record)) => {
                let record = record?;
                len += record.bytes.len();
                batch.push(record);
            }
            Ok(None) | Err(_) => break,
        }
    }
    Ok(())
}

/// The rows of one record; a long line becomes several, cut between characters.
fn push_rows(record: &LogRecord, rows: &mut Vec<Row>) {
    let line = record.bytes.strip_suffix(b"\n").unwrap_or(&record.bytes);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let text = String::from_utf8_lossy(line);
    let mut rest = text.as_ref();
    loop {
        let mut cut = rest.len().min(ROW_MAX_LEN);
        while !rest.is_char_boundary(cut) {
            cut -= 1;
        }
        let (piece, after) = rest.split_at(cut);
        rows.push(Row {
            cursor: record.cursor.to_string(),
            time: record.time.to_string(),
            stream: stream_word(record.stream),
            text: piece.to_owned(),
            partial: record.partial || !after.is_empty(),
        });
        if after.is_empty() {
            return;
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn rows(bytes: &[u8], partial: bool) -> Vec<(String, bool)> {
        let record = LogRecord {
            cursor: LogCursor {
                segment: 1,
                offset: 2,
                within: 3,
            },
            time: Timestamp::UNIX_EPOCH,
            stream: orlop_engine::Stream::Stderr,
            bytes: bytes.to_vec().into(),
            partial,
            dropped: false,
        };
        let mut rows = Vec::new();
        push_rows(&record, &mut rows);
        assert!(
            rows.iter()
                .all(|row| row.cursor == "1-2-3" && row.stream == "stderr")
        );
        rows.into_iter()
            .map(|row| (row.text, row.partial))
            .collect()
    }

    #[test]
    fn a_row_is_a_line_without_its_end() {
        assert_eq!(rows(b"hello\r\n", false), [("hello".to_owned(), false)]);
        assert_eq!(rows(b"\n", false), [(String::new(), false)]);
        assert_eq!(rows(b"part", true), [("part".to_owned(), true)]);
        assert_eq!(rows(b"\xff\n", false), [("\u{fffd}".to_owned(), false)]);
    }

    #[test]
    fn a_long_line_becomes_several_rows_of_one_line() {
        let found = rows("ä".repeat(40_000).as_bytes(), false);
        assert_eq!(found.len(), 2);
        assert!(found[0].1 && !found[1].1);
        assert!(found[0].0.len() <= ROW_MAX_LEN);
    }
}
