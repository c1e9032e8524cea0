//! Which SQL service a command talks to, and as whom.

use anyhow::{Context as _, Result, bail};
use clap::Args;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_postgres::config::SslMode;
use tokio_postgres::{AsyncMessage, Client, Config, Connection, NoTls};

use crate::cli::door::{DoorArgs, reachable};
use crate::cli::{default_user, is_loopback};
use crate::config::{self, Flags};

/// What a client sends first to ask for TLS: its length and PostgreSQL's number for the request.
pub(in crate::cli) const TLS_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// Which SQL service to talk to, and how to come in. Without a user, on loopback, as that of a fresh node.
#[derive(Clone, Debug, Args)]
pub(in crate::cli) struct SqlDoor {
    /// Address of the SQL service; without it the one that ./bole.toml and the environment configure, or else 127.0.0.1:5432
    #[arg(long, value_name = "HOST:PORT")]
    addr: Option<String>,
    #[command(flatten)]
    door: DoorArgs,
}

/// A connection, and where what the server says on its own comes out.
pub(in crate::cli) struct Session {
    pub(in crate::cli) client: Client,
    pub(in crate::cli) said: tokio::sync::mpsc::UnboundedReceiver<AsyncMessage>,
    /// Whether a statement can be cancelled: another connection to the same place is needed for that.
    pub(in crate::cli) cancels: bool,
}

impl SqlDoor {
    /// Connects.
    pub(in crate::cli) async fn connect(&self, database: &str) -> Result<Session> {
        let addr = match &self.addr {
            Some(addr) => addr.clone(),
            None => reachable(config::load(&Flags::default(), std::env::vars_os())?.settings.sql.listen),
        };
        let (host, port) = addr.rsplit_once(':').with_context(|| format!("{addr} is not HOST:PORT"))?;
        let port = port.parse().with_context(|| format!("{port} is no port"))?;
        let host = host.trim_matches(['[', ']']);
        let (user, password) = self.login(&addr)?;
        let mut config = Config::new();
        config.host(host).port(port).user(user).password(password).dbname(database);
        config.application_name("bole sql").ssl_mode(SslMode::Disable);
        let unreachable = || format!("no connection to the SQL service at {addr}");
        let Some(tls) = self.door.load_tls()? else {
            let (client, connection) = config.connect(NoTls).await.with_context(unreachable)?;
            return Ok(Session { client, said: drive(connection), cancels: true });
        };
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
        match self.door.login()? {
            Some(login) => Ok(login),
            None if is_loopback(addr) => {
                let default = default_user();
                Ok((default.user, default.password))
            }
            None => bail!("{addr} is not on loopback: name a user with --user"),
        }
    }
}

/// Drives a connection as a task until the client is dropped or the server closes.
pub(in crate::cli) fn drive<S, T>(
    mut connection: Connection<S, T>,
) -> tokio::sync::mpsc::UnboundedReceiver<AsyncMessage>
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
