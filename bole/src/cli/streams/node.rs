//! Which stream service a command talks to, whether through TLS, and as whom.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bole_net::client::{Own, Tls};
use bole_streams::sasl::Mechanism;
use clap::Args;

use crate::cli::password;
use crate::config::{self, Flags};
use crate::streams_client::{Connection, Door, Login, Password};

/// Which stream service to talk to, and how to come in.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct StreamsArgs {
    /// Address of the stream service; without it the one that ./bole.toml and the environment configure, or else 127.0.0.1:9092
    #[arg(long, value_name = "HOST:PORT")]
    addr: Option<String>,
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
    /// How the password is shown; without it the best that the server offers of SCRAM-SHA-512, SCRAM-SHA-256 and, through TLS, PLAIN
    #[arg(long, env = "BOLE_CLIENT_MECHANISM", value_name = "MECHANISM", value_parser = mechanism)]
    mechanism: Option<Mechanism>,
    /// File whose first line is a token of another system, to show instead of a password; it travels through TLS only
    #[arg(long, env = "BOLE_CLIENT_TOKEN_FILE", value_name = "FILE")]
    token_file: Option<PathBuf>,
}

impl StreamsArgs {
    /// Connects. Asks for a password if one is needed: a command's other connections are [`Connection::another`].
    pub(in crate::cli) async fn connect(&self) -> Result<Connection> {
        let secured = self.tls || self.ca.is_some() || self.cert.is_some();
        let addr = match &self.addr {
            Some(addr) => addr.clone(),
            None => configured(secured)?,
        };
        let tls = secured.then(|| self.load_tls()).transpose()?;
        let login = self.login()?;
        Ok(Connection::through(Arc::new(Door { addr, tls, login })).await?)
    }

    fn load_tls(&self) -> Result<Tls> {
        let own = self.cert.as_ref().zip(self.key.as_ref());
        let own = own.map(|(certificate, key)| Own { certificate, key });
        Ok(Tls::load(self.ca.as_deref(), own)?)
    }

    fn login(&self) -> Result<Option<Login>> {
        if let Some(file) = &self.token_file {
            return Ok(Some(Login::Token(password::from_file(file)?)));
        }
        let Some(user) = &self.user else { return Ok(None) };
        let password = match &self.password_file {
            Some(file) => password::from_file(file)?,
            None => password::from_variable_or_prompt("BOLE_PASSWORD", &format!("Password of {user}: "))?,
        };
        Ok(Some(Login::Password(Password { user: user.clone(), password, mechanism: self.mechanism })))
    }
}

/// The mechanisms that show a password.
fn mechanism(text: &str) -> Result<Mechanism, String> {
    let known = Mechanism::PASSWORDS.into_iter().find(|mechanism| mechanism.name() == text);
    known.ok_or_else(|| {
        let names = Mechanism::PASSWORDS.map(Mechanism::name);
        format!("it is none of {}", names.join(", "))
    })
}

/// The door that the settings of this folder and environment open.
fn configured(secured: bool) -> Result<String> {
    let streams = config::load(&Flags::default(), std::env::vars_os())?.settings.streams;
    if !secured {
        return Ok(reachable(streams.listen));
    }
    let listen = streams.tls_listen.context("streams.tls_listen is not set here; --addr names a TLS door")?;
    Ok(reachable(listen))
}

/// Where a client on this machine finds a door that listens at `listen`: on every address means on loopback, too.
fn reachable(listen: SocketAddr) -> String {
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
            assert_eq!(reachable(listen.parse().unwrap()), addr);
        }
    }

    #[test]
    fn only_mechanisms_of_passwords() {
        assert_eq!(mechanism("PLAIN"), Ok(Mechanism::Plain));
        assert!(mechanism("OAUTHBEARER").is_err() && mechanism("plain").is_err());
    }
}
