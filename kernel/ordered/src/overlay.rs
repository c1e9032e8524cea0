//! What effects did that are not in the store yet, by key, in order of offset; and a range of it merged with the store's.
//!
//! # Invariants
//! - For a key that the overlay names, the last of its mutations is what readers see; for any other, the store's value is.
//! - So it does not matter whether the store has some of these mutations already: reads may go on while it takes them in.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};
use std::iter::Peekable;
use std::ops::Bound;

use bole_base::Offset;
use bytes::Bytes;

use crate::{Direction, Error, Mutation, Mutations, Partition, Range};

/// Mutations that the store may not have yet. Its bound is the shard's `overlay_bytes_max`.
#[derive(Clone, Debug, Default)]
pub struct Overlay {
    keys: BTreeMap<(Partition, Bytes), VecDeque<(Offset, Option<Bytes>)>>,
}

impl Overlay {
    /// Shows what the effect at `offset` does.
    pub fn show(&mut self, offset: Offset, mutations: Mutations) {
        for Mutation { partition, key, value } in mutations {
            let pending = self.keys.entry((partition, key)).or_default();
            match pending.back_mut() {
                Some(last) if last.0 == offset => last.1 = value,
                _ => pending.push_back((offset, value)),
            }
        }
    }

    /// Takes out what the effect at `offset` does; it is the oldest.
    pub fn hide(&mut self, offset: Offset, mutations: Mutations) {
        for Mutation { partition, key, .. } in mutations {
            let place = (partition, key);
            let Some(pending) = self.keys.get_mut(&place) else { continue };
            if pending.front().is_some_and(|(oldest, _)| *oldest == offset) {
                pending.pop_front();
            }
            if pending.is_empty() {
                self.keys.remove(&place);
            }
        }
    }

    /// What it says of a key: nothing, that it is deleted, or its value.
    pub fn get(&self, partition: Partition, key: &[u8]) -> Option<Option<Bytes>> {
        let pending = self.keys.get(&(partition, Bytes::copy_from_slice(key)))?;
        pending.back().map(|(_, value)| value.clone())
    }

    /// What it says of a range, in the order asked for.
    pub fn scan<'a>(
        &'a self,
        range: &Range,
        direction: Direction,
    ) -> Box<dyn Iterator<Item = (Bytes, Option<Bytes>)> + 'a> {
        if range.is_empty() {
            return Box::new(std::iter::empty());
        }
        let partition = range.partition;
        let place = |bound: &Bound<Bytes>| bound.as_ref().map(|key| (partition, key.clone()));
        let start = match &range.start {
            Bound::Unbounded => Bound::Included((partition, Bytes::new())),
            bound => place(bound),
        };
        let end = match (&range.end, partition.number().checked_add(1)) {
            (Bound::Unbounded, Some(next)) => Bound::Excluded((Partition::new(next), Bytes::new())),
            (bound, _) => place(bound),
        };
        let inside = self.keys.range((start, end)).map(|((_, key), pending)| {
            let value = pending.back().and_then(|(_, value)| value.clone());
            (key.clone(), value)
        });
        match direction {
            Direction::Forward => Box::new(inside),
            Direction::Backward => Box::new(inside.rev()),
        }
    }

    /// What it says of a range, kept.
    pub(crate) fn part(&self, range: &Range) -> Self {
        let partition = range.partition;
        let entries = self.scan(range, Direction::Forward);
        let keys = entries.map(|(key, value)| ((partition, key), VecDeque::from([(Offset::ZERO, value)])));
        Self { keys: keys.collect() }
    }

    /// Keys that it names.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether it names none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

/// Two ordered sequences as one: of a key that both have, what is over the store counts, and a delete hides the key.
pub(crate) struct Merge<S: Iterator, O: Iterator> {
    store: Peekable<S>,
    over: Peekable<O>,
    direction: Direction,
}

impl<S, O> Merge<S, O>
where
    S: Iterator<Item = Result<(Bytes, Bytes), Error>>,
    O: Iterator<Item = (Bytes, Option<Bytes>)>,
{
    pub(crate) fn new(store: S, over: O, direction: Direction) -> Self {
        Self { store: store.peekable(), over: over.peekable(), direction }
    }
}

