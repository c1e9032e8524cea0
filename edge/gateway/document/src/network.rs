//! Networks: `10.0.0.0/8`, `2001:db8::/32`, or one address.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Addresses that begin with the same bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Reads an address, with or without `/bits`. Bits below the mask must be 0: one who writes `10.1.0.0/8` meant
    /// something else.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let digits = |bits: &str| bits.bytes().all(|byte| byte.is_ascii_digit());
        let bits = match bits {
            Some(bits) => bits.parse::<u8>().ok().filter(|_| digits(bits))?,
            None => width,
        };
        let network = Self { address, bits };
        (bits <= width && masked(address, bits) == number(address)).then_some(network)
    }

    /// Whether an address is in it. An IPv4 address counts as such also in its IPv6 form (`::ffff:a.b.c.d`).
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_ipv4() == self.address.is_ipv4() && masked(address, self.bits) == number(self.address)
    }
}

/// A text that is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a network; write an address and the length of its prefix, with no bits set behind that, as in 10.0.0.0/8"
)]
pub struct NotANetwork(pub String);

impl std::str::FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        Self::parse(text).ok_or_else(|| NotANetwork(text.to_owned()))
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(Ipv4Addr::to_bits(address)) << 96,
        IpAddr::V6(address) => Ipv6Addr::to_bits(address),
    }
}

fn masked(address: IpAddr, bits: u8) -> u128 {
    let mask = u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0);
    number(address) & mask
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_their_addresses() {
        let rows: &[(&str, &[&str], &[&str])] = &[
            (
                "10.0.0.0/8",
                &["10.0.0.1", "10.255.0.0", "::ffff:10.0.0.1"],
                &["11.0.0.0", "::10.0.0.1", "::1"],
            ),
            ("0.0.0.0/0", &["1.2.3.4"], &["::1"]),
            ("::/0", &["2001:db8::1"], &["1.2.3.4"]),
            ("2001:db8::/32", &["2001:db8:1::"], &["2001:db9::"]),
            ("127.0.0.1", &["127.0.0.1"], &["127.0.0.2"]),
        ];
        for (text, inside, outside) in rows {
            let network = Network::parse(text).expect("it is one");
            let has = |address: &&str| network.contains(address.parse().expect("an address"));
            assert!(inside.iter().all(has), "{text}");
            assert!(!outside.iter().any(has), "{text}");
            assert_eq!(Network::parse(&network.to_string()), Some(network));
        }
        for text in
            ["", "10.0.0.0/33", "10.1.0.0/8", "::/129", "10.0.0.0/+8", "10.0.0/8", "a/8", "1.2.3.4/", "::1%1"]
        {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
