//! Which SQL service a command talks to, and as whom.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use bole_net::client::{Own, Tls};
use clap::Args;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls};

use crate::cli::{default_user, is_loopback, password};
use crate::config::{self, Flags};

/// What a client sends first to ask for TLS: its length and PostgreSQL's number for the request.
const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Which SQL service to talk to, and how to come in.
#[derive(Clone, Debug, Args)]
pub(super) struct DoorArgs {
    /// Address of the SQL service; without it the one that ./bole.toml and the environment configure, or else 127.0.0.1:5432
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
    /// User to act as; the password comes from --password-file, `BOLE_PASSWORD` or a prompt. Without it, on loopback, the user of a fresh node
    #[arg(long, env = "BOLE_USER", value_name = "USER")]
    user: Option<String>,
    /// File whose first line is the password
    #[arg(long, env = "BOLE_CLIENT_PASSWORD_FILE", value_name = "FILE")]
    password_file: Option<PathBuf>,
}

/// A connection, and where what the server says on its own comes out.
pub(super) struct Session {
    pub(super) client: Client,
    pub(super) said: tokio::sync::mpsc::UnboundedReceiver<AsyncMessage>,
    /// Whether a statement can be cancelled: another connection to the same place is needed for that.
    pub(super) cancels: bool,
}

impl DoorArgs {
    /// Connects.
    pub(super) async fn connect(&self, database: &str) -> Result<Session> {
        let addr = match &self.addr {
            Some(addr) => addr.clone(),
            None => config::load(&Flags::default(), std::env::vars_os())?.settings.sql.listen.to_string(),
        };
        let (host, port) = addr.rsplit_once(':').with_context(|| format!("{addr} is not HOST:PORT"))?;
        let port = port.parse().with_context(|| format!("{port} is no port"))?;
        let host = host.trim_matches(['[', ']']);
        let (user, password) = self.login(&addr)?;
        let mut config = Config::new();
        config.host(host).port(port).user(user).password(password).dbname(database);
        config.application_name("bole sql").ssl_mode(SslMode::Disable);
        let unreachable = || format!("no connection to the SQL service at {addr}");
        if !(self.tls || self.ca.is_some() || self.cert.is_some()) {
            let (client, connection) = config.connect(NoTls).await.with_context(unreachable)?;
            return Ok(Session { client, said: drive(connection), cancels: true });
        }
        let own = self.cert.as_ref().zip(self.key.as_ref());
        let own = own.map(|(certificate, key)| Own { certificate, key });
        let tls = Tls::load(self.ca.as_deref(), own)?;
        let mut socket = TcpStream::connect((host, port)).await.with_context(unreachable)?;
        socket.write_all(&TLS_REQUEST).await.with_context(unreachable)?;
        if socket.read_u8().await.with_context(unreachable)? != b'S' {
            bail!("the SQL service at {addr} speaks no TLS");
        }
        let secured = tls.connect(socket, host).await?;
        let (client, connection) = config.connect_raw(secured, NoTls).await.with_context(unreachable)?;
        Ok(Session { client, said: drive(connection), cancels: false })
    }

    fn login(&self, addr: &str) -> Result<(String, String)> {
        let Some(user) = &self.user else {
            if !is_loopback(addr) {
                bail!("{addr} is not on loopback: name a user with --user");
            }
            let default = default_user();
            return Ok((default.user, default.password));
        };
        let password = match &self.password_file {
            Some(file) => password::from_file(file)?,
            None => password::from_variable_or_prompt("BOLE_PASSWORD", &format!("Password of {user}: "))?,
        };
        Ok((user.clone(), password))
    }
}

/// Drives a connection as a task until the client is dropped or the server closes.
fn drive<S, T>(mut connection: Connection<S, T>) -> tokio::sync::mpsc::UnboundedReceiver<AsyncMessage>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    // Bounded by what one statement makes the server say: it is printed after each.
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(Ok(message)) = std::future::poll_fn(|context| connection.poll_message(context)).await {
            if sender.send(message).is_err() {
                return;
            }
        }
    });
    receiver
}
