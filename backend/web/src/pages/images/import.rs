//! The form that takes an image from a file: a root file system, or an archive of images.

use actix_web::web;
use askama::Template;
use askama_web::WebTemplate;
use futures_util::StreamExt as _;
use orlop_engine::images::ImportOptions;
use orlop_engine::{Engine, EngineError};
use orlop_model::id::JobId;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::{reference, to_job};
use crate::auth::{Delivery, Visitor};
use crate::error::Problem;
use crate::form::{Errors, FilePart, Parts, words};
use crate::respond::Outcome;
use crate::shell::Shell;
use crate::state::State;

/// Chunks that wait between the network and the disk.
const CHUNKS_WAITING: usize = 8;

/// What the form holds, but for the file.
#[derive(Default)]
pub(crate) struct ImportForm {
    reference: String,
    changes: String,
    message: String,
}

#[derive(Template, WebTemplate)]
#[template(path = "pages/images/import.html")]
pub(crate) struct ImportPage {
    shell: Shell,
    tab: &'static str,
    form: ImportForm,
    errors: Errors,
}

/// `GET /images/import`
pub(crate) async fn form(visitor: Visitor) -> ImportPage {
    ImportPage {
        shell: visitor.shell("images"),
        tab: "import",
        form: ImportForm::default(),
        errors: Errors::default(),
    }
}

/// `POST /images/import`
pub(crate) async fn import(
    state: web::Data<State>,
    mut delivery: Delivery,
) -> Result<Outcome<ImportPage>, Problem> {
    let text = |name: &str| delivery.fields.text(name).to_owned();
    let form = ImportForm {
        reference: text("reference"),
        changes: text("changes"),
        message: text("message"),
    };
    let errors = match take(&state.engine, &form, &mut delivery.parts).await? {
        Ok(job) => return Ok(Outcome::Next(to_job(&job))),
        Err(errors) => errors,
    };
    delivery.parts.drain().await;
    Ok(Outcome::again(ImportPage {
        shell: delivery.shell.section("images"),
        tab: "import",
        form,
        errors,
    }))
}

/// Takes the file, or says what is wrong.
async fn take(
    engine: &Engine,
    form: &ImportForm,
    parts: &mut Parts,
) -> Result<Result<JobId, Errors>, Problem> {
    let mut errors = Errors::default();
    let name = reference(&mut errors, "reference", &form.reference);
    let Some(file) = parts.next_file().await? else {
        errors.add("files", "Choose a file");
        return Ok(Err(errors));
    };
    if !errors.is_empty() {
        parts.put_back(file);
        return Ok(Err(errors));
    }
    let options = ImportOptions {
        reference: name,
        changes: words(&form.changes).map(ToOwned::to_owned).collect(),
        message: form.message.trim().to_owned(),
        title: file.name.clone(),
    };
    match send(engine, options, parts, file).await {
        Ok(job) => Ok(Ok(job)),
        Err(error) => Ok(Err(Errors::refuse(
            error,
            &["reference", "changes", "files"],
        )?)),
    }
}

async fn send(
    engine: &Engine,
    options: ImportOptions,
    parts: &mut Parts,
    file: FilePart,
) -> Result<JobId, EngineError> {
    let (to, from) = mpsc::channel(CHUNKS_WAITING);
    let taken = engine.import_or_load(options, ReceiverStream::new(from).boxed());
    let sent = async {
        parts.pass_on(file, &to).await;
        drop(to);
    };
    tokio::join!(taken, sent).0
}
