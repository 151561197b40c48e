//! What all requests share.

use std::net::{IpAddr, SocketAddr};

use orlop_engine::Engine;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

use crate::live::Terminals;
use crate::security::HostRules;
use crate::startup::WebOptions;

/// Shared by all requests of all workers.
pub(crate) struct State {
    /// The engine.
    pub(crate) engine: Engine,
    /// Under which host names the console answers.
    pub(crate) hosts: HostRules,
    /// Proxies whose forwarding headers are believed.
    pub(crate) trusted_proxies: Vec<IpAddr>,
    /// Name of the session cookie. Cookies know no ports: with the port in its name two consoles
    /// on one host do not log each other out.
    pub(crate) session_cookie: String,
    /// Cancelled when the server stops: streams end then.
    pub(crate) stop: CancellationToken,
    /// Terminals that are open in a browser.
    pub(crate) terminals: Terminals,
    host_name: OnceCell<String>,
}

impl State {
    /// The state of a server that listens on `address`.
    pub(crate) fn new(engine: Engine, address: SocketAddr, options: WebOptions) -> Self {
        Self {
            engine,
            hosts: HostRules::new(address.ip(), &options.allowed_hosts),
            trusted_proxies: options.trusted_proxies,
            session_cookie: format!("orlop_session_{}", address.port()),
            stop: CancellationToken::new(),
            terminals: Terminals::default(),
            host_name: OnceCell::new(),
        }
    }

    /// The host's name, asked of the engine once.
    pub(crate) async fn host_name(&self) -> String {
        let name = self
            .host_name
            .get_or_try_init(|| async { self.engine.host_info().await.map(|info| info.hostname) });
        name.await
            .cloned()
            .unwrap_or_else(|_| "this host".to_owned())
    }

    /// The host's name, if it has been asked for before.
    pub(crate) fn known_host_name(&self) -> Option<String> {
        self.host_name.get().cloned()
    }
}
