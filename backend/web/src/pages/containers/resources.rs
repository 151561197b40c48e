//! What a container uses: figures, the last minute as lines, its processes; and other limits for
//! it while it runs.

use actix_web::web;
use askama::Template;
use askama_web::WebTemplate;
use orlop_engine::EngineError;
use orlop_engine::ErrorKind;
use orlop_model::stats::Stats;

use super::detail::Head;
use crate::auth::{Command, Visitor};
use crate::error::Problem;
use crate::form::{ContainerForm, Errors, LimitsForm};
use crate::respond::{Outcome, SeeOther};
use crate::shell::{Flash, Shell};
use crate::state::State;
use crate::words;

/// One reading in words.
pub(crate) struct Usage {
    cpu_time: String,
    throttled: String,
    memory: String,
    memory_limit: String,
    memory_max: String,
    pids: String,
    network: (String, String),
    block: (String, String),
}

/// A row of the process table, with its command last.
#[derive(Default)]
pub(crate) struct Processes {
    titles: Vec<String>,
    rows: Vec<Vec<String>>,
}

#[derive(Template, WebTemplate)]
#[template(path = "pages/containers/resources.html")]
pub(crate) struct ResourcesPage {
    shell: Shell,
    head: Head,
    tab: &'static str,
    usage: Option<Usage>,
    processes: Processes,
    form: LimitsForm,
    errors: Errors,
}

/// `GET /containers/{id}/resources`
pub(crate) async fn page(
    state: web::Data<State>,
    visitor: Visitor,
    which: web::Path<String>,
) -> Result<ResourcesPage, Problem> {
    let shell = visitor.shell("containers");
    let nothing = (LimitsForm::default(), Errors::default());
    show(&state, shell, &which, nothing).await
}

/// `POST /containers/{id}/limits`
pub(crate) async fn change(
    state: web::Data<State>,
    which: web::Path<String>,
    Command { form, shell }: Command<LimitsForm>,
) -> Result<Outcome<ResourcesPage>, Problem> {
    let mut errors = Errors::default();
    let limits = form.limits(&mut errors);
    if errors.is_empty() {
        match state.engine.update_container(&which, limits, None).await {
            Ok(warnings) => {
                let words = format!("Limits changed. {}", warnings.join(" "));
                let next = SeeOther::to(format!("/containers/{which}/resources"));
                return Ok(Outcome::Next(next.saying(&Flash::good(words))));
            }
            Err(error) => errors = Errors::refuse(error, ContainerForm::FIELDS)?,
        }
    }
    let shell = shell.section("containers");
    let page = show(&state, shell, &which, (form, errors)).await?;
    Ok(Outcome::again(page))
}

async fn show(
    state: &State,
    shell: Shell,
    which: &str,
    (form, errors): (LimitsForm, Errors),
) -> Result<ResourcesPage, Problem> {
    let container = state.engine.inspect_container(which).await?;
    let id = container.id.as_str();
    let alive = container.state.status.is_alive();
    let (mut usage, mut processes) = (None, Processes::default());
    if alive {
        usage = unless_stopped(state.engine.container_stats(id).await)?.map(|s| Usage::from(&s));
        if let Some(table) = unless_stopped(state.engine.container_processes(id, "").await)? {
            processes = Processes {
                titles: table.titles,
                rows: table.rows,
            };
        }
    }
    Ok(ResourcesPage {
        shell,
        head: Head::from(&container),
        tab: "resources",
        usage,
        processes,
        form,
        errors,
    })
}

/// The container may have ended a moment ago.
fn unless_stopped<T>(found: Result<T, EngineError>) -> Result<Option<T>, EngineError> {
    match found {
        Err(error) if error.kind() == ErrorKind::Conflict => Ok(None),
        found => found.map(Some),
    }
}

impl From<&Stats> for Usage {
    fn from(stats: &Stats) -> Self {
        let millis = |nanos: u64| words::span(nanos / 1_000_000);
        let used = stats
            .memory_usage
            .saturating_sub(stats.memory_inactive_file);
        let pids = match stats.pids_limit {
            0 => stats.pids.to_string(),
            limit => format!("{} of {limit}", stats.pids),
        };
        Self {
            cpu_time: millis(stats.cpu_nanos),
            throttled: match stats.cpu_throttled_nanos {
                0 => String::new(),
                nanos => millis(nanos),
            },
            memory: words::bytes(used),
            memory_limit: words::bytes(stats.memory_limit),
            memory_max: words::bytes(stats.memory_max_usage),
            pids,
            network: (
                words::bytes(stats.network_rx_bytes),
                words::bytes(stats.network_tx_bytes),
            ),
            block: (
                words::bytes(stats.block_read),
                words::bytes(stats.block_write),
            ),
        }
    }
}
