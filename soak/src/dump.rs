//! Reads everything that a keyspace shows, by its own commands, into the model.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use xtask::resp::{Reply, read_reply};

use crate::model::{Deadline, Entry, Value};

const DEPTH_MAX: usize = 2;

type Bytes = Vec<u8>;

fn parse(mut reply: &[u8]) -> Result<Reply, String> {
    read_reply(&mut reply, DEPTH_MAX).map_err(|error| error.to_string())
}

/// The bulk string of a reply.
pub fn bulk(reply: &[u8]) -> Option<&[u8]> {
    let end = reply.windows(2).position(|pair| pair == b"\r\n")?;
    if reply.starts_with(b"$-1") || !reply.starts_with(b"$") {
        return None;
    }
    reply[end + 2..].strip_suffix(b"\r\n")
}

/// The bulk strings of an array.
pub fn items(reply: &[u8]) -> Result<Vec<Bytes>, String> {
    let text = |item| match item {
        Reply::Bulk(bytes) => Ok(bytes),
        other => Err(format!("an array holds {other}")),
    };
    match parse(reply)? {
        Reply::Array(items) => items.into_iter().map(text).collect(),
        other => Err(format!("expected an array, got {other}")),
    }
}

fn words(name: &str, rest: &[&[u8]]) -> Vec<Bytes> {
    std::iter::once(name.as_bytes()).chain(rest.iter().copied()).map(<[u8]>::to_vec).collect()
}

/// Asks for the type of a key.
pub fn kind_of(key: &[u8]) -> Vec<Bytes> {
    words("TYPE", &[key])
}

/// Asks for the deadline of a key.
pub fn deadline_of(key: &[u8]) -> Vec<Bytes> {
    words("PEXPIRETIME", &[key])
}

/// Asks for the value of a key of the type that TYPE has answered.
pub fn value_of(kind: &[u8], key: &[u8]) -> Result<Vec<Bytes>, String> {
    Ok(match kind {
        b"+string\r\n" | b"+none\r\n" => words("GET", &[key]),
        b"+hash\r\n" => words("HGETALL", &[key]),
        b"+list\r\n" => words("LRANGE", &[key, b"0", b"-1"]),
        b"+set\r\n" => words("SMEMBERS", &[key]),
        b"+zset\r\n" => words("ZRANGE", &[key, b"0", b"-1", b"WITHSCORES"]),
        other => return Err(format!("TYPE answers {}", other.escape_ascii())),
    })
}

/// Puts the answers together. `None`: the key went meanwhile.
pub fn entry(kind: &[u8], value: &[u8], deadline: &[u8], key: &[u8]) -> Result<Option<Entry>, String> {
    let value = match kind {
        b"+hash\r\n" => Value::Hash(pairs(value)?.into_iter().collect::<BTreeMap<_, _>>()),
        b"+list\r\n" => Value::List(VecDeque::from(items(value)?)),
        b"+set\r\n" => Value::Set(items(value)?.into_iter().collect::<BTreeSet<_>>()),
        b"+zset\r\n" => Value::Sorted(scores(value)?),
        _ => match bulk(value) {
            Some(text) => Value::Text(text.to_vec()),
            None => return Ok(None),
        },
    };
    let deadline = match parse(deadline)? {
        Reply::Integer(-1) => Deadline::None,
        Reply::Integer(-2) => return Ok(None),
        Reply::Integer(_) if key.starts_with(b"t") => Deadline::Soon,
        Reply::Integer(at) => Deadline::Far(at as u64),
        other => return Err(format!("PEXPIRETIME answers {other}")),
    };
    Ok(Some(Entry { value, deadline }))
}

fn pairs(value: &[u8]) -> Result<Vec<(Bytes, Bytes)>, String> {
    let items = items(value)?;
    Ok(items.chunks_exact(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect())
}

fn scores(value: &[u8]) -> Result<BTreeMap<Bytes, i64>, String> {
    let score = |(member, score): (Bytes, Bytes)| {
        let number = std::str::from_utf8(&score).ok().and_then(|text| text.parse::<i64>().ok());
        number.map(|number| (member, number)).ok_or_else(|| format!("a score is {}", score.escape_ascii()))
    };
    pairs(value)?.into_iter().map(score).collect()
}
