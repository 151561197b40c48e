//! Exec sessions.

use hyper::StatusCode;
use orlop_engine::{EngineError, ErrorKind};
use orlop_model::id::ExecId;
use orlop_model::request::{ExecRequest, TermSize};
use serde::Deserialize;
use serde_json::json;

use crate::body::{Answer, empty, json as json_answer, read_json};
use crate::codec::hijack::{self, Wanted};
use crate::error::ApiError;
use crate::handlers::containers::size;
use crate::routes::Call;

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct CreateBody {
    attach_stdin: bool,
    tty: bool,
    cmd: Option<Vec<String>>,
    env: Option<Vec<String>>,
    user: String,
    working_dir: String,
    privileged: bool,
    console_size: Option<[u16; 2]>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "PascalCase")]
struct StartBody {
    detach: bool,
    console_size: Option<[u16; 2]>,
}

fn term_size(size: Option<[u16; 2]>) -> Option<TermSize> {
    size.filter(|[rows, cols]| *rows > 0 && *cols > 0)
        .map(|[rows, cols]| TermSize { rows, cols })
}

fn parse_id(id: &str) -> Result<ExecId, ApiError> {
    id.parse().map_err(|_| {
        ApiError::new(
            StatusCode::NOT_FOUND,
            format!("No such exec instance: {id}"),
        )
    })
}

/// `POST /containers/{id}/exec`.
pub(crate) async fn create(id: &str, call: Call) -> Answer {
    let engine = call.engine.clone();
    let body: CreateBody = read_json(call.into_body()).await?;
    let text = |text: String| (!text.is_empty()).then_some(text);
    let args = body.cmd.unwrap_or_default();
    if args.is_empty() {
        return Err(ApiError::bad_request("No exec command specified"));
    }
    let request = ExecRequest {
        args,
        env: body.env.unwrap_or_default(),
        user: text(body.user),
        workdir: text(body.working_dir),
        tty: body.tty,
        open_stdin: body.attach_stdin,
        privileged: body.privileged,
        size: term_size(body.console_size),
    };
    let exec = engine.create_exec(id, request).await?;
    json_answer(StatusCode::CREATED, &json!({"Id": exec}))
}

/// `POST /exec/{id}/start`.
pub(crate) async fn start(id: &str, call: Call) -> Answer {
    let Call {
        engine, request, ..
    } = call;
    let exec = parse_id(id)?;
    let (head, body) = request.into_parts();
    let options: StartBody = read_json(body).await?;
    let info = engine.inspect_exec(&exec).await?;
    if options.detach {
        engine.start_exec_detached(&exec).await?;
        return empty(StatusCode::OK);
    }
    let request = hyper::Request::from_parts(head, ());
    let raw = info.request.tty;
    let session = match engine.start_exec(&exec, None).await {
        Ok(session) => session,
        Err(error) if is_command_fault(&error) => {
            let message = format!("OCI runtime exec failed: {error}");
            return Ok(hijack::take_over_to_fail(request, raw, message));
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(size) = term_size(options.console_size) {
        // The process may have ended already, which the client is about to hear.
        let _ = session.input.resize(size).await;
    }
    let wanted = Wanted {
        raw,
        stdin: info.request.open_stdin,
        stdout: true,
        stderr: true,
    };
    Ok(hijack::take_over(request, session, wanted))
}

/// The command, not the request, is at fault: clients read its exit code off the session.
fn is_command_fault(error: &EngineError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::CommandNotFound | ErrorKind::CommandNotExecutable
    )
}

/// `POST /exec/{id}/resize`.
pub(crate) async fn resize(id: &str, call: Call) -> Answer {
    call.engine
        .resize_exec(&parse_id(id)?, size(&call.query)?)
        .await?;
    empty(StatusCode::OK)
}

/// `GET /exec/{id}/json`.
pub(crate) async fn inspect(id: &str, call: Call) -> Answer {
    let info = call.engine.inspect_exec(&parse_id(id)?).await?;
    let (program, arguments) = info
        .request
        .args
        .split_first()
        .map_or(("", &[][..]), |(p, a)| (p.as_str(), a));
    json_answer(
        StatusCode::OK,
        &json!({
            "ID": info.id,
            "ContainerID": info.container,
            "Running": info.running,
            "ExitCode": info.exit.as_ref().map(|exit| exit.code),
            "Pid": info.pid,
            "OpenStdin": info.request.open_stdin, "OpenStdout": true, "OpenStderr": true,
            "CanRemove": info.exit.is_some(),
            "DetachKeys": "",
            "ProcessConfig": {
                "tty": info.request.tty,
                "entrypoint": program,
                "arguments": arguments,
                "privileged": info.request.privileged,
                "user": info.request.user.unwrap_or_default(),
            },
        }),
    )
}
