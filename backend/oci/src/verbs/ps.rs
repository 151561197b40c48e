//! `ps`: the processes of a container.

use std::process::Command;

use clap::{Args, ValueEnum};

use super::{Door, VerbError, print, say};

/// Options of `ps`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Form of the list
    #[arg(long, short, default_value = "table")]
    format: Format,
    /// Id of the container
    id: String,
    /// Options of ps(1), for the table
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    ps_options: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

pub(crate) fn run(door: &Door, options: &Options) -> Result<(), VerbError> {
    let record = door.store.load(&options.id)?;
    let pids = record.group.open()?.pids()?;
    if options.format == Format::Json {
        return say(&pids);
    }
    let mut command = Command::new("ps");
    if options.ps_options.is_empty() {
        command.arg("-ef");
    } else {
        command.args(&options.ps_options);
    }
    let output = command.output().map_err(VerbError::io("running ps"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    let title = lines.next().unwrap_or_default();
    let Some(column) = title.split_whitespace().position(|name| name == "PID") else {
        return Err(VerbError::Option {
            option: "ps options",
            why: "the list has no column PID".to_owned(),
        });
    };
    print(title)?;
    for line in lines {
        let pid = line.split_whitespace().nth(column);
        if pid
            .and_then(|pid| pid.parse().ok())
            .is_some_and(|pid| pids.contains(&pid))
        {
            print(line)?;
        }
    }
    Ok(())
}
