//! A set: sorted integers while it has only such members and few, packed in the order of insertion while small, a
//! table otherwise.

use super::packed::Packed;
use super::{Random, Rules, TABLE_BYTES_PER_ELEMENT, Text, below};
use crate::state::layout::parse_integer;
use crate::state::slot::allocated;
use crate::state::table::{Element, Table};

/// See the module's documentation.
#[derive(Debug)]
pub struct Set {
    inner: Inner,
}

impl Default for Set {
    fn default() -> Self {
        Self { inner: Inner::Integers(Vec::new()) }
    }
}

#[derive(Debug)]
enum Inner {
    Integers(Vec<i64>),
    Packed(Packed),
    Table(Box<Large>),
}

#[derive(Debug)]
struct Large {
    table: Table<Member>,
    bytes: usize,
}

#[derive(Debug)]
struct Member(Box<[u8]>);

impl Element for Member {
    #[inline]
    fn key(&self) -> &[u8] {
        &self.0
    }
}

impl Large {
    fn add(&mut self, member: &[u8]) -> bool {
        let hash = self.table.seed().hash(member);
        if self.table.get(hash, member).is_some() {
            return false;
        }
        self.bytes += allocated(member.len());
        self.table.insert_new(hash, Member(member.into()));
        true
    }
}

impl Set {
    /// The number of members.
    pub fn len(&self) -> usize {
        match &self.inner {
            Inner::Integers(integers) => integers.len(),
            Inner::Packed(packed) => packed.len(),
            Inner::Table(large) => large.table.len(),
        }
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether `member` is one.
    pub fn contains(&self, member: &[u8]) -> bool {
        match &self.inner {
            Inner::Integers(integers) => {
                parse_integer(member).is_some_and(|integer| integers.binary_search(&integer).is_ok())
            }
            Inner::Packed(packed) => packed.iter().any(|item| item == member),
            Inner::Table(large) => large.table.get(large.table.seed().hash(member), member).is_some(),
        }
    }

    /// Adds a member; true if it is new.
    pub fn add(&mut self, member: &[u8], rules: &Rules) -> bool {
        match &mut self.inner {
            Inner::Table(large) => large.add(member),
            Inner::Integers(integers) => {
                let limits = &rules.limits;
                if let Some(integer) = parse_integer(member) {
                    match integers.binary_search(&integer) {
                        Ok(_) => return false,
                        Err(at) if integers.len() < limits.set_integers_max => {
                            integers.insert(at, integer);
                            return true;
                        }
                        Err(_) => {}
                    }
                }
                self.unpack(rules);
                self.add(member, rules)
            }
            Inner::Packed(packed) => {
                if packed.iter().any(|item| item == member) {
                    return false;
                }
                let limits = &rules.limits;
                if packed.len() < limits.set_entries_max && member.len() <= limits.set_value_bytes_max {
                    packed.push(member);
                    return true;
                }
                self.unpack(rules);
                self.add(member, rules)
            }
        }
    }

    /// Removes a member; true if it was one.
    pub fn remove(&mut self, member: &[u8]) -> bool {
        match &mut self.inner {
            Inner::Integers(integers) => {
                let Some(Ok(at)) = parse_integer(member).map(|integer| integers.binary_search(&integer))
                else {
                    return false;
                };
                integers.remove(at);
                true
            }
            Inner::Packed(packed) => {
                let Some(at) = packed.iter().position(|item| item == member) else { return false };
                packed.remove(at, 1);
                true
            }
            Inner::Table(large) => match large.table.remove(large.table.seed().hash(member), member) {
                None => false,
                Some(old) => {
                    large.bytes -= allocated(old.0.len());
                    true
                }
            },
        }
    }

    /// The members: integers rising, packed ones in the order of insertion, others in none.
    pub fn iter(&self) -> impl Iterator<Item = Text<'_>> {
        let (integers, packed, large) = match &self.inner {
            Inner::Integers(integers) => (&integers[..], None, None),
            Inner::Packed(packed) => (&[][..], Some(packed), None),
            Inner::Table(large) => (&[][..], None, Some(large)),
        };
        let integers = integers.iter().map(|integer| Text::Integer(*integer));
        let packed = packed.into_iter().flat_map(|packed| packed.iter().map(Text::Bytes));
        let large = large.into_iter().flat_map(|large| large.table.iter().map(|found| Text::Bytes(&found.0)));
        integers.chain(packed).chain(large)
    }

    /// As [`Table::scan`]; a set without a table is visited at once.
    pub fn scan(&self, cursor: u64, count: usize, mut visit: impl FnMut(Text<'_>)) -> u64 {
        if let Inner::Table(large) = &self.inner {
            return large.table.scan(cursor, count, |found| visit(Text::Bytes(&found.0)));
        }
        self.iter().for_each(visit);
        0
    }

    /// A member at random.
    pub fn random(&self, random: Random<'_>) -> Option<Text<'_>> {
        match &self.inner {
            _ if self.is_empty() => None,
            Inner::Integers(integers) => Some(Text::Integer(integers[below(random, integers.len())])),
            Inner::Packed(packed) => packed.iter().nth(below(random, packed.len())).map(Text::Bytes),
            Inner::Table(large) => large.table.random(random).map(|found| Text::Bytes(&found.0)),
        }
    }

    /// The name of the encoding, as Redis gives it.
    pub fn encoding(&self) -> &'static str {
        match &self.inner {
            Inner::Integers(_) => "intset",
            Inner::Packed(_) => "listpack",
            Inner::Table(_) => "hashtable",
        }
    }

    /// About how many bytes this owns.
    pub fn heap_bytes(&self) -> usize {
        match &self.inner {
            Inner::Integers(integers) => allocated(integers.capacity() * 8),
            Inner::Packed(packed) => packed.heap_bytes(),
            Inner::Table(large) => {
                size_of::<Large>() + large.bytes + large.table.len() * TABLE_BYTES_PER_ELEMENT
            }
        }
    }

    /// From integers to packed where they fit, else to a table.
    fn unpack(&mut self, rules: &Rules) {
        let mut text = itoa::Buffer::new();
        let limits = &rules.limits;
        // An integer has at most 20 bytes, so a lower limit is the only one that could be in the way.
        let fits = limits.set_value_bytes_max >= 20 && self.len() < limits.set_entries_max;
        if fits && matches!(self.inner, Inner::Integers(_)) {
            let mut packed = Packed::default();
            self.iter().for_each(|member| packed.push(member.bytes(&mut text)));
            self.inner = Inner::Packed(packed);
            return;
        }
        let mut large = Box::new(Large { table: Table::new(rules.seed, ()), bytes: 0 });
        for member in self.iter() {
            large.add(member.bytes(&mut text));
        }
        self.inner = Inner::Table(large);
    }
}
