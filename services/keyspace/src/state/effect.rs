//! What changes a database: the effects that are logged and applied. Each touches one key, except [`Effect::Flush`].
//!
//! # Layouts (*persisted*, version 1)
//! `bytes` is a LEB128 length and that many bytes; `n` is LEB128; numbers are little-endian; `rest` goes to the end of
//! the payload. A deadline is a byte 0, or a byte 1 and a u64 of milliseconds since the Unix epoch.
//!
//! | kind | effect | payload |
//! |-|-|-|
//! | 1 | `SetString` | key `bytes`, deadline, value `rest` |
//! | 2 | `Append` | key `bytes`, value `rest` |
//! | 3 | `SetRange` | key `bytes`, offset `n`, value `rest` |
//! | 4 | `Delete` | key `bytes` |
//! | 5 | `Expired` | key `bytes` |
//! | 6 | `SetDeadline` | key `bytes`, deadline |
//! | 7 | `HashSet` | key `bytes`, count `n` (even), fields and values in turn, each `bytes` |
//! | 8 | `HashDelete` | key `bytes`, count `n`, fields |
//! | 9 | `ListPush` | key `bytes`, front u8 (0 or 1), count `n`, values |
//! | 10 | `ListPop` | key `bytes`, front u8, count `n` |
//! | 11 | `ListSet` | key `bytes`, index `n`, value `rest` |
//! | 12 | `ListInsert` | key `bytes`, index `n`, value `rest` |
//! | 13 | `ListRemove` | key `bytes`, count `n`, rising indices, each `n` |
//! | 14 | `ListTrim` | key `bytes`, first kept index `n`, kept length `n` |
//! | 15 | `SetAdd` | key `bytes`, count `n`, members |
//! | 16 | `SetRemove` | key `bytes`, count `n`, members |
//! | 17 | `SortedAdd` | key `bytes`, count `n`, each a score f64 and a member `bytes` |
//! | 18 | `SortedRemove` | key `bytes`, count `n`, members |
//! | 19 | `Put` | key `bytes`, deadline, value `rest` (see [`super::codec`]) |
//! | 20 | `Flush` | nothing |
//! | 21 | `Evicted` | key `bytes` |

mod items;
#[cfg(test)]
pub(super) mod tests;

pub use items::{Indices, Items, Scored};

use bole_log::PayloadKind;
use bole_shard::ApplyError;

use super::codec;
use super::layout::{Reader, put_bytes, put_varint};

/// No string may grow longer than this.
pub const STRING_BYTES_MAX: usize = 512 * 1024 * 1024;
/// The version of all layouts.
const VERSION: u8 = 1;

