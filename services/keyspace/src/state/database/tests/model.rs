//! A database as maps and vectors.

use std::collections::{BTreeMap, BTreeSet};

use crate::state::codec;
use crate::state::layout::Reader;
use crate::state::slot::NEVER;
use crate::state::value::Rules;
use crate::state::{Database, Effect, IntegerBuffer, Limits, Seed, View};

type Bytes = Vec<u8>;
pub(super) type Keys = BTreeMap<Bytes, (Option<u64>, Content)>;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    String(Bytes),
    List(Vec<Bytes>),
    Hash(BTreeMap<Bytes, Bytes>),
    Set(BTreeSet<Bytes>),
    Sorted(BTreeMap<Bytes, f64>),
}

impl Content {
    fn of(view: View<'_>) -> Self {
        match view {
            View::Bytes(bytes) => Self::String(bytes.to_vec()),
            View::Integer(integer) => Self::String(integer.to_string().into_bytes()),
            View::List(list) => Self::List(list.iter().map(<[u8]>::to_vec).collect()),
            View::Hash(hash) => Self::Hash(hash.iter().map(|(f, v)| (f.to_vec(), v.to_vec())).collect()),
            View::Set(set) => {
                Self::Set(set.iter().map(|member| member.bytes(&mut IntegerBuffer::new()).to_vec()).collect())
            }
            View::SortedSet(sorted) => {
                Self::Sorted(sorted.iter().map(|(member, score)| (member.to_vec(), score)).collect())
            }
        }
    }

    fn is_empty(&self) -> bool {
        match self {
            Self::String(_) => false,
            Self::List(list) => list.is_empty(),
            Self::Hash(hash) => hash.is_empty(),
            Self::Set(set) => set.is_empty(),
            Self::Sorted(sorted) => sorted.is_empty(),
        }
    }

    fn change_string(&mut self, offset: Option<u64>, value: &[u8]) {
        let Self::String(string) = self else { return };
        let start = offset.map_or(string.len(), |offset| offset as usize);
        // Redis pads up to the offset even if there is nothing to write; nobody asks for that.
        if string.len() < start + value.len() {
            string.resize(start + value.len(), 0);
        }
        string[start..start + value.len()].copy_from_slice(value);
    }

    fn change_list(&mut self, effect: &Effect<'_>) {
        let Self::List(list) = self else { return };
        match *effect {
            Effect::ListPush { front, values, .. } => {
                for value in values.iter() {
                    list.insert(if front { 0 } else { list.len() }, value.to_vec());
                }
            }
            Effect::ListPop { front, count, .. } => {
                let count = list.len().min(count as usize);
                list.drain(if front { 0..count } else { list.len() - count..list.len() });
            }
            Effect::ListSet { index, value, .. } if (index as usize) < list.len() => {
                list[index as usize] = value.to_vec();
            }
            Effect::ListInsert { index, value, .. } if index as usize <= list.len() => {
                list.insert(index as usize, value.to_vec());
            }
            Effect::ListRemove { indices, .. } => {
                let indices: BTreeSet<u64> = indices.iter().collect();
                let mut index = 0..;
                list.retain(|_| !index.next().is_some_and(|index| indices.contains(&index)));
            }
            Effect::ListTrim { start, len, .. } => {
                *list = list.iter().skip(start as usize).take(len as usize).cloned().collect();
            }
            _ => {}
        }
    }

    fn change(&mut self, effect: &Effect<'_>) {
        match (self, *effect) {
            (Self::Hash(hash), Effect::HashSet { pairs, .. }) => {
                let items: Vec<&[u8]> = pairs.iter().collect();
                hash.extend(items.chunks(2).map(|pair| (pair[0].to_vec(), pair[1].to_vec())));
            }
            (Self::Hash(hash), Effect::HashDelete { fields, .. }) => {
                hash.retain(|field, _| !fields.iter().any(|other| other == field));
            }
            (Self::Set(set), Effect::SetAdd { members, .. }) => {
                set.extend(members.iter().map(<[u8]>::to_vec));
            }
            (Self::Set(set), Effect::SetRemove { members, .. }) => {
                set.retain(|member| !members.iter().any(|other| other == member));
            }
            (Self::Sorted(sorted), Effect::SortedAdd { members, .. }) => {
                sorted.extend(members.iter().map(|(score, member)| (member.to_vec(), score)));
            }
            (Self::Sorted(sorted), Effect::SortedRemove { members, .. }) => {
                sorted.retain(|member, _| !members.iter().any(|other| other == member));
            }
            (content, effect) => content.change_list(&effect),
        }
    }
}

#[derive(Default)]
pub(super) struct Model {
    keys: Keys,
}

impl Model {
    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    pub(super) fn apply(&mut self, effect: &Effect<'_>) {
        let Some(key) = effect.key() else { return self.keys.clear() };
        let new = match *effect {
            Effect::SetString { value, deadline, .. } => {
                self.keys.insert(key.to_vec(), (deadline, Content::String(value.to_vec())));
                return;
            }
            Effect::Put { value, deadline, .. } => {
                let rules = Rules { limits: Limits::default(), seed: Seed(1, 2) };
                let slot = codec::read(&mut Reader::new(value), key, NEVER, 0, &rules).unwrap();
                self.keys.insert(key.to_vec(), (deadline, Content::of(slot.view())));
                return;
            }
            Effect::Delete { .. } | Effect::Expired { .. } | Effect::Evicted { .. } => {
                self.keys.remove(key);
                return;
            }
            Effect::SetRange { value: b"", .. } if !self.keys.contains_key(key) => return,
            Effect::Append { .. } | Effect::SetRange { .. } => Some(Content::String(Vec::new())),
            Effect::HashSet { .. } => Some(Content::Hash(BTreeMap::new())),
            Effect::ListPush { .. } => Some(Content::List(Vec::new())),
            Effect::SetAdd { .. } => Some(Content::Set(BTreeSet::new())),
            Effect::SortedAdd { .. } => Some(Content::Sorted(BTreeMap::new())),
            _ => None,
        };
        if let Some(new) = new {
            self.keys.entry(key.to_vec()).or_insert((None, new));
        }
        let Some((at, content)) = self.keys.get_mut(key) else { return };
        match *effect {
            Effect::Append { value, .. } => content.change_string(None, value),
            Effect::SetRange { offset, value, .. } => content.change_string(Some(offset), value),
            Effect::SetDeadline { deadline, .. } => *at = deadline,
            _ => content.change(effect),
        }
        if content.is_empty() {
            self.keys.remove(key);
        }
    }
}

/// What a database holds, deadlines that have come included.
pub(super) fn contents(database: &Database) -> Keys {
    let mut keys = Keys::new();
    let mut cursor = 0;
    loop {
        cursor = database.scan(cursor, 100, 0, |entry| {
            let old = keys.insert(entry.key().to_vec(), (entry.deadline(), Content::of(entry.view())));
            assert!(old.is_none(), "a scan repeated {:?}", entry.key());
        });
        if cursor == 0 {
            return keys;
        }
    }
}
