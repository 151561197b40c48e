//! One image: names, defaults, history; naming and removing it.

use actix_web::web;
use askama::Template;
use askama_web::WebTemplate;
use orlop_engine::ErrorKind;
use orlop_model::container::ContainerFilter;
use orlop_model::image::{HistoryEntry, Image};
use orlop_model::reference::{Reference, ReferenceError};
use serde::Deserialize;

use super::list::Row;
use super::{reference, which};
use crate::auth::{Command, Visitor};
use crate::error::Problem;
use crate::form::Errors;
use crate::respond::{Outcome, SeeOther};
use crate::shell::{Flash, Shell};
use crate::state::State;
use crate::words::{self, Moment};

/// One step of the history.
pub(crate) struct Step {
    instruction: String,
    comment: String,
    size: String,
    created: Moment,
}

/// What containers of it get.
pub(crate) struct Defaults {
    entrypoint: Vec<String>,
    cmd: Vec<String>,
    env: Vec<String>,
    labels: Vec<(String, String)>,
    ports: Vec<String>,
    volumes: Vec<String>,
    workdir: String,
    user: String,
    platform: String,
    author: String,
}

#[derive(Template, WebTemplate)]
#[template(path = "pages/images/detail.html")]
pub(crate) struct DetailPage {
    shell: Shell,
    row: Row,
    names: Vec<String>,
    digests: Vec<String>,
    defaults: Defaults,
    history: Vec<Step>,
    /// Containers made of it: name and id.
    used_by: Vec<(String, String)>,
    form: TagForm,
    errors: Errors,
}

/// A further name.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct TagForm {
    reference: String,
}

/// `GET /images/{id}`
pub(crate) async fn detail(
    state: web::Data<State>,
    visitor: Visitor,
    id: web::Path<String>,
) -> Result<DetailPage, Problem> {
    let image = state.engine.inspect_image(&which(&id)).await?;
    read(&state, &image, visitor.shell("images")).await
}

async fn read(state: &State, image: &Image, shell: Shell) -> Result<DetailPage, Problem> {
    let filter = ContainerFilter {
        all: true,
        ancestor: vec![image.id.to_string()],
        ..ContainerFilter::default()
    };
    let users = state.engine.list_containers(&filter).await?;
    Ok(DetailPage {
        shell,
        used_by: users
            .iter()
            .map(|c| (c.name.to_string(), c.id.to_string()))
            .collect(),
        ..DetailPage::of(image)
    })
}

impl DetailPage {
    /// The page without its frame, of an image that nothing uses.
    pub(crate) fn of(image: &Image) -> Self {
        Self {
            shell: Shell::default(),
            row: Row::from(image),
            names: image.tags.iter().map(Reference::familiar).collect(),
            digests: image.digests.iter().map(Reference::familiar).collect(),
            defaults: Defaults::from(image),
            history: image.history.iter().rev().map(Step::from).collect(),
            used_by: Vec::new(),
            form: TagForm::default(),
            errors: Errors::default(),
        }
    }
}

/// `POST /images/{id}/tag`
pub(crate) async fn tag(
    state: web::Data<State>,
    id: web::Path<String>,
    Command { form, shell }: Command<TagForm>,
) -> Result<Outcome<DetailPage>, Problem> {
    let image = state.engine.inspect_image(&which(&id)).await?;
    let mut errors = Errors::default();
    let name = reference(&mut errors, "reference", &form.reference);
    match name {
        Some(name) => {
            let words = name.familiar();
            match state.engine.tag_image(image.id.as_str(), name).await {
                Ok(()) => {
                    let next = SeeOther::to(format!("/images/{}", image.id.hex()));
                    let flash = Flash::good(format!("The image is now also {words}."));
                    return Ok(Outcome::Next(next.saying(&flash)));
                }
                Err(error) => errors = Errors::refuse(error, &["reference"])?,
            }
        }
        None => errors.add("reference", "Say which name"),
    }
    let page = read(&state, &image, shell.section("images")).await?;
    Ok(Outcome::again(DetailPage {
        form,
        errors,
        ..page
    }))
}

/// `POST /images/{id}/untag`
pub(crate) async fn untag(
    state: web::Data<State>,
    id: web::Path<String>,
    Command { form, .. }: Command<TagForm>,
) -> Result<SeeOther, Problem> {
    let image = state.engine.inspect_image(&which(&id)).await?;
    let name: Reference = form
        .reference
        .parse()
        .map_err(|error: ReferenceError| Problem::bad_request(error.to_string()))?;
    if !image.tags.contains(&name) {
        return Err(Problem::not_found(format!(
            "The image is not called {}.",
            name.familiar()
        )));
    }
    state.engine.remove_image(&name.to_string(), false).await?;
    let next = match image.tags.len() {
        1 => SeeOther::to("/images"),
        _ => SeeOther::to(format!("/images/{}", image.id.hex())),
    };
    let flash = Flash::good(format!("The name {} is gone.", name.familiar()));
    Ok(next.saying(&flash))
}

/// `POST /images/{id}/remove`: with all of its names.
pub(crate) async fn remove(
    state: web::Data<State>,
    id: web::Path<String>,
    _: Command,
) -> Result<SeeOther, Problem> {
    let image = state.engine.inspect_image(&which(&id)).await?;
    let title = Row::from(&image);
    for name in &image.tags {
        state.engine.remove_image(&name.to_string(), false).await?;
    }
    // The last name takes the image with it, unless a container still needs it.
    match state.engine.remove_image(image.id.as_str(), false).await {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        other => drop(other?),
    }
    let flash = Flash::good(format!("{} removed.", title.title()));
    Ok(SeeOther::to("/images").saying(&flash))
}

impl From<&HistoryEntry> for Step {
    fn from(entry: &HistoryEntry) -> Self {
        Self {
            instruction: words::plain_lines(&entry.created_by),
            comment: words::plain(&entry.comment),
            size: match entry.empty_layer {
                true => String::new(),
                false => words::bytes(entry.size),
            },
            created: Moment::maybe(entry.created_at),
        }
    }
}

impl From<&Image> for Defaults {
    fn from(image: &Image) -> Self {
        let defaults = &image.defaults;
        let labels = defaults.labels.iter();
        Self {
            entrypoint: defaults.entrypoint.clone().unwrap_or_default(),
            cmd: defaults.cmd.clone().unwrap_or_default(),
            env: defaults.env.clone(),
            labels: labels.map(|(k, v)| (k.clone(), v.clone())).collect(),
            ports: defaults.exposed.iter().map(ToString::to_string).collect(),
            volumes: defaults.volumes.iter().cloned().collect(),
            workdir: defaults.workdir.clone(),
            user: defaults.user.clone(),
            platform: format!("{}/{}", image.os, image.architecture),
            author: image.author.clone(),
        }
    }
}
