//! Which columns a list of processes has, asked for with the arguments of ps(1). Pure.

use serde::{Deserialize, Serialize};

/// Columns of one table.
const MOST_COLUMNS: usize = 40;

/// What a column tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Name or number of the user.
    User,
    /// Number of the user.
    Uid,
    /// Number of the group.
    Gid,
    /// Number of the process on the host.
    Pid,
    /// Number of its parent.
    Ppid,
    /// Process group.
    Pgid,
    /// Session.
    Sid,
    /// Percent of a CPU over its life, whole.
    Cpu,
    /// The same with a decimal.
    PercentCpu,
    /// Percent of the host's memory.
    PercentMemory,
    /// KiB of address space.
    VirtualSize,
    /// KiB in memory.
    ResidentSize,
    /// Threads.
    Threads,
    /// Niceness.
    Nice,
    /// State by one letter.
    State,
    /// Time of day of its start.
    Start,
    /// How long it has run.
    Elapsed,
    /// Terminal.
    Terminal,
    /// CPU time.
    Time,
    /// Name of the program.
    Program,
    /// Command line.
    Command,
}

/// A column with its title.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    /// Title.
    pub title: String,
    /// What it tells.
    pub field: Field,
}

/// Why arguments ask for no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ColumnsError {
    /// An option that is not known.
    #[error("ps argument {0:?} is not known: -ef, aux and -o with names of columns are")]
    Option(String),
    /// A column that is not known.
    #[error("ps has no column {0:?} here")]
    Column(String),
    /// Clients need it.
    #[error("Couldn't find PID field in ps output")]
    NoPid,
    /// Too many.
    #[error("more than {MOST_COLUMNS} columns")]
    TooMany,
}

fn table(columns: &[(&str, Field)]) -> Vec<Column> {
    let column = |(title, field): &(&str, Field)| Column {
        title: (*title).to_owned(),
        field: *field,
    };
    columns.iter().map(column).collect()
}

/// `-ef`, which is what no argument asks for.
#[must_use]
pub fn full() -> Vec<Column> {
    table(&[
        ("UID", Field::User),
        ("PID", Field::Pid),
        ("PPID", Field::Ppid),
        ("C", Field::Cpu),
        ("STIME", Field::Start),
        ("TTY", Field::Terminal),
        ("TIME", Field::Time),
        ("CMD", Field::Command),
    ])
}

/// `aux`.
fn bsd() -> Vec<Column> {
    table(&[
        ("USER", Field::User),
        ("PID", Field::Pid),
        ("%CPU", Field::PercentCpu),
        ("%MEM", Field::PercentMemory),
        ("VSZ", Field::VirtualSize),
        ("RSS", Field::ResidentSize),
        ("TTY", Field::Terminal),
        ("STAT", Field::State),
        ("START", Field::Start),
        ("TIME", Field::Time),
        ("COMMAND", Field::Command),
    ])
}

/// A column by its name, with the title that ps(1) gives it.
fn column(name: &str) -> Option<(&'static str, Field)> {
    Some(match name {
        "user" | "uname" | "euser" => ("USER", Field::User),
        "uid" | "euid" => ("UID", Field::Uid),
        "gid" | "egid" => ("GID", Field::Gid),
        "pid" => ("PID", Field::Pid),
        "ppid" => ("PPID", Field::Ppid),
        "pgid" | "pgrp" => ("PGID", Field::Pgid),
        "sid" | "sess" => ("SID", Field::Sid),
        "c" => ("C", Field::Cpu),
        "pcpu" | "%cpu" => ("%CPU", Field::PercentCpu),
        "pmem" | "%mem" => ("%MEM", Field::PercentMemory),
        "vsz" | "vsize" => ("VSZ", Field::VirtualSize),
        "rss" | "rssize" => ("RSS", Field::ResidentSize),
        "nlwp" | "thcount" => ("NLWP", Field::Threads),
        "ni" | "nice" => ("NI", Field::Nice),
        "stat" => ("STAT", Field::State),
        "s" | "state" => ("S", Field::State),
        "stime" => ("STIME", Field::Start),
        "start" | "start_time" => ("START", Field::Start),
        "etime" => ("ELAPSED", Field::Elapsed),
        "tty" | "tt" | "tname" => ("TT", Field::Terminal),
        "time" | "cputime" => ("TIME", Field::Time),
        "comm" | "ucmd" | "ucomm" => ("COMMAND", Field::Program),
        "args" | "command" => ("COMMAND", Field::Command),
        "cmd" => ("CMD", Field::Command),
        _ => return None,
    })
}

