//! What connections need that do nothing: each has had one answer, and is kept.

use crate::http::Node;
use anyhow::{Context, Result, ensure};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long a server may take to give back what the last answers needed.
const SETTLE: Duration = Duration::from_secs(2);
/// A head and a body of 1 KiB, with room to spare.
const ANSWER_BYTES_MAX: usize = 8 << 10;

/// Opens `count` connections and returns the bytes that the server needs for each.
pub(super) fn bytes_each(node: &Node, count: u32) -> Result<f64> {
    let name = node.name;
    let before = node.resident_bytes()?;
    let open = |number| connection(node.doors.plain).with_context(|| format!("{name}, connection {number}"));
    let held = (1..=count).map(open).collect::<Result<Vec<_>>>()?;
    std::thread::sleep(SETTLE);
    let after = node.resident_bytes()?;
    for mut connection in held {
        connection.set_nonblocking(true)?;
        let still_open =
            connection.read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        ensure!(still_open, "{name} closed a connection that was to be kept");
    }
    Ok((after as f64 - before as f64) / f64::from(count))
}

fn connection(port: u16) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    // In one write: a second one would wait for the first to be acknowledged, 40 ms for each connection.
    stream.write_all(format!("GET /1KiB HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while !is_whole(&answer) {
        let count = stream.read(&mut part)?;
        ensure!(
            count > 0 && answer.len() < ANSWER_BYTES_MAX,
            "answered {:?}",
            String::from_utf8_lossy(&answer)
        );
        answer.extend_from_slice(&part[..count]);
    }
    ensure!(answer.starts_with(b"HTTP/1.1 200"), "answered {:?}", String::from_utf8_lossy(&answer));
    Ok(stream)
}

/// Whether an answer with a body of 1 KiB is there.
fn is_whole(answer: &[u8]) -> bool {
    answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .is_some_and(|head| answer.len() >= head + 4 + 1024)
}
