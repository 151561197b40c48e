//! A connection to a shim: messages in, messages out.
//!
//! A client that brings input and takes output has two sockets: input that the process does not
//! take stays in its own and never delays an acknowledgement, without which output would stop and
//! with it the process that was to take the input.

use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream;
use orlop_model::request::TermSize;
use orlop_wire::record::SOCKET_FILE;
use orlop_wire::shim::{Attach, FromShim, ToShim};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex, watch};

use super::{AttachOptions, Session, SessionEvent};
use crate::EngineError;

/// Most bytes of input in one message.
const INPUT_CHUNK: usize = 64 * 1024;

type Writer = Arc<Mutex<OwnedWriteHalf>>;

/// The writing halves of a client's sockets; one and the same where it has only one.
#[derive(Clone, Debug)]
struct Writers {
    /// For input.
    input: Writer,
    /// For everything else.
    control: Writer,
}

/// The writing half of a session; clones write to the same process. Dropping the last one of a
/// client that brought input ends its input.
#[derive(Clone, Debug)]
pub struct SessionInput {
    /// There once the shim is connected.
    writers: watch::Receiver<Option<Writers>>,
}

impl SessionInput {
    /// Writes to standard input; waits when the process does not read.
    ///
    /// # Errors
    /// If the process is gone.
    pub async fn write(&self, bytes: Bytes) -> Result<(), EngineError> {
        for chunk in bytes.chunks(INPUT_CHUNK) {
            let message = ToShim::Stdin(chunk.to_vec());
            send(&self.writers().await?.input, &message).await?;
        }
        Ok(())
    }

    /// Ends standard input.
    ///
    /// # Errors
    /// If the process is gone.
    pub async fn end(&self) -> Result<(), EngineError> {
        send(&self.writers().await?.input, &ToShim::StdinEnd).await
    }

    /// Sets the terminal's size.
    ///
    /// # Errors
    /// If the process is gone.
    pub async fn resize(&self, size: TermSize) -> Result<(), EngineError> {
        send(&self.writers().await?.control, &ToShim::Resize(size)).await
    }

    /// Output before this byte was dealt with (credit of a lossless session).
    ///
    /// # Errors
    /// If the process is gone.
    pub async fn ack(&self, seq: u64) -> Result<(), EngineError> {
        send(&self.writers().await?.control, &ToShim::Ack(seq)).await
    }

    async fn writers(&self) -> Result<Writers, EngineError> {
        let mut waiting = self.writers.clone();
        let writers = waiting.wait_for(Option::is_some).await;
        writers.map_err(|_| gone())?.clone().ok_or_else(gone)
    }
}

fn gone() -> EngineError {
    EngineError::conflict("the process has ended")
}

async fn send(writer: &Writer, message: &ToShim) -> Result<(), EngineError> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    let mut writer = writer.lock().await;
    writer.write_all(&bytes).await.map_err(|_| gone())
}

/// Attaches to the shim whose folder this is.
///
/// # Errors
/// If the shim does not listen.
pub(super) async fn connect(
    folder: PathBuf,
    options: AttachOptions,
) -> Result<Session, EngineError> {
    let Opened {
        reader,
        writers,
        bytes,
        next,
    } = open(&folder, options).await?;
    let (told, receiver) = watch::channel(Some(writers));
    let events = read_events(reader, bytes, told).boxed();
    Ok(Session {
        events,
        next,
        input: SessionInput { writers: receiver },
    })
}

/// Attaches as soon as `ready` gives the folder; until then input waits and there is no output.
pub(super) fn connect_later(
    ready: impl Future<Output = Result<PathBuf, EngineError>> + Send + 'static,
    options: AttachOptions,
) -> Session {
    let (told, receiver) = watch::channel(None);
    // A task of its own: the process waits for this client, whether or not it reads yet.
    let opening = tokio::spawn(async move {
        let opened = open(&ready.await?, options).await?;
        told.send_replace(Some(opened.writers));
        Ok::<_, EngineError>((opened.reader, opened.bytes, told))
    });
    let opening = AbortOnDrop(opening);
    let events = stream::once(async move {
        let mut opening = opening;
        match (&mut opening.0).await {
            Ok(Ok((reader, bytes, told))) => read_events(reader, bytes, told).boxed(),
            Ok(Err(error)) => stream::once(async { Err(error) }).boxed(),
            Err(error) => {
                stream::once(async move { Err(EngineError::internal(error.to_string())) }).boxed()
            }
        }
    });
    Session {
        events: events.flatten().boxed(),
        next: 0,
        input: SessionInput { writers: receiver },
    }
}

