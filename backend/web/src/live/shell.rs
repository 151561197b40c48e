//! A terminal in the browser, connected to an exec session.
//!
//! The session lives in its shim: this connection may break at any byte, and the next one resumes
//! there. Output waits for the browser's credit, input for the process; neither is ever dropped,
//! and neither is held beyond its window.

use std::time::Duration;

use actix_web::{Error, HttpRequest, HttpResponse, web};
use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::StreamExt as _;
use orlop_engine::sessions::{Session, SessionEvent, SessionInput};
use orlop_engine::{Engine, EngineError, ErrorKind};
use orlop_model::id::ExecId;
use orlop_model::request::TermSize;
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{mpsc, watch};

use super::socket::{Close, Incoming, Left, Receiver, Sender, Socket, accept};
use crate::auth::Listener;
use crate::state::State;

/// How long a terminal without a reader lives on.
const LINGER: Duration = Duration::from_secs(10 * 60);
/// Output on its way to the browser at most.
const OUTPUT_WINDOW: u64 = 256 << 10;
/// Input messages that wait for the process at most: 256 KiB of the browser's window in messages
/// as small as it likes to send them.
const INPUT_WAITING: usize = 4096;
/// Input is told to be taken each time so much was, and when nothing waits.
const INPUT_TOLD_EVERY: u64 = 64 << 10;

/// Which session, and from where.
#[derive(Debug, Deserialize)]
pub(crate) struct ShellQuery {
    session: String,
    from: Option<u64>,
}

/// What a browser says about a terminal.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Word {
    resize: Option<TermSize>,
    ack: Option<u64>,
}

/// `GET /live/shell`
pub(crate) async fn shell(
    request: HttpRequest,
    body: web::Payload,
    listener: Listener,
    state: web::Data<State>,
    query: web::Query<ShellQuery>,
) -> Result<HttpResponse, Error> {
    let shared = state.clone();
    let query = query.into_inner();
    accept(
        &request,
        body,
        listener,
        state,
        move |socket: Socket| async move {
            let Ok(id) = query.session.parse::<ExecId>() else {
                return Close::Gone;
            };
            let taken = shared.terminals.take_over(&id);
            let close = tokio::select! {
                close = talk(socket, &shared.engine, &id, query.from) => close,
                () = taken.cancelled() => return Close::TakenOver,
            };
            taken.cancel();
            close
        },
    )
}

async fn talk(mut socket: Socket, engine: &Engine, id: &ExecId, from: Option<u64>) -> Close {
    let (session, fresh) = match open(engine, id, from).await {
        Ok(Opened::Session(session, fresh)) => (session, fresh),
        Ok(Opened::Ended(code)) => return farewell(socket.sender, code).await,
        Err(error) => return refuse(socket.sender, &error).await,
    };
    let hello = json!({ "live": session.next, "fresh": fresh });
    if socket.sender.json(&hello).await.is_err() {
        return Close::Away;
    }
    let (acked, credit) = watch::channel(None);
    let (typed, waiting) = mpsc::channel(INPUT_WAITING);
    let listen = listen(socket.receiver, session.input.clone(), typed, acked);
    let write = write(session.input.clone(), waiting, socket.sender.clone());
    tokio::select! {
        close = show(session, socket.sender, credit) => close,
        close = listen => close,
        close = write => close,
    }
}

/// What became of the wish for a session.
enum Opened {
    /// It is there; the second value is whether it was just started.
    Session(Session, bool),
    /// It has ended with this code, and its output is gone with it.
    Ended(i32),
}

/// Starts the session, or goes back to it.
async fn open(engine: &Engine, id: &ExecId, from: Option<u64>) -> Result<Opened, EngineError> {
    let info = engine.inspect_exec(id).await?;
    if !info.running && info.exit.is_none() {
        let session = engine.start_exec(id, Some(LINGER)).await?;
        return Ok(Opened::Session(session, true));
    }
    // One that has just ended still tells its last words.
    match (
        engine.resume_exec(id, Some(from.unwrap_or(0))).await,
        info.exit,
    ) {
        (Ok(session), _) => Ok(Opened::Session(session, false)),
        (Err(_), Some(exit)) => Ok(Opened::Ended(exit.code)),
        (Err(error), None) => Err(error),
    }
}

/// Says how it ended.
async fn farewell(mut sender: Sender, code: i32) -> Close {
    let told = sender.json(&json!({ "exit": { "code": code } })).await;
    told.map_or(Close::Away, |()| Close::Finished)
}

