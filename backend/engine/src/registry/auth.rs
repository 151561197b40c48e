//! Log-in at a registry endpoint: user name and password, or a token from its token service
//! (<https://distribution.github.io/distribution/spec/auth/token/>), kept until it runs out.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use reqwest::header::HeaderValue;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::registry::Credentials;
use crate::registry::challenge::Challenge;
use crate::registry::endpoint::Trust;
use crate::registry::error::RegistryError;
use crate::registry::response;
use crate::registry::transport::{Get, Transport, host_of};

/// The specification's minimum, and what holds where a token service names no time.
const SHORTEST_LIFE: Duration = Duration::from_secs(60);
/// A token is not used in its last seconds: the request is yet to travel.
const MARGIN: Duration = Duration::from_secs(5);
const MAX_TOKEN_ANSWER: usize = 1 << 20;

/// What is known about logging in at one endpoint for one repository.
#[derive(Debug)]
pub(crate) struct Login {
    credentials: Option<Credentials>,
    scope: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    challenge: Option<Challenge>,
    token: Option<Token>,
}

struct Token {
    header: HeaderValue,
    good_until: Instant,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("challenge", &self.challenge)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    token: String,
    #[serde(default)]
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl Login {
    /// For pulling from `repository`.
    pub(crate) fn to_pull(repository: &str, credentials: Option<Credentials>) -> Self {
        let scope = format!("repository:{repository}:pull");
        Self {
            credentials,
            scope,
            state: Mutex::default(),
        }
    }

    /// The endpoint asked for this. What was held before is no good any more.
    pub(crate) async fn demand(&self, challenge: Challenge) {
        *self.state.lock().await = State {
            challenge: Some(challenge),
            token: None,
        };
    }

    /// The header for the next request; nothing where no log-in is asked for. Several requests
    /// that need a token at once wait for the same one.
    pub(crate) async fn header(
        &self,
        transport: &Transport,
        trust: Trust,
        endpoint: &Url,
    ) -> Result<Option<HeaderValue>, RegistryError> {
        let mut state = self.state.lock().await;
        if let Some(token) = &state.token
            && Instant::now() < token.good_until
        {
            return Ok(Some(token.header.clone()));
        }
        match &state.challenge {
            None => Ok(None),
            Some(Challenge::Basic) => self.basic(endpoint).map(Some),
            Some(Challenge::Bearer {
                realm,
                service,
                scope,
            }) => {
                let scope = scope.as_deref().filter(|scope| !scope.is_empty());
                let service = service.as_deref();
                let asked = self
                    .token(transport, trust, endpoint, realm, service, scope)
                    .await?;
                let header = asked.header.clone();
                state.token = Some(asked);
                Ok(Some(header))
            }
        }
    }

    fn basic(&self, endpoint: &Url) -> Result<HeaderValue, RegistryError> {
        let host = host_of(endpoint);
        let Some(credentials) = &self.credentials else {
            let reason = "a user name and a password are needed".to_owned();
            return Err(RegistryError::Unauthorized { host, reason });
        };
        let pair = format!("{}:{}", credentials.username, credentials.password);
        secret(&host, format!("Basic {}", STANDARD.encode(pair)))
    }

    async fn token(
        &self,
        transport: &Transport,
        trust: Trust,
        endpoint: &Url,
        realm: &str,
        service: Option<&str>,
        scope: Option<&str>,
    ) -> Result<Token, RegistryError> {
        let host = host_of(endpoint);
        let mut url = realm_address(endpoint, realm, trust)?;
        url.query_pairs_mut()
            .extend_pairs(service.map(|service| ("service", service)))
            .append_pair("scope", scope.unwrap_or(&self.scope));
        let mut get = Get::new(url);
        if self.credentials.is_some() {
            get.authorization = Some(self.basic(endpoint)?);
        }
        let asked_at = Instant::now();
        let answer = transport.get(trust, &get).await?;
        let answer = response::expect_success(answer).await?;
        let bytes = response::body(answer, MAX_TOKEN_ANSWER).await?;
        let answer: TokenAnswer = serde_json::from_slice(&bytes)
            .map_err(|_| RegistryError::protocol(&host, "its token service sent no token"))?;
        let token = if answer.token.is_empty() {
            answer.access_token
        } else {
            answer.token
        };
        if token.is_empty() {
            return Err(RegistryError::protocol(
                &host,
                "its token service sent no token",
            ));
        }
        let life = answer.expires_in.map_or(SHORTEST_LIFE, Duration::from_secs);
        Ok(Token {
            header: secret(&host, format!("Bearer {token}"))?,
            good_until: asked_at + life.max(SHORTEST_LIFE).min(MAX_LIFE).saturating_sub(MARGIN),
        })
    }
}

/// Beyond this a token service is not believed, and the sum with the present stays a valid time.
const MAX_LIFE: Duration = Duration::from_secs(24 * 3600);

/// The token service's address. An encrypted registry's log-in is not sent in clear.
fn realm_address(endpoint: &Url, realm: &str, trust: Trust) -> Result<Url, RegistryError> {
    let wrong = |reason: &str| RegistryError::protocol(&host_of(endpoint), reason);
    let url = Url::parse(realm).map_err(|_| wrong("its token service has no valid address"))?;
    match url.scheme() {
        "https" => Ok(url),
        "http" if trust == Trust::Anything || endpoint.scheme() == "http" => Ok(url),
        _ => Err(wrong("its token service is not encrypted")),
    }
}

/// A header that no log shows.
fn secret(host: &str, text: String) -> Result<HeaderValue, RegistryError> {
    let mut value = HeaderValue::try_from(text)
        .map_err(|_| RegistryError::protocol(host, "its token cannot be put into a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(credentials: Option<(&str, &str)>) -> Login {
        let credentials = credentials.map(|(username, password)| Credentials {
            username: username.into(),
            password: password.into(),
        });
        Login::to_pull("library/debian", credentials)
    }

    #[test]
    fn basic_log_in_needs_credentials_and_shows_none() {
        let endpoint = Url::parse("https://r.example").expect("address");
        assert!(matches!(
            login(None).basic(&endpoint),
            Err(RegistryError::Unauthorized { .. })
        ));
        let login = login(Some(("ann", "secret")));
        let header = login.basic(&endpoint).expect("header");
        assert_eq!(header.as_bytes(), b"Basic YW5uOnNlY3JldA==");
        assert!(!format!("{login:?} {header:?}").contains("secret"));
    }

    #[test]
    fn a_log_in_is_not_sent_in_clear_on_behalf_of_an_encrypted_registry() {
        let https = Url::parse("https://r.example").expect("address");
        let http = Url::parse("http://r.example").expect("address");
        let realm = "http://auth.example/token";
        assert!(realm_address(&https, realm, Trust::Verified).is_err());
        assert!(realm_address(&http, realm, Trust::Verified).is_ok());
        assert!(realm_address(&https, realm, Trust::Anything).is_ok());
        assert!(realm_address(&http, "ftp://x/", Trust::Anything).is_err());
        assert!(realm_address(&http, "no address", Trust::Anything).is_err());
    }
}
