//! The delta stream of a page: one socket, and on it only what has changed.
//!
//! Whatever happens, the page's content is read anew, at most a few times a second, and compared
//! with what the reader has. Nothing can be missed, and a storm of events costs no more than a
//! breeze.

use std::time::Duration;

use actix_web::{Error, HttpRequest, HttpResponse, web};
use futures_util::StreamExt as _;
use orlop_engine::{EngineError, ErrorKind};
use orlop_model::job::JobKind;
use serde::Deserialize;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

use super::delta::{Delta, Seen};
use super::socket::{Close, Left, Sender, Socket, accept};
use super::stats::Meter;
use super::topic::Topic;
use crate::auth::Listener;
use crate::pages::{containers, images};
use crate::state::State;

/// From an event to the answer: others mostly follow at once.
const GATHER: Duration = Duration::from_millis(60);
/// From one answer to the next.
const REST: Duration = Duration::from_millis(250);
/// From one reading of figures to the next.
const MEASURE_EVERY: Duration = Duration::from_secs(2);

/// `GET /live/containers`
pub(crate) async fn containers(
    request: HttpRequest,
    body: web::Payload,
    listener: Listener,
    state: web::Data<State>,
    query: web::Query<containers::list::ListQuery>,
) -> Result<HttpResponse, Error> {
    serve(
        &request,
        body,
        listener,
        state,
        Topic::Containers(query.into_inner()),
    )
}

/// Which page of a container.
#[derive(Deserialize)]
pub(crate) struct TabQuery {
    #[serde(default)]
    tab: String,
}

/// `GET /live/containers/{id}`
pub(crate) async fn container(
    request: HttpRequest,
    body: web::Payload,
    listener: Listener,
    state: web::Data<State>,
    id: web::Path<String>,
    query: web::Query<TabQuery>,
) -> Result<HttpResponse, Error> {
    let topic = Topic::Container {
        id: id.into_inner(),
        tab: query.into_inner().tab,
    };
    serve(&request, body, listener, state, topic)
}

/// `GET /live/images`
pub(crate) async fn images(
    request: HttpRequest,
    body: web::Payload,
    listener: Listener,
    state: web::Data<State>,
    query: web::Query<images::list::ListQuery>,
) -> Result<HttpResponse, Error> {
    serve(
        &request,
        body,
        listener,
        state,
        Topic::Images(query.into_inner()),
    )
}

/// `GET /live/jobs`
pub(crate) async fn jobs(
    request: HttpRequest,
    body: web::Payload,
    listener: Listener,
    state: web::Data<State>,
) -> Result<HttpResponse, Error> {
    serve(&request, body, listener, state, Topic::Jobs(None))
}

/// `GET /live/builds`
pub(crate) async fn builds(
    request: HttpRequest,
    body: web::Payload,
    listener: Listener,
    state: web::Data<State>,
) -> Result<HttpResponse, Error> {
    serve(
        &request,
        body,
        listener,
        state,
        Topic::Jobs(Some(JobKind::Build)),
    )
}

fn serve(
    request: &HttpRequest,
    body: web::Payload,
    listener: Listener,
    state: web::Data<State>,
    topic: Topic,
) -> Result<HttpResponse, Error> {
    let shared = state.clone();
    accept(request, body, listener, state, move |socket| async move {
        talk(socket, &shared, topic).await
    })
}

async fn talk(mut socket: Socket, state: &State, topic: Topic) -> Close {
    let page = Page {
        state,
        topic,
        csrf: socket.login.csrf.clone(),
        sender: socket.sender,
        seen: Seen::default(),
        meter: Meter::default(),
        measured: Vec::new(),
    };
    tokio::select! {
        close = page.follow() => close,
        () = socket.receiver.left() => Close::Away,
    }
}

struct Page<'a> {
    state: &'a State,
    topic: Topic,
    csrf: String,
    sender: Sender,
    seen: Seen,
    meter: Meter,
    measured: Vec<String>,
}

impl Page<'_> {
    async fn follow(mut self) -> Close {
        // Before the first reading, so that nothing falls between.
        let mut events = self.state.engine.subscribe();
        let mut measure = interval(MEASURE_EVERY);
        measure.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut due = Some(Instant::now());
        loop {
            let at = due.unwrap_or_else(Instant::now);
            let told = tokio::select! {
                event = events.next() => {
                    let heeded = match event {
                        Some(Ok(event)) => self.topic.heeds(event.object, &event.id),
                        // So many were missed that all must be read anew.
                        Some(Err(_)) => true,
                        None => return Close::Away,
                    };
                    if heeded && due.is_none() {
                        due = Some(Instant::now() + GATHER);
                    }
                    Ok(())
                }
                () = sleep_until(at), if due.is_some() => {
                    due = None;
                    match self.refresh().await {
                        Ok(told) => {
                            tokio::time::sleep(REST).await;
                            told
                        }
                        Err(error) if error.kind() == ErrorKind::NotFound => return Close::Gone,
                        Err(error) => {
                            tracing::error!(%error, "a live page cannot be read");
                            return Close::Away;
                        }
                    }
                }
                _ = measure.tick() => self.measure().await,
            };
            if told.is_err() {
                return Close::Away;
            }
        }
    }

    async fn refresh(&mut self) -> Result<Result<(), Left>, EngineError> {
        let now = self.topic.read(&self.state.engine, &self.csrf).await?;
        if now.measured != self.measured {
            self.measured.clone_from(&now.measured);
            // A first reading, so that the next one makes a figure.
            self.meter.read(&self.state.engine, &self.measured).await;
        }
        Ok(match self.seen.update(now) {
            Some(delta) => self.sender.json(&delta).await,
            None => Ok(()),
        })
    }

    async fn measure(&mut self) -> Result<(), Left> {
        if self.measured.is_empty() {
            return Ok(());
        }
        let stats = self.meter.read(&self.state.engine, &self.measured).await;
        if stats.is_empty() {
            return Ok(());
        }
        let delta = Delta {
            stats,
            ..Delta::default()
        };
        self.sender.json(&delta).await
    }
}
