//! The form that creates a container.

use actix_web::web;
use askama::Template;
use askama_web::WebTemplate;
use orlop_engine::containers::CreatedContainer;
use orlop_engine::{Engine, EngineError, ErrorKind};
use orlop_model::image::ImageFilter;
use serde::Deserialize;

use crate::auth::{Command, Visitor};
use crate::error::Problem;
use crate::form::{ContainerForm, Errors};
use crate::respond::{Outcome, SeeOther};
use crate::shell::{Flash, Shell};
use crate::state::State;

#[derive(Template, WebTemplate)]
#[template(path = "pages/containers/create.html")]
pub(crate) struct CreatePage {
    shell: Shell,
    form: ContainerForm,
    errors: Errors,
    /// Names of the images that are here.
    images: Vec<String>,
}

/// What may be filled in by the address.
#[derive(Deserialize)]
pub(crate) struct Prefill {
    #[serde(default)]
    image: String,
}

/// `GET /containers/new`
pub(crate) async fn form(
    state: web::Data<State>,
    visitor: Visitor,
    prefill: web::Query<Prefill>,
) -> Result<CreatePage, Problem> {
    let form = ContainerForm {
        image: prefill.into_inner().image,
        ..ContainerForm::default()
    };
    Ok(CreatePage {
        shell: visitor.shell("containers"),
        form,
        errors: Errors::default(),
        images: image_names(&state.engine).await?,
    })
}

/// `POST /containers/new`
pub(crate) async fn create(
    state: web::Data<State>,
    Command { form, shell }: Command<ContainerForm>,
) -> Result<Outcome<CreatePage>, Problem> {
    let errors = match form.request() {
        Err(errors) => errors,
        Ok(request) => match state.engine.create_container(request).await {
            Ok(created) => {
                let next = started(&state.engine, &created, form.starts()).await;
                return Ok(Outcome::Next(next));
            }
            Err(error) => refused(error)?,
        },
    };
    Ok(Outcome::again(CreatePage {
        shell: shell.section("containers"),
        form,
        errors,
        images: image_names(&state.engine).await?,
    }))
}

/// What the engine says against the request. Only the image can be missing when one is created.
fn refused(error: EngineError) -> Result<Errors, EngineError> {
    if error.kind() != ErrorKind::NotFound {
        return Errors::refuse(error, ContainerForm::FIELDS);
    }
    let mut errors = Errors::default();
    errors.add("image", error.to_string());
    Ok(errors)
}

/// On to the container that was made, started if that was asked for. One that does not start
/// stays, and its page says why.
async fn started(engine: &Engine, created: &CreatedContainer, start: bool) -> SeeOther {
    let next = SeeOther::to(format!("/containers/{}", created.id));
    let outcome = match start {
        true => engine.start_container(created.id.as_str(), false).await,
        false => Ok(()),
    };
    let warnings = created.warnings.join(" ");
    next.saying(&match (outcome, start) {
        (Err(error), _) => Flash::bad(format!("Created, but it did not start: {error}")),
        (Ok(()), true) => Flash::good(format!("Created and started. {warnings}")),
        (Ok(()), false) => Flash::good(format!("Created; it does not run yet. {warnings}")),
    })
}

async fn image_names(engine: &Engine) -> Result<Vec<String>, EngineError> {
    let images = engine.list_images(&ImageFilter::default()).await?;
    let names = images.iter().flat_map(|image| &image.tags);
    Ok(names
        .map(orlop_model::reference::Reference::familiar)
        .collect())
}
