//! What each effect does.
//!
//! The command layer asks only for effects that fit what it saw. From a log anything may come, so an effect that does not fit (a list's
//! effect on a hash, an index beyond the end) changes nothing, or as much of it as fits, the same way everywhere.

use bole_base::Offset;

use super::{Database, Mark, Old, Share, Totals};
use crate::state::codec;
use crate::state::effect::{Effect, STRING_BYTES_MAX};
use crate::state::layout::Reader;
use crate::state::slot::{NEVER, Slot};
use crate::state::table::Table;
use crate::state::value::{Hash, List, Rules, Set, SortedSet, Value};

impl Database {
    /// As `apply`, for a caller who has the hash of the effect's key at hand.
    pub fn apply_hashed(&mut self, offset: Offset, hash: u64, effect: &Effect<'_>) {
        let mark = self.table.meta_mut(hash);
        if offset.0 < mark.floor {
            return;
        }
        mark.touched = offset.0 + 1;
        match *effect {
            Effect::SetString { key, value, deadline } => {
                self.set_string(hash, key, value, deadline.unwrap_or(NEVER));
            }
            Effect::Append { key, value } => self.write(hash, key, None, value),
            Effect::SetRange { key, offset, value } => self.write(hash, key, Some(offset), value),
            Effect::Delete { key } | Effect::Expired { key } | Effect::Evicted { key } => {
                self.remove(offset, hash, key);
            }
            Effect::SetDeadline { key, deadline } => self.set_deadline(hash, key, deadline.unwrap_or(NEVER)),
            Effect::Put { key, deadline, value } => self.put(hash, key, deadline.unwrap_or(NEVER), value),
            Effect::Flush => {}
            Effect::HashSet { .. } | Effect::HashDelete { .. } => self.change_hash(offset, hash, effect),
            Effect::SetAdd { .. } | Effect::SetRemove { .. } => self.change_set(offset, hash, effect),
            Effect::SortedAdd { .. } | Effect::SortedRemove { .. } => {
                self.change_sorted_set(offset, hash, effect);
            }
            _ => self.change_list(offset, hash, effect),
        }
    }

    /// Removes every key that no section says was written later.
    pub(super) fn flush(&mut self, offset: Offset) {
        if offset.0 >= self.floor_max {
            return self.reset(offset);
        }
        let mut share = Totals::default();
        for index in 0..self.table.segments().len() {
            if self.table.segments()[index].meta.floor > offset.0 {
                for slot in self.table.segments()[index].iter() {
                    share.change(Share::NOTHING, Share::of(slot));
                }
                continue;
            }
            self.table.clear_segment(index);
            let mark = &mut self.table.segment_mut(index).meta;
            mark.touched = offset.0 + 1;
            mark.deadline = NEVER;
        }
        self.totals = share;
    }

    /// Starts over with one empty segment. Only when no floor is above `offset`, because that segment has one floor for all.
    fn reset(&mut self, offset: Offset) {
        let mark = Mark {
            floor: self.floor_max,
            touched: offset.0 + 1,
            position: self.position_max(),
            deadline: NEVER,
        };
        let old = std::mem::replace(&mut self.table, Table::new(self.rules.seed, mark));
        self.totals = Totals::default();
        self.old.push(Old(old));
    }

    #[inline]
    fn set_string(&mut self, hash: u64, key: &[u8], value: &[u8], deadline: u64) {
        if let Some(slot) = self.table.get_mut(hash, key) {
            let before = Share::of(slot);
            slot.set_string(value, deadline, self.stamp.again(slot.accessed()));
            self.totals.change(before, Share::of(slot));
        } else {
            self.insert(hash, Slot::string(key, value, deadline, self.stamp.new_key()));
        }
        self.note_deadline(hash, deadline);
    }

    /// Puts in a key that is absent.
    #[inline]
    pub(super) fn insert(&mut self, hash: u64, slot: Slot) {
        self.totals.change(Share::NOTHING, Share::of(&slot));
        self.table.insert_new(hash, slot);
    }

    #[inline]
    pub(super) fn note_deadline(&mut self, hash: u64, deadline: u64) {
        if deadline != NEVER {
            let mark = self.table.meta_mut(hash);
            mark.deadline = mark.deadline.min(deadline);
        }
    }

    fn write(&mut self, hash: u64, key: &[u8], offset: Option<u64>, value: &[u8]) {
        let limit = STRING_BYTES_MAX - value.len().min(STRING_BYTES_MAX);
        if offset.is_some_and(|offset| offset > limit as u64) {
            return;
        }
        let offset = offset.map(|offset| offset as usize);
        if let Some(slot) = self.table.get_mut(hash, key) {
            let before = Share::of(slot);
            slot.write(offset, value);
            slot.touch(self.stamp.again(slot.accessed()));
            self.totals.change(before, Share::of(slot));
        } else if offset.is_none() || !value.is_empty() {
            let stamp = self.stamp.new_key();
            let mut slot = Slot::string(key, b"", NEVER, stamp);
            match offset {
                None | Some(0) => slot.set_string(value, NEVER, stamp),
                Some(_) => {
                    slot.write(offset, value);
                }
            }
            self.insert(hash, slot);
        }
    }

