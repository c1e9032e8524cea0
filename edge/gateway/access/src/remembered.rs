//! What is remembered for a while, at most so many: the oldest go. Keys are hashes, so that memory holds no credential.

use std::collections::{HashMap, VecDeque};

/// A hash.
pub(crate) type Fingerprint = [u8; 32];

/// Values by fingerprint, each with the time (in milliseconds) at which it is forgotten.
#[derive(Debug)]
pub(crate) struct Remembered<V> {
    entries: HashMap<Fingerprint, Entry<V>>,
    /// In the order of insertion, with the number of the insertion: a key that was inserted again has an older place too, which says nothing.
    queue: VecDeque<(Fingerprint, u64)>,
    inserted: u64,
    weight: usize,
    entries_max: usize,
    weight_max: usize,
}

#[derive(Debug)]
struct Entry<V> {
    value: V,
    until_ms: u64,
    number: u64,
    weight: usize,
}

impl<V> Remembered<V> {
    pub(crate) fn new(entries_max: usize, weight_max: usize) -> Self {
        let (entries, queue) = (HashMap::new(), VecDeque::new());
        Self { entries, queue, inserted: 0, weight: 0, entries_max, weight_max }
    }

    pub(crate) fn get(&self, key: &Fingerprint, now_ms: u64) -> Option<&V> {
        self.entries.get(key).filter(|entry| now_ms < entry.until_ms).map(|entry| &entry.value)
    }

    pub(crate) fn insert(&mut self, key: Fingerprint, value: V, until_ms: u64, weight: usize, now_ms: u64) {
        self.inserted += 1;
        let entry = Entry { value, until_ms, number: self.inserted, weight };
        self.weight += weight;
        if let Some(old) = self.entries.insert(key, entry) {
            self.weight -= old.weight;
        }
        self.queue.push_back((key, self.inserted));
        self.shrink(now_ms);
    }

    /// Inserts unless it is there, or as many as may be are: whether it did. Forgets only what is over.
    pub(crate) fn insert_new(&mut self, key: Fingerprint, value: V, until_ms: u64, now_ms: u64) -> Inserted {
        if self.get(&key, now_ms).is_some() {
            return Inserted::Known;
        }
        if self.entries.len() >= self.entries_max {
            self.forget(now_ms);
            if self.entries.len() >= self.entries_max {
                return Inserted::Full;
            }
        }
        self.insert(key, value, until_ms, 0, now_ms);
        Inserted::New
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Drops all that is over.
    fn forget(&mut self, now_ms: u64) {
        let entries = &mut self.entries;
        self.queue.retain(|(key, number)| {
            let Some(entry) = entries.get(key).filter(|entry| entry.number == *number) else { return false };
            let over = now_ms >= entry.until_ms;
            if over {
                self.weight -= entry.weight;
                entries.remove(key);
            }
            !over
        });
    }

    fn shrink(&mut self, now_ms: u64) {
        while let Some((key, number)) = self.queue.front() {
            let current = self.entries.get(key).filter(|entry| entry.number == *number);
            let full = self.queue.len() > self.entries_max.saturating_mul(2)
                || self.entries.len() > self.entries_max
                || self.weight > self.weight_max;
            match current {
                Some(entry) if !full && now_ms < entry.until_ms => break,
                Some(entry) => {
                    self.weight -= entry.weight;
                    self.entries.remove(key);
                }
                None => {}
            }
            self.queue.pop_front();
        }
    }
}

/// What became of an insertion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    New,
    Known,
    Full,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a plain list: nothing is found that was not inserted last and in time, and bounds hold.
        #[test]
        fn it_gives_back_what_was_put_in(steps in prop::collection::vec((0_u8..8, 1_u64..20, 0_usize..5, any::<bool>()), 1..80)) {
            let mut remembered = Remembered::new(4, 10);
            let mut model: Vec<([u8; 32], usize, u64)> = Vec::new();
            for (now, (key, ttl, weight, new)) in (0_u64..).zip(steps) {
                let key = [key; 32];
                let until = now + ttl;
                let live = model.iter().rev().find(|row| row.0 == key && now < row.2).is_some();
                if new {
                    let inserted = remembered.insert_new(key, now as usize, until, now);
                    if inserted == Inserted::New {
                        model.push((key, now as usize, until));
                    } else if inserted == Inserted::Known {
                        prop_assert!(live);
                    }
                } else {
                    remembered.insert(key, now as usize, until, weight, now);
                    model.push((key, now as usize, until));
                }
                prop_assert!(remembered.len() <= 4 && remembered.queue.len() <= 9);
                let total: usize = remembered.entries.values().map(|entry| entry.weight).sum();
                prop_assert!(total == remembered.weight && total <= 10);
                for key in 0..8 {
                    if let Some(value) = remembered.get(&[key; 32], now) {
                        let last = model.iter().rev().find(|row| row.0 == [key; 32]).unwrap();
                        prop_assert!(last.1 == *value && now < last.2);
                    }
                }
            }
        }
    }

    #[test]
    fn when_it_is_full_nothing_that_counts_is_forgotten() {
        let mut remembered = Remembered::new(2, usize::MAX);
        for (key, now, expected) in [
            (1, 0, Inserted::New),
            (1, 5, Inserted::Known),
            (2, 5, Inserted::New),
            (3, 9, Inserted::Full),
            (3, 10, Inserted::New),
            (1, 12, Inserted::Full),
        ] {
            assert_eq!(remembered.insert_new([key; 32], (), now + 10, now), expected, "{key} at {now}");
        }
    }
}
