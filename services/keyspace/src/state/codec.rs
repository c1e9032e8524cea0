//! Values as bytes, in checkpoints and in [`super::effect::Effect::Put`].
//!
//! # Layout (*persisted*, version 1: the version is the container's)
//! `bytes` is a LEB128 length and that many bytes, `n` is LEB128, numbers are little-endian.
//!
//! | type u8 | value | then |
//! |-|-|-|
//! | 0 | string | `bytes` |
//! | 1 | string that spells an integer | i64 |
//! | 2 | list | count `n`, elements `bytes` |
//! | 3 | hash | count of fields `n`, fields and values in turn, each `bytes` |
//! | 4 | set | count `n`, members `bytes` |
//! | 5 | sorted set | count `n`, each a score f64 and a member `bytes`, in order |
//!
//! Collections are not empty.

use bole_shard::ApplyError;

use super::layout::{Reader, put_bytes, put_varint};
use super::slot::Slot;
use super::value::{Hash, List, Rules, Set, SortedSet, Text, Value, View};

pub(super) const STRING: u8 = 0;
const INTEGER: u8 = 1;
pub(super) const LIST: u8 = 2;
pub(super) const HASH: u8 = 3;
pub(super) const SET: u8 = 4;
pub(super) const SORTED_SET: u8 = 5;

/// Appends a value.
pub fn put(out: &mut Vec<u8>, value: View<'_>) {
    let mut text = itoa::Buffer::new();
    match value {
        View::Bytes(bytes) => {
            out.push(STRING);
            put_bytes(out, bytes);
        }
        View::Integer(integer) => {
            out.push(INTEGER);
            out.extend_from_slice(&integer.to_le_bytes());
        }
        View::List(list) => {
            put_head(out, LIST, list.len());
            list.iter().for_each(|element| put_bytes(out, element));
        }
        View::Hash(hash) => {
            put_head(out, HASH, hash.len());
            for (field, value) in hash.iter() {
                put_bytes(out, field);
                put_bytes(out, value);
            }
        }
        View::Set(set) => {
            put_head(out, SET, set.len());
            set.iter().for_each(|member| put_bytes(out, member.bytes(&mut text)));
        }
        View::SortedSet(sorted) => put_sorted_members(out, sorted.len(), sorted.iter()),
    }
}

/// Appends a sorted set of these members, which come in order and are not empty.
pub fn put_sorted<'a>(out: &mut Vec<u8>, members: impl ExactSizeIterator<Item = (&'a [u8], f64)>) {
    put_sorted_members(out, members.len(), members);
}

fn put_sorted_members<'a>(out: &mut Vec<u8>, count: usize, members: impl Iterator<Item = (&'a [u8], f64)>) {
    put_head(out, SORTED_SET, count);
    for (member, score) in members {
        out.extend_from_slice(&score.to_le_bytes());
        put_bytes(out, member);
    }
}

/// Appends a list of these elements, of which there is at least one.
pub fn put_list<'a>(out: &mut Vec<u8>, elements: impl ExactSizeIterator<Item = &'a [u8]>) {
    put_head(out, LIST, elements.len());
    elements.for_each(|element| put_bytes(out, element));
}

/// Appends a set of these members, of which there is at least one, and each once.
pub fn put_set<'a>(out: &mut Vec<u8>, members: impl ExactSizeIterator<Item = Text<'a>>) {
    let mut text = itoa::Buffer::new();
    put_head(out, SET, members.len());
    members.for_each(|member| put_bytes(out, member.bytes(&mut text)));
}

fn put_head(out: &mut Vec<u8>, kind: u8, count: usize) {
    out.push(kind);
    put_varint(out, count as u64);
}

/// Checks that all of `bytes` is one value; allocates nothing.
pub fn check(bytes: &[u8]) -> Result<(), ApplyError> {
    let mut reader = Reader::new(bytes);
    walk(&mut reader, |_, _, _| {})?;
    reader.end()
}

/// Reads one value as what a key holds. Takes memory in proportion to the bytes.
pub fn read(
    reader: &mut Reader<'_>,
    key: &[u8],
    deadline: u64,
    accessed: u32,
    rules: &Rules,
) -> Result<Slot, ApplyError> {
    let kind = reader.rest().first().copied();
    let mut value = match kind {
        Some(LIST) => Value::List(List::default()),
        Some(HASH) => Value::Hash(Hash::default()),
        Some(SET) => Value::Set(Set::default()),
        Some(SORTED_SET) => Value::SortedSet(SortedSet::default()),
        _ => {
            let mut text = itoa::Buffer::new();
            let mut slot = Slot::string(key, b"", deadline, accessed);
            walk(reader, |bytes, _, integer| {
                let bytes = integer.map_or(bytes, |integer| text.format(integer).as_bytes());
                slot.set_string(bytes, deadline, accessed);
            })?;
            return Ok(slot);
        }
    };
    walk(reader, |item, score_or_value, _| match (&mut value, score_or_value) {
        (Value::List(list), _) => list.push(false, item, rules),
        (Value::Hash(hash), Second::Value(value)) => {
            hash.set(item, value, rules);
        }
        (Value::Set(set), _) => {
            set.add(item, rules);
        }
        (Value::SortedSet(sorted), Second::Score(score)) => {
            sorted.add(score, item, rules);
        }
        _ => {}
    })?;
    Ok(Slot::object(key, value, deadline, accessed))
}

/// What comes with an item.
enum Second<'a> {
    Nothing,
    Value(&'a [u8]),
    Score(f64),
}

/// Reads one value and hands out its items in order.
fn walk<'a>(
    reader: &mut Reader<'a>,
    mut visit: impl FnMut(&'a [u8], Second<'a>, Option<i64>),
) -> Result<(), ApplyError> {
    let kind = reader.byte()?;
    match kind {
        STRING => visit(reader.bytes()?, Second::Nothing, None),
        INTEGER => visit(&[], Second::Nothing, Some(reader.u64()? as i64)),
        LIST..=SORTED_SET => {
            let count = reader.varint()?;
            if count == 0 {
                return Err(ApplyError::Malformed("a collection is empty".into()));
            }
            for _ in 0..count {
                match kind {
                    HASH => {
                        let field = reader.bytes()?;
                        visit(field, Second::Value(reader.bytes()?), None);
                    }
                    SORTED_SET => {
                        let score = reader.score()?;
                        visit(reader.bytes()?, Second::Score(score), None);
                    }
                    _ => visit(reader.bytes()?, Second::Nothing, None),
                }
            }
        }
        other => return Err(ApplyError::Malformed(format!("{other} is no type of value"))),
    }
    Ok(())
}
