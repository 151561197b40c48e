//! `orlop ps`.

use std::collections::HashMap;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use bollard::Docker;
use bollard::models::{ContainerSummary, PortSummary};
use bollard::query_parameters::ListContainersOptions;

use super::table;

/// Options of `orlop ps`.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Show all containers, not only those that run
    #[arg(short, long)]
    all: bool,
    /// Show only ids
    #[arg(short, long)]
    quiet: bool,
    /// Show ids and commands in full
    #[arg(long)]
    no_trunc: bool,
    /// Show only the newest N
    #[arg(short = 'n', long, value_name = "N")]
    last: Option<i32>,
    /// Show only what matches: status=, name=, id=, ancestor=, label=, exited=
    #[arg(short, long, value_name = "KEY=VALUE")]
    filter: Vec<String>,
}

/// Lists containers.
pub(crate) async fn list(docker: &Docker, options: Options) -> anyhow::Result<ExitCode> {
    let query = ListContainersOptions {
        all: options.all,
        limit: options.last,
        filters: Some(parse_filters(&options.filter)?),
        ..ListContainersOptions::default()
    };
    let containers = docker.list_containers(Some(query)).await?;
    let mut out = std::io::stdout().lock();
    if options.quiet {
        for container in &containers {
            writeln!(out, "{}", id(container, options.no_trunc))?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    let now = jiff::Timestamp::now().as_second();
    let rows: Vec<_> = containers
        .iter()
        .map(|c| row(c, now, options.no_trunc))
        .collect();
    let titles = [
        "CONTAINER ID",
        "IMAGE",
        "COMMAND",
        "CREATED",
        "STATUS",
        "PORTS",
        "NAMES",
    ];
    out.write_all(table::render(&titles, &rows).as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// `key=value` pairs as the API takes them.
pub(crate) fn parse_filters(filters: &[String]) -> anyhow::Result<HashMap<String, Vec<String>>> {
    let mut map = HashMap::<String, Vec<String>>::new();
    for filter in filters {
        let Some((key, value)) = filter.split_once('=') else {
            bail!("invalid filter {filter:?}: KEY=VALUE is needed");
        };
        map.entry(key.to_owned())
            .or_default()
            .push(value.to_owned());
    }
    Ok(map)
}

fn id(container: &ContainerSummary, whole: bool) -> String {
    let id = container.id.as_deref().unwrap_or_default();
    if whole {
        id
    } else {
        id.get(..12).unwrap_or(id)
    }
    .to_owned()
}

fn row(container: &ContainerSummary, now: i64, whole: bool) -> Vec<String> {
    let command = container.command.clone().unwrap_or_default();
    let shown = if whole || command.chars().count() <= 20 {
        command
    } else {
        command.chars().take(19).chain(['…']).collect()
    };
    let names = container
        .names
        .iter()
        .flatten()
        .map(|n| n.trim_start_matches('/'));
    vec![
        id(container, whole),
        container.image.clone().unwrap_or_default(),
        format!("\"{shown}\""),
        table::ago(now - container.created.unwrap_or(now)),
        container.status.clone().unwrap_or_default(),
        container
            .ports
            .iter()
            .flatten()
            .map(port)
            .collect::<Vec<_>>()
            .join(", "),
        names.collect::<Vec<_>>().join(","),
    ]
}

fn port(port: &PortSummary) -> String {
    let kind = port.typ.map_or_else(String::new, |t| t.to_string());
    match (&port.ip, port.public_port) {
        (Some(ip), Some(public)) => format!("{ip}:{public}->{}/{kind}", port.private_port),
        _ => format!("{}/{kind}", port.private_port),
    }
}
