//! Which `Host` names the console answers to. A page elsewhere can make its own name resolve to
//! this machine (DNS rebinding); it cannot make the browser send another name.

use std::net::IpAddr;

/// The names that are ours. Ports do not matter: a forwarded port changes them.
#[derive(Debug, Clone)]
pub(crate) struct HostRules {
    listen: IpAddr,
    names: Vec<String>,
}

impl HostRules {
    /// The rules of a server that listens on `listen`, with further names from the configuration.
    pub(crate) fn new(listen: IpAddr, configured: &[String]) -> Self {
        let names = configured
            .iter()
            .map(|name| host_name(name).to_ascii_lowercase());
        Self {
            listen,
            names: names.collect(),
        }
    }

    /// Whether a `Host` header names this console.
    pub(crate) fn allow(&self, header: &str) -> bool {
        let host = host_name(header).to_ascii_lowercase();
        if let Ok(address) = host.parse::<IpAddr>() {
            // Nobody can rebind a number, but only our own are ours.
            return address.is_loopback() || address == self.listen || self.listen.is_unspecified();
        }
        // RFC 6761: browsers resolve `localhost` and what is below it to loopback by themselves.
        host == "localhost" || host.ends_with(".localhost") || self.names.contains(&host)
    }
}

/// A `Host` header without port, brackets and final dot.
fn host_name(header: &str) -> &str {
    let host = match header.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or(rest, |(host, _)| host),
        None => match header.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => header,
        },
    };
    host.strip_suffix('.').unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn only_our_own_names_are_answered() {
        let rules = HostRules::new(
            Ipv4Addr::new(192, 0, 2, 7).into(),
            &["Console.Example.com:443".to_owned()],
        );
        for good in [
            "localhost",
            "localhost:7700",
            "LOCALHOST:1",
            "orlop.localhost",
            "127.0.0.1:7700",
            "127.9.9.9",
            "[::1]:7700",
            "192.0.2.7:7700",
            "console.example.com",
            "console.example.com.:8443",
        ] {
            assert!(rules.allow(good), "{good}");
        }
        for bad in [
            "",
            "evil.example",
            "localhost.evil.example",
            "evillocalhost",
            "192.0.2.8",
            "[2001:db8::1]",
            "127.0.0.1.evil.example",
            "console.example.com.evil.example",
            "localhost:80@evil.example",
        ] {
            assert!(!rules.allow(bad), "{bad}");
        }
    }

    #[test]
    fn a_console_on_all_addresses_answers_to_any_number_but_no_foreign_name() {
        let rules = HostRules::new(Ipv4Addr::UNSPECIFIED.into(), &[]);
        assert!(rules.allow("203.0.113.9:7700"));
        assert!(!rules.allow("evil.example:7700"));
    }
}
