//! How a command comes in at a door of a node: through TLS or not, and as whom.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::Result;
use bole_net::client::{Own, Tls};
use clap::Args;

use super::password;

/// What is said to every door.
#[derive(Clone, Debug, Args)]
pub(super) struct DoorArgs {
    /// Secure the connection with TLS; its certificate has to be good for the host. --ca and --cert imply this
    #[arg(long, env = "BOLE_CLIENT_TLS")]
    tls: bool,
    /// PEM file with the authorities that are trusted, instead of those of this machine
    #[arg(long, env = "BOLE_CLIENT_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
    /// PEM file with the certificate to show to a server that asks for one
    #[arg(long, env = "BOLE_CLIENT_CERT", value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// PEM file with that certificate's private key
    #[arg(long, env = "BOLE_CLIENT_KEY", value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// User to act as; the password comes from --password-file, `BOLE_PASSWORD` or a prompt
    #[arg(long, env = "BOLE_USER", value_name = "USER")]
    user: Option<String>,
    /// File whose first line is the password
    #[arg(long, env = "BOLE_CLIENT_PASSWORD_FILE", value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl DoorArgs {
    /// Whether the connection is secured.
    pub(super) const fn is_secured(&self) -> bool {
        self.tls || self.ca.is_some() || self.cert.is_some()
    }

    /// TLS as the files say, if the connection is secured.
    pub(super) fn load_tls(&self) -> Result<Option<Tls>> {
        if !self.is_secured() {
            return Ok(None);
        }
        let own = self.cert.as_ref().zip(self.key.as_ref());
        let own = own.map(|(certificate, key)| Own { certificate, key });
        Ok(Some(Tls::load(self.ca.as_deref(), own)?))
    }

    /// The user and its password, if one is named. May ask on the terminal.
    pub(super) fn login(&self) -> Result<Option<(String, String)>> {
        let Some(user) = &self.user else { return Ok(None) };
        let password = match &self.password_file {
            Some(file) => password::from_file(file)?,
            None => password::from_variable_or_prompt("BOLE_PASSWORD", &format!("Password of {user}: "))?,
        };
        Ok(Some((user.clone(), password)))
    }
}

/// Where a client on this machine finds a door that listens at `listen`: on every address means on loopback, too.
pub(super) fn reachable(listen: SocketAddr) -> String {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_on_every_address_is_found_on_loopback() {
        for (listen, addr) in [
            ("127.0.0.1:9092", "127.0.0.1:9092"),
            ("0.0.0.0:1", "127.0.0.1:1"),
            ("[::]:1", "[::1]:1"),
            ("10.0.0.1:1", "10.0.0.1:1"),
        ] {
            assert_eq!(reachable(listen.parse().expect("it is an address")), addr);
        }
    }
}
