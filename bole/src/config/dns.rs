//! Types of the DNS server's settings.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use bole_geodns::geo::Prefix;

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

/// Addresses with ports; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addresses(pub Vec<SocketAddr>);

impl FromStr for Addresses {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let one = |part: &str| part.parse().map_err(|_| format!("\"{part}\" is not IP:PORT"));
        let all: Vec<SocketAddr> = parts(text).map(one).collect::<Result<_, String>>()?;
        if all.is_empty() {
            return Err("no address is given".to_owned());
        }
        Ok(Self(all))
    }
}

/// Addresses with ports, or none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressList(pub Vec<SocketAddr>);

impl FromStr for AddressList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            Ok(Self::default())
        } else {
            text.parse().map(|Addresses(all)| Self(all))
        }
    }
}

/// Files, between commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files(pub Vec<PathBuf>);

impl FromStr for Files {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(Self(parts(text).map(PathBuf::from).collect()))
    }
}

/// Who may have zones whole: networks, and names of keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receivers {
    /// From where.
    pub from: Vec<Prefix>,
    /// With which TSIG keys.
    pub keys: Vec<String>,
}

impl FromStr for Receivers {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut receivers = Self::default();
        for part in parts(text) {
            match part.strip_prefix("key:") {
                Some(key) => receivers.keys.push(key.to_owned()),
                None => receivers.from.push(Prefix::parse(part)?),
            }
        }
        Ok(receivers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read() {
        let addresses = |text: &str| text.parse::<Addresses>().map(|all| all.0.len()).ok();
        for (text, expected) in
            [("127.0.0.1:5300", Some(1)), ("127.0.0.1:0, [::1]:0", Some(2)), ("", None), ("127.0.0.1", None)]
        {
            assert_eq!(addresses(text), expected, "{text}");
        }
        let receivers: Receivers = "192.0.2.0/24,key:transfer., 2001:db8::1".parse().expect("it is right");
        assert_eq!((receivers.from.len(), receivers.keys), (2, vec!["transfer.".to_owned()]));
        assert!("192.0.2.1/24".parse::<Receivers>().is_err() && "x".parse::<Receivers>().is_err());
    }
}
