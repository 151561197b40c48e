//! The log-in behind a request.

use actix_web::http::header::{ContentType, LOCATION};
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse, error::InternalError, web};
use orlop_engine::accounts::Login;

use crate::error::Problem;
use crate::security::wants_page;
use crate::state::State;

/// Most bytes of a session cookie that are looked at.
const TOKEN_MAX_LEN: usize = 256;

/// The shared state.
pub(super) fn state(request: &HttpRequest) -> Result<web::Data<State>, Problem> {
    let state = request.app_data::<web::Data<State>>().cloned();
    state.ok_or_else(|| Problem::of_status(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR))
}

/// The log-in behind the request's cookie, if it is valid. Noted in the request, so that an error
/// page can show the same frame.
pub(super) async fn login_of(request: &HttpRequest) -> Result<Option<Login>, Problem> {
    let state = state(request)?;
    let cookie = request.cookie(&state.session_cookie);
    let token = cookie.as_ref().map(actix_web::cookie::Cookie::value);
    let Some(token) = token.filter(|t| !t.is_empty() && t.len() <= TOKEN_MAX_LEN) else {
        return Ok(None);
    };
    let login = state.engine.check_login(token).await?;
    if let Some(login) = &login {
        request.extensions_mut().insert(login.clone());
    }
    Ok(login)
}

/// The log-in, or the way to the log-in page.
pub(super) async fn require(request: &HttpRequest) -> Result<Login, Error> {
    match login_of(request).await? {
        Some(login) => Ok(login),
        None => Err(turn_away(request)),
    }
}

/// The log-in that an extractor has found for this request.
pub(crate) fn known_login(request: &HttpRequest) -> Option<Login> {
    request.extensions().get::<Login>().cloned()
}

fn turn_away(request: &HttpRequest) -> Error {
    if !wants_page(request) {
        let message = "Log in first.";
        return Problem::new(actix_web::http::StatusCode::UNAUTHORIZED, "log-in", message).into();
    }
    let header = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok());
    let response = if header("sec-fetch-site") == Some("cross-site") && request.method() == "GET" {
        // Followed a link from elsewhere: the Strict cookie stayed behind. Asked again by a page
        // of our own, the browser sends it.
        HttpResponse::Ok()
            .content_type(ContentType::html())
            .body("<!doctype html><title>Orlop</title><meta http-equiv=\"refresh\" content=\"0\">")
    } else {
        HttpResponse::SeeOther()
            .insert_header((LOCATION, format!("/login{}", next_query(request))))
            .finish()
    };
    InternalError::from_response("log in first", response).into()
}

/// Where to go after the log-in; a form that was sent without one is lost.
fn next_query(request: &HttpRequest) -> String {
    let path = request
        .uri()
        .path_and_query()
        .map(actix_web::http::uri::PathAndQuery::as_str);
    match path.filter(|p| request.method() == "GET" && *p != "/" && *p != "/containers") {
        Some(path) => format!("?next={}", crate::form::encode(path)),
        None => String::new(),
    }
}
