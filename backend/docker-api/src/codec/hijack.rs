//! A connection taken over: bytes from the client to a process, its output back, half-close.

use bytes::Bytes;
use futures_util::StreamExt as _;
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, UPGRADE};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use orlop_engine::Stream;
use orlop_engine::sessions::{Session, SessionEvent, SessionInput};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};

use crate::body::{Body, full};
use crate::codec::stdcopy;

type Upgraded = TokioIo<hyper::upgrade::Upgraded>;

/// Which directions a client wants.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Bytes as they are, without frames.
    pub(crate) raw: bool,
    pub(crate) stdin: bool,
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
}

/// Answers that the connection is taken over, and joins it to the session.
pub(crate) fn take_over<B>(request: Request<B>, session: Session, wanted: Wanted) -> Response<Body>
where
    B: Send + 'static,
{
    let response = upgrade(&request, wanted.raw);
    tokio::spawn(async move {
        if let Some(connection) = connection(request).await {
            join(connection, session, wanted).await;
        }
    });
    response
}

/// Answers that the connection is taken over, and says on it why there is nothing to join: what
/// clients expect of an exec session whose command cannot run.
pub(crate) fn take_over_to_fail<B>(
    request: Request<B>,
    raw: bool,
    message: String,
) -> Response<Body>
where
    B: Send + 'static,
{
    let response = upgrade(&request, raw);
    tokio::spawn(async move {
        if let Some(mut connection) = connection(request).await {
            let line = Bytes::from(message + "\r\n");
            let frame = stdcopy::encode(raw, stdcopy::STDERR, line);
            // A client that has left misses nothing.
            let _ = connection.write_all(&frame).await;
            let _ = connection.shutdown().await;
        }
    });
    response
}

fn upgrade<B>(request: &Request<B>, raw: bool) -> Response<Body> {
    let mut response = Response::new(full(""));
    let headers = response.headers_mut();
    let content_type = if raw {
        "application/vnd.docker.raw-stream"
    } else {
        "application/vnd.docker.multiplexed-stream"
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    if request.headers().contains_key(UPGRADE) {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("tcp"));
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    }
    response
}

async fn connection<B>(request: Request<B>) -> Option<Upgraded> {
    match hyper::upgrade::on(request).await {
        Ok(upgraded) => Some(TokioIo::new(upgraded)),
        Err(error) => {
            tracing::debug!(%error, "a client left before it was attached");
            None
        }
    }
}

async fn join(connection: Upgraded, session: Session, wanted: Wanted) {
    let (reader, writer) = tokio::io::split(connection);
    let input = tokio::spawn(forward_input(reader, session.input.clone(), wanted.stdin));
    forward_output(writer, session, wanted).await;
    input.abort();
}

/// Client to process. Without input the reading goes on, to notice that the client left.
async fn forward_input(mut reader: ReadHalf<Upgraded>, input: SessionInput, wanted: bool) {
    let mut buffer = vec![0; 32 * 1024];
    loop {
        match reader.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(_) if !wanted => {}
            Ok(count) => {
                if input
                    .write(Bytes::copy_from_slice(&buffer[..count]))
                    .await
                    .is_err()
                {
                    break;
                }
            }
        }
    }
    if wanted {
        // The process may have ended meanwhile.
        let _ = input.end().await;
    }
}

/// Process to client, until the process ends or the client is gone.
async fn forward_output(mut writer: WriteHalf<Upgraded>, mut session: Session, wanted: Wanted) {
    while let Some(Ok(event)) = session.events.next().await {
        let SessionEvent::Output { seq, stream, bytes } = event else {
            break;
        };
        let next = seq + bytes.len() as u64;
        let (number, shown) = match stream {
            Stream::Stdout => (stdcopy::STDOUT, wanted.stdout),
            Stream::Stderr => (stdcopy::STDERR, wanted.stderr),
        };
        if shown {
            let frame = stdcopy::encode(wanted.raw, number, bytes);
            if writer.write_all(&frame).await.is_err() || writer.flush().await.is_err() {
                return;
            }
        }
        // A shim that has told everything is gone, and what it told is still to be read here.
        let _ = session.input.ack(next).await;
    }
    let _ = writer.shutdown().await;
}
