//! What can be done with a container by one button: every verb is a form that leads back to where
//! it was pressed.

use actix_web::{HttpRequest, web};
use orlop_engine::{Engine, EngineError};
use orlop_model::signal::Signal;
use serde::Deserialize;

use crate::auth::Command;
use crate::error::Problem;
use crate::respond::{SeeOther, came_from};
use crate::shell::Flash;
use crate::state::State;

/// `POST /containers/{id}/{verb}` for the verbs that take nothing else.
pub(crate) async fn act(
    state: web::Data<State>,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    _: Command,
) -> Result<SeeOther, Problem> {
    let (which, verb) = path.into_inner();
    let name = state.engine.inspect_container(&which).await?.name;
    let done = run(&state.engine, &which, &verb).await?;
    let done = done.ok_or_else(|| Problem::not_found(format!("There is no verb {verb:?}.")))?;
    Ok(back(&request, &which).saying(&Flash::good(format!("{name} {done}."))))
}

/// Does it; `None` for a verb that does not exist.
async fn run(
    engine: &Engine,
    which: &str,
    verb: &str,
) -> Result<Option<&'static str>, EngineError> {
    let done = match verb {
        "start" => engine
            .start_container(which, false)
            .await
            .map(|()| "started"),
        "stop" => engine.stop_container(which, None).await.map(|()| "stopped"),
        "restart" => engine
            .restart_container(which, None)
            .await
            .map(|()| "restarted"),
        "kill" => engine
            .kill_container(which, Signal::KILL)
            .await
            .map(|()| "killed"),
        "pause" => engine.pause_container(which).await.map(|()| "paused"),
        "unpause" => engine.unpause_container(which).await.map(|()| "goes on"),
        _ => return Ok(None),
    };
    done.map(Some)
}

/// How to remove.
#[derive(Deserialize)]
pub(crate) struct RemoveQuery {
    /// Kill it first if it runs.
    force: Option<String>,
}

/// `POST /containers/{id}/remove`
pub(crate) async fn remove(
    state: web::Data<State>,
    request: HttpRequest,
    which: web::Path<String>,
    query: web::Query<RemoveQuery>,
    _: Command,
) -> Result<SeeOther, Problem> {
    let name = state.engine.inspect_container(&which).await?.name;
    let force = query.force.is_some();
    state.engine.remove_container(&which, force, true).await?;
    // The list with its filter, but never the page of what is gone.
    let next = came_from(&request)
        .filter(|path| path.split('?').next() == Some("/containers"))
        .unwrap_or_else(|| "/containers".to_owned());
    Ok(SeeOther::to(next).saying(&Flash::good(format!("{name} removed."))))
}

/// A new name.
#[derive(Deserialize)]
pub(crate) struct RenameForm {
    name: String,
}

/// `POST /containers/{id}/rename`
pub(crate) async fn rename(
    state: web::Data<State>,
    which: web::Path<String>,
    command: Command<RenameForm>,
) -> Result<SeeOther, Problem> {
    let container = state.engine.inspect_container(&which).await?;
    let name = command.form.name.trim().parse();
    let name = name
        .map_err(|error: orlop_model::name::NameError| Problem::bad_request(error.to_string()))?;
    state.engine.rename_container(&which, name).await?;
    let next = SeeOther::to(format!("/containers/{}", container.id));
    Ok(next.saying(&Flash::good("Renamed.")))
}

/// Back to the page of ours where the button was, else to the container.
fn back(request: &HttpRequest, which: &str) -> SeeOther {
    SeeOther::to(came_from(request).unwrap_or_else(|| format!("/containers/{which}")))
}