/// Reads arguments as ps(1) has them: `-ef`, `aux`, `-o pid,args`, `-eo pid,cmd=`, `axo pid,comm`.
///
/// # Errors
/// Names what is not known.
pub fn parse(arguments: &str) -> Result<Vec<Column>, ColumnsError> {
    let mut columns: Vec<Column> = Vec::new();
    let mut usual = None;
    let mut words = arguments.split_whitespace();
    while let Some(word) = words.next() {
        let unknown = || ColumnsError::Option(word.to_owned());
        let long = word.strip_prefix("--format");
        if let Some(list) = long {
            let list = list.strip_prefix('=').or_else(|| words.next());
            add(&mut columns, list.ok_or_else(unknown)?)?;
            continue;
        }
        let mut letters = word.strip_prefix('-').unwrap_or(word).chars();
        while let Some(letter) = letters.next() {
            match letter {
                'o' => {
                    let rest: &str = letters.as_str();
                    let list = if rest.is_empty() {
                        words.next()
                    } else {
                        Some(rest)
                    };
                    add(&mut columns, list.ok_or_else(unknown)?)?;
                    break;
                }
                'u' | 'v' => usual = Some(bsd()),
                'f' if word.starts_with('-') => usual = Some(full()),
                // Which processes: all of the container's, whatever is said.
                'e' | 'A' | 'a' | 'x' | 'f' | 'w' | 'H' => {}
                _ => return Err(unknown()),
            }
        }
    }
    if columns.is_empty() {
        columns = usual.unwrap_or_else(full);
    }
    if columns.len() > MOST_COLUMNS {
        return Err(ColumnsError::TooMany);
    }
    if !columns.iter().any(|column| column.title == "PID") {
        return Err(ColumnsError::NoPid);
    }
    Ok(columns)
}

/// Adds a list of names; `name=title` gives a column another title, the rest of the list included.
fn add(columns: &mut Vec<Column>, list: &str) -> Result<(), ColumnsError> {
    let mut rest = list;
    while !rest.is_empty() {
        let end = rest.find([',', '=']).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        let known = column(&name.to_ascii_lowercase());
        let (usual, field) = known.ok_or_else(|| ColumnsError::Column(name.to_owned()))?;
        let titled = behind.strip_prefix('=');
        rest = match titled {
            Some(_) => "",
            None => behind.strip_prefix(',').unwrap_or_default(),
        };
        columns.push(Column {
            title: titled
                .filter(|title| !title.is_empty())
                .unwrap_or(usual)
                .to_owned(),
            field,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(arguments: &str) -> Vec<String> {
        let columns = parse(arguments).unwrap_or_else(|error| panic!("{error}"));
        columns.into_iter().map(|column| column.title).collect()
    }

    #[test]
    fn the_usual_arguments_have_the_usual_columns() {
        assert_eq!(parse(""), Ok(full()));
        assert_eq!(parse("-ef"), Ok(full()));
        assert_eq!(titles("aux")[..3], ["USER", "PID", "%CPU"]);
        assert_eq!(titles("-aux"), titles("aux"));
        assert_eq!(titles("-o pid,comm"), ["PID", "COMMAND"]);
        assert_eq!(titles("-eo pid,ppid,cmd"), ["PID", "PPID", "CMD"]);
        assert_eq!(titles("axo pid,state -o etime"), ["PID", "S", "ELAPSED"]);
        assert_eq!(titles("-opid -o args=WHAT"), ["PID", "WHAT"]);
        assert_eq!(titles("--format=pid,rss"), ["PID", "RSS"]);
    }

    #[test]
    fn what_is_not_known_is_named() {
        assert_eq!(parse("-o comm"), Err(ColumnsError::NoPid));
        assert_eq!(
            parse("-o pid,wchan"),
            Err(ColumnsError::Column("wchan".to_owned()))
        );
        assert_eq!(parse("-Q"), Err(ColumnsError::Option("-Q".to_owned())));
        assert!(parse("-o").is_err());
        assert!(parse(&format!("-o pid{}", ",pid".repeat(MOST_COLUMNS))).is_err());
    }
}
