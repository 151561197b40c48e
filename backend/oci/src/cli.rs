//! The command line: runc's, option by option.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

use crate::log::Log;
use crate::store::Store;
use crate::verbs::{
    self, Door, VerbError, create, delete, exec, features, kill, list, pause, ps, run, spec, start,
    state, update,
};

/// Where records are unless told otherwise.
const ROOT: &str = "/run/orlop-oci";

/// Run containers from OCI bundles, as runc does
#[derive(Debug, Parser)]
#[command(name = "orlop-oci", version, max_term_width = 100)]
struct Cli {
    /// Folder of the containers' records
    #[arg(long, default_value = ROOT)]
    root: PathBuf,
    /// File that errors are written to, too
    #[arg(long)]
    log: Option<PathBuf>,
    /// Form of that file
    #[arg(long, default_value = "text")]
    log_format: Format,
    /// Write every step to that file
    #[arg(long)]
    debug: bool,
    /// Leave cgroups to systemd (refused: they are made by this runtime itself)
    #[arg(long)]
    systemd_cgroup: bool,
    /// Taken for runc's sake; root is needed in any case
    #[arg(long)]
    rootless: Option<String>,
    /// Taken for runc's sake; checkpoints are not made
    #[arg(long, hide = true)]
    criu: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Create a container; its program waits for the start
    Create(create::Options),
    /// Let the program of a created container begin
    Start(start::Options),
    /// Create and start a container
    Run(run::Options),
    /// Run a further process in a container
    Exec(Box<exec::Options>),
    /// Say what a container is doing, as JSON
    State(state::Options),
    /// Send a signal to a container
    Kill(kill::Options),
    /// Take a container away that has ended
    Delete(delete::Options),
    /// List containers
    List(list::Options),
    /// List the processes of a container
    Ps(ps::Options),
    /// Stop all processes of a container for a while
    Pause(pause::Options),
    /// Let them go on
    Resume(pause::Options),
    /// Change limits of a container
    Update(Box<update::Options>),
    /// Say what this runtime can do, as JSON
    Features,
    /// Write a config.json to begin with
    Spec(spec::Options),
}

/// Runs one command; `arguments` begin with the program's name.
#[must_use]
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help is asked for, and no error.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 1 } else { 0 });
        }
    };
    let log = Log::new(
        cli.log.as_deref(),
        cli.log_format == Format::Json,
        cli.debug,
    );
    // As runc: the code of a program is never taken for that of a failed exec.
    let failure = if matches!(cli.verb, Verb::Exec(_)) {
        255
    } else {
        1
    };
    match dispatch(cli, log.clone()) {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX)),
        Err(error) => {
            log.error(&error.to_string());
            ExitCode::from(failure)
        }
    }
}

fn dispatch(cli: Cli, log: Log) -> Result<i32, VerbError> {
    let enters = matches!(cli.verb, Verb::Create(_) | Verb::Run(_) | Verb::Exec(_));
    if enters {
        orlop_linux::spawn::seal_self().map_err(VerbError::Seal)?;
    }
    if cli.systemd_cgroup {
        return Err(VerbError::Systemd);
    }
    let door = Door {
        store: Store::new(std::path::absolute(&cli.root).map_err(VerbError::Folder)?),
        log,
    };
    door.log.debug(&format!("{:?}", cli.verb));
    let done = |done: Result<(), VerbError>| done.map(|()| 0);
    match cli.verb {
        Verb::Create(options) => done(create::run(&door, &options)),
        Verb::Start(options) => done(start::run(&door, &options)),
        Verb::Run(options) => run::run(&door, &options),
        Verb::Exec(options) => exec::run(&door, &options),
        Verb::State(options) => done(state::run(&door, &options)),
        Verb::Kill(options) => done(kill::run(&door, &options)),
        Verb::Delete(options) => done(delete::run(&door, &options)),
        Verb::List(options) => done(list::run(&door, &options)),
        Verb::Ps(options) => done(ps::run(&door, &options)),
        Verb::Pause(options) => done(pause::pause(&door, &options)),
        Verb::Resume(options) => done(pause::resume(&door, &options)),
        Verb::Update(options) => done(update::run(&door, &options)),
        Verb::Features => done(verbs::say(&features::all())),
        Verb::Spec(options) => done(spec::run(&options)),
    }
}