/// One change. Deadlines are absolute, in milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
#[expect(missing_docs, reason = "the fields' names and the variants' lines say it all")]
pub enum Effect<'a> {
    /// Replaces whatever the key holds by a string.
    SetString { key: &'a [u8], value: &'a [u8], deadline: Option<u64> },
    /// Appends to a string, which need not exist.
    Append { key: &'a [u8], value: &'a [u8] },
    /// Overwrites a part of a string, which need not exist, with zeros in a gap.
    SetRange { key: &'a [u8], offset: u64, value: &'a [u8] },
    /// Removes a key.
    Delete { key: &'a [u8] },
    /// Removes a key because its deadline passed.
    Expired { key: &'a [u8] },
    /// Removes a key because there was too little memory.
    Evicted { key: &'a [u8] },
    /// Gives a key a deadline or takes it away.
    SetDeadline { key: &'a [u8], deadline: Option<u64> },
    /// Sets fields of a hash: fields and values in turn.
    HashSet { key: &'a [u8], pairs: Items<'a> },
    /// Removes fields of a hash.
    HashDelete { key: &'a [u8], fields: Items<'a> },
    /// Pushes values one after the other to one end of a list.
    ListPush { key: &'a [u8], front: bool, values: Items<'a> },
    /// Pops values from one end of a list.
    ListPop { key: &'a [u8], front: bool, count: u64 },
    /// Replaces one element of a list.
    ListSet { key: &'a [u8], index: u64, value: &'a [u8] },
    /// Inserts an element before the one at `index`, or at the end if `index` is the length.
    ListInsert { key: &'a [u8], index: u64, value: &'a [u8] },
    /// Removes the elements at rising indices (all as before the removal).
    ListRemove { key: &'a [u8], indices: Indices<'a> },
    /// Keeps `len` elements from index `start` on.
    ListTrim { key: &'a [u8], start: u64, len: u64 },
    /// Adds members to a set.
    SetAdd { key: &'a [u8], members: Items<'a> },
    /// Removes members of a set.
    SetRemove { key: &'a [u8], members: Items<'a> },
    /// Adds members to a sorted set, or changes their scores. No score is a NaN.
    SortedAdd { key: &'a [u8], members: Scored<'a> },
    /// Removes members of a sorted set.
    SortedRemove { key: &'a [u8], members: Items<'a> },
    /// Replaces whatever the key holds by a value as [`super::codec`] writes it.
    Put { key: &'a [u8], deadline: Option<u64>, value: &'a [u8] },
    /// Removes all keys.
    Flush,
}

impl<'a> Effect<'a> {
    /// The key, or `None` if all are meant.
    #[inline]
    pub fn key(&self) -> Option<&'a [u8]> {
        match *self {
            Self::SetString { key, .. }
            | Self::Append { key, .. }
            | Self::SetRange { key, .. }
            | Self::Delete { key }
            | Self::Expired { key }
            | Self::Evicted { key }
            | Self::SetDeadline { key, .. }
            | Self::HashSet { key, .. }
            | Self::HashDelete { key, .. }
            | Self::ListPush { key, .. }
            | Self::ListPop { key, .. }
            | Self::ListSet { key, .. }
            | Self::ListInsert { key, .. }
            | Self::ListRemove { key, .. }
            | Self::ListTrim { key, .. }
            | Self::SetAdd { key, .. }
            | Self::SetRemove { key, .. }
            | Self::SortedAdd { key, .. }
            | Self::SortedRemove { key, .. }
            | Self::Put { key, .. } => Some(key),
            Self::Flush => None,
        }
    }

    /// The number and version of the layout.
    pub fn kind(&self) -> (PayloadKind, u8) {
        let kind = match self {
            Self::SetString { .. } => 1,
            Self::Append { .. } => 2,
            Self::SetRange { .. } => 3,
            Self::Delete { .. } => 4,
            Self::Expired { .. } => 5,
            Self::Evicted { .. } => 21,
            Self::SetDeadline { .. } => 6,
            Self::HashSet { .. } => 7,
            Self::HashDelete { .. } => 8,
            Self::ListPush { .. } => 9,
            Self::ListPop { .. } => 10,
            Self::ListSet { .. } => 11,
            Self::ListInsert { .. } => 12,
            Self::ListRemove { .. } => 13,
            Self::ListTrim { .. } => 14,
            Self::SetAdd { .. } => 15,
            Self::SetRemove { .. } => 16,
            Self::SortedAdd { .. } => 17,
            Self::SortedRemove { .. } => 18,
            Self::Put { .. } => 19,
            Self::Flush => 20,
        };
        (PayloadKind(kind), VERSION)
    }

    /// Appends the payload to `out`.
    #[inline]
    pub fn encode(&self, out: &mut Vec<u8>) {
        let Some(key) = self.key() else { return };
        put_bytes(out, key);
        match *self {
            Self::SetString { value, deadline, .. } | Self::Put { value, deadline, .. } => {
                put_deadline(out, deadline);
                out.extend_from_slice(value);
            }
            Self::Append { value, .. } => out.extend_from_slice(value),
            Self::SetRange { offset: at, value, .. }
            | Self::ListSet { index: at, value, .. }
            | Self::ListInsert { index: at, value, .. } => {
                put_varint(out, at);
                out.extend_from_slice(value);
            }
            Self::Delete { .. } | Self::Expired { .. } | Self::Evicted { .. } | Self::Flush => {}
            Self::SetDeadline { deadline, .. } => put_deadline(out, deadline),
            Self::HashSet { pairs: items, .. }
            | Self::HashDelete { fields: items, .. }
            | Self::SetAdd { members: items, .. }
            | Self::SetRemove { members: items, .. }
            | Self::SortedRemove { members: items, .. } => items.encode(out),
            Self::ListPush { front, values, .. } => {
                out.push(front as u8);
                values.encode(out);
            }
            Self::ListPop { front, count, .. } => {
                out.push(front as u8);
                put_varint(out, count);
            }
            Self::ListRemove { indices, .. } => indices.encode(out),
            Self::ListTrim { start, len, .. } => {
                put_varint(out, start);
                put_varint(out, len);
            }
            Self::SortedAdd { members, .. } => members.encode(out),
        }
    }

    /// Reads a payload back. Survives any bytes and allocates nothing.
    pub fn decode(kind: PayloadKind, version: u8, payload: &'a [u8]) -> Result<Self, ApplyError> {
        if version != VERSION || !(1..=21).contains(&kind.0) {
            return Err(ApplyError::Unknown { kind: kind.0, version });
        }
        let mut reader = Reader::new(payload);
        let effect = if kind.0 == 20 { Self::Flush } else { Self::decode_keyed(kind.0, &mut reader)? };
        reader.end()?;
        Ok(effect)
    }

    fn decode_keyed(kind: u16, reader: &mut Reader<'a>) -> Result<Self, ApplyError> {
        let key = reader.bytes()?;
        Ok(match kind {
            1 => Self::SetString { key, deadline: deadline(reader)?, value: rest(reader)? },
            2 => Self::Append { key, value: rest(reader)? },
            3 => {
                let (offset, value) = (reader.varint()?, rest(reader)?);
                if offset > (STRING_BYTES_MAX - value.len()) as u64 {
                    let end = offset.saturating_add(value.len() as u64);
                    return Err(ApplyError::Malformed(format!("a string of {end} bytes is too long")));
                }
                Self::SetRange { key, offset, value }
            }
            4 => Self::Delete { key },
            5 => Self::Expired { key },
            21 => Self::Evicted { key },
            6 => Self::SetDeadline { key, deadline: deadline(reader)? },
            7 => {
                let pairs = Items::decode(reader)?;
                if pairs.len() % 2 == 1 {
                    return Err(ApplyError::Malformed("a field has no value".into()));
                }
                Self::HashSet { key, pairs }
            }
            8 => Self::HashDelete { key, fields: Items::decode(reader)? },
            9 => Self::ListPush { key, front: flag(reader)?, values: Items::decode(reader)? },
            10 => Self::ListPop { key, front: flag(reader)?, count: reader.varint()? },
            11 => Self::ListSet { key, index: reader.varint()?, value: rest(reader)? },
            12 => Self::ListInsert { key, index: reader.varint()?, value: rest(reader)? },
            13 => Self::ListRemove { key, indices: Indices::decode(reader)? },
            14 => Self::ListTrim { key, start: reader.varint()?, len: reader.varint()? },
            15 => Self::SetAdd { key, members: Items::decode(reader)? },
            16 => Self::SetRemove { key, members: Items::decode(reader)? },
            17 => Self::SortedAdd { key, members: Scored::decode(reader)? },
            18 => Self::SortedRemove { key, members: Items::decode(reader)? },
            _ => {
                let (deadline, value) = (deadline(reader)?, rest(reader)?);
                codec::check(value)?;
                Self::Put { key, deadline, value }
            }
        })
    }
}

fn put_deadline(out: &mut Vec<u8>, deadline: Option<u64>) {
    out.push(deadline.is_some() as u8);
    if let Some(deadline) = deadline {
        out.extend_from_slice(&deadline.to_le_bytes());
    }
}

fn deadline(reader: &mut Reader<'_>) -> Result<Option<u64>, ApplyError> {
    if flag(reader)? { reader.u64().map(Some) } else { Ok(None) }
}

fn flag(reader: &mut Reader<'_>) -> Result<bool, ApplyError> {
    match reader.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        other => Err(ApplyError::Malformed(format!("{other} is neither 0 nor 1"))),
    }
}

fn rest<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], ApplyError> {
    let rest = reader.take(reader.rest().len())?;
    if rest.len() > STRING_BYTES_MAX {
        return Err(ApplyError::Malformed(format!("a string of {} bytes is too long", rest.len())));
    }
    Ok(rest)
}
