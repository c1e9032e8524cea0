//! A plain connection away from the runtime: a thread reads and writes it itself, each time for a bounded while, and no other thread is woken for its bytes.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use crate::metrics::Counter;
use crate::stream::Stream;

/// A connection that a thread has for itself. Its bytes are counted as those of the [`Stream`] were.
#[derive(Debug)]
pub struct Line {
    socket: TcpStream,
    received: Counter,
    sent: Counter,
}

impl Line {
    /// The socket is the runtime's no more. Reads and writes block for `patience` at most, which must not be zero. Errors: the system's.
    pub(crate) fn new(
        socket: TcpStream,
        patience: Duration,
        (received, sent): (Counter, Counter),
    ) -> io::Result<Self> {
        socket.set_nonblocking(false)?;
        socket.set_read_timeout(Some(patience))?;
        socket.set_write_timeout(Some(patience))?;
        Ok(Self { socket, received, sent })
    }

    /// Reads what has come, or waits for it. `None`: nothing came in time; `Some(0)`: the peer has closed its direction. Errors: the system's.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let read = in_time(|| (&self.socket).read(buffer))?;
        self.received.add(read.unwrap_or_default() as u64);
        Ok(read)
    }

    /// Writes as many bytes as the peer takes in time; how many. Errors: the system's.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = 0;
        while written < bytes.len() {
            match in_time(|| (&self.socket).write(&bytes[written..]))? {
                None => break,
                Some(0) => return Err(io::ErrorKind::WriteZero.into()),
                Some(count) => {
                    self.sent.add(count as u64);
                    written += count;
                }
            }
        }
        Ok(written)
    }

    /// Gives the connection back to the runtime, in which this is called. Errors: the system's.
    pub fn into_stream(self) -> io::Result<Stream> {
        self.socket.set_nonblocking(true)?;
        let socket = tokio::net::TcpStream::from_std(self.socket)?;
        Ok(Stream::counted(socket, (self.received, self.sent)))
    }

    /// The same connection for the runtime, in which this is called. From here on nobody may read or write the line: it would not wait any more. Errors: the system's.
    pub fn stream(&self) -> io::Result<Stream> {
        let socket = self.socket.try_clone()?;
        Self { socket, received: self.received.clone(), sent: self.sent.clone() }.into_stream()
    }
}

/// What the call gives; `None` where its time was over.
fn in_time(mut call: impl FnMut() -> io::Result<usize>) -> io::Result<Option<usize>> {
    loop {
        match call() {
            Ok(count) => return Ok(Some(count)),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use std::sync::Arc;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    const PATIENCE: Duration = Duration::from_millis(5);

    async fn pair() -> (Stream, tokio::net::TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let client = tokio::net::TcpStream::connect(address).await.unwrap();
        let (socket, _) = listener.accept().await.unwrap();
        (Stream::plain(socket, &Metrics::new().service("test")), client)
    }

    #[tokio::test]
    async fn bytes_go_both_ways_and_the_connection_comes_back() {
        let (stream, mut client) = pair().await;
        let line = stream.into_line(PATIENCE).unwrap().unwrap();
        let mut buffer = [0; 16];
        assert_eq!(line.read(&mut buffer).unwrap(), None, "nothing was sent");
        client.write_all(b"question").await.unwrap();
        assert_eq!(line.read(&mut buffer).unwrap(), Some(8));
        assert_eq!(line.write(b"answer").unwrap(), 6);
        let mut stream = line.into_stream().unwrap();
        stream.write_all(b" and more").await.unwrap();
        client.write_all(b"!").await.unwrap();
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 1);
        let mut all = [0; 15];
        client.read_exact(&mut all).await.unwrap();
        assert_eq!(&all, b"answer and more");
        let line = Arc::new(stream.into_line(PATIENCE).unwrap().unwrap());
        let mut stream = line.stream().unwrap();
        drop(line);
        stream.write_all(b"x").await.unwrap();
        assert_eq!(client.read_u8().await.unwrap(), b'x');
        drop(client);
        assert_eq!(stream.into_line(PATIENCE).unwrap().unwrap().read(&mut buffer).unwrap(), Some(0));
    }

    #[tokio::test]
    async fn what_the_peer_does_not_take_is_left() {
        let (stream, _client) = pair().await;
        let line = stream.into_line(PATIENCE).unwrap().unwrap();
        let bytes = vec![0; 64 << 20];
        assert!(line.write(&bytes).unwrap() < bytes.len());
    }
}
