//! One key of a database in 16 bytes: a string of up to 16 KiB in a single allocation, anything else as a boxed object.
//!
//! The layout of a flat slot, in memory only:
//! ```text
//! flags u8 · accessed u32 · key length LEB128 · [deadline u64] · key · value (bytes, or an i64)
//! ```

use super::layout::{parse_integer, put_varint, varint, varint_len};
use super::table::Element;
use super::value::{Value, View};

/// A deadline that never comes.
pub const NEVER: u64 = u64::MAX;
/// Longer strings stand in a buffer of their own, which grows in place.
pub const FLAT_BYTES_MAX: usize = 16 * 1024;

const HAS_DEADLINE: u8 = 1;
const IS_INTEGER: u8 = 2;
/// The string was changed in place once: `OBJECT ENCODING` says `raw` whatever its length.
const IS_RAW: u8 = 4;
const ACCESSED: usize = 1;
const KEY_LEN: usize = 5;

/// A key and its value.
#[derive(Debug)]
pub enum Slot {
    /// A string of up to [`FLAT_BYTES_MAX`] bytes.
    Flat(Box<[u8]>),
    /// Anything else.
    Object(Box<Object>),
}

const _: () = assert!(size_of::<Slot>() == 16);

/// A key whose value does not fit into a flat slot.
#[derive(Debug)]
pub struct Object {
    key: Box<[u8]>,
    deadline: u64,
    accessed: u32,
    /// The value.
    pub value: Value,
}

/// Where things are in a flat slot.
struct Parts {
    key: usize,
    value: usize,
}

#[inline]
fn parts(flat: &[u8]) -> Parts {
    let (len, taken) = match flat[KEY_LEN] {
        short @ 0..0x80 => (short as usize, 1),
        _ => varint(&flat[KEY_LEN..]).map_or((0, 1), |(len, taken)| (len as usize, taken)),
    };
    let key = KEY_LEN + taken + if flat[0] & HAS_DEADLINE == 0 { 0 } else { 8 };
    Parts { key, value: key + len }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |value, byte| value << 8 | *byte as u64)
}

#[inline]
fn number_at(flat: &[u8], at: usize) -> u64 {
    flat[at..].first_chunk().map_or_else(|| number(&flat[at..]), |bytes| u64::from_le_bytes(*bytes))
}

fn build(flags: u8, accessed: u32, key: &[u8], deadline: u64, value: &[u8]) -> Slot {
    let flags = if deadline == NEVER { flags } else { flags | HAS_DEADLINE };
    let head = KEY_LEN + varint_len(key.len() as u64) + if deadline == NEVER { 0 } else { 8 };
    let mut flat = Vec::with_capacity(head + key.len() + value.len());
    flat.push(flags);
    flat.extend_from_slice(&accessed.to_le_bytes());
    put_varint(&mut flat, key.len() as u64);
    if deadline != NEVER {
        flat.extend_from_slice(&deadline.to_le_bytes());
    }
    flat.extend_from_slice(key);
    flat.extend_from_slice(value);
    Slot::Flat(flat.into_boxed_slice())
}

impl Element for Slot {
    #[inline]
    fn key(&self) -> &[u8] {
        match self {
            Self::Flat(flat) => {
                let parts = parts(flat);
                &flat[parts.key..parts.value]
            }
            Self::Object(object) => &object.key,
        }
    }
}

impl Slot {
    /// A string. `deadline` is in milliseconds or [`NEVER`], `accessed` in seconds, both since the Unix epoch.
    pub fn string(key: &[u8], value: &[u8], deadline: u64, accessed: u32) -> Self {
        if let Some(integer) = parse_integer(value) {
            return Self::integer(key, integer, deadline, accessed);
        }
        if value.len() > FLAT_BYTES_MAX {
            return Self::object(key, Value::Bytes(value.to_vec()), deadline, accessed);
        }
        build(0, accessed, key, deadline, value)
    }

    fn integer(key: &[u8], value: i64, deadline: u64, accessed: u32) -> Self {
        build(IS_INTEGER, accessed, key, deadline, &value.to_le_bytes())
    }

    /// Any value.
    pub fn object(key: &[u8], value: Value, deadline: u64, accessed: u32) -> Self {
        Self::Object(Box::new(Object { key: key.into(), deadline, accessed, value }))
    }

    /// The deadline in milliseconds since the Unix epoch, or [`NEVER`].
    #[inline]
    pub fn deadline(&self) -> u64 {
        match self {
            Self::Flat(flat) if flat[0] & HAS_DEADLINE == 0 => NEVER,
            Self::Flat(flat) => number_at(flat, parts(flat).key - 8),
            Self::Object(object) => object.deadline,
        }
    }

    /// Changes the deadline and nothing else.
    pub fn set_deadline(&mut self, deadline: u64) {
        let accessed = self.accessed();
        match self {
            Self::Object(object) => object.deadline = deadline,
            Self::Flat(flat) => {
                let Parts { key, value } = parts(flat);
                if flat[0] & HAS_DEADLINE != 0 && deadline != NEVER {
                    flat[key - 8..key].copy_from_slice(&deadline.to_le_bytes());
                } else if flat[0] & HAS_DEADLINE != 0 || deadline != NEVER {
                    let flags = flat[0] & !HAS_DEADLINE;
                    *self = build(flags, accessed, &flat[key..value], deadline, &flat[value..]);
                }
            }
        }
    }

