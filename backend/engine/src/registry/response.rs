//! What a registry's answer says: its status as an error in plain words, and bounded bodies.

use std::time::Duration;

use reqwest::Response;
use reqwest::header::RETRY_AFTER;
use serde::Deserialize;

use crate::registry::error::RegistryError;
use crate::registry::transport::host_of;

/// An error's text may be this long.
const MAX_ERROR_BYTES: usize = 64 << 10;
/// As much of it is shown.
const MAX_SHOWN: usize = 500;

#[derive(Deserialize)]
struct Errors {
    errors: Vec<OneError>,
}

#[derive(Deserialize)]
struct OneError {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// The whole body, if it is not longer than `limit`.
pub(crate) async fn body(mut response: Response, limit: usize) -> Result<Vec<u8>, RegistryError> {
    let host = host_of(response.url());
    let mut bytes = Vec::new();
    let broken = |error| RegistryError::broken(&host, error);
    while let Some(chunk) = response.chunk().await.map_err(broken)? {
        if bytes.len() + chunk.len() > limit {
            return Err(RegistryError::protocol(
                &host,
                format!("its answer is longer than {limit} bytes"),
            ));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The response, unless its status tells of a failure.
pub(crate) async fn expect_success(response: Response) -> Result<Response, RegistryError> {
    if response.status().is_success() {
        return Ok(response);
    }
    let host = host_of(response.url());
    let status = response.status().as_u16();
    let asked = response
        .headers()
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok());
    let retry_after = asked
        .and_then(|text| text.trim().parse().ok())
        .map(Duration::from_secs);
    // A body that cannot be read leaves the status to speak for itself.
    let text = body(response, MAX_ERROR_BYTES).await.unwrap_or_default();
    let reason = reason(status, &text);
    Err(match status {
        401 | 403 => RegistryError::Unauthorized { host, reason },
        429 => RegistryError::RateLimited {
            host,
            reason,
            retry_after,
        },
        _ => RegistryError::Status {
            host,
            status,
            reason,
        },
    })
}

/// The registry's own words (`code: message`), or the status's name.
fn reason(status: u16, body: &[u8]) -> String {
    let told = serde_json::from_slice::<Errors>(body).ok().and_then(|all| {
        let first = all.errors.into_iter().next()?;
        let code = first.code.to_ascii_lowercase().replace('_', " ");
        Some(format!("{code}: {}", first.message))
    });
    let text = told.unwrap_or_else(|| {
        let known = reqwest::StatusCode::from_u16(status).ok();
        known
            .and_then(|status| status.canonical_reason())
            .unwrap_or("unknown status")
            .to_owned()
    });
    text.chars()
        .filter(|letter| !letter.is_control())
        .take(MAX_SHOWN)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registrys_own_words_are_told_without_control_characters() {
        let body =
            br#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"manifest \u001bunknown"}]}"#;
        assert_eq!(reason(404, body), "manifest unknown: manifest unknown");
        assert_eq!(reason(404, b"<html>"), "Not Found");
        let long = format!(r#"{{"errors":[{{"message":"{}"}}]}}"#, "x".repeat(10_000));
        assert_eq!(reason(500, long.as_bytes()).len(), MAX_SHOWN);
    }
}
