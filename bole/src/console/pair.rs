//! Two ends of a connection inside the process, for services that need a socket.

use std::io;

use tokio::net::{TcpListener, TcpStream};

/// Strangers that may come in between before it is given up.
const STRANGERS_MAX: usize = 16;

/// A socket on this machine and its other end. Whoever else connected to the port in that moment is not it, and is sent away.
pub(super) async fn sockets() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let ours = TcpStream::connect(listener.local_addr()?).await?;
    let expected = ours.local_addr()?;
    for _ in 0..STRANGERS_MAX {
        let (theirs, peer) = listener.accept().await?;
        if peer == expected {
            return Ok((ours, theirs));
        }
    }
    Err(io::Error::other("too many strangers connect to a port of this process"))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn what_one_end_writes_the_other_reads() {
        let (mut ours, mut theirs) = sockets().await.unwrap();
        ours.write_all(b"hello").await.unwrap();
        let mut read = [0; 5];
        theirs.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"hello");
    }
}
