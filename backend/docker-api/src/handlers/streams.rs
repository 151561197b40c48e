//! What goes on for a while: attach, wait, logs, stats.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use hyper::StatusCode;
use jiff::Timestamp;
use orlop_engine::Stream;
use orlop_engine::containers::WaitFor;
use orlop_engine::logs::{LogQuery, LogRecord};
use orlop_engine::sessions::AttachOptions;
use orlop_model::stats::Stats;
use serde_json::json;

use crate::body::{Answer, json as json_answer, stream as stream_body, with_type};
use crate::codec::hijack::{self, Wanted};
use crate::codec::stdcopy;
use crate::error::ApiError;
use crate::query::Query;
use crate::routes::Call;
use crate::types::stats::reading;
use crate::types::time::{nano, parse};

/// `POST /containers/{id}/attach`.
pub(crate) async fn attach(id: &str, call: Call) -> Answer {
    let Call {
        engine,
        query,
        request,
    } = call;
    let container = engine.inspect_container(id).await?;
    let live = query.flag("stream");
    let wanted = Wanted {
        raw: container.request.tty,
        stdin: query.flag("stdin") && live,
        stdout: query.flag("stdout"),
        stderr: query.flag("stderr"),
    };
    // What is still remembered comes first when asked for; a container that is yet to start has
    // all of its output to come.
    let from = (query.flag("logs") || !container.state.status.is_alive()).then_some(0);
    let options = AttachOptions {
        output: wanted.stdout || wanted.stderr,
        input: wanted.stdin,
        from,
        lossless: true,
    };
    let session = engine.attach(id, options).await?;
    Ok(hijack::take_over(request, session, wanted))
}

/// `POST /containers/{id}/wait`: the headers go out when the wait is registered.
pub(crate) async fn wait(id: &str, call: Call) -> Answer {
    let what = match call.query.text("condition") {
        None | Some("not-running") => WaitFor::NotRunning,
        Some("next-exit") => WaitFor::NextExit,
        Some("removed") => WaitFor::Removed,
        Some(other) => {
            return Err(ApiError::bad_request(format!(
                "invalid condition: {other:?}"
            )));
        }
    };
    let exit = call.engine.wait_container(id, what).await?;
    let line = async move {
        let answer = match exit.await {
            Ok(exit) => {
                json!({"StatusCode": exit.code, "Error": exit.error.map(|e| json!({"Message": e}))})
            }
            Err(error) => json!({"StatusCode": -1, "Error": {"Message": error.to_string()}}),
        };
        Ok(Bytes::from(answer.to_string() + "\n"))
    };
    Ok(with_type(
        StatusCode::OK,
        "application/json",
        stream_body(stream::once(line)),
    ))
}

/// `GET /containers/{id}/logs`.
pub(crate) async fn logs(id: &str, call: Call) -> Answer {
    let query = log_query(&call.query)?;
    if !query.stdout && !query.stderr {
        return Err(ApiError::bad_request(
            "Bad parameters: you must choose at least one stream",
        ));
    }
    let raw = call.engine.inspect_container(id).await?.request.tty;
    let timestamps = call.query.flag("timestamps");
    let records = call.engine.container_logs(id, query).await?;
    let chunks = records.map(move |record| {
        record
            .map(|r| render(raw, timestamps, &r))
            .map_err(io::Error::other)
    });
    let content_type = if raw {
        "application/vnd.docker.raw-stream"
    } else {
        "application/vnd.docker.multiplexed-stream"
    };
    Ok(with_type(StatusCode::OK, content_type, stream_body(chunks)))
}

fn log_query(query: &Query) -> Result<LogQuery, ApiError> {
    let now = Timestamp::now();
    let time = |key: &str| match query.text(key) {
        None | Some("0") => Ok(None),
        Some(text) => parse(text, now).map(Some).ok_or_else(|| {
            ApiError::bad_request(format!("invalid value for {key:?}: {text:?} is no time"))
        }),
    };
    // Anything but a number means all of it, as Docker has it.
    let tail = query.text("tail").and_then(|tail| tail.parse().ok());
    Ok(LogQuery {
        stdout: query.flag("stdout"),
        stderr: query.flag("stderr"),
        follow: query.flag("follow"),
        tail,
        since: time("since")?,
        until: time("until")?,
        after: None,
    })
}

fn render(raw: bool, timestamps: bool, record: &LogRecord) -> Bytes {
    let number = match record.stream {
        Stream::Stdout => stdcopy::STDOUT,
        Stream::Stderr => stdcopy::STDERR,
    };
    let bytes = if timestamps {
        let mut line = nano(record.time).into_bytes();
        line.push(b' ');
        line.extend_from_slice(&record.bytes);
        Bytes::from(line)
    } else {
        record.bytes.clone()
    };
    stdcopy::encode(raw, number, bytes)
}

/// Between two readings of a stats stream, as Docker does.
const STATS_INTERVAL: Duration = Duration::from_secs(1);

/// `GET /containers/{id}/stats`.
pub(crate) async fn stats(id: &str, call: Call) -> Answer {
    let Call { engine, query, .. } = call;
    let container = engine.inspect_container(id).await?;
    let once = query.text("stream").is_some() && !query.flag("stream");
    let first = engine.container_stats(id).await.unwrap_or_default();
    if once && query.flag("one-shot") {
        return json_answer(
            StatusCode::OK,
            &reading(&container, &first, &Stats::default()),
        );
    }
    let mut ticks = tokio::time::interval(STATS_INTERVAL);
    ticks.tick().await;
    if once {
        ticks.tick().await;
        let now = engine.container_stats(id).await?;
        return json_answer(StatusCode::OK, &reading(&container, &now, &first));
    }
    let id = id.to_owned();
    let lines = stream::unfold((ticks, first), move |(mut ticks, before)| {
        let (engine, id, container) = (engine.clone(), id.clone(), container.clone());
        async move {
            ticks.tick().await;
            // The stream ends with the container.
            let now = engine.container_stats(&id).await.ok()?;
            let line = reading(&container, &now, &before).to_string() + "\n";
            Some((Ok(Bytes::from(line)), (ticks, now)))
        }
    });
    Ok(with_type(
        StatusCode::OK,
        "application/json",
        stream_body(lines),
    ))
}
