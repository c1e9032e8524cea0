//! What the effects on a database are to readers of its feed: operations in Redis's words.
//!
//! The key of a change is the key. Its details are, by operation:
//!
//! | operation | details |
//! |-|-|
//! | `set` | `value`; `expires_at` if it has a deadline |
//! | `append` | `value`: the bytes that were appended |
//! | `setrange` | `offset`, `value` |
//! | `del`, `expired`, `evicted`, `persist`, `flush` | none; `flush` has no key: all keys of the shard |
//! | `pexpireat` | `expires_at` |
//! | `hset` | `fields`: pairs of field and value |
//! | `hdel` | `fields` |
//! | `sadd`, `srem`, `zrem` | `members` |
//! | `zadd` | `members`: pairs of member and score |
//! | `lpush`, `rpush` | `values`, pushed one after the other |
//! | `lpop`, `rpop` | `count` |
//! | `lset`, `linsert` | `index`, `value` |
//! | `lremove` | `indices`, rising, all as before the removal |
//! | `ltrim` | `start`: the first index kept, `count`: how many are kept |
//! | `restore` | replaces whatever the key holds: `type` (as `TYPE` names it), and `fields`, `members` or `values` as above; `expires_at` if it has a deadline |
//!
//! Deadlines are milliseconds since the Unix epoch. These are effects, not commands: INCR shows as `set`, SPOP as `srem`, RENAME as `restore` and `del`. A
//! reader that does to an empty database what the changes say has the database, encodings and times of use left out.

use bole_shard::changes::{Details, Feeds, Projection, Shown};
use bole_shard::{ApplyError, Error};
use bytes::Bytes;

use crate::dataset::Databases;
use crate::partition::Partition;
use crate::state::layout::Reader;
use crate::state::slot::{NEVER, Slot};
use crate::state::value::Rules;
use crate::state::{Effect, IntegerBuffer, Limits, Seed, View, codec};

