//! Subnets and the addresses in them: who gets which, pure arithmetic.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::ContainerId;
use crate::network::Endpoint;

/// The longest and the shortest prefix of a subnet: room for a gateway and five containers, and
/// not more than one of the classic private networks.
const PREFIXES: std::ops::RangeInclusive<u8> = 8..=29;
/// First two bytes of every hardware address of ours: locally administered, unicast, and `o`.
const MAC_PREFIX: [u8; 2] = [0x02, 0x6f];
/// What the names of our interfaces on the host begin with; twelve digits of an id follow, which
/// makes fifteen bytes, the most that the kernel takes.
pub const INTERFACE_PREFIX: &str = "orl";

/// An IPv4 subnet: an address without bits behind its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subnet {
    network: u32,
    prefix: u8,
}

/// Why a text or an address is not a subnet.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubnetError {
    /// Not an address, a slash and a number.
    #[error("subnet {0:?}: an IPv4 address and a prefix length are needed, such as 172.29.0.0/16")]
    Form(String),
    /// Too small to be useful, or too large.
    #[error("subnet prefix {0}: the prefix length is 8 to 29")]
    Prefix(u8),
    /// Bits are set that belong to hosts.
    #[error(
        "subnet {address}/{prefix}: the address has bits behind the prefix; {network}/{prefix} is \
         the subnet"
    )]
    HostBits {
        /// As given.
        address: Ipv4Addr,
        /// As given.
        prefix: u8,
        /// The address without the bits.
        network: Ipv4Addr,
    },
}

impl Subnet {
    /// The subnet of this address and prefix.
    ///
    /// # Errors
    /// If the prefix is out of range, or the address is one inside of the subnet.
    pub fn new(address: Ipv4Addr, prefix: u8) -> Result<Self, SubnetError> {
        let subnet = Self::containing(address, prefix)?;
        if subnet.network() == address {
            Ok(subnet)
        } else {
            Err(SubnetError::HostBits {
                address,
                prefix,
                network: subnet.network(),
            })
        }
    }

    /// The subnet with this prefix that an address is in.
    ///
    /// # Errors
    /// If the prefix is out of range.
    pub fn containing(address: Ipv4Addr, prefix: u8) -> Result<Self, SubnetError> {
        if !PREFIXES.contains(&prefix) {
            return Err(SubnetError::Prefix(prefix));
        }
        Ok(Self {
            network: address.to_bits() & mask(prefix),
            prefix,
        })
    }

    /// Its address.
    #[must_use]
    pub fn network(&self) -> Ipv4Addr {
        self.network.into()
    }

    /// Length of its prefix.
    #[must_use]
    pub fn prefix(&self) -> u8 {
        self.prefix
    }

    /// The bridge's address: the first.
    #[must_use]
    pub fn gateway(&self) -> Ipv4Addr {
        (self.network + 1).into()
    }

    /// The address that reaches everyone: the last.
    #[must_use]
    pub fn broadcast(&self) -> Ipv4Addr {
        (self.network | !mask(self.prefix)).into()
    }

    /// An address is in it.
    #[must_use]
    pub fn contains(&self, address: Ipv4Addr) -> bool {
        address.to_bits() & mask(self.prefix) == self.network
    }

    /// Some address is in both.
    #[must_use]
    pub fn overlaps(&self, address: Ipv4Addr, prefix: u8) -> bool {
        let shorter = mask(prefix.min(self.prefix));
        address.to_bits() & shorter == self.network & shorter
    }

    /// The addresses for containers, first and last: all but the network's, the bridge's and the
    /// broadcast address.
    #[must_use]
    pub fn containers(&self) -> (Ipv4Addr, Ipv4Addr) {
        let last = self.broadcast().to_bits() - 1;
        ((self.network + 2).into(), last.into())
    }

