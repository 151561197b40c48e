//! The page of a problem: what happened, and a way on.

use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use crate::auth::{Login, known_login};
use crate::error::Problem;
use crate::respond::came_from;
use crate::shell::Shell;

#[derive(Template)]
#[template(path = "pages/error/inside.html")]
struct Inside<'a> {
    shell: Shell,
    problem: &'a Problem,
    back: String,
}

#[derive(Template)]
#[template(path = "pages/error/outside.html")]
struct Outside<'a> {
    shell: Shell,
    problem: &'a Problem,
    back: String,
}

/// The page of a problem, in the frame of whoever asked.
pub(crate) fn error_page(request: &HttpRequest, problem: &Problem) -> HttpResponse {
    let back = came_from(request).unwrap_or_else(|| "/".to_owned());
    let rendered = match known_login(request) {
        Some(login) => Inside {
            shell: frame(request, login),
            problem,
            back,
        }
        .render(),
        None => Outside {
            shell: Shell::guest(request, String::new()),
            problem,
            back,
        }
        .render(),
    };
    let mut response = HttpResponse::build(problem.status);
    match rendered {
        Ok(html) => response.content_type("text/html; charset=utf-8").body(html),
        Err(error) => {
            tracing::error!(%error, "the error page cannot be rendered");
            response.body(problem.message.clone())
        }
    }
}

fn frame(request: &HttpRequest, login: Login) -> Shell {
    Shell {
        user: login.user.name,
        role: "admin".to_owned(),
        csrf: login.csrf,
        host: crate::shell::known_host(request),
        ..Shell::guest(request, String::new())
    }
}
