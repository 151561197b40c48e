//! Keeps a registry from sending us to this host's own addresses (redirects, token services):
//! what a public registry says must not reach loopback or a cloud's metadata service.
//!
//! Names are judged by the address they resolve to, at the moment of connecting.

use std::net::{IpAddr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A refused address.
#[derive(Debug, thiserror::Error)]
#[error("{host} is an address of this host or its link, where a public registry may not send us")]
pub(crate) struct Refused {
    host: String,
}

/// Whether a public registry may send us there.
fn is_allowed(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            !(v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_multicast()
                || v4.is_broadcast())
        }
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => is_allowed(v4.into()),
            None => {
                !(v6.is_loopback()
                    || v6.is_unicast_link_local()
                    || v6.is_unspecified()
                    || v6.is_multicast())
            }
        },
    }
}

/// Refuses an address whose host is a forbidden literal; a name is judged by [`Guarded`].
pub(crate) fn check(url: &Url) -> Result<(), Refused> {
    let host = url.host_str().unwrap_or_default();
    match host.trim_matches(['[', ']']).parse::<IpAddr>() {
        Ok(address) if !is_allowed(address) => Err(Refused {
            host: host.to_owned(),
        }),
        _ => Ok(()),
    }
}

/// Resolves names, and refuses those that lead to a forbidden address.
#[derive(Debug)]
pub(crate) struct Guarded;

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            // All or nothing: a name that mixes both kinds means no good.
            if found.iter().any(|address| !is_allowed(address.ip())) {
                return Err(Refused {
                    host: name.as_str().to_owned(),
                }
                .into());
            }
            let addresses: Addrs = Box::new(found.into_iter());
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_and_metadata_addresses_are_refused_in_every_spelling() {
        for host in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "169.254.169.254",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[::ffff:127.0.0.1]",
            "2130706433", // 127.0.0.1 as one number; the address parser undoes it
        ] {
            let url = Url::parse(&format!("http://{host}/x")).expect(host);
            assert!(check(&url).is_err(), "{host}");
        }
        for host in [
            "10.0.0.1",
            "192.168.1.1",
            "93.184.216.34",
            "[2001:db8::1]",
            "example.org",
        ] {
            let url = Url::parse(&format!("http://{host}/x")).expect(host);
            assert!(check(&url).is_ok(), "{host}");
        }
    }

    #[tokio::test]
    async fn a_name_of_this_host_is_refused() {
        let name = "localhost".parse().expect("name");
        assert!(Guarded.resolve(name).await.is_err());
    }
}
