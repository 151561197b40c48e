//! The command line: Docker's grammar over the Docker API.

mod build;
mod client;
mod create;
mod doctor;
mod health;
mod image;
mod limits;
mod list;
mod logs;
mod mount;
mod run;
mod security;
mod stop;
mod table;
mod terminal;
mod update;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::ServeOptions;
use crate::role;

/// Orlop: containers, images and builds, with a web console
#[derive(Debug, Parser)]
#[command(name = "orlop", version, about, max_term_width = 100)]
struct Cli {
    /// Socket of the engine: a path, or unix://PATH
    #[arg(
        short = 'H',
        long,
        env = "ORLOP_HOST",
        value_name = "SOCKET",
        global = true
    )]
    host: Option<String>,
    #[command(subcommand)]
    command: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start engine and console (the default)
    Serve(ServeOptions),
    /// Say what this host offers and lacks, and what to do about it
    Doctor,
    /// End all containers and take away what this Orlop made on the host; images and volumes stay
    Cleanup(ServeOptions),
    /// Run containers from OCI bundles, with runc's command line; "orlop oci --help" tells more
    Oci,
    /// Create and start a container
    Run(Box<run::Options>),
    /// List containers
    Ps(list::Options),
    /// Show what a container wrote
    Logs(logs::Options),
    /// Stop containers
    Stop(stop::StopOptions),
    /// Send a signal to containers
    Kill(stop::KillOptions),
    /// Remove containers
    Rm(stop::RemoveOptions),
    /// Change limits and restart policy of containers
    Update(Box<update::Options>),
    /// Build an image from a Dockerfile
    Build(build::Options),
    /// Get an image from a registry
    Pull(image::PullOptions),
    /// Images: import, load, list
    #[command(subcommand)]
    Image(image::Verb),
    /// List images
    Images(image::ListOptions),
}

/// Runs what the command line asks for.
///
/// # Errors
/// Whatever the verb fails with.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let cli = Cli::parse();
    // Parsed again under its own name, `serve` takes its options from the environment.
    let Some(verb) = cli
        .command
        .or_else(|| Cli::parse_from(["orlop", "serve"]).command)
    else {
        // The second parse always has a verb.
        return Ok(ExitCode::FAILURE);
    };
    match verb {
        Verb::Serve(options) => role::supervisor::run(options.resolve()?),
        Verb::Doctor => doctor::run(),
        Verb::Cleanup(options) => role::worker::clean_up(options.resolve()?),
        verb => client::block_on(dispatch(verb, cli.host)),
    }
}

async fn dispatch(verb: Verb, host: Option<String>) -> anyhow::Result<ExitCode> {
    let docker = match client::connect(host.as_deref()).await {
        Ok(docker) => docker,
        // As Docker's client: 125 tells that the engine, not the program, failed.
        Err(error) if matches!(verb, Verb::Run(_)) => {
            crate::telemetry::complain(&error);
            return Ok(ExitCode::from(run::ENGINE_FAILED));
        }
        Err(error) => return Err(error),
    };
    match verb {
        // These are dealt with before an engine is needed.
        Verb::Serve(_) | Verb::Doctor | Verb::Cleanup(_) | Verb::Oci => Ok(ExitCode::FAILURE),
        Verb::Run(options) => run::run(&docker, *options).await,
        Verb::Ps(options) => list::list(&docker, options).await,
        Verb::Logs(options) => logs::show(&docker, options).await,
        Verb::Stop(options) => stop::stop(&docker, options).await,
        Verb::Kill(options) => stop::kill(&docker, options).await,
        Verb::Rm(options) => stop::remove(&docker, options).await,
        Verb::Update(options) => update::update(&docker, *options).await,
        Verb::Build(options) => build::build(&docker, options).await,
        Verb::Pull(options) => image::pull(&docker, &options).await,
        Verb::Image(verb) => image::run(&docker, verb).await,
        Verb::Images(options) => image::list(&docker, options).await,
    }
}
