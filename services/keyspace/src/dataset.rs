//! The databases of a keyspace and the shards that they are made of.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use bole_base::{Durability, LogId};
use bole_shard::Shard;

use crate::partition::Partition;
use crate::slots::{SLOTS, slot};

/// The number of databases.
pub const DATABASES: usize = 16;

/// One database's keys: equal, contiguous ranges of slots, a shard each.
pub struct Dataset {
    /// `default/keyspace/N`.
    pub name: String,
    /// In order of slots, and of log ids.
    pub shards: Box<[Arc<Shard<Partition>>]>,
    class: AtomicU8,
}

impl Dataset {
    /// A dataset of these shards, whose log ids rise.
    pub fn new(name: String, shards: Vec<Arc<Shard<Partition>>>, class: Durability) -> Self {
        assert!(shards.is_sorted_by_key(|shard| shard.id()), "shards are locked in order of their log ids");
        Self { name, shards: shards.into(), class: AtomicU8::new(class as u8) }
    }

    /// How durable its writes are.
    pub fn class(&self) -> Durability {
        const CLASSES: [Durability; 3] = [Durability::Memory, Durability::Async, Durability::Sync];
        CLASSES[usize::from(self.class.load(Ordering::Acquire))]
    }

    /// Changes how durable its writes are. The caller holds the locks of all its shards.
    pub fn set_class(&self, class: Durability) {
        self.class.store(class as u8, Ordering::Release);
    }

    /// The index of the shard that owns `key`.
    pub fn shard_of(&self, key: &[u8]) -> usize {
        slot(key) * self.shards.len() / SLOTS
    }

    /// The logs of its shards.
    pub fn logs(&self) -> Vec<LogId> {
        self.shards.iter().map(|shard| shard.id()).collect()
    }
}

/// All databases: the numbers that clients select, and the datasets behind them (`SWAPDB` changes which).
pub struct Databases {
    datasets: Box<[Dataset]>,
    /// Four bits for each database: one word, so that nobody sees half of a swap.
    map: AtomicU64,
}

impl Databases {
    /// `map[n]` is the dataset behind database `n`.
    pub fn new(datasets: Vec<Dataset>, map: [u8; DATABASES]) -> Self {
        assert!(
            map.iter().all(|&dataset| usize::from(dataset) < datasets.len()),
            "every database has a dataset"
        );
        assert!(map.iter().all(|&dataset| dataset < 16), "a dataset's number has four bits");
        let word = map.iter().rev().fold(0, |word, &dataset| word << 4 | u64::from(dataset));
        Self { datasets: datasets.into(), map: AtomicU64::new(word) }
    }

    /// The dataset behind a database. May change until the shard is locked: check with [`Databases::index`] again.
    pub fn dataset(&self, database: usize) -> &Dataset {
        &self.datasets[self.index(database)]
    }

    /// The number of the dataset behind a database.
    pub fn index(&self, database: usize) -> usize {
        place(self.map.load(Ordering::Acquire), database)
    }

    /// How many shards there are in all datasets.
    pub fn partition_count(&self) -> usize {
        self.datasets.iter().map(|dataset| dataset.shards.len()).sum()
    }

    /// A shard by its number among all, below `partition_count`, and its dataset.
    pub fn partition(&self, mut number: usize) -> (&Dataset, &Arc<Shard<Partition>>) {
        for dataset in &self.datasets {
            match dataset.shards.get(number) {
                Some(shard) => return (dataset, shard),
                None => number -= dataset.shards.len(),
            }
        }
        unreachable!("the number is below partition_count")
    }

    /// All datasets, by number.
    pub fn datasets(&self) -> &[Dataset] {
        &self.datasets
    }

    /// Exchanges two databases. The caller holds the locks of all shards of both.
    pub fn swap(&self, first: usize, second: usize) {
        let swapped = |word: u64| {
            let both = (place(word, first) ^ place(word, second)) as u64;
            Some(word ^ (both << (4 * first)) ^ (both << (4 * second)))
        };
        // The closure never refuses.
        let _before = self.map.fetch_update(Ordering::AcqRel, Ordering::Acquire, swapped);
    }

    /// Which dataset is behind each database.
    pub fn map(&self) -> [u8; DATABASES] {
        let word = self.map.load(Ordering::Acquire);
        std::array::from_fn(|database| place(word, database) as u8)
    }
}

/// The dataset behind a database in the packed map.
const fn place(word: u64, database: usize) -> usize {
    (word >> (4 * database)) as usize & 15
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn swaps_exchange_two_and_leave_the_others() {
        let dataset = |number: usize| Dataset::new(number.to_string(), Vec::new(), Durability::Async);
        let start = std::array::from_fn(|database| (database as u8 + 3) % 16);
        let databases = Databases::new((0..DATABASES).map(dataset).collect(), start);
        assert_eq!(databases.map(), start);
        let mut expected = start;
        for (first, second) in [(0, 15), (15, 1), (4, 4), (0, 1)] {
            expected.swap(first, second);
            databases.swap(first, second);
            assert_eq!(databases.map(), expected);
            assert_eq!(databases.index(first), usize::from(expected[first]));
        }
    }
}
