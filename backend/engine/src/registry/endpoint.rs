//! Where a reference's bytes may come from: mirrors in order, then the registry itself.
//!
//! Pure: a reference and the configuration in, a list of places to ask out.

use std::net::IpAddr;

use orlop_model::reference::{DEFAULT_REGISTRY, Reference};
use reqwest::Url;

use crate::config::RegistryConfig;

/// Where Docker Hub's registry really answers.
const DOCKER_HUB_HOST: &str = "registry-1.docker.io";

/// How far a place is trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// Certificates are checked, and it may not send us to this host's own addresses.
    Verified,
    /// Any certificate, plain HTTP and redirects to anywhere: loopback, or configured so.
    Anything,
}

/// One place to ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// Address before `/v2/`, without a slash at its end.
    pub(crate) base: Url,
    /// How far it is trusted.
    pub(crate) trust: Trust,
    /// It stands in for another registry: never sees that one's credentials, and its failure is
    /// only a reason to ask the next place.
    pub(crate) mirror: bool,
}

impl Endpoint {
    /// Host and port, for people.
    pub(crate) fn name(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        match self.base.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        }
    }

    /// The address of a resource below `/v2/`.
    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let prefix = self.base.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{prefix}/v2/{path}"));
        url
    }
}

/// The places to ask for `reference`, in order. A configured mirror that is no address is left
/// out (the configuration's reader has told about it).
pub(crate) fn endpoints(reference: &Reference, config: &RegistryConfig) -> Vec<Endpoint> {
    let registry = reference.registry();
    let mirrors = config.mirrors.get(registry).into_iter().flatten();
    let mut places: Vec<Endpoint> = mirrors.filter_map(|text| mirror(text, config)).collect();
    let host = if registry == DEFAULT_REGISTRY {
        DOCKER_HUB_HOST
    } else {
        registry
    };
    if !is_insecure(host, config) {
        places.extend(endpoint(&format!("https://{host}"), Trust::Verified, false));
        return places;
    }
    // As Docker does: encrypted without a check first, plain after.
    for scheme in ["https", "http"] {
        places.extend(endpoint(
            &format!("{scheme}://{host}"),
            Trust::Anything,
            false,
        ));
    }
    places
}

fn mirror(text: &str, config: &RegistryConfig) -> Option<Endpoint> {
    let text = text.trim_end_matches('/');
    let address = if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    let mut place = endpoint(&address, Trust::Verified, true)?;
    if is_insecure(&place.name(), config) {
        place.trust = Trust::Anything;
    }
    Some(place)
}

fn endpoint(address: &str, trust: Trust, mirror: bool) -> Option<Endpoint> {
    let base = Url::parse(address).ok()?;
    let speaks_http = matches!(base.scheme(), "http" | "https") && base.host_str().is_some();
    speaks_http.then_some(Endpoint {
        base,
        trust,
        mirror,
    })
}

fn is_insecure(host: &str, config: &RegistryConfig) -> bool {
    is_loopback_name(host_alone(host)) || config.insecure.iter().any(|named| named == host)
}

/// A host without its port and without the brackets of an IPv6 address.
fn host_alone(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    }
}

/// Whether this is a name or address of this very host.
pub(crate) fn is_loopback_name(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']);
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bases(reference: &str, config: &RegistryConfig) -> Vec<String> {
        let reference = reference.parse().expect("reference");
        let places = endpoints(&reference, config);
        places
            .iter()
            .map(|place| place.url("").to_string())
            .collect()
    }

    fn config(insecure: &[&str], mirrors: &[&str]) -> RegistryConfig {
        RegistryConfig {
            insecure: insecure.iter().map(ToString::to_string).collect(),
            mirrors: [(
                "docker.io".to_owned(),
                mirrors.iter().map(ToString::to_string).collect(),
            )]
            .into(),
        }
    }

    #[test]
    fn docker_hub_is_asked_at_its_real_host_over_https_only() {
        let none = RegistryConfig::default();
        assert_eq!(bases("debian", &none), ["https://registry-1.docker.io/v2/"]);
        assert_eq!(bases("quay.io/a/b", &none), ["https://quay.io/v2/"]);
    }

    #[test]
    fn mirrors_come_first_in_their_order_and_only_for_their_registry() {
        let config = config(
            &[],
            &["http://127.0.0.1:5000", "m.example/hub/", "not an address"],
        );
        assert_eq!(
            bases("debian", &config),
            [
                "http://127.0.0.1:5000/v2/",
                "https://m.example/hub/v2/",
                "https://registry-1.docker.io/v2/"
            ]
        );
        assert_eq!(bases("quay.io/a/b", &config), ["https://quay.io/v2/"]);
        let places = endpoints(&"debian".parse().expect("reference"), &config);
        let trust: Vec<_> = places
            .iter()
            .map(|place| (place.trust, place.mirror))
            .collect();
        assert_eq!(
            trust,
            [
                (Trust::Anything, true),
                (Trust::Verified, true),
                (Trust::Verified, false)
            ]
        );
    }

    #[test]
    fn loopback_and_configured_registries_may_be_plain() {
        let config = config(&["reg.lan:5000"], &[]);
        for host in [
            "127.0.0.1:5000",
            "localhost:5000",
            "[::1]:5000",
            "reg.lan:5000",
        ] {
            let expected = [format!("https://{host}/v2/"), format!("http://{host}/v2/")];
            assert_eq!(bases(&format!("{host}/x"), &config), expected);
        }
        assert_eq!(
            bases("reg.lan:5001/x", &config),
            ["https://reg.lan:5001/v2/"]
        );
    }
}
