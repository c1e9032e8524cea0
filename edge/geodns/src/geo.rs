//! Where clients are: geographic files, read once when they change, as a sorted list of address ranges.
//!
//! No file is looked at when a query is answered. A pool compiles the [`Atlas`] into ranges whose addresses it treats
//! alike ([`Ranges`]), so that one binary search gives both what a pool needs to know of a client and for which prefix
//! that holds. A file that is broken changes nothing.
//!
//! Reading order: [`facts`] → [`ranges`] → [`atlas`] → [`mmdb`].

pub mod atlas;
pub mod facts;
pub mod mmdb;
pub mod ranges;

pub use atlas::Atlas;
pub use facts::{Code, Facts, Point};
pub use ranges::{Both, Ranges};

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address with the bits beyond its first `length` cleared.
pub fn masked(address: IpAddr, length: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(length.into())).unwrap_or(0);
            IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask))
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(length.into())).unwrap_or(0);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

/// A network: an address and how many of its bits count; the others are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    /// Its first address.
    pub address: IpAddr,
    /// Bits that count.
    pub length: u8,
}

impl Prefix {
    /// The network of `length` bits that `address` is in; `None` if the family has fewer bits.
    pub fn new(address: IpAddr, length: u8) -> Option<Self> {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        (length <= bits).then(|| Self { address: masked(address, length), length })
    }

    /// Reads `192.0.2.0/24`, or an address alone. Bits beyond the prefix are an error.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (address, length) =
            text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr =
            address.parse().map_err(|_| format!("\"{text}\" is no network: write it as 192.0.2.0/24"))?;
        let bits: u8 = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Some(bits), |length| length.parse().ok());
        let prefix = length.and_then(|length| Self::new(address, length));
        let prefix = prefix.ok_or_else(|| format!("\"{text}\" is no network: its length is 0 to {bits}"))?;
        if prefix.address == address {
            Ok(prefix)
        } else {
            Err(format!("\"{text}\" has bits beyond its prefix: write {prefix}"))
        }
    }

    /// Whether it is one address.
    pub fn is_address(&self) -> bool {
        self.length == if self.address.is_ipv4() { 32 } else { 128 }
    }

    /// Whether `address` is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.address.is_ipv4() == address.is_ipv4() && masked(address, self.length) == self.address
    }
}

impl std::fmt::Display for Prefix {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.address, self.length)
    }
}

/// An IPv4 address that came mapped into IPv6 is an IPv4 address.
pub fn plain(address: IpAddr) -> IpAddr {
    address.to_canonical()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_read_and_checked() {
        for (text, shown) in [
            ("192.0.2.0/24", "192.0.2.0/24"),
            ("10.1.2.3", "10.1.2.3/32"),
            ("2001:db8::/32", "2001:db8::/32"),
            ("0.0.0.0/0", "0.0.0.0/0"),
        ] {
            assert_eq!(Prefix::parse(text).unwrap().to_string(), shown);
        }
        for text in ["192.0.2.1/24", "192.0.2.0/33", "::/129", "x", "192.0.2.0/-1", ""] {
            assert!(Prefix::parse(text).is_err(), "{text}");
        }
        let prefix = Prefix::parse("10.0.0.0/8").unwrap();
        assert!(
            prefix.contains("10.9.9.9".parse().unwrap()) && !prefix.contains("11.0.0.0".parse().unwrap())
        );
        assert!(!Prefix::parse("::/0").unwrap().contains("10.0.0.1".parse().unwrap()));
    }
}
