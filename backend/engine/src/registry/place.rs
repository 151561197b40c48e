//! One place that may have a repository, and what was learned about it on the way: whether it
//! answers at all, and which log-in it wants.

use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::Response;
use reqwest::header::WWW_AUTHENTICATE;
use tokio::sync::OnceCell;

use crate::registry::auth::Login;
use crate::registry::endpoint::Endpoint;
use crate::registry::error::RegistryError;
use crate::registry::transport::{Get, Transport};
use crate::registry::{Credentials, challenge};

/// An endpoint and what is known of it.
#[derive(Debug)]
pub(super) struct Place {
    /// Where.
    pub(super) endpoint: Endpoint,
    login: Login,
    met: OnceCell<()>,
    passed_over: AtomicBool,
}

impl Place {
    /// Nothing is known yet. A mirror does not get the registry's credentials.
    pub(super) fn new(
        endpoint: Endpoint,
        repository: &str,
        credentials: Option<&Credentials>,
    ) -> Self {
        let credentials = credentials.filter(|_| !endpoint.mirror).cloned();
        Self {
            login: Login::to_pull(repository, credentials),
            endpoint,
            met: OnceCell::new(),
            passed_over: AtomicBool::new(false),
        }
    }

    /// Whether it has ever answered.
    pub(super) fn has_answered(&self) -> bool {
        self.met.initialized()
    }

    /// It never answered and another place is there: not to be asked again.
    pub(super) fn pass_over(&self) {
        self.passed_over.store(true, Ordering::Relaxed);
    }

    /// Whether it is not to be asked again.
    pub(super) fn is_passed_over(&self) -> bool {
        self.passed_over.load(Ordering::Relaxed)
    }

    /// One request, with the log-in that the place wants.
    pub(super) async fn get(
        &self,
        transport: &Transport,
        path: &str,
        accept: &'static [&'static str],
        from: u64,
    ) -> Result<Response, RegistryError> {
        self.met.get_or_try_init(|| self.meet(transport)).await?;
        let (trust, base) = (self.endpoint.trust, &self.endpoint.base);
        let mut get = Get {
            accept,
            from,
            ..Get::new(self.endpoint.url(path))
        };
        get.authorization = self.login.header(transport, trust, base).await?;
        let answer = transport.get(trust, &get).await?;
        // A token may have run out, and some registries ask for one only here.
        if answer.status().as_u16() == 401 && self.demand(&answer).await {
            get.authorization = self.login.header(transport, trust, base).await?;
            return transport.get(trust, &get).await;
        }
        Ok(answer)
    }

    /// The first request: does the place answer, and what log-in does it want?
    async fn meet(&self, transport: &Transport) -> Result<(), RegistryError> {
        let hello = Get::new(self.endpoint.url(""));
        let answer = transport.get(self.endpoint.trust, &hello).await?;
        if answer.status().as_u16() == 401 {
            self.demand(&answer).await;
        }
        Ok(())
    }

    /// Takes the challenge of a 401 in; whether there was one that can be met.
    async fn demand(&self, answer: &Response) -> bool {
        let values = answer.headers().get_all(WWW_AUTHENTICATE);
        let texts = values.iter().filter_map(|value| value.to_str().ok());
        let Some(challenge) = challenge::choose(texts) else {
            return false;
        };
        self.login.demand(challenge).await;
        true
    }
}
