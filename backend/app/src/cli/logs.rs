//! `orlop logs`.

use std::io::{Write as _, stderr, stdout};
use std::process::ExitCode;

use anyhow::Context as _;
use bollard::Docker;
use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptions;
use futures_util::StreamExt as _;

/// Options of `orlop logs`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Go on with what is written from now on
    #[arg(short, long)]
    follow: bool,
    /// Show only so many of the last lines
    #[arg(short = 'n', long, default_value = "all", value_name = "N")]
    tail: String,
    /// Show when each line was written
    #[arg(short, long)]
    timestamps: bool,
    /// Show only what was written at or after this time (RFC 3339, or seconds since 1970)
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Show only what was written before this time
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Name or id
    container: String,
}

fn seconds(text: Option<&str>) -> anyhow::Result<i32> {
    let Some(text) = text else { return Ok(0) };
    if let Ok(seconds) = text.parse() {
        return Ok(seconds);
    }
    let time: jiff::Timestamp = text
        .parse()
        .with_context(|| format!("{text:?} is no time"))?;
    i32::try_from(time.as_second()).with_context(|| format!("{text:?} is out of range"))
}

/// Shows a container's log.
pub(crate) async fn show(docker: &Docker, options: Options) -> anyhow::Result<ExitCode> {
    let query = LogsOptions {
        follow: options.follow,
        stdout: true,
        stderr: true,
        since: seconds(options.since.as_deref())?,
        until: seconds(options.until.as_deref())?,
        timestamps: options.timestamps,
        tail: options.tail,
    };
    let mut lines = docker.logs(&options.container, Some(query));
    while let Some(line) = lines.next().await {
        print(&line?)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes a piece of output to where it belongs.
pub(crate) fn print(output: &LogOutput) -> std::io::Result<()> {
    match output {
        LogOutput::StdErr { message } => {
            stderr().write_all(message)?;
            stderr().flush()
        }
        LogOutput::StdOut { message } | LogOutput::Console { message } => {
            stdout().write_all(message)?;
            stdout().flush()
        }
        LogOutput::StdIn { .. } => Ok(()),
    }
}
