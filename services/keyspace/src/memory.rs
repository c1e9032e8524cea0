//! How much memory the keys take together, how much they may, and which of them are to go: Redis's `maxmemory`.
//!
//! # Invariants
//! - `used` is the sum of what the partitions have told; each is at most [`SLACK_BYTES`] behind.
//! - Only the keys count. Buffers of connections have bounds of their own.

use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;

/// A partition tells of its bytes when they have changed by so much.
pub const SLACK_BYTES: u64 = 1 << 10;
/// Candidates that are kept from one eviction to the next.
const POOL_MAX: usize = 16;
/// A candidate with a longer key is evicted at once or not at all.
const POOL_KEY_BYTES_MAX: usize = 4 << 10;

/// Which keys go when there is too little memory. Names as in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// None: writes are refused.
    NoEviction,
    /// The one used longest ago.
    AllKeysLru,
    /// The one used least often.
    AllKeysLfu,
    /// Any.
    AllKeysRandom,
    /// As `AllKeysLru`, of those with a deadline.
    VolatileLru,
    /// As `AllKeysLfu`, of those with a deadline.
    VolatileLfu,
    /// Any with a deadline.
    VolatileRandom,
    /// The one whose deadline comes first.
    VolatileTtl,
}

impl Policy {
    /// All, with their names.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::VolatileLru, "volatile-lru"),
        (Self::VolatileLfu, "volatile-lfu"),
        (Self::VolatileRandom, "volatile-random"),
        (Self::VolatileTtl, "volatile-ttl"),
        (Self::AllKeysLru, "allkeys-lru"),
        (Self::AllKeysLfu, "allkeys-lfu"),
        (Self::AllKeysRandom, "allkeys-random"),
        (Self::NoEviction, "noeviction"),
    ];

    /// The name.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(policy, _)| *policy == self).map_or("noeviction", |(_, name)| name)
    }

    /// Whether only keys with a deadline may go.
    pub const fn is_volatile(self) -> bool {
        matches!(self, Self::VolatileLru | Self::VolatileLfu | Self::VolatileRandom | Self::VolatileTtl)
    }

    /// Whether it is how often keys are used that is noted, not when.
    pub const fn counts_uses(self) -> bool {
        matches!(self, Self::AllKeysLfu | Self::VolatileLfu)
    }

    /// Whether any key is as good as another.
    pub const fn is_random(self) -> bool {
        matches!(self, Self::AllKeysRandom | Self::VolatileRandom)
    }
}

/// What one partition has, as far as others need to know. A cache line of its own: it changes with every write.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Counts {
    keys: AtomicU32,
    volatile: AtomicU32,
}

/// A key that may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The number of its partition.
    pub partition: usize,
    /// The key.
    pub key: Vec<u8>,
    /// The higher, the sooner it goes.
    pub score: u64,
}

/// The account of all keys' memory. See the module.
#[derive(Debug)]
pub struct Memory {
    used: AtomicI64,
    bytes_max: AtomicU64,
    policy: AtomicU8,
    partitions: Box<[Counts]>,
    pool: Mutex<Vec<Candidate>>,
}

impl Memory {
    /// The account of so many partitions. `bytes_max` 0: no bound.
    pub fn new(partitions: usize, bytes_max: u64, policy: Policy) -> Self {
        Self {
            used: AtomicI64::new(0),
            bytes_max: AtomicU64::new(bytes_max),
            policy: AtomicU8::new(policy as u8),
            partitions: (0..partitions).map(|_| Counts::default()).collect(),
            pool: Mutex::default(),
        }
    }

    /// Changes what may be used, and who goes.
    pub fn configure(&self, bytes_max: u64, policy: Policy) {
        let before = self.policy.swap(policy as u8, Ordering::AcqRel);
        self.bytes_max.store(bytes_max, Ordering::Release);
        if before != policy as u8 {
            self.pool.lock().clear();
        }
    }

    /// Who goes.
    pub fn policy(&self) -> Policy {
        let number = self.policy.load(Ordering::Acquire);
        let found = Policy::ALL.iter().find(|(policy, _)| *policy as u8 == number);
        found.map_or(Policy::NoEviction, |(policy, _)| *policy)
    }

    /// About how many bytes all keys take.
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed).max(0) as u64
    }

    /// Whether the keys take more than they may.
    #[inline]
    pub fn is_over(&self) -> bool {
        let bytes_max = self.bytes_max.load(Ordering::Relaxed);
        bytes_max != 0 && self.used() > bytes_max
    }

    /// A partition at random, each with a chance in proportion to its keys (those with a deadline, if `volatile`). `None`: there is no key.
    pub fn choose(&self, volatile: bool, random: u64) -> Option<usize> {
        let count = |counts: &Counts| {
            let number = if volatile { &counts.volatile } else { &counts.keys };
            u64::from(number.load(Ordering::Relaxed))
        };
        let total: u64 = self.partitions.iter().map(count).sum();
        let mut left = random.checked_rem(total)?;
        // The counts may change meanwhile; then the last one that has any is as good.
        let mut last = None;
        for (index, counts) in self.partitions.iter().enumerate() {
            let here = count(counts);
            if here > left {
                return Some(index);
            }
            left -= here;
            last = if here > 0 { Some(index) } else { last };
        }
        last
    }

    /// Adds candidates to those that are left of earlier looks, and takes the best of all.
    pub fn take_best(&self, fresh: Vec<Candidate>) -> Option<Candidate> {
        let mut pool = self.pool.lock();
        for candidate in fresh {
            let same =
                |other: &Candidate| other.partition == candidate.partition && other.key == candidate.key;
            match pool.iter().position(same) {
                // What was learned last holds.
                Some(known) => pool[known] = candidate,
                None => pool.push(candidate),
            }
        }
        pool.sort_by_key(|candidate| candidate.score);
        let best = pool.pop();
        pool.retain(|candidate| candidate.key.len() <= POOL_KEY_BYTES_MAX);
        let surplus = pool.len().saturating_sub(POOL_MAX);
        pool.drain(..surplus);
        best
    }
}

