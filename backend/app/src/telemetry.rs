//! Where Orlop's own messages go: standard error, one line each.

use std::io::{IsTerminal as _, Write as _};

use tracing_subscriber::EnvFilter;

/// Sends log lines to standard error at this level (`error`, `warn`, `info`, `debug`, `trace`, or
/// a filter such as `info,orlop_engine=debug`).
///
/// # Errors
/// If the level is no filter.
pub(crate) fn start(level: &str) -> anyhow::Result<()> {
    let filter = EnvFilter::builder()
        .parse(level)
        .map_err(|error| anyhow::anyhow!("--log-level {level:?} is no level: {error}"))?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_target(false)
        .init();
    Ok(())
}

/// Tells a person why a command ended.
pub(crate) fn complain(error: &anyhow::Error) {
    // Nothing is left to tell when standard error itself is closed.
    let _ = writeln!(std::io::stderr(), "orlop: {error:#}");
}