impl Projection for Partition {
    fn project(effect: &Effect<'_>) -> Option<Shown> {
        let (operation, details) = show(effect)?;
        Some((operation, effect.key().map(Bytes::copy_from_slice), details))
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

/// An operation and what there is to say about it.
type Told = (&'static str, Details);

fn show(effect: &Effect<'_>) -> Option<Told> {
    let none = Details::none;
    Some(match *effect {
        Effect::SetString { value, deadline, .. } => show_string(value, deadline),
        Effect::Append { value, .. } => ("append", none().bytes("value", value)),
        Effect::SetRange { offset, value, .. } => {
            ("setrange", none().number("offset", offset).bytes("value", value))
        }
        Effect::Delete { .. } => ("del", none()),
        Effect::Expired { .. } => ("expired", none()),
        Effect::Evicted { .. } => ("evicted", none()),
        Effect::SetDeadline { deadline: None, .. } => ("persist", none()),
        Effect::SetDeadline { deadline, .. } => ("pexpireat", expiring(none(), deadline)),
        Effect::Flush => ("flush", none()),
        Effect::Put { deadline, value, .. } => show_value(deadline, value).ok()?,
        Effect::HashSet { pairs, .. } => ("hset", none().pairs("fields", in_pairs(pairs.iter()))),
        Effect::HashDelete { fields, .. } => ("hdel", none().list("fields", fields.iter())),
        Effect::SetAdd { members, .. } => ("sadd", none().list("members", members.iter())),
        Effect::SetRemove { members, .. } => ("srem", none().list("members", members.iter())),
        Effect::SortedRemove { members, .. } => ("zrem", none().list("members", members.iter())),
        Effect::SortedAdd { members, .. } => {
            ("zadd", none().scores("members", members.iter().map(|(score, member)| (member, score))))
        }
        Effect::ListPush { front, values, .. } => {
            (if front { "lpush" } else { "rpush" }, none().list("values", values.iter()))
        }
        Effect::ListPop { front, count, .. } => {
            (if front { "lpop" } else { "rpop" }, none().number("count", count))
        }
        Effect::ListSet { index, value, .. } => ("lset", none().number("index", index).bytes("value", value)),
        Effect::ListInsert { index, value, .. } => {
            ("linsert", none().number("index", index).bytes("value", value))
        }
        Effect::ListRemove { indices, .. } => ("lremove", none().numbers("indices", indices.iter())),
        Effect::ListTrim { start, len, .. } => ("ltrim", none().number("start", start).number("count", len)),
    })
}

fn show_string(value: &[u8], deadline: Option<u64>) -> Told {
    ("set", expiring(Details::none().bytes("value", value), deadline))
}

fn expiring(details: Details, deadline: Option<u64>) -> Details {
    match deadline {
        Some(deadline) => details.number("expires_at", deadline),
        None => details,
    }
}

/// A value in the layout of the codec.
fn show_value(deadline: Option<u64>, value: &[u8]) -> Result<Told, ApplyError> {
    let rules = Rules { limits: Limits::default(), seed: Seed(0, 0) };
    let slot: Slot = codec::read(&mut Reader::new(value), b"", NEVER, 0, &rules)?;
    let view = slot.view();
    let mut buffer = IntegerBuffer::new();
    let details = Details::none().bytes("type", view.kind().name().as_bytes());
    let details = match view {
        View::Bytes(bytes) => return Ok(show_string(bytes, deadline)),
        View::Integer(integer) => return Ok(show_string(buffer.format(integer).as_bytes(), deadline)),
        View::List(list) => details.list("values", list.iter()),
        View::Hash(hash) => details.pairs("fields", hash.iter()),
        View::Set(set) => {
            details.list("members", set.iter().map(|member| member.bytes(&mut buffer).to_vec()))
        }
        View::SortedSet(sorted) => details.scores("members", sorted.iter()),
    };
    Ok(("restore", expiring(details, deadline)))
}

/// Items two by two.
fn in_pairs<'a>(items: impl Iterator<Item = &'a [u8]>) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
    let mut items = items;
    std::iter::from_fn(move || items.next().zip(items.next()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Indices, Items, Scored, Text};

    #[test]
    fn each_effect_has_its_operation() {
        let words: &[&[u8]] = &[b"f", b"v"];
        let (key, value, items) = (&b"k"[..], &b"v"[..], Items::Args(words));
        let mut string = Vec::new();
        codec::put(&mut string, View::Integer(12));
        let mut set = Vec::new();
        codec::put_set(&mut set, [Text::Integer(1)].into_iter());
        let rows: &[(Effect<'_>, &str, &str)] = &[
            (Effect::SetString { key, value, deadline: None }, "set", r#""value":"v""#),
            (Effect::SetString { key, value, deadline: Some(9) }, "set", r#""value":"v","expires_at":9"#),
            (Effect::Append { key, value }, "append", r#""value":"v""#),
            (Effect::SetRange { key, offset: 7, value }, "setrange", r#""offset":7,"value":"v""#),
            (Effect::Delete { key }, "del", ""),
            (Effect::Expired { key }, "expired", ""),
            (Effect::Evicted { key }, "evicted", ""),
            (Effect::SetDeadline { key, deadline: Some(9) }, "pexpireat", r#""expires_at":9"#),
            (Effect::SetDeadline { key, deadline: None }, "persist", ""),
            (Effect::HashSet { key, pairs: items }, "hset", r#""fields":[["f","v"]]"#),
            (Effect::HashDelete { key, fields: items }, "hdel", r#""fields":["f","v"]"#),
            (Effect::ListPush { key, front: true, values: items }, "lpush", r#""values":["f","v"]"#),
            (Effect::ListPush { key, front: false, values: items }, "rpush", r#""values":["f","v"]"#),
            (Effect::ListPop { key, front: true, count: 3 }, "lpop", r#""count":3"#),
            (Effect::ListPop { key, front: false, count: 3 }, "rpop", r#""count":3"#),
            (Effect::ListSet { key, index: 7, value }, "lset", r#""index":7,"value":"v""#),
            (Effect::ListInsert { key, index: 7, value }, "linsert", r#""index":7,"value":"v""#),
            (Effect::ListRemove { key, indices: Indices::Args(&[1, 20]) }, "lremove", r#""indices":[1,20]"#),
            (Effect::ListTrim { key, start: 1, len: 2 }, "ltrim", r#""start":1,"count":2"#),
            (Effect::SetAdd { key, members: items }, "sadd", r#""members":["f","v"]"#),
            (Effect::SetRemove { key, members: items }, "srem", r#""members":["f","v"]"#),
            (
                Effect::SortedAdd { key, members: Scored::Args(&[(1.5, b"m")]) },
                "zadd",
                r#""members":[["m",1.5]]"#,
            ),
            (Effect::SortedRemove { key, members: items }, "zrem", r#""members":["f","v"]"#),
            (Effect::Put { key, deadline: None, value: &string }, "set", r#""value":"12""#),
            (
                Effect::Put { key, deadline: Some(5), value: &set },
                "restore",
                r#""type":"set","members":["1"],"expires_at":5"#,
            ),
        ];
        for (effect, operation, expected) in rows {
            let (shown, key, details) = Partition::project(effect).expect("it is shown");
            let details = String::from_utf8_lossy(details.members()).into_owned();
            assert_eq!(
                (shown, key.as_deref(), &*details),
                (*operation, Some(&b"k"[..]), *expected),
                "{effect:?}"
            );
        }
        assert_eq!(Partition::project(&Effect::Flush), Some(("flush", None, Details::none())));
    }
}
