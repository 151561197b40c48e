//! Starts the console's server and ends it.

use std::io;
use std::net::{IpAddr, TcpListener};
use std::time::Duration;

use actix_web::middleware::{Compress, from_fn};
use actix_web::{App, HttpServer, web};
use orlop_engine::Engine;

use crate::{form, routes, security, state::State};

/// Threads that serve requests. Two keep memory small and one slow page from holding up the rest.
const WORKERS: usize = 2;
/// Seconds that open requests get when the server stops.
const SHUTDOWN_SECONDS: u64 = 3;
/// How long a client may take to send its request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long an idle connection is kept.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// What the console needs to know of its surroundings.
#[derive(Debug, Clone, Default)]
pub struct WebOptions {
    /// Host names (`console.example.com`, a port does not matter) under which the console may be
    /// reached, besides loopback and the listening address.
    pub allowed_hosts: Vec<String>,
    /// Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed.
    pub trusted_proxies: Vec<IpAddr>,
}

/// Serves the console on `listener` until `stop` resolves, then closes streams and finishes what
/// is under way.
///
/// # Errors
/// If the listener cannot be used.
pub async fn serve(
    engine: Engine,
    listener: TcpListener,
    options: WebOptions,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let state = web::Data::new(State::new(engine, listener.local_addr()?, options));
    let shared = state.clone();
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            .app_data(form::config())
            .configure(routes::all)
            .wrap(from_fn(security::guard))
            .wrap(Compress::default())
    })
    .workers(WORKERS)
    .keep_alive(KEEP_ALIVE)
    .client_request_timeout(HEAD_TIMEOUT)
    .shutdown_timeout(SHUTDOWN_SECONDS)
    .disable_signals()
    .listen(listener)?
    .run();
    let handle = server.handle();
    let mut server = std::pin::pin!(server);
    tokio::select! {
        ended = &mut server => return ended,
        () = stop => {}
    }
    state.stop.cancel();
    let (ended, ()) = tokio::join!(server, handle.stop(true));
    ended
}