struct AbortOnDrop<T>(tokio::task::JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A connection whose shim has answered.
struct Opened {
    reader: OwnedReadHalf,
    writers: Writers,
    /// What came behind the answer.
    bytes: Vec<u8>,
    next: u64,
}

/// Connects to the shim whose folder this is; by the folder's descriptor, since a path may be
/// longer than the 108 bytes that a socket's name may have (unix(7)).
///
/// # Errors
/// If the shim does not listen.
pub(crate) async fn connect_shim(folder: &Path) -> std::io::Result<UnixStream> {
    let directory = std::fs::File::open(folder)?;
    let path = format!("/proc/self/fd/{}/{SOCKET_FILE}", directory.as_raw_fd());
    UnixStream::connect(path).await
}

/// Opens what a client of this kind needs.
async fn open(folder: &Path, options: AttachOptions) -> Result<Opened, EngineError> {
    if !(options.input && options.output) {
        return attach(folder, options).await;
    }
    let output = AttachOptions {
        input: false,
        ..options
    };
    let input = AttachOptions {
        input: true,
        ..AttachOptions::default()
    };
    let mut opened = attach(folder, output).await?;
    // A process that has ended meanwhile takes no input; what it wrote is still to be read.
    if let Ok(second) = attach(folder, input).await {
        opened.writers.input = second.writers.input;
    }
    Ok(opened)
}

async fn attach(folder: &Path, options: AttachOptions) -> Result<Opened, EngineError> {
    let failed = |error: std::io::Error| {
        EngineError::conflict(format!("the process does not run any more ({error})"))
    };
    let stream = connect_shim(folder).await.map_err(failed)?;
    let (mut reader, mut writer) = stream.into_split();
    let mut bytes = Vec::new();
    let AttachOptions {
        output,
        input,
        from,
        lossless,
    } = options;
    ToShim::Attach(Attach {
        output,
        input,
        from,
        lossless,
    })
    .encode(&mut bytes);
    writer.write_all(&bytes).await.map_err(failed)?;
    let (bytes, next) = answer(&mut reader).await?;
    let control = Arc::new(Mutex::new(writer));
    Ok(Opened {
        reader,
        writers: Writers {
            input: control.clone(),
            control,
        },
        bytes,
        next,
    })
}

/// Waits for `Attached`, the shim's first message; returns what came behind it and its `next`.
async fn answer(reader: &mut OwnedReadHalf) -> Result<(Vec<u8>, u64), EngineError> {
    let broken = |error: &dyn std::fmt::Display| EngineError::internal(error.to_string());
    let mut bytes = Vec::with_capacity(64 * 1024);
    loop {
        if let Some((message, used)) = FromShim::decode(&bytes).map_err(|e| broken(&e))? {
            if let FromShim::Attached { next, .. } = message {
                bytes.drain(..used);
                return Ok((bytes, next));
            }
            return Ok((bytes, 0));
        }
        if reader.read_buf(&mut bytes).await.map_err(|e| broken(&e))? == 0 {
            return Err(EngineError::conflict("the process does not run any more"));
        }
    }
}

struct Reading {
    reader: OwnedReadHalf,
    bytes: Vec<u8>,
    ended: bool,
    /// Kept so that input goes on as long as output is read.
    _told: watch::Sender<Option<Writers>>,
}

fn read_events(
    reader: OwnedReadHalf,
    bytes: Vec<u8>,
    told: watch::Sender<Option<Writers>>,
) -> impl futures_util::Stream<Item = Result<SessionEvent, EngineError>> + Send {
    let state = Reading {
        reader,
        bytes,
        ended: false,
        _told: told,
    };
    stream::try_unfold(state, |mut state| async move {
        Ok(state.next().await?.map(|event| (event, state)))
    })
}

impl Reading {
    async fn next(&mut self) -> Result<Option<SessionEvent>, EngineError> {
        let broken = |error: &dyn std::fmt::Display| EngineError::internal(error.to_string());
        while !self.ended {
            if let Some((message, used)) = FromShim::decode(&self.bytes).map_err(|e| broken(&e))? {
                self.bytes.drain(..used);
                match message {
                    FromShim::Attached { .. } => {}
                    FromShim::Output { seq, stream, bytes } => {
                        return Ok(Some(SessionEvent::Output {
                            seq,
                            stream,
                            bytes: bytes.into(),
                        }));
                    }
                    FromShim::Exited(exit) => {
                        self.ended = true;
                        return Ok(Some(SessionEvent::Exited(exit)));
                    }
                }
                continue;
            }
            if self
                .reader
                .read_buf(&mut self.bytes)
                .await
                .map_err(|e| broken(&e))?
                == 0
            {
                self.ended = true;
            }
        }
        Ok(None)
    }
}