    fn remove(&mut self, offset: Offset, hash: u64, key: &[u8]) {
        if let Some(slot) = self.table.remove(hash, key) {
            self.totals.change(Share::of(&slot), Share::NOTHING);
            if self.table.is_empty() && self.table.segments().len() > 1 && offset.0 >= self.floor_max {
                self.reset(offset);
            }
        }
    }

    fn set_deadline(&mut self, hash: u64, key: &[u8], deadline: u64) {
        if let Some(slot) = self.table.get_mut(hash, key) {
            let before = Share::of(slot);
            slot.set_deadline(deadline);
            self.totals.change(before, Share::of(slot));
            self.note_deadline(hash, deadline);
        }
    }

    fn put(&mut self, hash: u64, key: &[u8], deadline: u64, value: &[u8]) {
        let read = codec::read(&mut Reader::new(value), key, deadline, self.stamp.new_key(), &self.rules);
        let Ok(slot) = read else { return };
        self.totals.change(Share::NOTHING, Share::of(&slot));
        if let Some(old) = self.table.insert(hash, slot) {
            self.totals.change(Share::of(&old), Share::NOTHING);
        }
        self.note_deadline(hash, deadline);
    }

    /// Changes a collection in place, or a new one if `new` makes it, and removes the key if nothing is left.
    #[inline]
    fn change(
        &mut self,
        offset: Offset,
        hash: u64,
        key: &[u8],
        new: Option<fn() -> Value>,
        change: impl FnOnce(&mut Value, &Rules),
    ) {
        if let Some(slot) = self.table.get_mut(hash, key) {
            let before = Share::of(slot);
            slot.touch(self.stamp.again(slot.accessed()));
            let Some(value) = slot.value_mut() else { return };
            change(value, &self.rules);
            let is_empty = value.is_empty_collection();
            self.totals.change(before, Share::of(slot));
            if is_empty {
                self.remove(offset, hash, key);
            }
        } else if let Some(new) = new {
            let mut value = new();
            change(&mut value, &self.rules);
            if !value.is_empty_collection() {
                self.insert(hash, Slot::object(key, value, NEVER, self.stamp.new_key()));
            }
        }
    }

    fn change_hash(&mut self, offset: Offset, hash: u64, effect: &Effect<'_>) {
        match *effect {
            Effect::HashSet { key, pairs } => {
                self.change(offset, hash, key, Some(|| Value::Hash(Hash::default())), |value, rules| {
                    let (Value::Hash(hash), mut items) = (value, pairs.iter()) else { return };
                    while let (Some(field), Some(value)) = (items.next(), items.next()) {
                        hash.set(field, value, rules);
                    }
                });
            }
            Effect::HashDelete { key, fields } => self.change(offset, hash, key, None, |value, _| {
                let Value::Hash(hash) = value else { return };
                for field in fields.iter() {
                    hash.remove(field);
                }
            }),
            _ => {}
        }
    }

    fn change_set(&mut self, offset: Offset, hash: u64, effect: &Effect<'_>) {
        match *effect {
            Effect::SetAdd { key, members } => {
                self.change(offset, hash, key, Some(|| Value::Set(Set::default())), |value, rules| {
                    let Value::Set(set) = value else { return };
                    for member in members.iter() {
                        set.add(member, rules);
                    }
                });
            }
            Effect::SetRemove { key, members } => self.change(offset, hash, key, None, |value, _| {
                let Value::Set(set) = value else { return };
                for member in members.iter() {
                    set.remove(member);
                }
            }),
            _ => {}
        }
    }

    fn change_sorted_set(&mut self, offset: Offset, hash: u64, effect: &Effect<'_>) {
        match *effect {
            Effect::SortedAdd { key, members } => {
                let new = || Value::SortedSet(SortedSet::default());
                self.change(offset, hash, key, Some(new), |value, rules| {
                    let Value::SortedSet(sorted) = value else { return };
                    for (score, member) in members.iter().filter(|(score, _)| !score.is_nan()) {
                        sorted.add(score, member, rules);
                    }
                });
            }
            Effect::SortedRemove { key, members } => self.change(offset, hash, key, None, |value, _| {
                let Value::SortedSet(sorted) = value else { return };
                for member in members.iter() {
                    sorted.remove(member);
                }
            }),
            _ => {}
        }
    }

    fn change_list(&mut self, offset: Offset, hash: u64, effect: &Effect<'_>) {
        let Some(key) = effect.key() else { return };
        let new: Option<fn() -> Value> = match effect {
            Effect::ListPush { .. } => Some(|| Value::List(List::default())),
            _ => None,
        };
        let effect = *effect;
        self.change(offset, hash, key, new, |value, rules| {
            let Value::List(list) = value else { return };
            match effect {
                Effect::ListPush { front, values, .. } => {
                    values.iter().for_each(|element| list.push(front, element, rules));
                }
                Effect::ListPop { front, count, .. } => list.pop(front, index(count)),
                Effect::ListSet { index: at, value, .. } => list.set(index(at), value, rules),
                Effect::ListInsert { index: at, value, .. } => list.insert(index(at), value, rules),
                Effect::ListRemove { indices, .. } => list.remove(indices.iter(), rules),
                Effect::ListTrim { start, len, .. } => list.trim(index(start), index(len)),
                _ => {}
            }
        });
    }
}

fn index(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}
