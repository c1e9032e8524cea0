//! The values that keys hold, and how they are kept small: each collection begins packed and turns into tables when it
//! outgrows its [`Limits`], never back.

mod hash;
mod list;
mod packed;
mod set;
mod sorted_set;
#[cfg(test)]
mod tests;

pub use hash::Hash;
pub use list::List;
pub use set::Set;
pub use sorted_set::{Added, SortedSet};

use super::layout::parse_integer;
use super::slot::allocated;
use super::table::Seed;

/// A value that does not fit into a flat slot.
#[derive(Debug)]
pub enum Value {
    /// A long string.
    Bytes(Vec<u8>),
    /// A list.
    List(List),
    /// A hash.
    Hash(Hash),
    /// A set.
    Set(Set),
    /// A sorted set.
    SortedSet(SortedSet),
}

/// A value, borrowed.
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "the variants' names say it")]
pub enum View<'a> {
    Bytes(&'a [u8]),
    Integer(i64),
    List(&'a List),
    Hash(&'a Hash),
    Set(&'a Set),
    SortedSet(&'a SortedSet),
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants' names say it")]
pub enum Kind {
    String,
    List,
    Set,
    SortedSet,
    Hash,
}

impl Kind {
    /// The name that `TYPE` answers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::SortedSet => "zset",
            Self::Hash => "hash",
        }
    }
}

impl View<'_> {
    /// The type.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Bytes(_) | Self::Integer(_) => Kind::String,
            Self::List(_) => Kind::List,
            Self::Hash(_) => Kind::Hash,
            Self::Set(_) => Kind::Set,
            Self::SortedSet(_) => Kind::SortedSet,
        }
    }
}

/// A byte string that may be kept as the integer that it spells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, std::hash::Hash)]
#[expect(missing_docs, reason = "the variants' names say it")]
pub enum Text<'a> {
    Integer(i64),
    Bytes(&'a [u8]),
}

impl<'a> Text<'a> {
    /// The same text, as an integer if it spells one: texts in this form are equal if their bytes are.
    #[must_use]
    pub fn normal(self) -> Self {
        match self {
            Self::Bytes(bytes) => parse_integer(bytes).map_or(self, Self::Integer),
            Self::Integer(_) => self,
        }
    }

    /// The bytes; an integer is spelled out into `buffer`.
    #[inline]
    pub fn bytes<'b>(self, buffer: &'b mut itoa::Buffer) -> &'b [u8]
    where
        'a: 'b,
    {
        match self {
            Self::Integer(integer) => buffer.format(integer).as_bytes(),
            Self::Bytes(bytes) => bytes,
        }
    }
}

/// Up to where collections stay packed. Read at each change, so a new value holds for later changes only. Names and defaults as in Redis 7.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `hash-max-listpack-entries`: fields.
    pub hash_entries_max: usize,
    /// `hash-max-listpack-value`: bytes of a field or value.
    pub hash_value_bytes_max: usize,
    /// `set-max-intset-entries`: members of a set of integers.
    pub set_integers_max: usize,
    /// `set-max-listpack-entries`: members of another set.
    pub set_entries_max: usize,
    /// `set-max-listpack-value`: bytes of a member.
    pub set_value_bytes_max: usize,
    /// `zset-max-listpack-entries`: members.
    pub sorted_set_entries_max: usize,
    /// `zset-max-listpack-value`: bytes of a member.
    pub sorted_set_value_bytes_max: usize,
    /// `list-max-listpack-size` -2: bytes of a list's node, unless it is a single larger element.
    pub list_node_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            hash_entries_max: 128,
            hash_value_bytes_max: 64,
            set_integers_max: 512,
            set_entries_max: 128,
            set_value_bytes_max: 64,
            sorted_set_entries_max: 128,
            sorted_set_value_bytes_max: 64,
            list_node_bytes_max: 8 * 1024,
        }
    }
}

/// What collections are built by.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// When to turn into tables.
    pub limits: Limits,
    /// The seed of those tables.
    pub seed: Seed,
}

impl Value {
    /// The value, borrowed.
    #[inline]
    pub fn view(&self) -> View<'_> {
        match self {
            Self::Bytes(bytes) => View::Bytes(bytes),
            Self::List(list) => View::List(list),
            Self::Hash(hash) => View::Hash(hash),
            Self::Set(set) => View::Set(set),
            Self::SortedSet(sorted) => View::SortedSet(sorted),
        }
    }

    /// Whether this is a collection without elements, which no key may hold.
    pub fn is_empty_collection(&self) -> bool {
        match self {
            Self::Bytes(_) => false,
            Self::List(list) => list.is_empty(),
            Self::Hash(hash) => hash.is_empty(),
            Self::Set(set) => set.is_empty(),
            Self::SortedSet(sorted) => sorted.is_empty(),
        }
    }

    /// The name of the encoding, as Redis gives it.
    pub fn encoding(&self) -> &'static str {
        match self {
            Self::Bytes(_) => "raw",
            Self::List(list) => list.encoding(),
            Self::Hash(hash) => hash.encoding(),
            Self::Set(set) => set.encoding(),
            Self::SortedSet(sorted) => sorted.encoding(),
        }
    }

    /// About how many bytes the value owns, in constant time.
    #[inline]
    pub fn heap_bytes(&self) -> usize {
        match self {
            Self::Bytes(bytes) => allocated(bytes.capacity()),
            Self::List(list) => list.heap_bytes(),
            Self::Hash(hash) => hash.heap_bytes(),
            Self::Set(set) => set.heap_bytes(),
            Self::SortedSet(sorted) => sorted.heap_bytes(),
        }
    }
}

/// Random numbers from the caller: the state has none of its own.
pub type Random<'a> = &'a mut dyn FnMut() -> u64;

/// A number below `end`, which is not 0.
fn below(random: Random<'_>, end: usize) -> usize {
    (random() % end as u64) as usize
}

/// About what a large table takes for each element, besides the element's own bytes: 17 bytes for each bucket at the
/// average fill of an extendible table.
const TABLE_BYTES_PER_ELEMENT: usize = 28;
