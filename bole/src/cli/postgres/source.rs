//! A PostgreSQL by its URL, as libpq reads it: `postgres://user:password@host:port/database?sslmode=require`, or `host=… dbname=…`.
//!
//! Where TLS is used, the server's certificate is always verified, which PostgreSQL's own tools do only for `verify-full`:
//!
//! | `sslmode` | what is done |
//! |---|---|
//! | `disable` | no TLS |
//! | none, on this machine | no TLS |
//! | none elsewhere; `allow`, `prefer` | TLS if the server has it |
//! | `require`, `verify-ca`, `verify-full` | TLS, or no connection |
//!
//! `sslrootcert`, `sslcert` and `sslkey` name PEM files. A password that the URL lacks is looked for in `PGPASSWORD`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use bole_net::client::{Own, Tls};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Config, NoTls};

use crate::cli::sql::connect::{Session, TLS_REQUEST, drive};

/// Values of `sslmode`.
const MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// Which PostgreSQL to read.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Source {
    config: Config,
    mode: Option<String>,
    authorities: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

/// Takes the options with these names out of a URL's query or of a list of `name=value`.
fn take(text: &str, names: &[&str]) -> (String, Vec<Option<String>>) {
    let is_url = text.starts_with("postgres://") || text.starts_with("postgresql://");
    let (head, options, separator) = match text.split_once('?') {
        Some((head, options)) if is_url => (format!("{head}?"), options, '&'),
        _ if is_url => return (text.to_owned(), vec![None; names.len()]),
        _ => (String::new(), text, ' '),
    };
    let mut taken = vec![None; names.len()];
    let mut kept = Vec::new();
    for option in options.split(separator) {
        let pair = option.split_once('=');
        match pair.and_then(|(name, value)| Some((names.iter().position(|it| *it == name)?, value))) {
            Some((place, value)) => taken[place] = Some(value.replace("%2F", "/").replace("%2f", "/")),
            None => kept.push(option),
        }
    }
    (format!("{head}{}", kept.join(&separator.to_string())), taken)
}

impl Source {
    /// Reads a URL. `PGPASSWORD` is taken from the environment.
    pub(in crate::cli) fn parse(text: &str) -> Result<Self> {
        let (rest, mut taken) = take(text, &["sslmode", "sslrootcert", "sslcert", "sslkey"]);
        let mut config: Config =
            rest.parse().map_err(|error| anyhow::anyhow!("the URL of the source cannot be read: {error}"))?;
        let mut next = || taken.remove(0);
        let (mode, authorities, certificate, key) = (next(), next(), next(), next());
        if let Some(mode) = mode.as_deref().filter(|mode| !MODES.contains(mode)) {
            bail!("sslmode={mode} is not one of {}", MODES.join(", "));
        }
        if certificate.is_some() != key.is_some() {
            bail!("sslcert and sslkey go together");
        }
        if config.get_hosts().is_empty() {
            config.host("localhost");
        }
        if config.get_password().is_none()
            && let Ok(password) = std::env::var("PGPASSWORD")
        {
            config.password(password);
        }
        config.application_name("bole import").ssl_mode(SslMode::Disable);
        let path = |text: Option<String>| text.map(PathBuf::from);
        Ok(Self {
            config,
            mode,
            authorities: path(authorities),
            certificate: path(certificate),
            key: path(key),
        })
    }

    /// The name of its database.
    pub(in crate::cli) fn database(&self) -> Result<&str> {
        let named = self.config.get_dbname().or_else(|| self.config.get_user());
        named.context("the URL of the source names no database")
    }

    fn host(&self) -> (String, u16) {
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => host.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => "localhost".to_owned(),
        };
        (host, self.config.get_ports().first().copied().unwrap_or(5432))
    }

    /// Where it is, without any secret: `host:port/database`.
    pub(in crate::cli) fn label(&self) -> Result<String> {
        let (host, port) = self.host();
        Ok(format!("{host}:{port}/{}", self.database()?))
    }

    /// Connects.
    pub(in crate::cli) async fn connect(&self) -> Result<Session> {
        let (host, port) = self.host();
        let unreachable = || format!("no connection to the source at {host}:{port}");
        let local = host.starts_with('/') || crate::cli::is_loopback(&format!("{host}:{port}"));
        let mode = self.mode.as_deref().unwrap_or(if local { "disable" } else { "prefer" });
        if mode == "disable" || host.starts_with('/') {
            let (client, connection) = self.config.connect(NoTls).await.with_context(unreachable)?;
            return Ok(Session { client, said: drive(connection), cancels: true });
        }
        let mut socket = TcpStream::connect((host.as_str(), port)).await.with_context(unreachable)?;
        socket.write_all(&TLS_REQUEST).await.with_context(unreachable)?;
        if socket.read_u8().await.with_context(unreachable)? == b'S' {
            let own = self.certificate.as_deref().zip(self.key.as_deref());
            let own = own.map(|(certificate, key)| Own { certificate, key });
            let secured = Tls::load(self.authorities.as_deref(), own)?.connect(socket, &host).await;
            let secured = secured
                .context("the source's certificate is verified: name its authority with sslrootcert=FILE")?;
            let (client, connection) =
                self.config.connect_raw(secured, NoTls).await.with_context(unreachable)?;
            return Ok(Session { client, said: drive(connection), cancels: false });
        }
        if !matches!(mode, "allow" | "prefer") {
            bail!("the source at {host}:{port} has no TLS, and sslmode={mode} asks for it");
        }
        let (client, connection) = self.config.connect_raw(socket, NoTls).await.with_context(unreachable)?;
        Ok(Session { client, said: drive(connection), cancels: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for (text, label, mode, authorities) in [
            ("postgres://u:p@db.example:5433/shop", "db.example:5433/shop", None, None),
            (
                "postgresql://u@db/shop?sslmode=verify-full&sslrootcert=%2Fca.pem&connect_timeout=3",
                "db:5432/shop",
                Some("verify-full"),
                Some("/ca.pem"),
            ),
            ("postgres://u@db?sslmode=disable", "db:5432/u", Some("disable"), None),
            ("host=/run/pg user=u dbname=x sslmode=prefer", "/run/pg:5432/x", Some("prefer"), None),
        ] {
            let source = Source::parse(text).unwrap();
            assert_eq!(source.label().unwrap(), label);
            assert_eq!(source.mode.as_deref(), mode, "{text}");
            assert_eq!(source.authorities, authorities.map(PathBuf::from), "{text}");
        }
        for text in [
            "postgres://u@db/x?sslmode=never",
            "postgres://u@db/x?sslcert=a",
            "postgres://u@db/x?nothing=1",
            "x",
        ] {
            assert!(Source::parse(text).is_err(), "{text}");
        }
    }
}
