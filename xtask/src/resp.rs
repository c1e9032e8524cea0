//! A small blocking RESP2 client for the runners: one connection, requests as arrays of byte strings, replies as
//! values. It has none of a client library's comforts on purpose; what it compares is what was on the wire.

use anyhow::{Context, Result, bail};
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// Longest bulk string that is believed, as in Redis's `proto-max-bulk-len`.
const BULK_BYTES_MAX: i64 = 512 * 1024 * 1024;
/// Deepest nesting of arrays that is believed.
const DEPTH_MAX: usize = 32;

/// One reply as it came over the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// `+OK`
    Simple(Vec<u8>),
    /// `-ERR …`
    Error(String),
    /// `:1`
    Integer(i64),
    /// `$3` and three bytes
    Bulk(Vec<u8>),
    /// `$-1` or `*-1`
    Null,
    /// `*2` and two replies
    Array(Vec<Reply>),
}

/// A connection that speaks RESP2.
#[derive(Debug)]
pub struct Connection {
    reader: BufReader<TcpStream>,
}

impl Connection {
    /// Connects, with `timeout` for each later read.
    pub fn open(address: SocketAddr, timeout: Duration) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, timeout)
            .with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        Ok(Self { reader: BufReader::with_capacity(64 * 1024, stream) })
    }

    /// Sends one command and reads one reply.
    pub fn call<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> Result<Reply> {
        let mut request = Vec::new();
        encode(arguments, &mut request);
        self.send(&request)?;
        self.receive()
    }

    /// Sends bytes that are already encoded.
    pub fn send(&mut self, request: &[u8]) -> Result<()> {
        Ok(self.reader.get_mut().write_all(request)?)
    }

    /// Reads one reply.
    pub fn receive(&mut self) -> Result<Reply> {
        read_reply(&mut self.reader, DEPTH_MAX)
    }
}

/// Appends `arguments` to `request` in the form that clients send.
pub fn encode<A: AsRef<[u8]>>(arguments: &[A], request: &mut Vec<u8>) {
    request.extend_from_slice(format!("*{}\r\n", arguments.len()).as_bytes());
    for argument in arguments {
        let argument = argument.as_ref();
        request.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        request.extend_from_slice(argument);
        request.extend_from_slice(b"\r\n");
    }
}

/// Reads one reply of at most `depth` nested arrays.
pub fn read_reply(reader: &mut impl BufRead, depth: usize) -> Result<Reply> {
    let line = read_line(reader)?;
    let (kind, rest) = (line[0], &line[1..]);
    match kind {
        b'+' => Ok(Reply::Simple(rest.to_vec())),
        b'-' => Ok(Reply::Error(String::from_utf8_lossy(rest).into_owned())),
        b':' => Ok(Reply::Integer(number(rest)?)),
        b'$' => read_bulk(reader, number(rest)?),
        b'*' if depth == 0 => bail!("a reply nests deeper than {DEPTH_MAX} arrays"),
        b'*' => match number(rest)? {
            -1 => Ok(Reply::Null),
            count => {
                (0..count).map(|_| read_reply(reader, depth - 1)).collect::<Result<_>>().map(Reply::Array)
            }
        },
        other => bail!("a reply starts with {:?}, which RESP2 does not know", char::from(other)),
    }
}

fn read_bulk(reader: &mut impl BufRead, length: i64) -> Result<Reply> {
    if length == -1 {
        return Ok(Reply::Null);
    }
    if !(0..=BULK_BYTES_MAX).contains(&length) {
        bail!("a bulk string announces {length} bytes");
    }
    let mut bytes = vec![0; length as usize + 2];
    reader.read_exact(&mut bytes).context("a bulk string ends early")?;
    bytes.truncate(length as usize);
    Ok(Reply::Bulk(bytes))
}

fn read_line(reader: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    if line.is_empty() {
        bail!("the server closed the connection");
    }
    let Some(text) = line.strip_suffix(b"\r\n").filter(|text| !text.is_empty()) else {
        bail!("a reply line does not end with CR LF: {:?}", String::from_utf8_lossy(&line));
    };
    Ok(text.to_vec())
}

fn number(text: &[u8]) -> Result<i64> {
    let text = String::from_utf8_lossy(text);
    text.parse().with_context(|| format!("not a number: {text:?}"))
}

impl fmt::Display for Reply {
    /// As `redis-cli` would show it, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Simple(text) => f.write_str(&String::from_utf8_lossy(text)),
            Self::Error(text) => write!(f, "(error) {text}"),
            Self::Integer(value) => write!(f, "(integer) {value}"),
            Self::Bulk(bytes) => write!(f, "\"{}\"", bytes.escape_ascii()),
            Self::Null => f.write_str("(nil)"),
            Self::Array(items) => {
                f.write_str("[")?;
                for (index, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if index == 0 { "" } else { ", " })?;
                }
                f.write_str("]")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bulk(text: &str) -> Reply {
        Reply::Bulk(text.as_bytes().to_vec())
    }

    #[test]
    fn replies_are_read_and_shown() {
        let rows: [(&[u8], Reply, &str); 8] = [
            (b"+OK\r\n", Reply::Simple(b"OK".to_vec()), "OK"),
            (b"-ERR no\r\n", Reply::Error("ERR no".into()), "(error) ERR no"),
            (b":-7\r\n", Reply::Integer(-7), "(integer) -7"),
            (b"$4\r\na\r\nb\r\n", bulk("a\r\nb"), r#""a\r\nb""#),
            (b"$-1\r\n", Reply::Null, "(nil)"),
            (b"*-1\r\n", Reply::Null, "(nil)"),
            (b"*0\r\n", Reply::Array(vec![]), "[]"),
            (
                b"*2\r\n:1\r\n*1\r\n$1\r\nx\r\n",
                Reply::Array(vec![Reply::Integer(1), Reply::Array(vec![bulk("x")])]),
                r#"[(integer) 1, ["x"]]"#,
            ),
        ];
        for (wire, expected, shown) in rows {
            let reply = read_reply(&mut &wire[..], DEPTH_MAX).unwrap();
            assert_eq!((reply.to_string().as_str(), reply), (shown, expected));
        }
    }

    #[test]
    fn damaged_replies_are_refused() {
        let deep = b"*1\r\n".repeat(DEPTH_MAX + 2);
        let rows: [&[u8]; 8] =
            [b"", b"+OK", b"\r\n", b"?\r\n", b":x\r\n", b"$-2\r\n", b"$5\r\nab\r\n", deep.as_slice()];
        for wire in rows {
            assert!(read_reply(&mut &wire[..], DEPTH_MAX).is_err(), "{}", wire.escape_ascii());
        }
    }

    #[test]
    fn requests_are_arrays_of_bulk_strings() {
        let mut request = Vec::new();
        encode(&[&b"get"[..], b"k\0"], &mut request);
        assert_eq!(request, b"*2\r\n$3\r\nget\r\n$2\r\nk\0\r\n");
    }
}
