//! Answers that are no page: on to another page, or the form again.

use actix_web::body::BoxBody;
use actix_web::cookie::Cookie;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{LOCATION, REFERER};
use actix_web::{HttpMessage as _, HttpRequest, HttpResponse, Responder};

use crate::security::local_path;
use crate::shell::Flash;

/// On to another page by GET (303), so that a reload repeats nothing.
#[derive(Debug)]
pub(crate) struct SeeOther {
    path: String,
    cookies: Vec<Cookie<'static>>,
}

/// What a form's handler answers.
pub(crate) enum Outcome<P> {
    /// It worked: on to this page.
    Next(SeeOther),
    /// The form again, with what was typed and what is wrong.
    Again(StatusCode, P),
}

/// Cookies that the middleware adds to the answer of this request.
struct Outgoing(Vec<Cookie<'static>>);

impl SeeOther {
    /// To this path of ours.
    pub(crate) fn to(path: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            cookies: Vec::new(),
        }
    }

    /// With a word on what was done.
    pub(crate) fn saying(self, flash: &Flash) -> Self {
        self.with(flash.cookie())
    }

    /// With a cookie.
    pub(crate) fn with(mut self, cookie: Cookie<'static>) -> Self {
        self.cookies.push(cookie);
        self
    }
}

impl<P> Outcome<P> {
    /// The form again: something typed is wrong.
    pub(crate) fn again(page: P) -> Self {
        Self::Again(StatusCode::UNPROCESSABLE_ENTITY, page)
    }
}

impl Responder for SeeOther {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        let mut response = HttpResponse::SeeOther();
        response.insert_header((LOCATION, self.path));
        for cookie in self.cookies {
            response.cookie(cookie);
        }
        response.finish()
    }
}

impl<P: Responder<Body = BoxBody>> Responder for Outcome<P> {
    type Body = BoxBody;

    fn respond_to(self, request: &HttpRequest) -> HttpResponse {
        match self {
            Self::Next(next) => next.respond_to(request),
            Self::Again(status, page) => {
                let mut response = page.respond_to(request);
                *response.status_mut() = status;
                response
            }
        }
    }
}

/// The page of ours from which this request was sent.
pub(crate) fn came_from(request: &HttpRequest) -> Option<String> {
    let referer = request.headers().get(REFERER)?.to_str().ok()?;
    let uri: actix_web::http::Uri = referer.parse().ok()?;
    local_path(uri.path_and_query()?.as_str()).map(ToOwned::to_owned)
}

/// Adds a cookie to whatever this request will be answered with.
pub(crate) fn send_cookie(request: &HttpRequest, cookie: Cookie<'static>) {
    let mut extensions = request.extensions_mut();
    match extensions.get_mut::<Outgoing>() {
        Some(outgoing) => outgoing.0.push(cookie),
        None => {
            extensions.insert(Outgoing(vec![cookie]));
        }
    }
}

/// Puts the cookies of [`send_cookie`] into the answer.
pub(crate) fn add_sent_cookies(response: &mut ServiceResponse<BoxBody>) {
    let outgoing = response.request().extensions_mut().remove::<Outgoing>();
    for cookie in outgoing.into_iter().flat_map(|outgoing| outgoing.0) {
        // Our cookies are hex and fixed letters, always a valid header.
        let _ = response.response_mut().add_cookie(&cookie);
    }
}
