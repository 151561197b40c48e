//! A container's `/etc/hosts`. Pure.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr};

/// What every host knows about itself and its link.
const FIXED: &str = "127.0.0.1\tlocalhost\n\
    ::1\tlocalhost ip6-localhost ip6-loopback\n\
    fe00::0\tip6-localnet\n\
    ff00::0\tip6-mcastprefix\n\
    ff02::1\tip6-allnodes\n\
    ff02::2\tip6-allrouters\n";
/// An extra host with this address is the container's way to the host.
const GATEWAY: &str = "host-gateway";

/// The file's text: the fixed names, the extra hosts (`name:address`, or `name:host-gateway`) and
/// the container's own name. An extra host that is none is left out.
#[must_use]
pub fn hosts(
    hostname: &str,
    domain: &str,
    address: Option<Ipv4Addr>,
    gateway: Option<Ipv4Addr>,
    extra: &[String],
) -> String {
    let mut text = FIXED.to_owned();
    for entry in extra {
        // Docker takes `name=address` too, which reads better with IPv6.
        let Some((name, value)) = entry.split_once(['=', ':']) else {
            continue;
        };
        let bare = value.trim_start_matches('[').trim_end_matches(']');
        let address = match bare {
            GATEWAY => gateway.map(IpAddr::V4),
            _ => bare.parse().ok(),
        };
        if let Some(address) = address {
            // Writing to a String never fails.
            let _ = writeln!(text, "{address}\t{name}");
        }
    }
    if let Some(address) = address {
        let _ = match domain {
            "" => writeln!(text, "{address}\t{hostname}"),
            _ => writeln!(text, "{address}\t{hostname}.{domain} {hostname}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_knows_itself_and_its_extra_hosts() {
        let extra = [
            "db:10.0.0.9".to_owned(),
            "six:2001:db8::1".to_owned(),
            "seven=[2001:db8::2]".to_owned(),
            "host.docker.internal:host-gateway".to_owned(),
            "nonsense".to_owned(),
            "bad:address".to_owned(),
        ];
        let address = Some(Ipv4Addr::new(10, 0, 0, 2));
        let gateway = Some(Ipv4Addr::new(10, 0, 0, 1));
        let text = hosts("web", "", address, gateway, &extra);
        let own = text.strip_prefix(FIXED).expect("the fixed names first");
        assert_eq!(
            own,
            "10.0.0.9\tdb\n2001:db8::1\tsix\n2001:db8::2\tseven\n\
             10.0.0.1\thost.docker.internal\n10.0.0.2\tweb\n"
        );
    }

    #[test]
    fn without_a_network_there_are_only_the_fixed_names() {
        let text = hosts("web", "example", None, None, &["a:host-gateway".to_owned()]);
        assert_eq!(text, FIXED);
    }

    #[test]
    fn a_domain_makes_the_full_name_come_first() {
        let address = Some(Ipv4Addr::new(10, 0, 0, 2));
        let text = hosts("web", "example.org", address, None, &[]);
        assert!(text.ends_with("10.0.0.2\tweb.example.org web\n"));
    }
}
