//! One HTTP GET at a registry: redirects followed by hand, so that a log-in never travels to
//! another host and a public registry cannot send us to an address of our own.

use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, LOCATION, RANGE};
use reqwest::{Client, Response, Url, redirect};

use crate::registry::endpoint::Trust;
use crate::registry::error::RegistryError;
use crate::registry::guard;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Silence in the middle of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_REDIRECTS: usize = 5;
const USER_AGENT: &str = concat!("orlop/", env!("CARGO_PKG_VERSION"));

/// A GET.
#[derive(Debug, Clone)]
pub(crate) struct Get {
    /// Where.
    pub(crate) url: Url,
    /// Media types, best first; empty for any.
    pub(crate) accept: &'static [&'static str],
    /// First byte that is wanted.
    pub(crate) from: u64,
    /// Log-in for this host alone.
    pub(crate) authorization: Option<HeaderValue>,
}

impl Get {
    /// A plain one.
    pub(crate) fn new(url: Url) -> Self {
        Self {
            url,
            accept: &[],
            from: 0,
            authorization: None,
        }
    }

    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for media_type in self.accept {
            headers.append(ACCEPT, HeaderValue::from_static(media_type));
        }
        if self.from > 0
            && let Ok(range) = HeaderValue::from_str(&format!("bytes={}-", self.from))
        {
            headers.insert(RANGE, range);
        }
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        headers
    }
}

/// The connections of all registries. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Transport {
    verified: Client,
    anything: Client,
}

impl Transport {
    /// Prepares connections; certificates are judged by the system's authorities.
    pub(crate) fn new() -> Result<Self, RegistryError> {
        let fresh = || {
            Client::builder()
                .user_agent(USER_AGENT)
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(READ_TIMEOUT)
                .redirect(redirect::Policy::none())
                .referer(false)
        };
        // Behind a proxy it is the proxy that connects, and its own address may be a local one.
        let proxied = [
            "HTTPS_PROXY",
            "https_proxy",
            "ALL_PROXY",
            "all_proxy",
            "HTTP_PROXY",
            "http_proxy",
        ]
        .iter()
        .any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
        let verified = if proxied {
            fresh()
        } else {
            fresh().dns_resolver(guard::Guarded)
        };
        let failed = |error: reqwest::Error| RegistryError::Tls(error.to_string());
        Ok(Self {
            verified: verified.build().map_err(failed)?,
            anything: fresh()
                .no_proxy()
                .tls_danger_accept_invalid_certs(true)
                .build()
                .map_err(failed)?,
        })
    }

    /// Sends it and follows where it is sent. Every status but a redirect is the caller's matter.
    pub(crate) async fn get(&self, trust: Trust, get: &Get) -> Result<Response, RegistryError> {
        let client = match trust {
            Trust::Verified => &self.verified,
            Trust::Anything => &self.anything,
        };
        let mut next = get.clone();
        for _ in 0..=MAX_REDIRECTS {
            let host = host_of(&next.url);
            if trust == Trust::Verified {
                guard::check(&next.url).map_err(|source| RegistryError::Redirect {
                    host: host.clone(),
                    source,
                })?;
            }
            let request = client.get(next.url.clone()).headers(next.headers());
            let sent = request.send().await;
            let response = sent.map_err(|error| RegistryError::unreachable(&host, error))?;
            let Some(target) = redirect_target(&response) else {
                return Ok(response);
            };
            next = follow(next, target, trust, &host)?;
        }
        Err(RegistryError::protocol(
            &host_of(&get.url),
            "it redirects without end",
        ))
    }
}

fn redirect_target(response: &Response) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    response.url().join(location).ok()
}

/// The request as it goes on to `target`.
fn follow(get: Get, target: Url, trust: Trust, host: &str) -> Result<Get, RegistryError> {
    if !matches!(target.scheme(), "http" | "https") {
        return Err(RegistryError::protocol(
            host,
            "it redirects to something other than HTTP",
        ));
    }
    if trust == Trust::Verified && get.url.scheme() == "https" && target.scheme() == "http" {
        return Err(RegistryError::protocol(
            host,
            "it redirects to an unencrypted address",
        ));
    }
    let same_host = get.url.origin() == target.origin();
    let authorization = get.authorization.filter(|_| same_host);
    Ok(Get {
        url: target,
        authorization,
        ..get
    })
}

/// Host and port of an address, for people.
pub(crate) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(from: &str, to: &str, trust: Trust) -> Option<bool> {
        let mut get = Get::new(from.parse().expect("address"));
        get.authorization = Some(HeaderValue::from_static("Bearer secret"));
        let next = follow(get, to.parse().expect("address"), trust, "host").ok()?;
        Some(next.authorization.is_some())
    }

    #[test]
    fn a_log_in_stays_with_its_host() {
        let from = "https://r.example/v2/x/blobs/y";
        assert_eq!(
            followed(from, "https://r.example/other", Trust::Verified),
            Some(true)
        );
        for other in ["https://cdn.example/y", "https://r.example:444/y"] {
            assert_eq!(
                followed(from, other, Trust::Verified),
                Some(false),
                "{other}"
            );
        }
        assert_eq!(
            followed(from, "http://r.example/y", Trust::Anything),
            Some(false)
        );
    }

    #[test]
    fn encryption_is_never_given_up_and_only_http_is_followed() {
        assert_eq!(
            followed("https://r.example/", "http://r.example/", Trust::Verified),
            None
        );
        assert_eq!(
            followed("https://r.example/", "file:///etc/passwd", Trust::Anything),
            None
        );
    }
}
