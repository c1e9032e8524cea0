//! A client of a keyspace, this node's or another one's, for states that several nodes share: GET, and SET that compares.
//!
//! Few connections, made when they are needed, each used by one request at a time. A request that fails or is cancelled takes its
//! connection with it, so that no answer is ever read by another request. Every wait has a bound.

mod reply;

use std::sync::Arc;
use std::time::Duration;

use bole_edge_core::limits::store::{Cells, Error, Waiting};
use bytes::BytesMut;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use reply::Reply;

/// Connections at a time; further requests wait.
const CONNECTIONS_MAX: usize = 32;
/// How long one request may take, connecting and waiting for a connection included.
const TIMEOUT: Duration = Duration::from_millis(500);
/// Put before each key, so that nobody takes a cell for something else.
const PREFIX: &[u8] = b"bole:limits:";

/// Where a keyspace is, and as whom it is used.
#[derive(Clone)]
pub(crate) struct Login {
    /// `host:port` of its plain door.
    pub(crate) address: String,
    /// The database.
    pub(crate) database: u32,
    /// User and password; nobody without.
    pub(crate) credentials: Option<(String, String)>,
}

/// Cells in a keyspace. Needs SET with IFEQ: Bole, Redis 8.4, Valkey 8.1.
pub(crate) struct KeyspaceCells {
    login: Login,
    idle: Mutex<Vec<TcpStream>>,
    places: Arc<Semaphore>,
}

impl KeyspaceCells {
    /// Nothing is connected before the first request.
    pub(crate) fn new(login: Login) -> Self {
        Self { login, idle: Mutex::default(), places: Arc::new(Semaphore::new(CONNECTIONS_MAX)) }
    }

    async fn request(&self, parts: &[&[u8]]) -> Result<Reply, Error> {
        let asked = timeout(TIMEOUT, self.ask(parts)).await;
        match asked {
            Ok(Ok(Reply::Error(error))) => Err(self.unavailable(&error)),
            Ok(Ok(reply)) => Ok(reply),
            Ok(Err(error)) => Err(self.unavailable(&error.to_string())),
            Err(_) => Err(self.unavailable(&format!("no answer within {TIMEOUT:?}"))),
        }
    }

    fn unavailable(&self, reason: &str) -> Error {
        Error::Unavailable(format!("keyspace at {}: {reason}", self.login.address))
    }

    async fn ask(&self, parts: &[&[u8]]) -> std::io::Result<Reply> {
        let _place = self.places.acquire().await.map_err(std::io::Error::other)?;
        let idle = self.idle.lock().pop();
        let command = reply::command(parts);
        if let Some(mut stream) = idle {
            // One that the other end has closed meanwhile is no failure of this request.
            if let Ok(reply) = exchange(&mut stream, &command).await {
                self.idle.lock().push(stream);
                return Ok(reply);
            }
        }
        let mut stream = self.connect().await?;
        let reply = exchange(&mut stream, &command).await?;
        self.idle.lock().push(stream);
        Ok(reply)
    }

    async fn connect(&self) -> std::io::Result<TcpStream> {
        let mut stream = TcpStream::connect(&self.login.address).await?;
        stream.set_nodelay(true)?;
        if let Some((user, password)) = &self.login.credentials {
            let auth = reply::command(&[b"AUTH", user.as_bytes(), password.as_bytes()]);
            accepted(exchange(&mut stream, &auth).await?)?;
        }
        if self.login.database != 0 {
            let select = reply::command(&[b"SELECT", self.login.database.to_string().as_bytes()]);
            accepted(exchange(&mut stream, &select).await?)?;
        }
        Ok(stream)
    }
}

fn accepted(reply: Reply) -> std::io::Result<()> {
    match reply {
        Reply::Error(error) => Err(std::io::Error::other(error)),
        _ => Ok(()),
    }
}

async fn exchange(stream: &mut TcpStream, command: &[u8]) -> std::io::Result<Reply> {
    stream.write_all(command).await?;
    let mut bytes = BytesMut::with_capacity(4 << 10);
    loop {
        if let Some(reply) = Reply::parse(&mut bytes)? {
            if !bytes.is_empty() {
                return Err(std::io::Error::other("there is more than one answer"));
            }
            return Ok(reply);
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn named(key: &[u8]) -> Vec<u8> {
    [PREFIX, key].concat()
}

impl Cells for KeyspaceCells {
    fn read<'a>(&'a self, key: &'a [u8]) -> Waiting<'a, Option<Vec<u8>>> {
        Box::pin(async move {
            match self.request(&[b"GET", &named(key)]).await? {
                Reply::Bytes(bytes) => Ok(Some(bytes)),
                Reply::Nothing => Ok(None),
                other => Err(self.unavailable(&format!("GET is answered by {other:?}"))),
            }
        })
    }

    fn swap<'a>(
        &'a self,
        key: &'a [u8],
        old: Option<&'a [u8]>,
        new: &'a [u8],
        keep_for: Duration,
    ) -> Waiting<'a, bool> {
        Box::pin(async move {
            let key = named(key);
            // A state that is no longer needed means the same as none; a millisecond is the least that can be asked for.
            let keep = (keep_for.as_millis() + 1).to_string();
            let set: [&[u8]; 5] = [b"SET", &key, new, b"PX", keep.as_bytes()];
            let condition: &[&[u8]] = match &old {
                Some(old) => &[b"IFEQ", old],
                None => &[b"NX"],
            };
            match self.request(&[&set[..], condition].concat()).await? {
                Reply::Done => Ok(true),
                Reply::Nothing => Ok(false),
                other => Err(self.unavailable(&format!("SET is answered by {other:?}"))),
            }
        })
    }
}

#[cfg(test)]
mod tests;
