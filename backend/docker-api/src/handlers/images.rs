//! Images: list, inspect, history, pull, import, load, tag, remove.

use base64::Engine as _;
use hyper::{HeaderMap, StatusCode};
use orlop_engine::images::ImportOptions;
use orlop_engine::registry::Credentials;
use orlop_model::container::ContainerFilter;
use orlop_model::image::ImageFilter;
use orlop_model::reference::Reference;
use serde::Deserialize;

use crate::body::{Answer, empty, json as json_answer, upload, with_type};
use crate::error::ApiError;
use crate::filters::Filters;
use crate::progress;
use crate::query::Query;
use crate::routes::Call;
use crate::types::image;

/// `GET /images/json`.
pub(crate) async fn list(call: Call) -> Answer {
    let filters = Filters::read(&call.query, &["reference", "dangling", "label"])?;
    let mut reference = filters.values("reference").to_vec();
    // What older clients send.
    reference.extend(call.query.text("filter").map(ToOwned::to_owned));
    let dangling = filters
        .values("dangling")
        .first()
        .map(|value| matches!(value.as_str(), "true" | "1"));
    let filter = ImageFilter {
        all: call.query.flag("all"),
        reference,
        dangling,
        label: filters.values("label").to_vec(),
        text: None,
    };
    let images = call.engine.list_images(&filter).await?;
    let all = ContainerFilter {
        all: true,
        ..ContainerFilter::default()
    };
    let containers = call.engine.list_containers(&all).await?;
    let count =
        |id| i64::try_from(containers.iter().filter(|c| &c.image_id == id).count()).unwrap_or(-1);
    let lines: Vec<_> = images
        .iter()
        .map(|i| image::summary(i, count(&i.id)))
        .collect();
    json_answer(StatusCode::OK, &lines)
}

/// `GET /images/{name}/json`.
pub(crate) async fn inspect(name: &str, call: Call) -> Answer {
    json_answer(
        StatusCode::OK,
        &image::inspect(&call.engine.inspect_image(name).await?),
    )
}

/// `GET /images/{name}/history`.
pub(crate) async fn history(name: &str, call: Call) -> Answer {
    json_answer(
        StatusCode::OK,
        &image::history(&call.engine.inspect_image(name).await?),
    )
}

/// `POST /images/{name}/tag`.
pub(crate) async fn tag(name: &str, call: Call) -> Answer {
    let repository = call.query.text("repo").unwrap_or_default();
    let reference = named(repository, call.query.text("tag"))?;
    call.engine.tag_image(name, reference).await?;
    empty(StatusCode::CREATED)
}

/// `DELETE /images/{name}`.
pub(crate) async fn remove(name: &str, call: Call) -> Answer {
    let removed = call
        .engine
        .remove_image(name, call.query.flag("force"))
        .await?;
    json_answer(StatusCode::OK, &image::removed(&removed))
}

/// `POST /images/create`: a pull, or an import when `fromSrc` is given.
pub(crate) async fn create(call: Call) -> Answer {
    if call.query.text("fromSrc").is_some() {
        return import(call).await;
    }
    let image = call.query.text("fromImage").unwrap_or_default();
    let reference = named(image, call.query.text("tag"))?;
    let credentials = credentials(call.request.headers())?;
    let job = call.engine.pull_image(reference, credentials).await?;
    let lines = progress::pull(call.engine, job).await?;
    Ok(with_type(StatusCode::OK, "application/json", lines))
}

async fn import(call: Call) -> Answer {
    let Call {
        engine,
        query,
        request,
    } = call;
    if query.text("fromSrc") != Some("-") {
        return Err(ApiError::bad_request(
            "import from an address is not supported: send the archive (docker import - NAME)",
        ));
    }
    let options = import_options(&query)?;
    let job = engine
        .import_image(options, upload(request.into_body()))
        .await?;
    Ok(with_type(
        StatusCode::OK,
        "application/json",
        progress::import(engine, job).await?,
    ))
}

fn import_options(query: &Query) -> Result<ImportOptions, ApiError> {
    let reference = query
        .text("repo")
        .map(|repo| named(repo, query.text("tag")))
        .transpose()?;
    Ok(ImportOptions {
        title: reference
            .as_ref()
            .map_or_else(|| "archive".to_owned(), Reference::familiar),
        reference,
        changes: query.all("changes").map(ToOwned::to_owned).collect(),
        message: query.text("message").unwrap_or_default().to_owned(),
    })
}

/// `POST /images/load`.
pub(crate) async fn load(call: Call) -> Answer {
    let engine = call.engine.clone();
    let job = engine
        .load_images("archive".to_owned(), upload(call.into_body()))
        .await?;
    Ok(with_type(
        StatusCode::OK,
        "application/json",
        progress::load(engine, job).await?,
    ))
}

/// A name and a tag or digest given apart.
pub(crate) fn named(repository: &str, tag: Option<&str>) -> Result<Reference, ApiError> {
    let text = match tag {
        Some(digest) if digest.starts_with("sha256:") => format!("{repository}@{digest}"),
        Some(tag) => format!("{repository}:{tag}"),
        None => repository.to_owned(),
    };
    text.parse()
        .map_err(|error| ApiError::bad_request(format!("{error}")))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RegistryAuth {
    username: String,
    password: String,
}

/// `X-Registry-Auth`: JSON in base64url.
fn credentials(headers: &HeaderMap) -> Result<Option<Credentials>, ApiError> {
    let Some(value) = headers.get("x-registry-auth") else {
        return Ok(None);
    };
    let wrong = || ApiError::bad_request("X-Registry-Auth is not JSON in base64url");
    let alphabet = base64::engine::general_purpose::GeneralPurpose::new(
        &base64::alphabet::URL_SAFE,
        base64::engine::GeneralPurposeConfig::new()
            .with_decode_padding_mode(base64::engine::DecodePaddingMode::Indifferent),
    );
    let bytes = alphabet.decode(value.as_bytes()).map_err(|_| wrong())?;
    if bytes.is_empty() {
        return Ok(None);
    }
    let auth: RegistryAuth = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
    Ok((!auth.username.is_empty()).then_some(Credentials {
        username: auth.username,
        password: auth.password,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_with_and_without_padding() {
        for encoded in [
            "eyJ1c2VybmFtZSI6ImEiLCJwYXNzd29yZCI6ImIifQ==",
            "eyJ1c2VybmFtZSI6ImEiLCJwYXNzd29yZCI6ImIifQ",
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("x-registry-auth", encoded.parse().expect("valid"));
            let found = credentials(&headers).expect("valid").expect("some");
            assert_eq!(
                (found.username.as_str(), found.password.as_str()),
                ("a", "b")
            );
        }
        let mut headers = HeaderMap::new();
        headers.insert("x-registry-auth", "e30=".parse().expect("valid"));
        assert!(credentials(&headers).expect("valid").is_none());
        headers.insert("x-registry-auth", "!".parse().expect("valid"));
        assert!(credentials(&headers).is_err());
    }

    #[test]
    fn tags_and_digests_join_the_name() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        assert_eq!(named("a", Some("1")).expect("valid").familiar(), "a:1");
        assert_eq!(
            named("a", Some(&digest)).expect("valid").familiar(),
            format!("a@{digest}")
        );
        assert!(named("", None).is_err());
    }
}
