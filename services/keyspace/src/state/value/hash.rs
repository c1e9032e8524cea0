//! A hash: fields and their values. Packed in the order of insertion while small.

use super::packed::Packed;
use super::{Random, Rules, TABLE_BYTES_PER_ELEMENT, below};
use crate::state::layout::{put_bytes, varint, varint_len};
use crate::state::slot::allocated;
use crate::state::table::{Element, Table};

/// See the module's documentation.
#[derive(Debug, Default)]
pub struct Hash {
    inner: Inner,
}

#[derive(Debug)]
enum Inner {
    /// Fields and values in turn.
    Packed(Packed),
    Table(Box<Large>),
}

impl Default for Inner {
    fn default() -> Self {
        Self::Packed(Packed::default())
    }
}

#[derive(Debug)]
struct Large {
    table: Table<Field>,
    bytes: usize,
}

/// The field behind its LEB128 length, then the value.
#[derive(Debug)]
struct Field(Box<[u8]>);

impl Field {
    fn new(field: &[u8], value: &[u8]) -> Self {
        let mut bytes = Vec::with_capacity(varint_len(field.len() as u64) + field.len() + value.len());
        put_bytes(&mut bytes, field);
        bytes.extend_from_slice(value);
        Self(bytes.into_boxed_slice())
    }

    #[inline]
    fn parts(&self) -> (&[u8], &[u8]) {
        let (len, taken) = varint(&self.0).unwrap_or((0, 0));
        self.0[taken..].split_at(len as usize)
    }
}

impl Element for Field {
    #[inline]
    fn key(&self) -> &[u8] {
        self.parts().0
    }
}

impl Large {
    fn set(&mut self, field: &[u8], value: &[u8]) -> bool {
        let hash = self.table.seed().hash(field);
        if let Some(old) = self.table.get_mut(hash, field) {
            let at = old.0.len() - old.parts().1.len();
            if old.0.len() - at == value.len() {
                old.0[at..].copy_from_slice(value);
            } else {
                self.bytes -= allocated(old.0.len());
                *old = Field::new(field, value);
                self.bytes += allocated(old.0.len());
            }
            return false;
        }
        let new = Field::new(field, value);
        self.bytes += allocated(new.0.len());
        self.table.insert_new(hash, new);
        true
    }
}

impl Hash {
    /// The number of fields.
    pub fn len(&self) -> usize {
        match &self.inner {
            Inner::Packed(packed) => packed.len() / 2,
            Inner::Table(large) => large.table.len(),
        }
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a field.
    #[inline]
    pub fn get(&self, field: &[u8]) -> Option<&[u8]> {
        match &self.inner {
            Inner::Packed(packed) => find(packed, field).map(|(_, value)| value),
            Inner::Table(large) => {
                large.table.get(large.table.seed().hash(field), field).map(|found| found.parts().1)
            }
        }
    }

    /// Sets a field; true if it is new.
    pub fn set(&mut self, field: &[u8], value: &[u8], rules: &Rules) -> bool {
        let packed = match &mut self.inner {
            Inner::Table(large) => return large.set(field, value),
            Inner::Packed(packed) => packed,
        };
        let found = find(packed, field).map(|(index, _)| index);
        let limits = &rules.limits;
        let fits = field.len().max(value.len()) <= limits.hash_value_bytes_max
            && (found.is_some() || packed.len() / 2 < limits.hash_entries_max);
        match found {
            _ if !fits => {
                self.unpack(rules);
                return self.set(field, value, rules);
            }
            Some(index) => packed.replace(index + 1, value),
            None => {
                packed.push(field);
                packed.push(value);
            }
        }
        found.is_none()
    }

    /// Removes a field; true if it was there.
    pub fn remove(&mut self, field: &[u8]) -> bool {
        match &mut self.inner {
            Inner::Packed(packed) => {
                let Some((index, _)) = find(packed, field) else { return false };
                packed.remove(index, 2);
                true
            }
            Inner::Table(large) => match large.table.remove(large.table.seed().hash(field), field) {
                None => false,
                Some(old) => {
                    large.bytes -= allocated(old.0.len());
                    true
                }
            },
        }
    }

    /// The fields and their values: in the order of insertion while packed, in none later.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let (packed, large) = match &self.inner {
            Inner::Packed(packed) => (Some(packed), None),
            Inner::Table(large) => (None, Some(large)),
        };
        let packed = packed.into_iter().flat_map(|packed| {
            let mut items = packed.iter();
            std::iter::from_fn(move || Some((items.next()?, items.next()?)))
        });
        packed.chain(large.into_iter().flat_map(|large| large.table.iter().map(Field::parts)))
    }

    /// As [`Table::scan`]; a packed hash is visited at once.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(&[u8], &[u8])) -> u64 {
        match &self.inner {
            Inner::Packed(_) => {
                self.iter().for_each(|(field, value)| visit(field, value));
                0
            }
            Inner::Table(large) => large.table.scan(cursor, count, |found| {
                let (field, value) = found.parts();
                visit(field, value);
            }),
        }
    }

    /// A field at random, with its value.
    pub fn random(&self, random: Random<'_>) -> Option<(&[u8], &[u8])> {
        match &self.inner {
            Inner::Packed(packed) if packed.len() == 0 => None,
            Inner::Packed(packed) => self.iter().nth(below(random, packed.len() / 2)),
            Inner::Table(large) => large.table.random(random).map(Field::parts),
        }
    }

    /// The name of the encoding, as Redis gives it.
    pub fn encoding(&self) -> &'static str {
        match &self.inner {
            Inner::Packed(_) => "listpack",
            Inner::Table(_) => "hashtable",
        }
    }

    /// About how many bytes this owns.
    pub fn heap_bytes(&self) -> usize {
        match &self.inner {
            Inner::Packed(packed) => packed.heap_bytes(),
            Inner::Table(large) => {
                size_of::<Large>() + large.bytes + large.table.len() * TABLE_BYTES_PER_ELEMENT
            }
        }
    }

    fn unpack(&mut self, rules: &Rules) {
        let mut large = Box::new(Large { table: Table::new(rules.seed, ()), bytes: 0 });
        for (field, value) in self.iter() {
            large.set(field, value);
        }
        self.inner = Inner::Table(large);
    }
}

/// The number of a field's item, and its value.
fn find<'a>(packed: &'a Packed, field: &[u8]) -> Option<(usize, &'a [u8])> {
    let mut items = packed.iter();
    let mut index = 0;
    loop {
        let (found, value) = (items.next()?, items.next()?);
        if found == field {
            return Some((index, value));
        }
        index += 2;
    }
}
