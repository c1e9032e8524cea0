//! Networks (CIDR, RFC 4632 and RFC 4291): which addresses are in them.

use std::net::{IpAddr, Ipv6Addr};

/// Addresses with the same first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    bits: u128,
    length: u8,
}

/// An address of IPv4 as one of IPv6 that stands for it (`::ffff:a.b.c.d`), so that both are compared alike.
fn mapped(address: IpAddr) -> u128 {
    let address: Ipv6Addr = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    u128::from(address)
}

const fn mask(length: u8) -> u128 {
    match length {
        0 => 0,
        length => u128::MAX << (128 - length as u32),
    }
}

impl Network {
    /// Reads `10.0.0.0/8`, `2001:db8::/32`, or an address alone.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (text, None),
        };
        let wrong = || format!("{text:?} is no network; write 10.0.0.0/8, 2001:db8::/32 or an address");
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let whole = if address.is_ipv4() { 32 } else { 128 };
        let plain = |length: &str| !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
        let length = match length {
            None => whole,
            Some(length) if plain(length) => length.parse::<u8>().map_err(|_| wrong())?,
            Some(_) => return Err(wrong()),
        };
        if length > whole {
            return Err(format!("{text:?} has a length above {whole}"));
        }
        let length = length + (128 - whole);
        let bits = mapped(address);
        if bits & !mask(length) != 0 {
            return Err(format!(
                "{text:?} has bits set behind its length; write the network's first address"
            ));
        }
        Ok(Self { bits, length })
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        mapped(address) & mask(self.length) == self.bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_in_networks_or_not() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("0.0.0.0/0", "9.9.9.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
        ] {
            let parsed = Network::parse(network).unwrap();
            assert_eq!(parsed.contains(address.parse().unwrap()), inside, "{network} {address}");
        }
        for wrong in ["", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/", "10.0.0.0/+8", "10.0/8", "::1/129", "a/8"]
        {
            Network::parse(wrong).unwrap_err();
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9a-f.:/]{0,24}") {
            let _ = Network::parse(&text);
        }

        #[test]
        fn a_network_holds_its_own_addresses(address: u32, length in 0_u8..=32) {
            let first = address & u32::try_from(mask(length + 96) & 0xffff_ffff).unwrap();
            let network = Network::parse(&format!("{}/{length}", std::net::Ipv4Addr::from(first))).unwrap();
            prop_assert!(network.contains(IpAddr::V4(address.into())));
        }
    }
}
