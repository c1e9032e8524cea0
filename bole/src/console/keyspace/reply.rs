//! RESP2 as a client reads it. Pure; any bytes give a reply, more to wait for, or an error.

use std::io::{Error, ErrorKind, Result};

use bole_console::node::keyspace::{Command, Reply};
use bytes::{Buf as _, BytesMut};

/// Lists within each other.
const DEPTH_MAX: usize = 8;

/// A request.
pub(super) fn command(parts: &Command) -> Vec<u8> {
    let mut out = format!("*{}\r\n", parts.len()).into_bytes();
    for part in parts {
        out.extend_from_slice(format!("${}\r\n", part.len()).as_bytes());
        out.extend_from_slice(part);
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Takes a reply from the front, if there is a whole one.
pub(super) fn parse(bytes: &mut BytesMut) -> Result<Option<Reply>> {
    let Some((reply, length)) = one(bytes, 0)? else { return Ok(None) };
    bytes.advance(length);
    Ok(Some(reply))
}

fn wrong(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what.to_owned())
}

/// The reply at the front and its length.
fn one(bytes: &[u8], depth: usize) -> Result<Option<(Reply, usize)>> {
    let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") else { return Ok(None) };
    let line = String::from_utf8_lossy(&bytes[..end]);
    let Some(kind) = line.chars().next() else { return Err(wrong("an empty line")) };
    let (rest, after) = (&line[kind.len_utf8()..], end + 2);
    let number = || rest.parse::<i64>().map_err(|_| wrong("a length that is no number"));
    let reply = match kind {
        '+' => Reply::Word(rest.to_owned()),
        '-' => Reply::Error(rest.to_owned()),
        ':' => Reply::Number(number()?),
        '$' | '*' if number()? < 0 => Reply::Nothing,
        '$' => return string(bytes, after, number()?.cast_unsigned() as usize),
        '*' => return list(bytes, after, number()?, depth),
        _ => return Err(wrong("a reply of an unknown kind")),
    };
    Ok(Some((reply, after)))
}

fn string(bytes: &[u8], start: usize, length: usize) -> Result<Option<(Reply, usize)>> {
    let end = start
        .checked_add(length)
        .and_then(|end| end.checked_add(2))
        .ok_or_else(|| wrong("a string that is too long"))?;
    let Some(whole) = bytes.get(start..end) else { return Ok(None) };
    match whole.strip_suffix(b"\r\n") {
        Some(text) => Ok(Some((Reply::Bytes(text.to_vec()), end))),
        None => Err(wrong("a string without an end")),
    }
}

fn list(bytes: &[u8], start: usize, count: i64, depth: usize) -> Result<Option<(Reply, usize)>> {
    if depth == DEPTH_MAX {
        return Err(wrong("lists that are too deep within each other"));
    }
    let (mut elements, mut at) = (Vec::new(), start);
    for _ in 0..count {
        let Some((element, length)) = one(&bytes[at..], depth + 1)? else { return Ok(None) };
        elements.push(element);
        at += length;
    }
    Ok(Some((Reply::List(elements), at)))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Expected = Option<std::result::Result<Reply, ()>>;

    #[test]
    fn replies() {
        let bytes = |text: &[u8]| Reply::Bytes(text.to_vec());
        let nested = Reply::List(vec![bytes(b"0"), Reply::List(vec![bytes(b"a"), Reply::Nothing])]);
        let deep = [&b"*1\r\n".repeat(DEPTH_MAX + 1)[..], b":1\r\n"].concat();
        let rows: &[(&[u8], Expected, usize)] = &[
            (b"+OK\r\n", Some(Ok(Reply::Word("OK".to_owned()))), 0),
            (b"-ERR no\r\n", Some(Ok(Reply::Error("ERR no".to_owned()))), 0),
            (b":-2\r\n:1", Some(Ok(Reply::Number(-2))), 2),
            (b"$-1\r\n", Some(Ok(Reply::Nothing)), 0),
            (b"*-1\r\n", Some(Ok(Reply::Nothing)), 0),
            (b"$3\r\na\r\n\r\n", Some(Ok(bytes(b"a\r\n"))), 0),
            (b"*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$-1\r\n", Some(Ok(nested)), 0),
            (b"*2\r\n:1\r\n", None, 8),
            (b"$3\r\nab", None, 6),
            (b"$3\r\nabcde", Some(Err(())), 9),
            (b"$9223372036854775807\r\n", None, 22),
            (b"*9223372036854775807\r\n", None, 22),
            (b"$x\r\n", Some(Err(())), 4),
            (b"\r\n", Some(Err(())), 2),
            (b"%1\r\n", Some(Err(())), 4),
            (&deep, Some(Err(())), deep.len()),
        ];
        for (text, expected, left) in rows {
            let mut buffer = BytesMut::from(*text);
            let parsed = parse(&mut buffer).map_err(|_| ()).transpose();
            assert_eq!((parsed, buffer.len()), (expected.clone(), *left), "{}", text.escape_ascii());
        }
    }
}
