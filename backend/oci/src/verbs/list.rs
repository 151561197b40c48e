//! `list`: every container of the root folder.

use clap::{Args, ValueEnum};

use super::state::Shown;
use super::{Door, VerbError, print, say};

/// Options of `list`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Form of the list
    #[arg(long, short, default_value = "table")]
    format: Format,
    /// Only ids
    #[arg(long, short)]
    quiet: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

pub(crate) fn run(door: &Door, options: &Options) -> Result<(), VerbError> {
    let records = door.store.all();
    let shown: Vec<Shown> = records.into_iter().map(|r| Shown::of(door, r)).collect();
    if options.quiet {
        return shown.iter().try_for_each(|one| print(&one.id));
    }
    if options.format == Format::Json {
        return say(&shown);
    }
    let width = shown
        .iter()
        .map(|one| one.id.len())
        .max()
        .unwrap_or(0)
        .max(2);
    print(&format!(
        "{:width$}  {:>7}  {:8}  {:20}  BUNDLE",
        "ID", "PID", "STATUS", "CREATED"
    ))?;
    shown.iter().try_for_each(|one| {
        print(&format!(
            "{:width$}  {:>7}  {:8}  {:20}  {}",
            one.id,
            one.pid,
            one.status.to_string(),
            one.created.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            one.bundle.display()
        ))
    })
}