    /// When the key was last used, in seconds since the Unix epoch.
    pub fn accessed(&self) -> u32 {
        match self {
            Self::Flat(flat) => {
                flat[ACCESSED..].first_chunk().map_or(0, |seconds| u32::from_le_bytes(*seconds))
            }
            Self::Object(object) => object.accessed,
        }
    }

    /// Notes a use.
    #[inline]
    pub fn touch(&mut self, seconds: u32) {
        match self {
            Self::Flat(flat) => flat[ACCESSED..KEY_LEN].copy_from_slice(&seconds.to_le_bytes()),
            Self::Object(object) => object.accessed = seconds,
        }
    }

    /// The value, borrowed.
    #[inline]
    pub fn view(&self) -> View<'_> {
        match self {
            Self::Flat(flat) => {
                let value = parts(flat).value;
                if flat[0] & IS_INTEGER == 0 {
                    View::Bytes(&flat[value..])
                } else {
                    View::Integer(number_at(flat, value) as i64)
                }
            }
            Self::Object(object) => object.value.view(),
        }
    }

    /// The collection, to be changed; `None` for a string.
    pub fn value_mut(&mut self) -> Option<&mut Value> {
        match self {
            Self::Flat(_) => None,
            Self::Object(object) => match &mut object.value {
                Value::Bytes(_) => None,
                value => Some(value),
            },
        }
    }

    /// Makes this a string, in place where the size allows it.
    #[inline]
    pub fn set_string(&mut self, bytes: &[u8], deadline: u64, accessed: u32) {
        let integer = parse_integer(bytes);
        let number = integer.unwrap_or(0).to_le_bytes();
        let (flag, stored) = if integer.is_some() { (IS_INTEGER, &number[..]) } else { (0, bytes) };
        if let Self::Flat(flat) = self {
            let Parts { key, value } = parts(flat);
            let had_deadline = flat[0] & HAS_DEADLINE != 0;
            if flat.len() - value == stored.len() && had_deadline == (deadline != NEVER) {
                flat[0] = flat[0] & HAS_DEADLINE | flag;
                flat[ACCESSED..KEY_LEN].copy_from_slice(&accessed.to_le_bytes());
                if had_deadline {
                    flat[key - 8..key].copy_from_slice(&deadline.to_le_bytes());
                }
                flat[value..].copy_from_slice(stored);
                return;
            }
        }
        *self = if stored.len() > FLAT_BYTES_MAX {
            Self::object(self.key(), Value::Bytes(stored.to_vec()), deadline, accessed)
        } else {
            build(flag, accessed, self.key(), deadline, stored)
        };
    }

    /// Writes `bytes` at `offset` of a string, with zeros in a gap before it; `None` appends. Returns whether this is a string.
    pub fn write(&mut self, offset: Option<usize>, bytes: &[u8]) -> bool {
        let (deadline, accessed) = (self.deadline(), self.accessed());
        match self {
            Self::Object(object) => match &mut object.value {
                Value::Bytes(value) => write_into(value, offset, bytes),
                _ => return false,
            },
            Self::Flat(flat) => {
                let Parts { key, value } = parts(flat);
                let is_integer = flat[0] & IS_INTEGER != 0;
                let start = offset.unwrap_or(usize::MAX);
                if !is_integer && start <= flat.len() - value && bytes.len() <= flat.len() - value - start {
                    flat[0] |= IS_RAW;
                    flat[value + start..][..bytes.len()].copy_from_slice(bytes);
                    return true;
                }
                let mut text = itoa::Buffer::new();
                let old = match self.view() {
                    View::Integer(integer) => text.format(integer).as_bytes(),
                    View::Bytes(old) => old,
                    _ => return false,
                };
                let mut new = Vec::with_capacity(offset.unwrap_or(old.len()).max(old.len()) + bytes.len());
                new.extend_from_slice(old);
                write_into(&mut new, offset, bytes);
                let key = &self.key()[..value - key];
                *self = if new.len() > FLAT_BYTES_MAX {
                    Self::object(key, Value::Bytes(new), deadline, accessed)
                } else {
                    build(IS_RAW, accessed, key, deadline, &new)
                };
            }
        }
        true
    }

    /// The name of the encoding, as Redis gives it.
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::Flat(flat) => match flat[0] & (IS_INTEGER | IS_RAW) {
                IS_INTEGER => "int",
                0 if flat.len() - parts(flat).value <= 44 => "embstr",
                _ => "raw",
            },
            Self::Object(object) => object.value.encoding(),
        }
    }

    /// About how many bytes the slot owns, itself not included.
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Flat(flat) => allocated(flat.len()),
            Self::Object(object) => {
                allocated(size_of::<Object>()) + allocated(object.key.len()) + object.value.heap_bytes()
            }
        }
    }
}

/// About what an allocator takes for `len` bytes.
#[inline]
pub const fn allocated(len: usize) -> usize {
    (len + 15) & !15
}

fn write_into(value: &mut Vec<u8>, offset: Option<usize>, bytes: &[u8]) {
    let Some(offset) = offset else { return value.extend_from_slice(bytes) };
    let end = offset + bytes.len();
    if value.len() < end {
        value.resize(end, 0);
    }
    value[offset..end].copy_from_slice(bytes);
}
