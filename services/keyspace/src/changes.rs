//! What the effects on a database are to readers of its feed: operations in Redis's words.
//!
//! The key of a change is the key. Its value is, by operation:
//!
//! | operation | value |
//! |-|-|
//! | `set` | the string |
//! | `setpxat` | *arguments*: the string, the deadline |
//! | `append` | the bytes that were appended |
//! | `setrange` | *arguments*: offset, bytes |
//! | `del`, `expired`, `evicted`, `persist`, `flush` | none; `flush` has an empty key |
//! | `pexpireat` | the deadline |
//! | `hset` | *arguments*: fields and values in turn |
//! | `hdel`, `sadd`, `srem`, `zrem`, `lpush`, `rpush` | *arguments*: fields, members or values |
//! | `zadd` | *arguments*: scores and members in turn |
//! | `lpop`, `rpop` | how many |
//! | `lset`, `linsert` | *arguments*: index, value |
//! | `lremove` | *arguments*: the indices, rising, all as before the removal |
//! | `ltrim` | *arguments*: the first index kept, how many are kept |
//! | `restore` | *arguments*: the deadline or 0, the value as DUMP gives it |
//!
//! *Arguments* are a RESP array of bulk strings. Numbers are decimal; deadlines are milliseconds since the Unix epoch. These are effects, not
//! commands: INCR shows as `set`, SPOP as `srem`, RENAME as `restore` and `del`.

use bole_shard::changes::{Feeds, Projection};
use bole_shard::{ApplyError, Error};
use bytes::Bytes;

use crate::dataset::Databases;
use crate::partition::Partition;
use crate::state::layout::Reader;
use crate::state::slot::{NEVER, Slot};
use crate::state::value::Rules;
use crate::state::{Effect, IntegerBuffer, Limits, Seed, Text, View, codec, dump};

