//! RESP2 as far as answers to GET, SET, AUTH and SELECT go. Pure; any bytes give an answer, more to wait for, or an error.

use std::io::{Error, ErrorKind, Result};

use bytes::{Buf as _, BytesMut};

/// The largest answer that is read: a state of a limit has less than 1 KiB.
const REPLY_BYTES_MAX: usize = 64 << 10;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// `+OK` and other words.
    Done,
    /// A string.
    Bytes(Vec<u8>),
    /// No value.
    Nothing,
    /// The server refuses.
    Error(String),
}

impl Reply {
    /// Takes an answer from the front, if there is a whole one.
    pub(super) fn parse(bytes: &mut BytesMut) -> Result<Option<Self>> {
        let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else {
            return if bytes.len() > REPLY_BYTES_MAX {
                Err(wrong("a line without an end"))
            } else {
                Ok(None)
            };
        };
        let line = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let Some(kind) = line.chars().next() else { return Err(wrong("an empty line")) };
        let rest = &line[kind.len_utf8()..];
        let reply = match kind {
            '+' => Self::Done,
            '-' => Self::Error(rest.to_owned()),
            '_' => Self::Nothing,
            '$' if rest == "-1" => Self::Nothing,
            '$' => {
                let length: usize = rest.parse().map_err(|_| wrong("a length that is no number"))?;
                if length > REPLY_BYTES_MAX {
                    return Err(wrong("a string that is too long"));
                }
                let whole = end + 2 + length + 2;
                if bytes.len() < whole {
                    return Ok(None);
                }
                if &bytes[whole - 2..whole] != b"\r\n" {
                    return Err(wrong("a string without an end"));
                }
                let value = bytes[end + 2..whole - 2].to_vec();
                bytes.advance(whole);
                return Ok(Some(Self::Bytes(value)));
            }
            _ => return Err(wrong("an answer of an unknown kind")),
        };
        bytes.advance(end + 2);
        Ok(Some(reply))
    }
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what.to_owned())
}

/// A request.
pub(super) fn command(parts: &[&[u8]]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", parts.len()).into_bytes();
    for part in parts {
        out.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        type Expected = Option<std::result::Result<Reply, ()>>;
        let rows: &[(&[u8], Expected, usize)] = &[
            (b"+OK\r\n", Some(Ok(Reply::Done)), 0),
            (b"-ERR no\r\n", Some(Ok(Reply::Error("ERR no".to_owned()))), 0),
            (b"$-1\r\n", Some(Ok(Reply::Nothing)), 0),
            (b"_\r\n", Some(Ok(Reply::Nothing)), 0),
            (b"$3\r\na\r\n\r\n+", Some(Ok(Reply::Bytes(b"a\r\n".to_vec()))), 1),
            (b"$3\r\nab", None, 6),
            (b"$3\r\nabcd\r\n", Some(Err(())), 10),
            (b"$99999999999999999999\r\n", Some(Err(())), 23),
            (b"$70000\r\n", Some(Err(())), 8),
            (b"*1\r\n", Some(Err(())), 4),
            (b"\r\n", Some(Err(())), 2),
            (b"+OK", None, 3),
        ];
        for (bytes, expected, left) in rows {
            let mut buffer = BytesMut::from(*bytes);
            let parsed = Reply::parse(&mut buffer).map_err(|_| ()).transpose();
            assert_eq!((parsed, buffer.len()), (expected.clone(), *left), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn a_request_says_the_length_of_each_part() {
        assert_eq!(command(&[b"GET", b"a\r\n"]), b"*2\r\n$3\r\nGET\r\n$3\r\na\r\n\r\n");
    }
}