impl<S, O> Iterator for Merge<S, O>
where
    S: Iterator<Item = Result<(Bytes, Bytes), Error>>,
    O: Iterator<Item = (Bytes, Option<Bytes>)>,
{
    type Item = Result<(Bytes, Bytes), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let order = match (self.store.peek(), self.over.peek()) {
                (Some(Ok((stored, _))), Some((over, _))) => match self.direction {
                    Direction::Forward => stored.cmp(over),
                    Direction::Backward => over.cmp(stored),
                },
                (_, None) | (Some(Err(_)), _) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
            };
            match order {
                Ordering::Less => return self.store.next(),
                Ordering::Equal => drop(self.store.next()),
                Ordering::Greater => {}
            }
            if let Some((key, Some(value))) = self.over.next() {
                return Some(Ok((key, value)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Partition = Partition::new(1);
    const TWO: Partition = Partition::new(2);

    fn put(partition: Partition, key: &'static str, value: &'static str) -> Mutations {
        let mut mutations = Mutations::new();
        mutations.put(partition, key, value);
        mutations
    }

    fn delete(key: &'static str) -> Mutations {
        let mut mutations = Mutations::new();
        mutations.delete(ONE, key);
        mutations
    }

    #[test]
    fn the_newest_counts_until_it_is_hidden() {
        let mut overlay = Overlay::default();
        let steps = [put(ONE, "a", "1"), delete("a"), put(ONE, "a", "3")];
        for (offset, mutations) in steps.iter().enumerate() {
            overlay.show(Offset(offset as u64), mutations.clone());
        }
        for (offset, mutations) in steps.into_iter().enumerate() {
            assert_eq!(overlay.get(ONE, b"a"), Some(Some("3".into())), "before {offset} goes");
            overlay.hide(Offset(offset as u64), mutations);
        }
        assert!(overlay.is_empty());
        assert_eq!(overlay.get(ONE, b"a"), None);
    }

    #[test]
    fn two_mutations_of_a_key_in_one_effect_are_one() {
        let mut overlay = Overlay::default();
        let mut both = put(ONE, "a", "1");
        both.delete(ONE, "a");
        overlay.show(Offset(4), both.clone());
        overlay.show(Offset(5), put(ONE, "a", "5"));
        overlay.hide(Offset(4), both);
        assert_eq!(overlay.get(ONE, b"a"), Some(Some("5".into())));
        overlay.hide(Offset(5), put(ONE, "a", "5"));
        assert!(overlay.is_empty());
    }

    #[test]
    fn a_scan_stays_in_its_partition_both_ways() {
        let mut overlay = Overlay::default();
        for (offset, mutations) in
            [put(ONE, "b", "1"), put(TWO, "a", "2"), put(ONE, "c", "3"), delete("d")].into_iter().enumerate()
        {
            overlay.show(Offset(offset as u64), mutations);
        }
        let keys = |range: &Range, direction| -> String {
            overlay
                .scan(range, direction)
                .map(|(key, _)| String::from_utf8_lossy(&key).into_owned())
                .collect()
        };
        for (range, forward) in [
            (Range::all(ONE), "bcd"),
            (Range::all(TWO), "a"),
            (Range::all(Partition::new(3)), ""),
            (Range::prefix(ONE, b"c"), "c"),
            (Range::all(ONE).rest("b".into(), Direction::Forward), "cd"),
            (Range::all(ONE).rest("d".into(), Direction::Backward), "bc"),
        ] {
            assert_eq!(keys(&range, Direction::Forward), forward, "{range:?}");
            let backward: String = forward.chars().rev().collect();
            assert_eq!(keys(&range, Direction::Backward), backward, "{range:?}");
        }
    }

    #[test]
    fn a_merge_hides_what_is_deleted_and_stops_at_errors() {
        let entry = |key: &'static str| Ok((Bytes::from(key), Bytes::from("old")));
        let over = [("b", Some("new")), ("c", None), ("d", Some("new")), ("e", None)];
        let over = over.map(|(key, value)| (Bytes::from(key), value.map(Bytes::from)));
        let text = |entries: Vec<(Bytes, Bytes)>| -> String {
            let entry = |(key, value): (Bytes, Bytes)| [&key[..], b"=", &value[..], b" "].concat();
            String::from_utf8(entries.into_iter().flat_map(entry).collect()).unwrap_or_default()
        };
        let forward = Merge::new(
            [entry("a"), entry("b"), entry("c")].into_iter(),
            over.clone().into_iter(),
            Direction::Forward,
        );
        let forward: Result<Vec<_>, _> = forward.collect();
        assert_eq!(text(forward.unwrap_or_default()), "a=old b=new d=new ");
        let backward = Merge::new(
            [entry("c"), entry("b"), entry("a")].into_iter(),
            over.clone().into_iter().rev(),
            Direction::Backward,
        );
        let backward: Result<Vec<_>, _> = backward.collect();
        assert_eq!(text(backward.unwrap_or_default()), "d=new b=new a=old ");
        let broken = [Err(Error::Refused("broken".into()))];
        assert!(
            Merge::new(broken.into_iter(), over.into_iter(), Direction::Forward)
                .next()
                .is_some_and(|entry| entry.is_err())
        );
    }
}
