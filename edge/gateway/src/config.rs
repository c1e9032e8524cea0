//! How a gateway is opened: what does not change while it runs. All else is in the document.

use crate::limits::Limits;
use bole_net::limits::ConnectionLimit;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Settings of a gateway.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where HTTP is spoken without TLS (HTTP/1.1, and HTTP/2 by prior knowledge).
    pub http: Vec<SocketAddr>,
    /// Where it is spoken with TLS. The certificates are in the document.
    pub https: Vec<SocketAddr>,
    /// Whose `X-Forwarded-*` and PROXY lines are believed.
    pub trusted_proxies: Vec<Network>,
    /// Connections of trusted proxies begin with a line of the PROXY protocol, v1 or v2.
    pub proxy_protocol: bool,
    /// Bounds.
    pub limits: Limits,
    /// How long requests may take to finish once the gateway closes.
    pub drain_timeout: Duration,
    /// Tells in `x-bole-explain` how an answer came about. For networks of one's own only.
    pub explain: bool,
    /// Where finished requests are written.
    pub access_log: AccessLog,
    /// How often files of certificates are looked at.
    pub reload_interval: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            http: vec![SocketAddr::from(([127, 0, 0, 1], 8080))],
            https: Vec::new(),
            trusted_proxies: Vec::new(),
            proxy_protocol: false,
            limits: Limits::default(),
            drain_timeout: Duration::from_secs(10),
            explain: false,
            access_log: AccessLog::default(),
            reload_interval: Duration::from_secs(5),
        }
    }
}

/// Where finished requests are written, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessLog {
    /// To this file; to the log of the node at level `info` without.
    pub file: Option<PathBuf>,
    /// As what.
    pub format: LogFormat,
}

/// How a finished request is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Not at all.
    #[default]
    Off,
    /// One JSON object a line.
    Json,
    /// A text in which `{status}`, `{method}`, … stand for what the table of fields has.
    Text(String),
}

/// A range of addresses: `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    base: u128,
    mask: u128,
}

/// A text that is not a network.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a network; write an address and the length of its prefix, as in 10.0.0.0/8")]
pub struct NotANetwork(pub String);

impl std::str::FromStr for Network {
    type Err = NotANetwork;

    fn from_str(text: &str) -> Result<Self, NotANetwork> {
        let wrong = || NotANetwork(text.to_owned());
        let (address, length) =
            text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let length: u32 = length.map_or(Ok(bits), str::parse).map_err(|_| wrong())?;
        if length > bits {
            return Err(wrong());
        }
        let mask = u128::MAX.checked_shl(bits - length).unwrap_or(0);
        let mask = if address.is_ipv4() { mask | !u128::from(u32::MAX) } else { mask };
        Ok(Self { base: number(address) & mask, mask })
    }
}

impl Network {
    /// Whether the address is in it. IPv4 addresses that are written as IPv6 ones count as IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        number(address) & self.mask == self.base
    }
}

/// IPv4 addresses within the range of IPv6 that maps them.
fn number(address: IpAddr) -> u128 {
    let address = match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    u128::from(address)
}

/// What others give a gateway.
#[derive(Clone, Default)]
pub struct Parts {
    /// Where it counts.
    pub metrics: bole_net::Metrics,
    /// How many connections the node may have; as many as it likes without.
    pub node_limit: Option<ConnectionLimit>,
    /// Instances that registered themselves.
    pub registry: Option<Arc<dyn crate::upstream::Registry>>,
    /// Looks names up; the machine's resolver without.
    pub resolver: Option<Arc<dyn crate::upstream::resolve::Resolve>>,
    /// Where limits are counted that several gateways share.
    pub shared_store: Option<Arc<dyn bole_edge_core::limits::Store>>,
    /// What stores answers; none are without.
    pub store: Option<crate::cached::Store>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_what_they_say() {
        for (network, address, expected) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.1.2.4", false),
            ("0.0.0.0/0", "203.0.113.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
        ] {
            let network: Network = network.parse().expect("it is one");
            assert_eq!(
                network.contains(address.parse().expect("it is one")),
                expected,
                "{network:?} {address}"
            );
        }
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "a/8", "10.0.0.0/-1"] {
            assert_eq!(wrong.parse::<Network>(), Err(NotANetwork(wrong.to_owned())));
        }
    }
}
