//! Terminals in a container: choose a shell and a user, go back to one that is open.

use actix_web::web;
use askama::Template;
use askama_web::WebTemplate;
use orlop_engine::sessions::ExecInfo;
use orlop_engine::{Engine, EngineError, ErrorKind};
use orlop_model::container::Container;
use orlop_model::id::{ExecId, IdError};
use orlop_model::lifecycle::Status;
use orlop_model::request::{ExecRequest, TermSize};
use serde::Deserialize;

use super::detail::Head;
use crate::auth::{Command, Visitor};
use crate::error::Problem;
use crate::form::{Errors, arguments};
use crate::respond::{Outcome, SeeOther};
use crate::shell::{Flash, Shell};
use crate::state::State;

/// What the form of a new terminal holds.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ShellForm {
    shell: String,
    /// Instead of one of the shells.
    command: String,
    user: String,
    workdir: String,
}

/// A terminal that is open.
pub(crate) struct Terminal {
    id: String,
    short: String,
    label: String,
    current: bool,
}

#[derive(Template, WebTemplate)]
#[template(path = "pages/containers/shell.html")]
pub(crate) struct ShellPage {
    shell: Shell,
    head: Head,
    tab: &'static str,
    form: ShellForm,
    errors: Errors,
    shells: Vec<String>,
    terminals: Vec<Terminal>,
    /// The session to show.
    session: String,
    label: String,
}

/// Which session to show.
#[derive(Deserialize)]
pub(crate) struct ShellQuery {
    #[serde(default)]
    session: String,
}

/// `GET /containers/{id}/shell`
pub(crate) async fn page(
    state: web::Data<State>,
    visitor: Visitor,
    which: web::Path<String>,
    query: web::Query<ShellQuery>,
) -> Result<ShellPage, Problem> {
    let container = state.engine.inspect_container(&which).await?;
    let session = query.into_inner().session;
    let shell = visitor.shell("containers");
    Ok(read(&state.engine, &container, shell, session).await?)
}

/// `POST /containers/{id}/shell`: a new terminal.
pub(crate) async fn open(
    state: web::Data<State>,
    which: web::Path<String>,
    Command { form, shell }: Command<ShellForm>,
) -> Result<Outcome<ShellPage>, Problem> {
    let container = state.engine.inspect_container(&which).await?;
    let id = container.id.as_str();
    let errors = match form.request() {
        Err(errors) => errors,
        Ok(request) => match state.engine.create_exec(id, request).await {
            Ok(exec) => {
                let next = format!("/containers/{id}/shell?session={exec}");
                return Ok(Outcome::Next(SeeOther::to(next)));
            }
            Err(error) => Errors::refuse(error, &["command", "user", "workdir"])?,
        },
    };
    let shell = shell.section("containers");
    let page = read(&state.engine, &container, shell, String::new()).await?;
    Ok(Outcome::again(ShellPage {
        form,
        errors,
        ..page
    }))
}

/// `POST /containers/{id}/shell/{session}/end`
pub(crate) async fn end(
    state: web::Data<State>,
    path: web::Path<(String, String)>,
    _: Command,
) -> Result<SeeOther, Problem> {
    let (which, session) = path.into_inner();
    let session: ExecId = session
        .parse()
        .map_err(|error: IdError| Problem::not_found(error.to_string()))?;
    state.engine.kill_exec(&session).await?;
    let next = SeeOther::to(format!("/containers/{which}/shell"));
    Ok(next.saying(&Flash::good("The terminal and everything in it has ended.")))
}

async fn read(
    engine: &Engine,
    container: &Container,
    shell: Shell,
    session: String,
) -> Result<ShellPage, EngineError> {
    let id = container.id.as_str();
    let runs = container.state.status == Status::Running;
    let (shells, mut open) = match runs {
        true => (
            unless_stopped(engine.find_shells(id).await)?,
            unless_stopped(engine.list_terminals(id).await)?,
        ),
        false => (Vec::new(), Vec::new()),
    };
    // One that was just made starts when its page connects; until then no list has it.
    if let Some(info) = waiting(engine, container, &session).await {
        open.push(info);
    }
    let terminals: Vec<_> = open
        .iter()
        .map(|info| Terminal::new(info, &session))
        .collect();
    let label = terminals.iter().find(|t| t.current);
    Ok(ShellPage {
        shell,
        head: Head::from(container),
        tab: "shell",
        form: ShellForm::default(),
        errors: Errors::default(),
        label: label.map_or_else(|| "shell".to_owned(), |t| t.label.clone()),
        shells,
        terminals,
        session,
    })
}

/// The session of this page, if it is of this container and was not started yet.
async fn waiting(engine: &Engine, container: &Container, session: &str) -> Option<ExecInfo> {
    let info = engine.inspect_exec(&session.parse().ok()?).await.ok()?;
    let waits = !info.running && info.exit.is_none();
    (waits && info.container == container.id).then_some(info)
}

/// The container may have ended a moment ago: then there is nothing to list, and the page says so.
fn unless_stopped<T>(found: Result<Vec<T>, EngineError>) -> Result<Vec<T>, EngineError> {
    match found {
        Err(error) if error.kind() == ErrorKind::Conflict => Ok(Vec::new()),
        found => found,
    }
}

impl Terminal {
    fn new(info: &ExecInfo, session: &str) -> Self {
        let program = info.request.args.join(" ");
        let label = match &info.request.user {
            Some(user) => format!("{program} as {user}"),
            None => program,
        };
        Self {
            current: info.id.as_str() == session,
            id: info.id.to_string(),
            short: info.id.short().to_owned(),
            label,
        }
    }
}

impl ShellForm {
    fn request(&self) -> Result<ExecRequest, Errors> {
        let mut errors = Errors::default();
        let text = |value: &str| Some(value.trim().to_owned()).filter(|v| !v.is_empty());
        let mut args = errors.take("command", arguments(&self.command));
        if args.is_empty() {
            args.extend(text(&self.shell));
        }
        if args.is_empty() {
            errors.add("command", "Say what to run");
        }
        let workdir = text(&self.workdir);
        if workdir.as_ref().is_some_and(|path| !path.starts_with('/')) {
            errors.add("workdir", "A path in a container begins with /");
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(ExecRequest {
            args,
            env: vec!["TERM=xterm-256color".to_owned()],
            user: text(&self.user),
            workdir,
            tty: true,
            open_stdin: true,
            privileged: false,
            size: Some(TermSize::default()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_goes_before_the_chosen_shell() {
        let form = ShellForm {
            shell: "/bin/sh".to_owned(),
            ..ShellForm::default()
        };
        assert_eq!(form.request().expect("valid").args, ["/bin/sh"]);
        let form = ShellForm {
            command: "python3 -i".to_owned(),
            user: " www ".to_owned(),
            ..form
        };
        let request = form.request().expect("valid");
        assert_eq!(request.args, ["python3", "-i"]);
        assert_eq!(request.user.as_deref(), Some("www"));
        assert!(request.tty && request.open_stdin);
    }

    #[test]
    fn what_is_wrong_is_said_beside_its_field() {
        let errors = ShellForm {
            workdir: "home".to_owned(),
            ..ShellForm::default()
        }
        .request()
        .expect_err("wrong");
        assert!(!errors.of("command").is_empty() && !errors.of("workdir").is_empty());
    }
}
