//! `orlop update`: other limits for containers, also while they run.

use std::process::ExitCode;

use anyhow::ensure;
use bollard::Docker;
use bollard::models::ContainerUpdateBody;

use super::create::restart_policy;
use super::limits::LimitOptions;
use super::stop::each;

/// Options of `orlop update`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    #[command(flatten)]
    limits: LimitOptions,
    /// What to do when it ends: no, always, unless-stopped, on-failure[:N]
    #[arg(long)]
    restart: Option<orlop_model::request::RestartPolicy>,
    /// Names or ids
    #[arg(required = true)]
    containers: Vec<String>,
}

pub(crate) async fn update(docker: &Docker, options: Options) -> anyhow::Result<ExitCode> {
    let body = ContainerUpdateBody {
        restart_policy: options.restart.map(restart_policy),
        ..options.limits.update_body()?
    };
    ensure!(
        body != ContainerUpdateBody::default(),
        "say what to change, such as --memory 512m"
    );
    each(&options.containers, async |name| {
        docker.update_container(name, body.clone()).await
    })
    .await
}
