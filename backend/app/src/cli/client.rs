//! The connection to an engine.

use std::process::ExitCode;

use anyhow::Context as _;
use bollard::{API_DEFAULT_VERSION, Docker};

/// Where the engine's socket is when nothing else is said.
const DEFAULT_SOCKET: &str = "/run/orlop/orlop.sock";
/// Seconds until a request without an answer fails; logs and waits take as long as they take.
const TIMEOUT_SECONDS: u64 = 3600 * 24;

/// Runs a verb to its end on a small runtime.
///
/// # Errors
/// Whatever the verb fails with.
pub(crate) fn block_on(
    verb: impl Future<Output = anyhow::Result<ExitCode>>,
) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let ended = runtime.block_on(verb);
    // A thread may still wait for a key on standard input: nobody waits for it.
    runtime.shutdown_background();
    ended
}

/// Connects: `-H`, `ORLOP_HOST`, or the default socket.
///
/// # Errors
/// If nobody listens; says what to do.
pub(crate) async fn connect(host: Option<&str>) -> anyhow::Result<Docker> {
    let path = host.map_or(DEFAULT_SOCKET, |host| {
        host.strip_prefix("unix://").unwrap_or(host)
    });
    let told = || {
        format!(
            "cannot reach the engine at {path}: is `orlop serve` running? (another socket: -H or ORLOP_HOST)"
        )
    };
    let docker =
        Docker::connect_with_unix(path, TIMEOUT_SECONDS, API_DEFAULT_VERSION).with_context(told)?;
    docker.negotiate_version().await.with_context(told)
}
