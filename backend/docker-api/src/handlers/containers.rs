//! Containers: create, list, inspect, act, remove.

use std::time::Duration;

use hyper::StatusCode;
use orlop_engine::Engine;
use orlop_model::container::{Container, ContainerFilter};
use orlop_model::request::TermSize;
use orlop_model::signal::Signal;
use serde_json::json;

use crate::body::{Answer, empty, json as json_answer, read_json};
use crate::error::ApiError;
use crate::filters::Filters;
use crate::query::Query;
use crate::routes::{Call, unknown};
use crate::types::container;
use crate::types::create::CreateBody;
use crate::types::health;

/// `GET /containers/json`.
pub(crate) async fn list(call: Call) -> Answer {
    let filter = list_filter(&call.query)?;
    let containers = call.engine.list_containers(&filter).await?;
    let lines: Vec<_> = containers
        .iter()
        .map(|c| container::summary(c, &c.request.image))
        .collect();
    json_answer(StatusCode::OK, &lines)
}

fn list_filter(query: &Query) -> Result<ContainerFilter, ApiError> {
    let filters = Filters::read(
        query,
        &[
            "status", "name", "id", "ancestor", "label", "exited", "health",
        ],
    )?;
    let limit = query
        .number::<i64>("limit")?
        .and_then(|limit| usize::try_from(limit).ok())
        .filter(|l| *l > 0);
    let status = filters.parsed("status")?;
    let health = filters.values("health").iter();
    Ok(ContainerFilter {
        // Asking for a status, an exit code or so many of the newest looks at all of them.
        all: query.flag("all")
            || !status.is_empty()
            || limit.is_some()
            || !filters.values("exited").is_empty(),
        status,
        name: filters.values("name").to_vec(),
        id: filters.values("id").to_vec(),
        ancestor: filters.values("ancestor").to_vec(),
        label: filters.values("label").to_vec(),
        exited: filters.parsed("exited")?,
        health: health
            .map(|v| health::filter(v))
            .collect::<Result<_, _>>()?,
        limit,
        text: None,
    })
}

/// `POST /containers/create`.
pub(crate) async fn create(call: Call) -> Answer {
    let Call {
        engine,
        query,
        request,
    } = call;
    let body: CreateBody = read_json(request.into_body()).await?;
    let created = engine
        .create_container(body.into_request(query.text("name"))?)
        .await?;
    json_answer(
        StatusCode::CREATED,
        &json!({"Id": created.id, "Warnings": created.warnings}),
    )
}

/// `GET /containers/{id}/json`.
pub(crate) async fn inspect(id: &str, call: Call) -> Answer {
    let found: Container = call.engine.inspect_container(id).await?;
    json_answer(
        StatusCode::OK,
        &container::inspect(&found, &found.request.image),
    )
}

/// `DELETE /containers/{id}`.
pub(crate) async fn remove(id: &str, call: Call) -> Answer {
    call.engine
        .remove_container(id, call.query.flag("force"), call.query.flag("v"))
        .await?;
    empty(StatusCode::NO_CONTENT)
}

/// `GET /containers/{id}/top`.
pub(crate) async fn top(id: &str, call: Call) -> Answer {
    let arguments = call.query.text("ps_args").unwrap_or_default();
    let table = call.engine.container_processes(id, arguments).await?;
    json_answer(
        StatusCode::OK,
        &json!({"Titles": table.titles, "Processes": table.rows}),
    )
}

/// `POST /containers/{id}/{action}` without a body worth reading.
pub(crate) async fn act(id: &str, action: &str, call: Call) -> Answer {
    let Call { engine, query, .. } = call;
    match action {
        "start" => engine.start_container(id, false).await?,
        "stop" => {
            let (timeout, signal) = (timeout(&query)?, signal(&query)?);
            engine.stop_container_by(id, timeout, signal).await?;
        }
        "restart" => {
            let (timeout, signal) = (timeout(&query)?, signal(&query)?);
            engine.restart_container_by(id, timeout, signal).await?;
        }
        "kill" => kill(&engine, id, &query).await?,
        "pause" => engine.pause_container(id).await?,
        "unpause" => engine.unpause_container(id).await?,
        "rename" => rename(&engine, id, &query).await?,
        "resize" => {
            engine.resize_container(id, size(&query)?).await?;
            return empty(StatusCode::OK);
        }
        _ => return Err(unknown("POST", &["containers", id, action])),
    }
    empty(StatusCode::NO_CONTENT)
}

async fn kill(engine: &Engine, id: &str, query: &Query) -> Result<(), ApiError> {
    let signal = signal(query)?.unwrap_or(Signal::KILL);
    Ok(engine.kill_container(id, signal).await?)
}

fn signal(query: &Query) -> Result<Option<Signal>, ApiError> {
    let signal = query.text("signal").filter(|text| !text.is_empty());
    let signal = signal.map(str::parse).transpose();
    signal.map_err(|error| ApiError::bad_request(format!("{error}")))
}

async fn rename(engine: &Engine, id: &str, query: &Query) -> Result<(), ApiError> {
    let name = query.text("name").unwrap_or_default().parse();
    let name = name.map_err(|error| ApiError::bad_request(format!("{error}")))?;
    Ok(engine.rename_container(id, name).await?)
}

/// Seconds; -1 waits without end.
fn timeout(query: &Query) -> Result<Option<Duration>, ApiError> {
    Ok(query
        .number::<i64>("t")?
        .map(|seconds| u64::try_from(seconds).map_or(Duration::MAX, Duration::from_secs)))
}

/// `h` and `w` of a resize.
pub(crate) fn size(query: &Query) -> Result<TermSize, ApiError> {
    let need = |key| {
        query.number::<u16>(key).and_then(|value| {
            value.ok_or_else(|| {
                ApiError::bad_request(format!("{key} is missing: the terminal's size is needed"))
            })
        })
    };
    Ok(TermSize {
        rows: need("h")?,
        cols: need("w")?,
    })
}
