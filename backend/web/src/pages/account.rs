//! Sign-up with the one-time token, log-in, log-out, and the theme.

use actix_web::http::StatusCode;
use actix_web::{Either, HttpRequest, web};
use askama::Template;
use askama_web::WebTemplate;
use orlop_engine::ErrorKind;
use orlop_engine::accounts::NewLogin;
use serde::Deserialize;

use crate::auth::{self, Command, Guest, GuestForm};
use crate::error::Problem;
use crate::form::Errors;
use crate::respond::{Outcome, SeeOther};
use crate::security::local_path;
use crate::shell::{Flash, Shell, theme_of};
use crate::state::State;

/// Where a log-in leads when nothing else was asked for.
const HOME: &str = "/containers";

#[derive(Template, WebTemplate)]
#[template(path = "pages/account/signup.html")]
pub(crate) struct SignUpPage {
    shell: Shell,
    form: SignUpForm,
    errors: Errors,
}

/// What the sign-up form holds.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct SignUpForm {
    token: String,
    name: String,
    password: String,
    again: String,
}

/// `GET /signup`: only until somebody has signed up. The printed address may carry the token.
pub(crate) async fn sign_up_page(
    state: web::Data<State>,
    guest: Guest,
    form: web::Query<SignUpForm>,
) -> Result<Either<SignUpPage, SeeOther>, Problem> {
    if !state.engine.needs_sign_up().await? {
        return Ok(Either::Right(SeeOther::to("/login")));
    }
    let form = SignUpForm {
        token: form.into_inner().token,
        ..SignUpForm::default()
    };
    Ok(Either::Left(SignUpPage {
        shell: guest.shell,
        form,
        errors: Errors::default(),
    }))
}

/// `POST /signup`
pub(crate) async fn sign_up(
    state: web::Data<State>,
    request: HttpRequest,
    GuestForm { form, shell }: GuestForm<SignUpForm>,
) -> Result<Outcome<SignUpPage>, Problem> {
    let mut errors = Errors::default();
    if form.password != form.again {
        errors.add("again", "The two passwords differ");
    }
    if errors.is_empty() {
        let (token, name) = (form.token.trim(), form.name.trim());
        match state.engine.sign_up(token, name, &form.password).await {
            Ok(login) => return Ok(Outcome::Next(enter(&state, &request, &login, HOME))),
            Err(error) => errors = Errors::refuse(error, &["token", "name", "password"])?,
        }
    }
    Ok(Outcome::again(SignUpPage {
        shell,
        form,
        errors,
    }))
}

#[derive(Template, WebTemplate)]
#[template(path = "pages/account/login.html")]
pub(crate) struct LogInPage {
    shell: Shell,
    form: LogInForm,
    errors: Errors,
}

/// What the log-in form holds.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct LogInForm {
    name: String,
    password: String,
    next: String,
}

/// `GET /login`
pub(crate) async fn log_in_page(
    state: web::Data<State>,
    guest: Guest,
    query: web::Query<LogInForm>,
) -> Result<Either<LogInPage, SeeOther>, Problem> {
    let next = query.into_inner().next;
    if state.engine.needs_sign_up().await? {
        return Ok(Either::Right(SeeOther::to("/signup")));
    }
    if guest.logged_in {
        return Ok(Either::Right(SeeOther::to(onward(&next))));
    }
    let form = LogInForm {
        next,
        ..LogInForm::default()
    };
    Ok(Either::Left(LogInPage {
        shell: guest.shell,
        form,
        errors: Errors::default(),
    }))
}

/// `POST /login`
pub(crate) async fn log_in(
    state: web::Data<State>,
    request: HttpRequest,
    GuestForm { form, shell }: GuestForm<LogInForm>,
) -> Result<Outcome<LogInPage>, Problem> {
    let address = auth::client_address(&state, &request);
    let name = form.name.trim();
    match state.engine.log_in(name, &form.password, &address).await {
        Ok(login) => {
            let next = onward(&form.next).to_owned();
            Ok(Outcome::Next(enter(&state, &request, &login, &next)))
        }
        Err(error) => {
            let status = match error.kind() {
                ErrorKind::Throttled => StatusCode::TOO_MANY_REQUESTS,
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            };
            let errors = Errors::refuse(error, &["name", "password"])?;
            let page = LogInPage {
                shell,
                form,
                errors,
            };
            Ok(Outcome::Again(status, page))
        }
    }
}

/// `POST /logout`
pub(crate) async fn log_out(
    state: web::Data<State>,
    request: HttpRequest,
    _: Command,
) -> Result<SeeOther, Problem> {
    if let Some(cookie) = request.cookie(&state.session_cookie) {
        state.engine.log_out(cookie.value()).await?;
    }
    let bye = SeeOther::to("/login").saying(&Flash::note("You are logged out."));
    Ok(bye.with(auth::session_gone(&state)))
}

/// What the theme form holds.
#[derive(Deserialize)]
pub(crate) struct ThemeForm {
    theme: String,
    #[serde(default)]
    back: String,
}

/// `POST /theme`
pub(crate) async fn theme(command: Command<ThemeForm>) -> SeeOther {
    let ThemeForm { theme, back } = command.form;
    SeeOther::to(onward(&back)).with(auth::theme_cookie(theme_of(&theme)))
}

fn enter(state: &State, request: &HttpRequest, login: &NewLogin, next: &str) -> SeeOther {
    SeeOther::to(next).with(auth::session_cookie(state, request, login))
}

fn onward(next: &str) -> &str {
    // The way on never leads back into the log-in.
    local_path(next)
        .filter(|path| !path.starts_with("/login") && !path.starts_with("/signup"))
        .unwrap_or(HOME)
}
