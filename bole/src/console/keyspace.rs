//! The keyspace, over a connection inside the process.

mod reply;

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use bole_console::node::keyspace::{Command, Keyspace, Reply};
use bole_console::node::{Asked, By, Fault};
use bole_keyspace::connection;
use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::timeout;

use super::{Node, broken, ends, there};

/// Bytes on their way.
const PIPE_BYTES: usize = 64 << 10;
/// Bytes of all replies.
const REPLIES_BYTES_MAX: usize = 16 << 20;
/// How long all replies may take.
const REPLIES_TIMEOUT: Duration = Duration::from_secs(30);

impl Keyspace for Node {
    fn run<'a>(&'a self, by: By<'a>, database: u32, commands: Vec<Command>) -> Asked<'a, Vec<Reply>> {
        Box::pin(async move {
            let service = Arc::clone(there(self.services.keyspace.as_ref(), "keyspace")?);
            let (ours, theirs) = duplex(PIPE_BYTES);
            let serving = connection::serve_known(service, theirs, ends(by.peer), by.user);
            let asking = timeout(REPLIES_TIMEOUT, ask(ours, database, commands));
            // The service ends when its client is gone.
            let ((), replies) = tokio::join!(serving, asking);
            replies.map_err(|_| broken("the keyspace", "no reply in time"))?
        })
    }
}

/// Sends the commands while the replies are read: neither side waits for the other to read first. Dropping the stream ends the connection.
async fn ask(stream: DuplexStream, database: u32, commands: Vec<Command>) -> Result<Vec<Reply>, Fault> {
    let select = vec![b"SELECT".to_vec(), database.to_string().into_bytes()];
    let request: Vec<u8> = std::iter::once(&select).chain(&commands).flat_map(reply::command).collect();
    let (mut reader, mut writer) = tokio::io::split(stream);
    let sending = async { writer.write_all(&request).await };
    let reading = async {
        let (mut bytes, mut read, mut replies) = (BytesMut::new(), 0, Vec::new());
        while replies.len() <= commands.len() {
            if let Some(reply) =
                reply::parse(&mut bytes).map_err(|error| broken("the keyspace's reply", error))?
            {
                replies.push(reply);
                continue;
            }
            let more = reader.read_buf(&mut bytes).await.map_err(|error| broken("the keyspace", error))?;
            read += more;
            if more == 0 {
                let text = "the keyspace ended the connection: the user may not come in, or it stops";
                return Err(Fault::new(StatusCode::FORBIDDEN, text));
            }
            if read > REPLIES_BYTES_MAX {
                let text =
                    format!("what was asked for has more than {REPLIES_BYTES_MAX} bytes; use redis-cli");
                return Err(Fault::new(StatusCode::PAYLOAD_TOO_LARGE, text));
            }
        }
        Ok(replies)
    };
    // A service that ends the connection says why by what it wrote before.
    let (_sent, replies) = tokio::join!(sending, reading);
    let mut replies = replies?;
    if let Reply::Error(text) = replies.remove(0) {
        let status = if text.starts_with("NOPERM") { StatusCode::FORBIDDEN } else { StatusCode::BAD_REQUEST };
        return Err(Fault::new(status, text));
    }
    Ok(replies)
}
