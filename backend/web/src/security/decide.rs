//! Whether a request may pass at all, by where it comes from. Pure.
//!
//! Two walls that do not know of each other: what the browser says of the request's origin
//! (`Sec-Fetch-Site`, `Origin`), and the token that only our own forms carry ([`crate::auth`]).

use super::HostRules;

/// What a request says about itself.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Asked<'a> {
    /// It may change something: any method but GET and HEAD, and every WebSocket.
    pub(super) changes: bool,
    /// `Host`.
    pub(super) host: Option<&'a str>,
    /// `Origin`.
    pub(super) origin: Option<&'a str>,
    /// `Sec-Fetch-Site`.
    pub(super) site: Option<&'a str>,
    /// `Sec-Fetch-Mode`.
    pub(super) mode: Option<&'a str>,
}

/// Why a request does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// The name in the address is not ours.
    #[error(
        "This console does not answer to the host name in the address. Allowed are loopback, the \
         address it listens on, and the names in allowed_hosts of its configuration."
    )]
    Host,
    /// Sent by a page of another origin.
    #[error("This request came from a page of another site and was refused.")]
    Foreign,
    /// It does not say where it comes from.
    #[error("A request that changes something must say where it comes from (header Origin).")]
    Nowhere,
}

/// Decides.
pub(super) fn decide(asked: &Asked<'_>, rules: &HostRules) -> Result<(), Refusal> {
    let host = asked.host.filter(|host| rules.allow(host));
    let host = host.ok_or(Refusal::Host)?;
    if asked.changes {
        return change(asked, host);
    }
    match asked.site {
        // A link from elsewhere may lead here; a script, image or frame elsewhere may not.
        Some("cross-site" | "same-site") if asked.mode != Some("navigate") => Err(Refusal::Foreign),
        _ => Ok(()),
    }
}

fn change(asked: &Asked<'_>, host: &str) -> Result<(), Refusal> {
    // `same-site` is another port of this machine: a container's page, for example.
    if !matches!(asked.site, None | Some("same-origin" | "none")) {
        return Err(Refusal::Foreign);
    }
    match asked.origin {
        Some(origin) if same(origin, host) => Ok(()),
        Some(_) => Err(Refusal::Foreign),
        // The browser itself vouches for it.
        None if asked.site == Some("same-origin") => Ok(()),
        None => Err(Refusal::Nowhere),
    }
}

/// Whether `origin` is this host, by either scheme: a proxy may speak TLS for us.
fn same(origin: &str, host: &str) -> bool {
    let (bare, default) = match (
        origin.strip_prefix("https://"),
        origin.strip_prefix("http://"),
    ) {
        (Some(bare), _) => (bare, ":443"),
        (_, Some(bare)) => (bare, ":80"),
        _ => return false,
    };
    let without = |text: &str| {
        text.strip_suffix(default)
            .unwrap_or(text)
            .to_ascii_lowercase()
    };
    without(bare) == without(host)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    const HOST: &str = "127.0.0.1:7700";
    const OURS: &str = "http://127.0.0.1:7700";

    fn decided(asked: Asked<'_>) -> Result<(), Refusal> {
        let rules = HostRules::new(
            Ipv4Addr::LOCALHOST.into(),
            &["console.example.com".to_owned()],
        );
        decide(&asked, &rules)
    }

    fn post(
        host: Option<&'static str>,
        origin: Option<&'static str>,
        site: Option<&'static str>,
    ) -> Result<(), Refusal> {
        decided(Asked {
            changes: true,
            host,
            origin,
            site,
            mode: None,
        })
    }

    #[test]
    fn only_our_own_pages_change_anything() {
        use Refusal::{Foreign, Host, Nowhere};
        let console = "console.example.com";
        let table = [
            (Some(HOST), Some(OURS), Some("same-origin"), Ok(())),
            (Some(HOST), Some(OURS), None, Ok(())),
            (Some(HOST), Some(OURS), Some("none"), Ok(())),
            (Some(HOST), None, Some("same-origin"), Ok(())),
            (
                Some(console),
                Some("https://console.example.com"),
                None,
                Ok(()),
            ),
            (
                Some("console.example.com:443"),
                Some("https://console.example.com"),
                None,
                Ok(()),
            ),
            // Missing, null, foreign, a sibling port, a lookalike, our own by another name.
            (Some(HOST), None, None, Err(Nowhere)),
            (Some(HOST), None, Some("none"), Err(Nowhere)),
            (Some(HOST), Some("null"), None, Err(Foreign)),
            (Some(HOST), Some("null"), Some("same-origin"), Err(Foreign)),
            (
                Some(HOST),
                Some("https://evil.example"),
                Some("cross-site"),
                Err(Foreign),
            ),
            (Some(HOST), Some("https://evil.example"), None, Err(Foreign)),
            (
                Some(HOST),
                Some("http://127.0.0.1:8080"),
                Some("same-site"),
                Err(Foreign),
            ),
            (
                Some(HOST),
                Some("http://127.0.0.1:8080"),
                None,
                Err(Foreign),
            ),
            (
                Some(HOST),
                Some("http://127.0.0.1:77001"),
                None,
                Err(Foreign),
            ),
            (
                Some(HOST),
                Some("http://localhost:7700"),
                None,
                Err(Foreign),
            ),
            (Some(HOST), Some(""), None, Err(Foreign)),
            (Some(HOST), Some(OURS), Some("cross-site"), Err(Foreign)),
            (Some(HOST), Some(OURS), Some("same-site"), Err(Foreign)),
            // A rebound name agrees with itself, and is not ours.
            (
                Some("evil.example"),
                Some("http://evil.example"),
                Some("same-origin"),
                Err(Host),
            ),
            (None, Some(OURS), Some("same-origin"), Err(Host)),
        ];
        for (host, origin, site, expected) in table {
            assert_eq!(
                post(host, origin, site),
                expected,
                "{host:?} {origin:?} {site:?}"
            );
        }
    }

    #[test]
    fn a_link_from_elsewhere_leads_here_but_nothing_else_does() {
        let get = |site, mode| {
            decided(Asked {
                host: Some(HOST),
                site,
                mode,
                ..Asked::default()
            })
        };
        assert_eq!(get(None, None), Ok(()));
        assert_eq!(get(Some("cross-site"), Some("navigate")), Ok(()));
        assert_eq!(get(Some("same-origin"), Some("cors")), Ok(()));
        assert_eq!(
            get(Some("cross-site"), Some("no-cors")),
            Err(Refusal::Foreign)
        );
        assert_eq!(get(Some("same-site"), Some("cors")), Err(Refusal::Foreign));
        assert_eq!(get(Some("cross-site"), None), Err(Refusal::Foreign));
    }
}
