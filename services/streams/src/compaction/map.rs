//! Where the newest record of each key stands, as far as that fits into memory.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

/// Keys of one map: a table of 2^20 slots of 33 bytes, 35 MB, is full at seven eighths.
pub const KEYS_MAX: usize = (1 << 20) / 8 * 7;

/// Offsets by 128 bits of a hash of the key, which is keyed by chance: clients cannot make two keys meet.
pub struct OffsetMap {
    by_key: HashMap<u128, i64>,
    keys_max: usize,
    hashers: [RandomState; 2],
}

impl OffsetMap {
    /// An empty map for `keys_max` keys.
    pub fn new(keys_max: usize) -> Self {
        Self { by_key: HashMap::new(), keys_max, hashers: [RandomState::new(), RandomState::new()] }
    }

    fn hash(&self, key: &[u8]) -> u128 {
        let [high, low] = &self.hashers;
        u128::from(high.hash_one(key)) << 64 | u128::from(low.hash_one(key))
    }

    /// Notes a record of `key`. `false`: it is a new key, for which there is no room.
    pub fn put(&mut self, key: &[u8], offset: i64) -> bool {
        let hash = self.hash(key);
        if let Some(newest) = self.by_key.get_mut(&hash) {
            *newest = offset.max(*newest);
            return true;
        }
        if self.by_key.len() >= self.keys_max {
            return false;
        }
        self.by_key.insert(hash, offset);
        true
    }

    /// The newest record that was noted for `key`.
    pub fn newest(&self, key: &[u8]) -> Option<i64> {
        self.by_key.get(&self.hash(key)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_counts_and_the_map_is_bounded() {
        let mut map = OffsetMap::new(2);
        // Key, offset; whether it was taken.
        for (key, offset, taken) in
            [("a", 5, true), ("b", 6, true), ("c", 7, false), ("a", 9, true), ("a", 8, true)]
        {
            assert_eq!(map.put(key.as_bytes(), offset), taken, "{key}");
        }
        assert_eq!(["a", "b", "c"].map(|key| map.newest(key.as_bytes())), [Some(9), Some(6), None]);
    }
}
