//! Types of the gateway's settings.

use std::str::FromStr;

use bole_gateway::config::Network;
use bole_gateway::otel::Endpoint;

/// Ranges of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(pub Vec<Network>);

impl FromStr for Networks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let networks: Result<Vec<Network>, _> = parts.map(str::parse).collect();
        networks.map(Self).map_err(|error| error.to_string())
    }
}

/// What is written of each request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// Nothing.
    Off,
    /// An object a line.
    Json,
    /// A line as `gateway.access_log_format` has it.
    Text,
}

impl FromStr for AccessLogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            other => Err(format!("\"{other}\" is unknown")),
        }
    }
}

/// Where spans are sent, if they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtelEndpoint(pub Option<Endpoint>);

impl FromStr for OtelEndpoint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() { Ok(Self(None)) } else { text.parse().map(|endpoint| Self(Some(endpoint))) }
    }
}

/// Where a cache stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CdnRole {
    /// Between clients and services.
    Single,
    /// Between clients and shields.
    Edge,
    /// Between edges and services.
    Shield,
}

impl FromStr for CdnRole {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "single" => Ok(Self::Single),
            "edge" => Ok(Self::Edge),
            "shield" => Ok(Self::Shield),
            other => Err(format!("\"{other}\" is unknown")),
        }
    }
}

/// What goes to the cache's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CdnAdmission(pub bole_cdn::Admission);

impl FromStr for CdnAdmission {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "second" => Ok(Self(bole_cdn::Admission::SecondRequest)),
            "all" => Ok(Self(bole_cdn::Admission::All)),
            other => Err(format!("\"{other}\" is unknown")),
        }
    }
}

/// A database of a keyspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyspaceAddress {
    /// `host:port`.
    pub address: String,
    /// Its number.
    pub database: u32,
}

impl FromStr for KeyspaceAddress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (address, database) = text.split_once('/').unwrap_or((text, "0"));
        let database =
            database.parse().map_err(|_| format!("\"{database}\" is not the number of a database"))?;
        let port = address.rsplit_once(':').filter(|(host, _)| !host.is_empty());
        if port.is_none_or(|(_, port)| port.parse::<u16>().is_err()) {
            return Err(format!("\"{address}\" is not HOST:PORT"));
        }
        Ok(Self { address: address.to_owned(), database })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keyspaces() {
        for (text, expected) in [
            ("127.0.0.1:6379/15", Some(("127.0.0.1:6379", 15))),
            ("redis.internal:1", Some(("redis.internal:1", 0))),
            ("[::1]:1/0", Some(("[::1]:1", 0))),
            (":1", None),
            ("a", None),
            ("a:b", None),
            ("a:1/x", None),
            ("a:1/", None),
        ] {
            let parsed = text.parse::<KeyspaceAddress>().ok();
            let parsed = parsed.as_ref().map(|parsed| (parsed.address.as_str(), parsed.database));
            assert_eq!(parsed, expected, "{text}");
        }
    }

    #[test]
    fn networks() {
        assert_eq!("".parse::<Networks>(), Ok(Networks::default()));
        assert_eq!("10.0.0.0/8, 192.0.2.1".parse::<Networks>().map(|all| all.0.len()), Ok(2));
        assert!("10.0.0.0/8,x".parse::<Networks>().is_err());
    }
}
