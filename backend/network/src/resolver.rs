//! A container's `/etc/resolv.conf`. Pure.

use std::fmt::Write as _;
use std::net::IpAddr;

/// Resolvers for a host that names none a container could reach.
const FALLBACK: [IpAddr; 2] = [
    IpAddr::V4(std::net::Ipv4Addr::new(1, 1, 1, 1)),
    IpAddr::V4(std::net::Ipv4Addr::new(8, 8, 8, 8)),
];
/// resolv.conf(5) reads no more than three.
const MAX_RESOLVERS: usize = 3;

/// What a container is asked to have in place of the host's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Resolvers.
    pub resolvers: &'a [IpAddr],
    /// Search domains.
    pub search: &'a [String],
}

/// The file's text.
///
/// `host` is the host's own file and `upstream` the one in which systemd-resolved keeps the
/// real resolvers when the host's names only its stub on 127.0.0.53. Resolvers on loopback
/// addresses are left out: in a container that is the container itself.
#[must_use]
pub fn resolv_conf(host: &str, upstream: Option<&str>, wanted: &Wanted<'_>) -> String {
    let usable = |text: &str| -> Vec<IpAddr> {
        values(text, "nameserver")
            .filter_map(|v| v.split('%').next()?.parse().ok())
            .filter(|ip: &IpAddr| !ip.is_loopback() && !is_link_local(*ip))
            .collect()
    };
    let mut resolvers = wanted.resolvers.to_vec();
    for text in [Some(host), upstream].into_iter().flatten() {
        if resolvers.is_empty() {
            resolvers = usable(text);
        }
    }
    if resolvers.is_empty() {
        resolvers.extend(FALLBACK);
    }
    let search: Vec<&str> = if wanted.search.is_empty() {
        // The last line counts (resolv.conf(5)); `domain` is its older form.
        values(host, "search")
            .last()
            .or_else(|| values(host, "domain").last())
            .map_or_else(Vec::new, |line| line.split_whitespace().collect())
    } else {
        // `.` asks for no search at all.
        let domains = wanted.search.iter().map(String::as_str);
        domains.filter(|domain| *domain != ".").collect()
    };
    let mut text = String::new();
    for resolver in resolvers.iter().take(MAX_RESOLVERS) {
        // Writing to a String never fails.
        let _ = writeln!(text, "nameserver {resolver}");
    }
    if !search.is_empty() {
        let _ = writeln!(text, "search {}", search.join(" "));
    }
    for options in values(host, "options") {
        let _ = writeln!(text, "options {options}");
    }
    text
}

/// The values of a keyword's lines.
fn values<'a>(text: &'a str, keyword: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter_map(move |line| line.trim().strip_prefix(keyword))
        .filter(|rest| rest.starts_with([' ', '\t']))
        .map(|rest| rest.split(['#', ';']).next().unwrap_or_default().trim())
}

/// An address that means nothing without an interface.
fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(_) => false,
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Wanted<'_> = Wanted {
        resolvers: &[],
        search: &[],
    };

    #[test]
    fn the_hosts_resolvers_search_and_options_are_taken() {
        let host = "# made by hand\nnameserver 10.0.0.2 # first\nnameserver 2001:db8::1\n\
            search a.example b.example\noptions ndots:2 edns0\n";
        assert_eq!(
            resolv_conf(host, None, &NOTHING),
            "nameserver 10.0.0.2\nnameserver 2001:db8::1\nsearch a.example b.example\n\
             options ndots:2 edns0\n"
        );
    }

    #[test]
    fn a_resolver_that_a_container_cannot_reach_is_left_out() {
        let host = "nameserver 127.0.0.53\nnameserver ::1\nnameserver fe80::1%eth0\n";
        let upstream = "nameserver 192.168.1.1\n";
        assert_eq!(
            resolv_conf(host, Some(upstream), &NOTHING),
            "nameserver 192.168.1.1\n"
        );
        assert_eq!(
            resolv_conf(host, None, &NOTHING),
            "nameserver 1.1.1.1\nnameserver 8.8.8.8\n"
        );
    }

    #[test]
    fn what_is_asked_for_wins() {
        let resolvers = ["9.9.9.9".parse().expect("address")];
        let search = ["corp.example".to_owned()];
        let wanted = Wanted {
            resolvers: &resolvers,
            search: &search,
        };
        let host = "nameserver 10.0.0.2\nsearch a.example\n";
        assert_eq!(
            resolv_conf(host, None, &wanted),
            "nameserver 9.9.9.9\nsearch corp.example\n"
        );
        let none = [".".to_owned()];
        let wanted = Wanted {
            resolvers: &[],
            search: &none,
        };
        assert_eq!(resolv_conf(host, None, &wanted), "nameserver 10.0.0.2\n");
    }

    #[test]
    fn no_more_resolvers_than_are_read() {
        let host = "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n\
            nameserver 10.0.0.4\nnameservers 10.0.0.5\n";
        let text = resolv_conf(host, None, &NOTHING);
        assert_eq!(text.lines().count(), 3);
    }
}
