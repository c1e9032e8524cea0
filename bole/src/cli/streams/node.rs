//! Which stream service a command talks to, whether through TLS, and as whom.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use bole_streams::sasl::Mechanism;
use clap::Args;

use crate::cli::door::{DoorArgs, reachable};
use crate::cli::password;
use crate::config::{self, Flags};
use crate::streams_client::{Connection, Door, Login, Password};

/// Which stream service to talk to, and how to come in.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct StreamsArgs {
    /// Address of the stream service; without it the one that ./bole.toml and the environment configure, or else 127.0.0.1:9092
    #[arg(long, value_name = "HOST:PORT")]
    addr: Option<String>,
    #[command(flatten)]
    door: DoorArgs,
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
        let addr = match &self.addr {
            Some(addr) => addr.clone(),
            None => configured(self.door.is_secured())?,
        };
        let tls = self.door.load_tls()?;
        let login = self.login()?;
        Ok(Connection::through(Arc::new(Door { addr, tls, login })).await?)
    }

    fn login(&self) -> Result<Option<Login>> {
        if let Some(file) = &self.token_file {
            return Ok(Some(Login::Token(password::from_file(file)?)));
        }
        let login = self.door.login()?;
        Ok(login
            .map(|(user, password)| Login::Password(Password { user, password, mechanism: self.mechanism })))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mechanisms_of_passwords() {
        assert_eq!(mechanism("PLAIN"), Ok(Mechanism::Plain));
        assert!(mechanism("OAUTHBEARER").is_err() && mechanism("plain").is_err());
    }
}
