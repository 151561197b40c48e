//! A container's output: the last lines as a page, all of it as a file.

use actix_web::http::header::{ContentDisposition, ContentType, DispositionParam, DispositionType};
use actix_web::{HttpResponse, mime, web};
use askama::Template;
use askama_web::WebTemplate;
use futures_util::StreamExt as _;
use orlop_engine::logs::{LogQuery, LogRecord};
use orlop_engine::{Engine, EngineError, Stream};

use super::detail::Head;
use crate::auth::Visitor;
use crate::error::Problem;
use crate::shell::Shell;
use crate::state::State;
use crate::words;

/// Lines that the page shows by itself.
const PAGE_LINES: usize = 200;
/// Bytes of them that are read at most.
const PAGE_MAX_LEN: usize = 512 << 10;
/// Characters of one line that the page shows.
const LINE_MAX_CHARS: usize = 4000;

/// One line as the page shows it.
pub(crate) struct Line {
    time: String,
    clock: String,
    stream: &'static str,
    text: String,
}

#[derive(Template, WebTemplate)]
#[template(path = "pages/containers/logs.html")]
pub(crate) struct LogsPage {
    shell: Shell,
    head: Head,
    lines: Vec<Line>,
    tab: &'static str,
}

/// `GET /containers/{id}/logs`
pub(crate) async fn page(
    state: web::Data<State>,
    visitor: Visitor,
    which: web::Path<String>,
) -> Result<LogsPage, Problem> {
    let container = state.engine.inspect_container(&which).await?;
    Ok(LogsPage {
        shell: visitor.shell("containers"),
        head: Head::from(&container),
        lines: last_lines(&state.engine, container.id.as_str()).await?,
        tab: "logs",
    })
}

async fn last_lines(engine: &Engine, which: &str) -> Result<Vec<Line>, EngineError> {
    let query = LogQuery {
        stdout: true,
        stderr: true,
        tail: Some(PAGE_LINES),
        ..LogQuery::default()
    };
    let mut records = engine.container_logs(which, query).await?;
    let (mut lines, mut read) = (Vec::new(), 0);
    while let Some(record) = records.next().await {
        let record = record?;
        read += record.bytes.len();
        if read > PAGE_MAX_LEN {
            break;
        }
        lines.push(Line::from(&record));
    }
    Ok(lines)
}

impl From<&LogRecord> for Line {
    fn from(record: &LogRecord) -> Self {
        let text = words::plain(&String::from_utf8_lossy(&record.bytes));
        Self {
            time: record.time.to_string(),
            clock: record.time.strftime("%H:%M:%S").to_string(),
            stream: stream_word(record.stream),
            text: text.chars().take(LINE_MAX_CHARS).collect(),
        }
    }
}

/// `stdout` or `stderr`.
pub(crate) fn stream_word(stream: Stream) -> &'static str {
    match stream {
        Stream::Stdout => "stdout",
        Stream::Stderr => "stderr",
    }
}

/// `GET /containers/{id}/logs/download`: every byte as it was written.
pub(crate) async fn download(
    state: web::Data<State>,
    _: Visitor,
    which: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let container = state.engine.inspect_container(&which).await?;
    let query = LogQuery {
        stdout: true,
        stderr: true,
        ..LogQuery::default()
    };
    let id = container.id.as_str();
    let records = state.engine.container_logs(id, query).await?;
    let name = format!("{}.log", container.name);
    Ok(HttpResponse::Ok()
        .insert_header(ContentType(mime::TEXT_PLAIN_UTF_8))
        .insert_header(ContentDisposition {
            disposition: DispositionType::Attachment,
            parameters: vec![DispositionParam::Filename(name)],
        })
        .streaming(records.map(|record| record.map(|r| r.bytes).map_err(Problem::from))))
}
