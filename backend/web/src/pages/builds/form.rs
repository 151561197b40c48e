//! The form that starts a build: a Dockerfile alone, files with a Dockerfile among them, or an
//! archive.

use actix_web::web;
use askama::Template;
use askama_web::WebTemplate;
use orlop_engine::builds::BuildOptions;

use super::context::{self, Sent};
use crate::auth::{Delivery, Visitor};
use crate::error::Problem;
use crate::form::{Errors, Fields, pairs, pairs_or_names, words};
use crate::respond::{Outcome, SeeOther};
use crate::shell::Shell;
use crate::state::State;

/// Fields beside which the engine's own objections can stand.
const FIELDS: [&str; 7] = [
    "tag",
    "text",
    "files",
    "dockerfile",
    "args",
    "target",
    "labels",
];

/// What the form holds, but for the files.
#[derive(Debug, Clone, Default)]
pub(crate) struct BuildForm {
    tag: String,
    text: String,
    dockerfile: String,
    args: String,
    target: String,
    labels: String,
    no_cache: bool,
    pull: bool,
}

#[derive(Template, WebTemplate)]
#[template(path = "pages/builds/create.html")]
pub(crate) struct BuildPage {
    shell: Shell,
    form: BuildForm,
    errors: Errors,
}

/// `GET /builds/new`
pub(crate) async fn form(visitor: Visitor) -> BuildPage {
    BuildPage {
        shell: visitor.shell("builds"),
        form: BuildForm::default(),
        errors: Errors::default(),
    }
}

/// `POST /builds/new`
pub(crate) async fn build(
    state: web::Data<State>,
    delivery: Delivery,
) -> Result<Outcome<BuildPage>, Problem> {
    let Delivery {
        fields,
        mut parts,
        shell,
    } = delivery;
    let form = BuildForm::from(&fields);
    let errors = match form.options() {
        Err(errors) => errors,
        Ok(mut options) => {
            let sent = context::look(&mut parts, &form.text).await?;
            if options.title.is_empty() {
                options.title = title(&sent);
            }
            let engine = &state.engine;
            match context::build(engine, options, sent, &form.text, &mut parts).await {
                Ok(job) => return Ok(Outcome::Next(SeeOther::to(format!("/builds/{job}")))),
                Err(error) => Errors::refuse(error, &FIELDS)?,
            }
        }
    };
    parts.drain().await;
    Ok(Outcome::again(BuildPage {
        shell: shell.section("builds"),
        form,
        errors,
    }))
}

fn title(sent: &Sent) -> String {
    match sent {
        Sent::Archive(file) => file.name.clone(),
        Sent::Files(_) => "Uploaded files".to_owned(),
        Sent::Nothing | Sent::Dockerfile(_) => "Dockerfile".to_owned(),
    }
}

impl From<&Fields> for BuildForm {
    fn from(fields: &Fields) -> Self {
        let text = |name: &str| fields.text(name).to_owned();
        Self {
            tag: text("tag"),
            text: text("text"),
            dockerfile: text("dockerfile"),
            args: text("args"),
            target: text("target"),
            labels: text("labels"),
            no_cache: fields.is_on("no_cache"),
            pull: fields.is_on("pull"),
        }
    }
}

impl BuildForm {
    fn options(&self) -> Result<BuildOptions, Errors> {
        let mut errors = Errors::default();
        let text = |value: &str| Some(value.trim().to_owned()).filter(|v| !v.is_empty());
        let tags = words(&self.tag.replace([',', ' '], "\n"))
            .map(str::parse)
            .collect::<Result<Vec<_>, _>>();
        let tags = errors.take("tag", tags);
        let args = errors.take("args", pairs_or_names(&self.args));
        let labels = errors.take("labels", pairs(&self.labels));
        if !errors.is_empty() {
            return Err(errors);
        }
        let title = tags
            .first()
            .map(orlop_model::reference::Reference::familiar);
        Ok(BuildOptions {
            title: title.unwrap_or_default(),
            tags,
            dockerfile: text(&self.dockerfile),
            args: args.into_iter().collect(),
            labels,
            target: text(&self.target),
            no_cache: self.no_cache,
            pull: self.pull,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_from_the_fields() {
        let form = BuildForm {
            tag: "app:1, app:latest".to_owned(),
            args: "VERSION=2\nHTTP_PROXY".to_owned(),
            target: " final ".to_owned(),
            no_cache: true,
            ..BuildForm::default()
        };
        let options = form.options().expect("valid");
        assert_eq!(options.title, "app:1");
        assert_eq!(options.tags.len(), 2);
        assert_eq!(options.args["VERSION"].as_deref(), Some("2"));
        assert_eq!(options.args["HTTP_PROXY"], None);
        assert_eq!(options.target.as_deref(), Some("final"));
        assert!(options.no_cache && !options.pull);
    }

    #[test]
    fn what_is_wrong_is_said_beside_its_field() {
        let form = BuildForm {
            tag: "UPPER:case".to_owned(),
            args: "=x".to_owned(),
            labels: "none".to_owned(),
            ..BuildForm::default()
        };
        let errors = form.options().expect_err("wrong");
        for field in ["tag", "args", "labels"] {
            assert!(!errors.of(field).is_empty(), "{field}");
        }
    }
}