/// An operation and its value.
type Shown = (&'static str, Option<Bytes>);

impl Projection for Partition {
    fn project(effect: &Effect<'_>) -> Option<(&'static str, Bytes, Option<Bytes>)> {
        let key = Bytes::copy_from_slice(effect.key().unwrap_or_default());
        let (operation, value) = show(effect)?;
        Some((operation, key, value))
    }
}

impl Databases {
    /// Shows the datasets to readers of feeds, as `default/keyspace/N` with a shard for each of theirs. Those of class `memory` have no entries
    /// and are left out. `N` is the number of the dataset: what SWAPDB exchanges is which database shows it.
    /// Errors: those of [`Feeds::add`].
    pub fn show(&self, feeds: &Feeds) -> Result<(), Error> {
        for dataset in
            self.datasets().iter().filter(|dataset| dataset.class() != bole_base::Durability::Memory)
        {
            for (number, shard) in dataset.shards.iter().enumerate() {
                feeds.add(&dataset.name, number as u32, shard)?;
            }
        }
        Ok(())
    }
}

fn show(effect: &Effect<'_>) -> Option<Shown> {
    let bytes = |bytes: &[u8]| Some(Bytes::copy_from_slice(bytes));
    Some(match *effect {
        Effect::SetString { value, deadline, .. } => show_string(value, deadline),
        Effect::Append { value, .. } => ("append", bytes(value)),
        Effect::SetRange { offset, value, .. } => ("setrange", Some(numbered(offset, value))),
        Effect::Delete { .. } => ("del", None),
        Effect::Expired { .. } => ("expired", None),
        Effect::Evicted { .. } => ("evicted", None),
        Effect::SetDeadline { deadline: Some(deadline), .. } => ("pexpireat", Some(number(deadline))),
        Effect::SetDeadline { deadline: None, .. } => ("persist", None),
        Effect::Flush => ("flush", None),
        Effect::Put { deadline, value, .. } => show_value(deadline, value).ok()?,
        Effect::HashSet { pairs, .. } => ("hset", Some(array(pairs.len(), pairs.iter()))),
        Effect::HashDelete { fields, .. } => ("hdel", Some(array(fields.len(), fields.iter()))),
        Effect::SetAdd { members, .. } => ("sadd", Some(array(members.len(), members.iter()))),
        Effect::SetRemove { members, .. } => ("srem", Some(array(members.len(), members.iter()))),
        Effect::SortedRemove { members, .. } => ("zrem", Some(array(members.len(), members.iter()))),
        Effect::SortedAdd { members, .. } => {
            let words =
                members.iter().flat_map(|(score, member)| [score.to_string().into_bytes(), member.to_vec()]);
            ("zadd", Some(array(2 * members.len(), words)))
        }
        Effect::ListPush { front, values, .. } => {
            (if front { "lpush" } else { "rpush" }, Some(array(values.len(), values.iter())))
        }
        Effect::ListPop { front, count, .. } => (if front { "lpop" } else { "rpop" }, Some(number(count))),
        Effect::ListSet { index, value, .. } => ("lset", Some(numbered(index, value))),
        Effect::ListInsert { index, value, .. } => ("linsert", Some(numbered(index, value))),
        Effect::ListRemove { indices, .. } => {
            ("lremove", Some(array(indices.len(), indices.iter().map(|index| index.to_string()))))
        }
        Effect::ListTrim { start, len, .. } => {
            ("ltrim", Some(array(2, [start, len].map(|number| number.to_string()))))
        }
    })
}

fn show_string(value: &[u8], deadline: Option<u64>) -> Shown {
    match deadline {
        None => ("set", Some(Bytes::copy_from_slice(value))),
        Some(deadline) => ("setpxat", Some(array(2, [value, deadline.to_string().as_bytes()]))),
    }
}

/// A value in the layout of the codec.
fn show_value(deadline: Option<u64>, value: &[u8]) -> Result<Shown, ApplyError> {
    let rules = Rules { limits: Limits::default(), seed: Seed(0, 0) };
    let slot: Slot = codec::read(&mut Reader::new(value), b"", NEVER, 0, &rules)?;
    let mut buffer = IntegerBuffer::new();
    let text = match slot.view() {
        View::Bytes(bytes) => Text::Bytes(bytes),
        View::Integer(integer) => Text::Integer(integer),
        collection => {
            let mut payload = Vec::new();
            dump::dump(collection, &mut payload);
            let deadline = deadline.unwrap_or(0).to_string();
            return Ok(("restore", Some(array(2, [deadline.as_bytes(), &payload]))));
        }
    };
    Ok(show_string(text.bytes(&mut buffer), deadline))
}

fn number(number: u64) -> Bytes {
    Bytes::from(number.to_string())
}

fn numbered(number: u64, bytes: &[u8]) -> Bytes {
    array(2, [number.to_string().as_bytes(), bytes])
}

/// A RESP array of bulk strings.
fn array<W: AsRef<[u8]>>(count: usize, words: impl IntoIterator<Item = W>) -> Bytes {
    let mut out = format!("*{count}\r\n").into_bytes();
    for word in words {
        let word = word.as_ref();
        out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Indices, Items, Scored};

    #[test]
    fn each_effect_has_its_operation() {
        let words: &[&[u8]] = &[b"f", b"v"];
        let (key, value, items) = (&b"k"[..], &b"v"[..], Items::Args(words));
        let two = "*2\r\n$1\r\nf\r\n$1\r\nv\r\n";
        let numbered = "*2\r\n$1\r\n7\r\n$1\r\nv\r\n";
        let mut string = Vec::new();
        codec::put(&mut string, View::Integer(12));
        let mut set = Vec::new();
        codec::put_set(&mut set, [Text::Integer(1)].into_iter());
        let rows: &[(Effect<'_>, &str, Option<&str>)] = &[
            (Effect::SetString { key, value, deadline: None }, "set", Some("v")),
            (
                Effect::SetString { key, value, deadline: Some(9) },
                "setpxat",
                Some("*2\r\n$1\r\nv\r\n$1\r\n9\r\n"),
            ),
            (Effect::Append { key, value }, "append", Some("v")),
            (Effect::SetRange { key, offset: 7, value }, "setrange", Some(numbered)),
            (Effect::Delete { key }, "del", None),
            (Effect::Expired { key }, "expired", None),
            (Effect::Evicted { key }, "evicted", None),
            (Effect::SetDeadline { key, deadline: Some(9) }, "pexpireat", Some("9")),
            (Effect::SetDeadline { key, deadline: None }, "persist", None),
            (Effect::HashSet { key, pairs: items }, "hset", Some(two)),
            (Effect::HashDelete { key, fields: items }, "hdel", Some(two)),
            (Effect::ListPush { key, front: true, values: items }, "lpush", Some(two)),
            (Effect::ListPush { key, front: false, values: items }, "rpush", Some(two)),
            (Effect::ListPop { key, front: true, count: 3 }, "lpop", Some("3")),
            (Effect::ListPop { key, front: false, count: 3 }, "rpop", Some("3")),
            (Effect::ListSet { key, index: 7, value }, "lset", Some(numbered)),
            (Effect::ListInsert { key, index: 7, value }, "linsert", Some(numbered)),
            (
                Effect::ListRemove { key, indices: Indices::Args(&[1, 20]) },
                "lremove",
                Some("*2\r\n$1\r\n1\r\n$2\r\n20\r\n"),
            ),
            (Effect::ListTrim { key, start: 1, len: 2 }, "ltrim", Some("*2\r\n$1\r\n1\r\n$1\r\n2\r\n")),
            (Effect::SetAdd { key, members: items }, "sadd", Some(two)),
            (Effect::SetRemove { key, members: items }, "srem", Some(two)),
            (
                Effect::SortedAdd { key, members: Scored::Args(&[(1.5, b"m")]) },
                "zadd",
                Some("*2\r\n$3\r\n1.5\r\n$1\r\nm\r\n"),
            ),
            (Effect::SortedRemove { key, members: items }, "zrem", Some(two)),
            (Effect::Put { key, deadline: None, value: &string }, "set", Some("12")),
        ];
        for (effect, operation, value) in rows {
            let value = value.map(|value| Bytes::from(value.to_owned()));
            let expected = (*operation, Bytes::from_static(b"k"), value);
            assert_eq!(Partition::project(effect), Some(expected), "{effect:?}");
        }
        assert_eq!(Partition::project(&Effect::Flush), Some(("flush", Bytes::new(), None)));
        let put = Partition::project(&Effect::Put { key, deadline: Some(5), value: &set });
        let (operation, _, value) = put.expect("it is shown");
        let value = value.expect("it has a value");
        assert!(operation == "restore" && value.starts_with(b"*2\r\n$1\r\n5\r\n$"), "{value:?}");
    }
}
