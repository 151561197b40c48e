//! The host: what it offers to containers, and the remedy for what it lacks.

use actix_web::web;
use askama::Template;
use askama_web::WebTemplate;
use orlop_engine::host::HostInfo;
use orlop_model::probe::{Finding, Verdict};

use crate::auth::Visitor;
use crate::error::Problem;
use crate::shell::Shell;
use crate::state::State;
use crate::words;

/// One finding.
pub(crate) struct Row {
    name: String,
    badge: &'static str,
    label: &'static str,
    detail: String,
    remedy: String,
    required: bool,
}

#[derive(Template, WebTemplate)]
#[template(path = "pages/host/show.html")]
pub(crate) struct HostPage {
    shell: Shell,
    info: HostInfo,
    memory: String,
    rows: Vec<Row>,
    /// How many things are missing or limited.
    lacks: usize,
}

/// `GET /host`
pub(crate) async fn show(state: web::Data<State>, visitor: Visitor) -> Result<HostPage, Problem> {
    let info = state.engine.host_info().await?;
    let mut findings = state.engine.probe_host().await?;
    // What needs attention comes first; the order within is the probe's own.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
    Ok(HostPage {
        shell: visitor.shell("host"),
        memory: words::bytes(info.memory),
        info,
        lacks: findings.iter().filter(|f| f.verdict != Verdict::Ok).count(),
        rows: findings.into_iter().map(Row::from).collect(),
    })
}

impl From<Finding> for Row {
    fn from(finding: Finding) -> Self {
        let (badge, label) = match finding.verdict {
            Verdict::Ok => ("ok", "there"),
            Verdict::Limited => ("warn", "limited"),
            Verdict::Missing => ("missing", "missing"),
        };
        Self {
            name: finding.name,
            badge,
            label,
            detail: finding.detail,
            remedy: finding.remedy.unwrap_or_default(),
            required: finding.required,
        }
    }
}