/// Says why there is no terminal. One that has ended does not come back.
async fn refuse(mut sender: Sender, error: &EngineError) -> Close {
    if error.kind() == ErrorKind::NotFound {
        return Close::Gone;
    }
    // Whoever cannot be told is gone.
    let _ = sender.json(&json!({ "error": error.to_string() })).await;
    Close::Finished
}

/// Output to the browser, as far as its credit goes.
async fn show(
    session: Session,
    mut sender: Sender,
    mut credit: watch::Receiver<Option<u64>>,
) -> Close {
    let mut events = session.events;
    let mut first = None;
    while let Some(event) = events.next().await {
        match event {
            Ok(SessionEvent::Output { seq, bytes, .. }) => {
                let end = seq + bytes.len() as u64;
                let first = *first.get_or_insert(seq);
                let covered = |acked: &Option<u64>| {
                    end.saturating_sub(acked.unwrap_or(first).max(first)) <= OUTPUT_WINDOW
                };
                // An error means that the browser is gone; sending finds out.
                let _ = credit.wait_for(covered).await;
                if sender.binary(numbered(seq, &bytes)).await.is_err() {
                    return Close::Away;
                }
            }
            Ok(SessionEvent::Exited(exit)) => return farewell(sender, exit.code).await,
            Err(error) => return refuse(sender, &error).await,
        }
    }
    Close::Away
}

/// Output with the number of its first byte before it.
fn numbered(seq: u64, bytes: &[u8]) -> Bytes {
    let mut message = BytesMut::with_capacity(8 + bytes.len());
    message.put_u64(seq);
    message.put_slice(bytes);
    message.freeze()
}

/// What the browser says: input waits its turn, everything else is obeyed at once.
async fn listen(
    mut receiver: Receiver,
    input: SessionInput,
    typed: mpsc::Sender<Bytes>,
    acked: watch::Sender<Option<u64>>,
) -> Close {
    while let Some(incoming) = receiver.next().await {
        let obeyed = match incoming {
            // Full only when a client does not keep to its window.
            Incoming::Binary(bytes) => typed.try_send(bytes).map_err(|_| Left),
            Incoming::Text(text) => obey(&text, &input, &acked).await,
        };
        if obeyed.is_err() {
            return Close::Away;
        }
    }
    Close::Away
}

async fn obey(
    text: &str,
    input: &SessionInput,
    acked: &watch::Sender<Option<u64>>,
) -> Result<(), Left> {
    let word: Word = serde_json::from_str(text).map_err(|_| Left)?;
    // Where these fail the process has ended, and the output half says how.
    if let Some(size) = word.resize {
        let _ = input.resize(size).await;
    }
    if let Some(seq) = word.ack {
        acked.send_replace(Some(seq));
        let _ = input.ack(seq).await;
    }
    Ok(())
}

/// Input to the process, told back as it is taken.
async fn write(
    input: SessionInput,
    mut waiting: mpsc::Receiver<Bytes>,
    mut sender: Sender,
) -> Close {
    let (mut taken, mut told) = (0, 0);
    while let Some(bytes) = waiting.recv().await {
        taken += bytes.len() as u64;
        if input.write(bytes).await.is_err() {
            // The process has ended; the output half says how.
            return std::future::pending().await;
        }
        if taken - told >= INPUT_TOLD_EVERY || waiting.is_empty() {
            told = taken;
            if sender.json(&json!({ "ack": taken })).await.is_err() {
                return Close::Away;
            }
        }
    }
    std::future::pending().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_carries_its_number_in_network_order() {
        let message = numbered(0x0102, b"hi");
        assert_eq!(&message[..], b"\0\0\0\0\0\0\x01\x02hi");
    }

    #[test]
    fn a_word_of_the_browser_is_resize_or_ack() {
        let word: Word =
            serde_json::from_str(r#"{"resize":{"rows":24,"cols":80}}"#).expect("valid");
        assert_eq!(word.resize, Some(TermSize { rows: 24, cols: 80 }));
        let word: Word = serde_json::from_str(r#"{"ack":12,"new":1}"#).expect("valid");
        assert_eq!(word.ack, Some(12));
        for hostile in [
            r#"{"ack":-1}"#,
            r#"{"resize":{"rows":99999,"cols":1}}"#,
            "[1]",
            "x",
        ] {
            let read: Result<Word, _> = serde_json::from_str(hostile);
            assert!(read.is_err(), "{hostile}");
        }
    }
}
