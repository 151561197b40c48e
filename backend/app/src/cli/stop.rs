//! `orlop stop`, `kill` and `rm`.

use std::io::Write as _;
use std::process::ExitCode;

use bollard::Docker;
use bollard::errors::Error;
use bollard::query_parameters::{
    KillContainerOptions, RemoveContainerOptions, StopContainerOptions,
};

/// Options of `orlop stop`.
#[derive(Debug, clap::Args)]
pub(crate) struct StopOptions {
    /// Seconds until the container is killed
    #[arg(
        short = 't',
        long = "time",
        visible_alias = "timeout",
        value_name = "SECONDS"
    )]
    time: Option<i32>,
    /// Names or ids
    #[arg(required = true)]
    containers: Vec<String>,
}

/// Options of `orlop kill`.
#[derive(Debug, clap::Args)]
pub(crate) struct KillOptions {
    /// Name or number of the signal
    #[arg(short, long, default_value = "KILL")]
    signal: String,
    /// Names or ids
    #[arg(required = true)]
    containers: Vec<String>,
}

/// Options of `orlop rm`.
#[derive(Debug, clap::Args)]
pub(crate) struct RemoveOptions {
    /// Also containers that run
    #[arg(short, long)]
    force: bool,
    /// Also their anonymous volumes
    #[arg(short, long)]
    volumes: bool,
    /// Names or ids
    #[arg(required = true)]
    containers: Vec<String>,
}

pub(crate) async fn stop(docker: &Docker, options: StopOptions) -> anyhow::Result<ExitCode> {
    let query = StopContainerOptions {
        t: options.time,
        signal: None,
    };
    each(&options.containers, async |name| {
        docker.stop_container(name, Some(query.clone())).await
    })
    .await
}

pub(crate) async fn kill(docker: &Docker, options: KillOptions) -> anyhow::Result<ExitCode> {
    let query = KillContainerOptions {
        signal: options.signal,
    };
    each(&options.containers, async |name| {
        docker.kill_container(name, Some(query.clone())).await
    })
    .await
}

pub(crate) async fn remove(docker: &Docker, options: RemoveOptions) -> anyhow::Result<ExitCode> {
    let query = RemoveContainerOptions {
        v: options.volumes,
        force: options.force,
        link: false,
    };
    each(&options.containers, async |name| {
        docker.remove_container(name, Some(query.clone())).await
    })
    .await
}

/// Does it to each, prints the name of each that went well, and fails when one did not.
pub(super) async fn each(
    names: &[String],
    act: impl AsyncFn(&str) -> Result<(), Error>,
) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for name in names {
        match act(name).await {
            // 304: it is so already, which is what was asked for.
            Ok(())
            | Err(Error::DockerResponseServerError {
                status_code: 304, ..
            }) => {
                writeln!(std::io::stdout(), "{name}")?;
            }
            Err(error) => {
                crate::telemetry::complain(&error.into());
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}
