//! Networks in conditions on addresses: an address of IPv4 or IPv6, with or without the length of a prefix.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    address: IpAddr,
    prefix_bits: u32,
}

impl Network {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let digits = |text: &&str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let prefix_bits = match length {
            Some(text) => Some(text).filter(digits)?.parse().ok().filter(|bits| *bits <= width)?,
            None => width,
        };
        Some(Self { address, prefix_bits })
    }

    /// Whether an address is in it. An IPv4 address that is mapped into IPv6 is the IPv4 address.
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                (network.to_bits() ^ address.to_bits()).checked_shr(32 - self.prefix_bits).unwrap_or(0) == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                (network.to_bits() ^ address.to_bits()).checked_shr(128 - self.prefix_bits).unwrap_or(0) == 0
            }
            _ => false,
        }
    }

    /// Whether it is so wide that whoever it admits counts as the public: more than a /8 of IPv4 or a /32 of IPv6, if it is not private.
    pub(super) fn is_public(&self) -> bool {
        match self.address {
            IpAddr::V4(address) => self.prefix_bits < 8 && !(self.prefix_bits >= 4 && address.is_private()),
            IpAddr::V6(address) => {
                self.prefix_bits < 32 && !(self.prefix_bits >= 7 && address.is_unique_local())
            }
        }
    }
}

/// The address of a peer, as contexts say it.
pub(super) fn address(text: &str) -> Option<IpAddr> {
    text.parse::<Ipv4Addr>().map(IpAddr::V4).or_else(|_| text.parse::<Ipv6Addr>().map(IpAddr::V6)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks() {
        for (network, address, contained, public) in [
            ("10.0.0.0/8", "10.255.0.1", true, false),
            ("10.0.0.0/8", "11.0.0.1", false, false),
            ("10.1.2.3", "10.1.2.3", true, false),
            ("10.1.2.3", "::ffff:10.1.2.3", true, false),
            ("0.0.0.0/0", "1.2.3.4", true, true),
            ("0.0.0.0/0", "::1", false, true),
            ("0.0.0.0/1", "1.2.3.4", true, true),
            ("54.240.0.0/16", "54.240.9.9", true, false),
            ("2001:db8::/32", "2001:db8:1::1", true, false),
            ("2000::/3", "2001:db8:1::1", true, true),
            ("::/0", "::1", true, true),
            ("fd00::/8", "fd12::1", true, false),
        ] {
            let parsed = Network::parse(network).unwrap();
            let found = super::address(address).unwrap();
            assert_eq!(
                (parsed.contains(found), parsed.is_public()),
                (contained, public),
                "{network} {address}"
            );
        }
        for text in ["", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "::/129", "a", "10.0.0.0/8/8"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
