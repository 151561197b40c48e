//! The form that pulls an image from a registry.

use actix_web::web;
use askama::Template;
use askama_web::WebTemplate;
use orlop_engine::registry::Credentials;
use serde::Deserialize;

use super::{reference, to_job};
use crate::auth::{Command, Visitor};
use crate::error::Problem;
use crate::form::Errors;
use crate::respond::Outcome;
use crate::shell::Shell;
use crate::state::State;

/// What the form holds.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct PullForm {
    reference: String,
    username: String,
    password: String,
}

#[derive(Template, WebTemplate)]
#[template(path = "pages/images/pull.html")]
pub(crate) struct PullPage {
    shell: Shell,
    tab: &'static str,
    form: PullForm,
    errors: Errors,
}

/// `GET /images/pull`
pub(crate) async fn form(visitor: Visitor) -> PullPage {
    PullPage {
        shell: visitor.shell("images"),
        tab: "pull",
        form: PullForm::default(),
        errors: Errors::default(),
    }
}

/// `POST /images/pull`
pub(crate) async fn pull(
    state: web::Data<State>,
    Command { form, shell }: Command<PullForm>,
) -> Result<Outcome<PullPage>, Problem> {
    let mut errors = Errors::default();
    match reference(&mut errors, "reference", &form.reference) {
        Some(name) => match state.engine.pull_image(name, form.credentials()).await {
            Ok(job) => return Ok(Outcome::Next(to_job(&job))),
            Err(error) => errors = Errors::refuse(error, &["reference", "username", "password"])?,
        },
        None => errors.add("reference", "Say which image to pull"),
    }
    Ok(Outcome::again(PullPage {
        shell: shell.section("images"),
        tab: "pull",
        form,
        errors,
    }))
}

impl PullForm {
    fn credentials(&self) -> Option<Credentials> {
        let username = self.username.trim();
        (!username.is_empty()).then(|| Credentials {
            username: username.to_owned(),
            password: self.password.clone(),
        })
    }
}
