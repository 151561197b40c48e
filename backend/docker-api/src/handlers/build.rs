//! `POST /build`.

use std::collections::BTreeMap;

use hyper::StatusCode;
use orlop_engine::builds::{BuildContext, BuildOptions};
use orlop_model::reference::Reference;

use crate::body::{Answer, upload, with_type};
use crate::error::ApiError;
use crate::progress;
use crate::query::Query;
use crate::routes::Call;

/// Takes the context, starts the build and tells of it; the build ends when the client leaves.
pub(crate) async fn build(call: Call) -> Answer {
    let Call {
        engine,
        query,
        request,
    } = call;
    if let Some(remote) = query.text("remote") {
        return Err(ApiError::bad_request(format!(
            "remote={remote:?}: a context from an address is not supported: send it"
        )));
    }
    if query.text("version") == Some("2") {
        return Err(ApiError::bad_request(
            "BuildKit sessions are not supported: use the classic builder (DOCKER_BUILDKIT=0)",
        ));
    }
    let options = options(&query)?;
    let tags: Vec<String> = options.tags.iter().map(Reference::familiar).collect();
    let quiet = query.flag("q");
    let context = BuildContext::Archive(upload(request.into_body()));
    let job = engine.build_image(options, context).await?;
    let lines = progress::build(engine, job, tags, quiet).await?;
    Ok(with_type(StatusCode::OK, "application/json", lines))
}

fn options(query: &Query) -> Result<BuildOptions, ApiError> {
    let tags = query
        .all("t")
        .map(|tag| {
            tag.parse::<Reference>()
                .map_err(|error| ApiError::bad_request(error.to_string()))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let labels: BTreeMap<String, String> = query.json("labels")?;
    Ok(BuildOptions {
        title: tags
            .first()
            .map_or_else(|| "untagged image".to_owned(), Reference::familiar),
        tags,
        dockerfile: query.text("dockerfile").map(ToOwned::to_owned),
        args: query.json("buildargs")?,
        labels,
        target: query.text("target").map(ToOwned::to_owned),
        no_cache: query.flag("nocache"),
        pull: query.flag("pull"),
    })
}