/// A partition's part of the account.
#[derive(Debug)]
pub struct Share {
    memory: std::sync::Arc<Memory>,
    index: usize,
    told: i64,
}

impl Share {
    /// The part of partition `index`, which has told nothing yet.
    pub const fn new(memory: std::sync::Arc<Memory>, index: usize) -> Self {
        Self { memory, index, told: 0 }
    }

    /// Tells what the partition has now. With `exactly`, also differences below the slack.
    #[inline]
    pub fn tell(&mut self, bytes: u64, keys: usize, volatile: usize, exactly: bool) {
        let counts = &self.memory.partitions[self.index];
        counts.keys.store(keys as u32, Ordering::Relaxed);
        counts.volatile.store(volatile as u32, Ordering::Relaxed);
        let change = bytes as i64 - self.told;
        if change.unsigned_abs() >= SLACK_BYTES || exactly {
            self.memory.used.fetch_add(change, Ordering::Relaxed);
            self.told = bytes as i64;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn names_are_those_of_redis_and_come_back() {
        for (policy, name) in Policy::ALL {
            assert_eq!(policy.name(), name);
            let memory = Memory::new(0, 0, policy);
            assert_eq!(memory.policy(), policy);
            assert_eq!(policy.is_volatile(), name.starts_with("volatile"));
            assert_eq!(policy.counts_uses(), name.ends_with("lfu"));
            assert_eq!(policy.is_random(), name.ends_with("random"));
        }
    }

    #[test]
    fn shares_add_up_within_their_slack() {
        let memory = Arc::new(Memory::new(3, 5_000, Policy::NoEviction));
        let mut shares: Vec<_> = (0..3).map(|index| Share::new(Arc::clone(&memory), index)).collect();
        shares[0].tell(SLACK_BYTES - 1, 1, 0, false);
        assert_eq!(memory.used(), 0);
        shares[0].tell(SLACK_BYTES, 1, 0, false);
        shares[1].tell(4_000, 9, 1, false);
        assert!(memory.used() == 5_024 && memory.is_over());
        shares[1].tell(3_900, 9, 1, false);
        assert_eq!(memory.used(), 5_024);
        shares[1].tell(3_900, 9, 1, true);
        assert!(memory.used() == 4_924 && !memory.is_over());
        shares[1].tell(0, 0, 0, false);
        assert_eq!(memory.used(), SLACK_BYTES);
        memory.configure(0, Policy::NoEviction);
        shares[2].tell(1 << 40, 0, 0, false);
        assert!(!memory.is_over(), "0 is no bound");
    }

    #[test]
    fn partitions_are_chosen_by_their_keys() {
        let memory = Arc::new(Memory::new(3, 0, Policy::NoEviction));
        assert_eq!(memory.choose(false, 7), None);
        let counts = [(2, 0), (0, 0), (3, 1)];
        for (index, (keys, volatile)) in counts.into_iter().enumerate() {
            Share::new(Arc::clone(&memory), index).tell(0, keys, volatile, true);
        }
        let chosen: Vec<_> = (0..5).map(|random| memory.choose(false, random)).collect();
        assert_eq!(chosen, [Some(0), Some(0), Some(2), Some(2), Some(2)]);
        assert_eq!(memory.choose(true, 99), Some(2));
    }

    #[test]
    fn the_best_of_all_looks_goes_first_and_the_pool_is_bounded() {
        let memory = Memory::new(1, 0, Policy::AllKeysLru);
        let candidate = |key: u64, score| Candidate { partition: 0, key: key.to_be_bytes().to_vec(), score };
        let scores = |memory: &Memory, fresh| memory.take_best(fresh).map(|best| best.score);
        assert_eq!(scores(&memory, vec![candidate(1, 10), candidate(2, 30), candidate(3, 20)]), Some(30));
        assert_eq!(scores(&memory, vec![candidate(1, 5), candidate(4, 15)]), Some(20));
        assert_eq!(scores(&memory, vec![]), Some(15));
        assert_eq!(scores(&memory, vec![]), Some(5));
        assert_eq!(scores(&memory, vec![]), None);
        assert_eq!(scores(&memory, (0..100).map(|key| candidate(key, key)).collect()), Some(99));
        let long = Candidate { key: vec![0; POOL_KEY_BYTES_MAX + 1], ..candidate(0, 0) };
        memory.take_best(vec![long]);
        assert_eq!(memory.pool.lock().len(), POOL_MAX - 1);
        memory.configure(0, Policy::AllKeysLfu);
        assert_eq!(scores(&memory, vec![]), None);
    }
}