    /// The endpoint of a container with this address.
    #[must_use]
    pub fn endpoint(&self, bridge: &str, container: &ContainerId, address: Ipv4Addr) -> Endpoint {
        Endpoint {
            bridge: bridge.to_owned(),
            address,
            prefix: self.prefix,
            gateway: self.gateway(),
            mac: mac(address),
            host_interface: host_interface(container),
        }
    }
}

/// Name of a container's interface on the host.
#[must_use]
pub fn host_interface(container: &ContainerId) -> String {
    format!("{INTERFACE_PREFIX}{}", container.short())
}

/// The hardware address that belongs to an address: the same at every start, so that neighbours
/// who remember it are right.
#[must_use]
pub fn mac(address: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = address.octets();
    [MAC_PREFIX[0], MAC_PREFIX[1], a, b, c, d]
}

fn mask(prefix: u8) -> u32 {
    u32::MAX
        .checked_shl(32 - u32::from(prefix.min(32)))
        .unwrap_or(0)
}

impl FromStr for Subnet {
    type Err = SubnetError;
    fn from_str(text: &str) -> Result<Self, SubnetError> {
        let wrong = || SubnetError::Form(text.to_owned());
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address = address.parse().map_err(|_| wrong())?;
        Self::new(address, prefix.parse().map_err(|_| wrong())?)
    }
}

impl TryFrom<String> for Subnet {
    type Error = SubnetError;
    fn try_from(text: String) -> Result<Self, SubnetError> {
        text.parse()
    }
}

impl From<Subnet> for String {
    fn from(subnet: Subnet) -> Self {
        subnet.to_string()
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.network(), self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str) -> Subnet {
        text.parse().expect("subnet")
    }

    #[test]
    fn a_subnet_knows_its_edges() {
        let subnet = subnet("172.29.0.0/16");
        assert_eq!(subnet.gateway(), Ipv4Addr::new(172, 29, 0, 1));
        assert_eq!(subnet.broadcast(), Ipv4Addr::new(172, 29, 255, 255));
        assert!(subnet.contains(Ipv4Addr::new(172, 29, 7, 7)));
        assert!(!subnet.contains(Ipv4Addr::new(172, 30, 0, 0)));
        assert_eq!(subnet.to_string(), "172.29.0.0/16");
    }

    #[test]
    fn what_is_no_subnet_is_refused_with_the_reason() {
        for (text, reason) in [
            ("172.29.0.0", "prefix length"),
            ("x/16", "IPv4 address"),
            ("172.29.0.0/30", "8 to 29"),
            ("10.0.0.0/7", "8 to 29"),
            ("172.29.0.1/16", "172.29.0.0/16 is the subnet"),
        ] {
            let error = text.parse::<Subnet>().expect_err(text).to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }

    #[test]
    fn containers_get_neither_the_first_two_addresses_nor_the_last() {
        let range = subnet("10.1.0.0/29").containers();
        let expected = (Ipv4Addr::new(10, 1, 0, 2), Ipv4Addr::new(10, 1, 0, 6));
        assert_eq!(range, expected);
    }

    #[test]
    fn subnets_overlap_when_one_is_inside_the_other() {
        let subnet = subnet("172.29.0.0/16");
        assert!(subnet.overlaps(Ipv4Addr::new(172, 29, 4, 1), 24));
        assert!(subnet.overlaps(Ipv4Addr::new(172, 16, 0, 1), 12));
        assert!(!subnet.overlaps(Ipv4Addr::new(172, 17, 0, 1), 16));
        assert!(subnet.overlaps(Ipv4Addr::UNSPECIFIED, 0));
    }

    #[test]
    fn an_endpoint_fits_the_kernel() {
        let id = ContainerId::from_bytes([0xab; 32]);
        let endpoint =
            subnet("172.29.0.0/16").endpoint("orlop0", &id, Ipv4Addr::new(172, 29, 0, 9));
        assert_eq!(endpoint.host_interface, "orlabababababab");
        assert_eq!(endpoint.host_interface.len(), 15);
        assert_eq!(endpoint.mac, [0x02, 0x6f, 172, 29, 0, 9]);
    }
}
