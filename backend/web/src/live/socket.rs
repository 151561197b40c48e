//! One WebSocket: who may have it, how it is kept alive, when it ends.
//!
//! Bounded on both sides: what cannot be sent waits, and so does whoever produces it; a client
//! that takes nothing for long is let go.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use actix_web::{Error, HttpRequest, HttpResponse, rt, web};
use actix_ws::{AggregatedMessage, AggregatedMessageStream, CloseCode, CloseReason, Session};
use bytes::Bytes;
use orlop_engine::accounts::Login;
use serde::Serialize;
use tokio::time::{Instant, sleep, timeout};

use crate::auth::Listener;
use crate::state::State;

/// Proxies cut connections that are silent for 30 or 60 seconds.
const PING_EVERY: Duration = Duration::from_secs(20);
/// Three pings without an answer.
const SILENCE_MOST: Duration = Duration::from_secs(65);
/// How long one message may wait for a client that takes nothing.
const SEND_MOST: Duration = Duration::from_secs(30);
/// How long a farewell may take.
const CLOSE_MOST: Duration = Duration::from_secs(2);
/// Most bytes of one message of a client.
const MESSAGE_MAX_LEN: usize = 64 << 10;

/// Why a stream ends, as a code that the scripts know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Close {
    /// The server stops or the connection is of no more use: come back.
    Away,
    /// All is said: do not come back.
    Finished,
    /// The log-in has ended.
    SignedOut,
    /// What was asked for is not there.
    Gone,
    /// Another connection took the session over.
    TakenOver,
}

/// The client is gone, or takes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client is gone")]
pub(super) struct Left;

/// The sending half; clones send on the same socket.
#[derive(Clone)]
pub(super) struct Sender {
    session: Session,
}

/// The receiving half.
pub(super) struct Receiver {
    messages: AggregatedMessageStream,
    session: Session,
    heard: Rc<Cell<Instant>>,
}

/// What a client says.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Bytes),
}

/// An accepted socket and who has it.
pub(super) struct Socket {
    /// For sending.
    pub(super) sender: Sender,
    /// For receiving.
    pub(super) receiver: Receiver,
    /// Who.
    pub(super) login: Login,
}

/// Accepts the upgrade and runs `talk` on it until it returns, the log-in ends, the client falls
/// silent, or the server stops.
pub(super) fn accept<T, F>(
    request: &HttpRequest,
    body: web::Payload,
    listener: Listener,
    state: web::Data<State>,
    talk: T,
) -> Result<HttpResponse, Error>
where
    T: FnOnce(Socket) -> F + 'static,
    F: Future<Output = Close> + 'static,
{
    let (response, session, messages) = actix_ws::handle(request, body)?;
    let messages = messages
        .max_frame_size(MESSAGE_MAX_LEN)
        .aggregate_continuations()
        .max_continuation_size(MESSAGE_MAX_LEN);
    rt::spawn(async move {
        let farewell = session.clone();
        let close = match listener.login {
            None => Close::SignedOut,
            Some(login) => run(login, session, messages, &state, talk).await,
        };
        // A client that is gone needs no farewell.
        let _ = timeout(CLOSE_MOST, farewell.close(Some(close.into()))).await;
    });
    Ok(response)
}

async fn run<T, F>(
    login: Login,
    session: Session,
    messages: AggregatedMessageStream,
    state: &State,
    talk: T,
) -> Close
where
    T: FnOnce(Socket) -> F,
    F: Future<Output = Close>,
{
    let heard = Rc::new(Cell::new(Instant::now()));
    let ended = state.engine.session_ended(login.session);
    let pings = keep_alive(session.clone(), heard.clone());
    let socket = Socket {
        sender: Sender {
            session: session.clone(),
        },
        receiver: Receiver {
            messages,
            session,
            heard,
        },
        login,
    };
    tokio::select! {
        close = talk(socket) => close,
        () = ended => Close::SignedOut,
        () = pings => Close::Away,
        () = state.stop.cancelled() => Close::Away,
    }
}

/// Pings until the client is silent for too long.
async fn keep_alive(mut session: Session, heard: Rc<Cell<Instant>>) {
    loop {
        sleep(PING_EVERY).await;
        let sent = timeout(SEND_MOST, session.ping(b"")).await;
        if !matches!(sent, Ok(Ok(()))) || heard.get().elapsed() > SILENCE_MOST {
            return;
        }
    }
}

impl Sender {
    /// Sends a JSON message.
    pub(super) async fn json(&mut self, message: &impl Serialize) -> Result<(), Left> {
        // Our own messages are plain data and always serialise.
        let text = serde_json::to_string(message).map_err(|_| Left)?;
        let sent = timeout(SEND_MOST, self.session.text(text)).await;
        sent.map_err(|_| Left)?.map_err(|_| Left)
    }

    /// Sends bytes.
    pub(super) async fn binary(&mut self, bytes: Bytes) -> Result<(), Left> {
        let sent = timeout(SEND_MOST, self.session.binary(bytes)).await;
        sent.map_err(|_| Left)?.map_err(|_| Left)
    }
}

impl Receiver {
    /// The next message; `None` when the client has left.
    pub(super) async fn next(&mut self) -> Option<Incoming> {
        loop {
            let message = self.messages.recv().await?;
            self.heard.set(Instant::now());
            match message.ok()? {
                AggregatedMessage::Text(text) => return Some(Incoming::Text(text.to_string())),
                AggregatedMessage::Binary(bytes) => return Some(Incoming::Binary(bytes)),
                AggregatedMessage::Ping(bytes) => self.session.pong(&bytes).await.ok()?,
                AggregatedMessage::Pong(_) => {}
                AggregatedMessage::Close(_) => return None,
            }
        }
    }

    /// Resolves when the client has left; whatever it says meanwhile is of no interest.
    pub(super) async fn left(&mut self) {
        while self.next().await.is_some() {}
    }
}

impl From<Close> for CloseReason {
    fn from(close: Close) -> Self {
        let code = match close {
            Close::Away => CloseCode::Away,
            Close::Finished => CloseCode::Other(4000),
            Close::SignedOut => CloseCode::Other(4401),
            Close::Gone => CloseCode::Other(4404),
            Close::TakenOver => CloseCode::Other(4409),
        };
        code.into()
    }
}
