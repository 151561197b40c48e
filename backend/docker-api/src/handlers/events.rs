//! `GET /events`.

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use hyper::StatusCode;
use jiff::Timestamp;
use orlop_model::event::{Event, EventObject};
use serde_json::{Value, json};

use crate::body::{Answer, stream as stream_body, with_type};
use crate::error::ApiError;
use crate::filters::Filters;
use crate::routes::Call;
use crate::types::time::parse;

/// Streams what happens from now on, after what happened since `since`, until `until`.
pub(crate) async fn follow(call: Call) -> Answer {
    let Call { engine, query, .. } = call;
    let filters = Filters::read(&query, &["type", "event", "container", "image", "label"])?;
    let now = Timestamp::now();
    let time = |key: &str| {
        let text = query.text(key);
        text.map(|t| {
            parse(t, now).ok_or_else(|| ApiError::bad_request(format!("{key}={t:?} is no time")))
        })
        .transpose()
    };
    let (since, until) = (time("since")?, time("until")?);
    let live = engine.subscribe();
    let past = match since {
        Some(since) => {
            engine
                .past_events(since, until.unwrap_or(now).min(now))
                .await?
        }
        None => Vec::new(),
    };
    let live = live.filter_map(|event| async { event.ok() });
    let left = until.map(|until| until.duration_since(now).try_into().unwrap_or_default());
    let end = async move {
        match left {
            Some(left) => tokio::time::sleep(left).await,
            None => std::future::pending().await,
        }
    };
    let lines = stream::iter(past)
        .chain(live.take_until(end))
        .filter_map(move |event| {
            let shown = wanted(&filters, &event);
            async move { shown.then(|| Ok(Bytes::from(render(&event).to_string() + "\n"))) }
        });
    Ok(with_type(
        StatusCode::OK,
        "application/json",
        stream_body(lines),
    ))
}

fn wanted(filters: &Filters, event: &Event) -> bool {
    let any = |key: &str, test: &dyn Fn(&str) -> bool| {
        let values = filters.values(key);
        values.is_empty() || values.iter().any(|value| test(value))
    };
    let name = event.attributes.get("name").map_or("", String::as_str);
    let of = |object, value: &str| {
        event.object == object && (event.id.starts_with(value) || name == value)
    };
    // Jobs are Orlop's own; Docker's clients do not know them.
    event.object != EventObject::Job
        && any("type", &|v| event.object.as_str() == v)
        && any("event", &|v| {
            // `health_status` stands for each of its values.
            event
                .action
                .strip_prefix(v)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
        })
        && any("container", &|v| of(EventObject::Container, v))
        && any("image", &|v| {
            of(EventObject::Image, v) || event.attributes.get("image").is_some_and(|i| i == v)
        })
        && any("label", &|v| {
            let (key, value) = v.split_once('=').map_or((v, None), |(k, v)| (k, Some(v)));
            event
                .attributes
                .get(key)
                .is_some_and(|found| value.is_none_or(|v| v == found))
        })
}

fn render(event: &Event) -> Value {
    let seconds = event.at.as_second();
    let mut line = json!({
        "Type": event.object.as_str(),
        "Action": event.action,
        "Actor": {"ID": event.id, "Attributes": event.attributes},
        "scope": "local",
        "time": seconds,
        "timeNano": i64::try_from(event.at.as_nanosecond()).unwrap_or(i64::MAX),
    });
    if event.object == EventObject::Container {
        line["status"] = json!(event.action);
        line["id"] = json!(event.id);
        line["from"] = json!(event.attributes.get("image"));
    }
    line
}
