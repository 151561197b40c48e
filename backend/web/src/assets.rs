//! Scripts, styles, icons and fonts, embedded in the binary.

use std::borrow::Cow;
use std::fmt;

use actix_web::http::header::{
    CACHE_CONTROL, ContentType, ETAG, EntityTag, Header as _, IfNoneMatch,
};
use actix_web::{HttpRequest, HttpResponse, web};
use rust_embed::RustEmbed;
use serde::Deserialize;

use crate::error::Problem;

const FOREVER: &str = "public, max-age=31536000, immutable";
/// Length of the hash that the bundler puts into the names of shared files.
const NAME_HASH_LEN: usize = 8;
/// Bytes of the hash in an address: enough to tell versions apart.
const VERSION_BYTES: usize = 6;

#[derive(RustEmbed)]
#[folder = "$CARGO_MANIFEST_DIR/../../static/"]
#[exclude = "css/*"]
#[exclude = "*.LEGAL.txt"]
struct Files;

/// The address of an asset, with its version.
pub(crate) struct Address<'a> {
    path: &'a str,
}

/// The address of an asset, for templates: `url("build/app.css")`.
pub(crate) fn url(path: &str) -> Address<'_> {
    Address { path }
}

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/static/{}", self.path)?;
        match Files::get(self.path) {
            Some(file) => write!(f, "?v={}", version(&file)),
            None => Ok(()),
        }
    }
}

impl askama::FastWritable for Address<'_> {
    fn write_into(&self, dest: &mut dyn fmt::Write, _: &dyn askama::Values) -> askama::Result<()> {
        Ok(write!(dest, "{self}")?)
    }
}

/// The version asked for.
#[derive(Deserialize)]
pub(crate) struct Asked {
    v: Option<String>,
}

/// `GET /static/{path}`
pub(crate) async fn asset(
    request: HttpRequest,
    path: web::Path<String>,
    asked: web::Query<Asked>,
) -> Result<HttpResponse, Problem> {
    let file = Files::get(&path)
        .ok_or_else(|| Problem::not_found(format!("There is no file {:?}.", path.as_str())))?;
    let version = version(&file);
    let lasting = asked.v.as_ref() == Some(&version) || has_hash(&path);
    let tag = EntityTag::new_weak(version);
    let caching = (CACHE_CONTROL, if lasting { FOREVER } else { "no-cache" });
    if is_known(&request, &tag) {
        return Ok(HttpResponse::NotModified()
            .insert_header((ETAG, tag.to_string()))
            .insert_header(caching)
            .finish());
    }
    let kind = mime_guess::from_path(path.as_str()).first_or_octet_stream();
    let kind = ContentType(kind.to_string().parse().unwrap_or(mime_octets()));
    Ok(HttpResponse::Ok()
        .insert_header(kind)
        .insert_header((ETAG, tag.to_string()))
        .insert_header(caching)
        .body(match file.data {
            Cow::Borrowed(bytes) => web::Bytes::from_static(bytes),
            Cow::Owned(bytes) => bytes.into(),
        }))
}

fn mime_octets() -> actix_web::mime::Mime {
    actix_web::mime::APPLICATION_OCTET_STREAM
}

fn version(file: &rust_embed::EmbeddedFile) -> String {
    hex::encode(&file.metadata.sha256_hash()[..VERSION_BYTES])
}

fn is_known(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|one| one.weak_eq(tag)),
        _ => false,
    }
}

/// Whether the bundler put a hash of the content into the name: `chunk-ABCDEFGH.js`.
fn has_hash(path: &str) -> bool {
    let stem = path
        .strip_prefix("build/")
        .and_then(|name| name.split('.').next())
        .and_then(|stem| stem.rsplit_once('-'));
    stem.is_some_and(|(_, hash)| {
        hash.len() == NAME_HASH_LEN
            && hash
                .bytes()
                .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_with_a_hash_last_forever() {
        assert!(has_hash("build/chunk-OJEVW2E4.js"));
        assert!(!has_hash("build/app.js"));
        assert!(!has_hash("build/figtree-latin-wght-normal.woff2"));
        assert!(!has_hash("icons/chunk-OJEVW2E4.js"));
    }

    #[test]
    fn an_address_carries_the_version_of_what_exists() {
        let known = url("icons/brand/favicon.svg").to_string();
        assert!(
            known.starts_with("/static/icons/brand/favicon.svg?v="),
            "{known}"
        );
        assert_eq!(url("nothing.css").to_string(), "/static/nothing.css");
    }
}
