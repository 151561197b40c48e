//! The Docker Engine API on a unix socket, so that the stock `docker` command and every SDK work
//! unchanged.
//!
//! Served by hyper, because attach and exec take the raw connection over (`Upgrade: tcp` with
//! half-close). Handlers translate: request to one verb of the engine, result to Docker's JSON.
#![forbid(unsafe_code)]
// The JSON of `info` is one long `json!`.
#![recursion_limit = "256"]

mod body;
mod codec;
mod error;
mod filters;
mod handlers;
mod progress;
mod query;
mod routes;
mod types;
mod version;

use std::io;
use std::os::unix::net::UnixListener;

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use orlop_engine::Engine;
use tokio::task::JoinSet;

/// Serves the API until `stop` resolves; connections that are open then are cut.
///
/// # Errors
/// If the socket fails.
pub async fn serve(
    engine: Engine,
    listener: UnixListener,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::UnixListener::from_std(listener)?;
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => { connections.spawn(connection(engine.clone(), stream)); }
                // A client that gave up, or too many open files: later ones may fare better.
                Err(error) => {
                    tracing::warn!(%error, "a connection to the Docker API was not accepted");
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
    Ok(())
}

async fn connection(engine: Engine, stream: tokio::net::UnixStream) {
    let service = service_fn(move |request| routes::answer(engine.clone(), request));
    let served = hyper::server::conn::http1::Builder::new()
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades()
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection to the Docker API ended early");
    }
}
