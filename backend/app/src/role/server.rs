//! The server's start: an ordinary user, a tokio runtime, the engine and both faces.

use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::process::ExitCode;

use anyhow::Context as _;
use orlop_engine::Engine;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use super::handover::{self, ForServer};
use crate::config::Settings;
use crate::telemetry;

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// If the engine cannot be opened or a face fails.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let handed: ForServer = handover::receive()?;
    orlop_linux::spawn::die_with_parent(handed.supervisor)?;
    telemetry::start(&handed.settings.log_level)?;
    let api = UnixListener::from(orlop_linux::spawn::inherited_fd(handed.api)?);
    let console = TcpListener::from(orlop_linux::spawn::inherited_fd(handed.console)?);
    // Fails only when another provider was installed before, and nothing runs before this.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?
        .block_on(serve(handed.settings, api, console))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(settings: Settings, api: UnixListener, console: TcpListener) -> anyhow::Result<()> {
    let engine = Engine::open(settings.engine()).await?;
    greet(&engine, &console).await?;
    let (stop, stopped) = watch::channel(false);
    let until = |mut stopped: watch::Receiver<bool>| async move {
        // An error means that the sender is gone, which is a stop too.
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    let web = orlop_web::WebOptions {
        allowed_hosts: settings.allowed_hosts,
        trusted_proxies: settings.trusted_proxies,
    };
    let faces = async {
        tokio::try_join!(
            async {
                orlop_docker_api::serve(engine.clone(), api, until(stopped.clone()))
                    .await
                    .context("the Docker API failed")
            },
            async {
                orlop_web::serve(engine.clone(), console, web, until(stopped.clone()))
                    .await
                    .context("the console failed")
            },
        )
    };
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let signals = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping; containers go on");
        // An error means that both faces are gone already.
        let _ = stop.send(true);
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = faces => { ended?; }
        () = signals => {}
    }
    engine.close().await;
    Ok(())
}

/// Prints where the console is, and on the first start how to sign up.
async fn greet(engine: &Engine, console: &TcpListener) -> anyhow::Result<()> {
    let address = console.local_addr()?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "Console:       http://{address}")?;
    let token = engine.sign_up_token().await?;
    if let Some(token) = token {
        writeln!(out, "Sign-up token: {token}")?;
    }
    writeln!(out, "Ready.")?;
    out.flush()?;
    Ok(())
}
