//! The middleware around everything: checks the request, makes pages of problems, adds headers.

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{ACCEPT, CONTENT_TYPE, HOST, ORIGIN, UPGRADE};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse, ResponseError as _, web};

use super::decide::{Asked, Refusal, decide};
use super::headers;
use crate::error::Problem;
use crate::pages;
use crate::respond;
use crate::state::State;

/// Wraps the whole application.
pub(crate) async fn guard(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let response = match check(request.request()) {
        Err(refusal) => refuse(request, refusal),
        Ok(()) => next.call(request).await?.map_into_boxed_body(),
    };
    let mut response = explain(response);
    respond::add_sent_cookies(&mut response);
    headers::add(response.headers_mut());
    Ok(response)
}

fn check(request: &HttpRequest) -> Result<(), Refusal> {
    // Watchdogs ask by whatever name they like, and learn nothing.
    if request.path() == "/healthz" {
        return Ok(());
    }
    let state = request.app_data::<web::Data<State>>();
    let rules = &state.ok_or(Refusal::Host)?.hosts;
    let text = |name: &str| request.headers().get(name).and_then(|v| v.to_str().ok());
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let asked = Asked {
        changes: !reads || request.headers().contains_key(UPGRADE),
        host: text(HOST.as_str()),
        origin: text(ORIGIN.as_str()),
        site: text("sec-fetch-site"),
        mode: text("sec-fetch-mode"),
    };
    decide(&asked, rules)
}

fn refuse(request: ServiceRequest, refusal: Refusal) -> ServiceResponse<BoxBody> {
    let status = match refusal {
        Refusal::Host => StatusCode::MISDIRECTED_REQUEST,
        Refusal::Foreign | Refusal::Nowhere => StatusCode::FORBIDDEN,
    };
    tracing::warn!(path = request.path(), ?refusal, "refused a request");
    let problem = Problem::new(status, "refused", refusal.to_string());
    request.into_response(problem.error_response())
}

/// Gives an error answer its body: a page for people, JSON for scripts.
fn explain(mut response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let status = response.status();
    // A form that comes back with its errors is an error answer with a page of its own.
    let has_page = response.headers().contains_key(CONTENT_TYPE);
    let problem = response.response_mut().extensions_mut().remove::<Problem>();
    if !(status.is_client_error() || status.is_server_error()) || (has_page && problem.is_none()) {
        return response;
    }
    let problem = problem.unwrap_or_else(|| Problem::of_status(status));
    let request = response.request().clone();
    let body = if wants_page(&request) {
        pages::error_page(&request, &problem)
    } else {
        HttpResponse::build(status).json(serde_json::json!({
            "error": { "code": problem.code, "message": problem.message }
        }))
    };
    let mut explained = ServiceResponse::new(request, body);
    for (name, value) in response.headers() {
        if !explained.headers().contains_key(name) {
            explained.headers_mut().append(name.clone(), value.clone());
        }
    }
    explained
}

/// Whether the client is a person's browser showing a page.
pub(crate) fn wants_page(request: &HttpRequest) -> bool {
    let accept = request.headers().get(ACCEPT).and_then(|v| v.to_str().ok());
    accept.is_some_and(|accept| accept.contains("text/html"))
        || request
            .headers()
            .get("x-csrf-token")
            .is_some_and(|_| request.content_type() == "multipart/form-data")
}
