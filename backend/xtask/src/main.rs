//! `cargo xtask`: the one door for developers and CI.
#![forbid(unsafe_code)]

mod bench;
mod check;
mod frontend;
mod leftovers;
mod pictures;
mod shell;
mod suite;
mod tools;

use clap::{Parser, Subcommand};

/// Builds, runs and tests Orlop
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Build the front end and a release binary, and start Orlop (as root)
    Run {
        /// Options of `orlop serve`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        options: Vec<String>,
    },
    /// Install what the tests need and run everything
    Test {
        /// Run only tests whose name contains this
        filter: Option<String>,
    },
    /// Formatting, lints, dependency rules, file sizes, types of the front end
    Check,
    /// Bundle scripts and styles into static/build
    Frontend,
    /// Make the README's pictures from the running product (as root)
    Pictures,
    /// Measure against the real Docker engine on this machine
    Bench,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().task {
        Task::Run { options } => {
            frontend::build()?;
            suite::run_release(&options)
        }
        Task::Test { filter } => suite::test(filter.as_deref()),
        Task::Check => {
            frontend::build()?;
            check::all()
        }
        Task::Frontend => frontend::build(),
        Task::Pictures => pictures::run(),
        Task::Bench => bench::run(),
    }
}
