//! When, or how often, keys are used: for OBJECT IDLETIME, OBJECT FREQ and eviction. No part of the state proper: followers may differ.
//!
//! A slot keeps 32 bits. They are the seconds of the last use; or, while uses are counted, the minutes of the last use (24 bits) and a counter
//! (8 bits) that grows with the logarithm of the uses and shrinks by one for each minute without any, as in Redis. When the
//! policy changes, old bits mean something else until the keys are used again, as in Redis, too.

use super::{Database, Entry};
use crate::state::slot::NEVER;

/// The counter of a new key, so that it is not the first to go (Redis's `LFU_INIT_VAL`).
const COUNTER_NEW: u8 = 5;
/// Redis's `lfu-log-factor`.
const LOG_FACTOR: u64 = 10;
/// A sample tries so many buckets for each key that it is to find, before it walks.
const TRIES_PER_KEY: usize = 8;

/// What the next use of a key is noted as.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Stamp {
    seconds: u32,
    /// Uses are counted.
    counts: bool,
    /// For the counter, which grows by chance.
    noise: u64,
}

impl Stamp {
    /// Sets the time.
    #[inline]
    pub(super) fn set_now(&mut self, now: u64) {
        self.seconds = (now / 1_000) as u32;
        if self.counts {
            self.noise = self.noise.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
        }
    }

    /// For a key that is made.
    #[inline]
    pub(super) fn new_key(self) -> u32 {
        if self.counts {
            minutes(u64::from(self.seconds)) << 8 | u32::from(COUNTER_NEW)
        } else {
            self.seconds
        }
    }

    /// For a key that was noted as `old`.
    #[inline]
    pub(super) fn again(self, old: u32) -> u32 {
        if self.counts { self.counted(old) } else { self.seconds }
    }

    fn counted(self, old: u32) -> u32 {
        let now = minutes(u64::from(self.seconds));
        let counter = decayed(old, now);
        let base = u64::from(counter.saturating_sub(COUNTER_NEW));
        // A chance of 1 in base * factor + 1.
        let grows = (self.noise >> 32).is_multiple_of(base * LOG_FACTOR + 1);
        now << 8 | u32::from(counter.saturating_add(u8::from(grows)))
    }
}

/// Minutes in 24 bits.
const fn minutes(seconds: u64) -> u32 {
    (seconds / 60) as u32 & 0x00FF_FFFF
}

/// The counter in `bits`, less one for each minute since.
fn decayed(bits: u32, now: u32) -> u8 {
    let passed = now.wrapping_sub(bits >> 8) & 0x00FF_FFFF;
    (bits as u8).saturating_sub(u8::try_from(passed).unwrap_or(u8::MAX))
}

impl Entry<'_> {
    /// The counter of uses, if these are counted.
    pub fn frequency(&self, now: u64) -> u8 {
        decayed(self.accessed(), minutes(now / 1_000))
    }
}

impl Database {
    /// Whether uses are counted from now on, or their times noted.
    pub fn count_uses(&mut self, counts: bool) {
        self.stamp.counts = counts;
    }

    /// Visits about `count` keys at random (with a deadline, if `volatile`), expired ones included. One may come twice.
    pub fn sample(
        &self,
        random: &mut dyn FnMut() -> u64,
        count: usize,
        volatile: bool,
        mut visit: impl FnMut(Entry<'_>),
    ) {
        let segments = self.table.segments();
        let first = (random() % segments.len() as u64) as usize;
        for index in 0..segments.len() {
            let segment = &segments[(first + index) % segments.len()];
            if segment.is_empty() || (volatile && segment.meta.deadline == NEVER) {
                continue;
            }
            let wanted = |slot: &&crate::state::slot::Slot| !volatile || slot.deadline() != NEVER;
            let mut found = 0;
            for _ in 0..count * TRIES_PER_KEY {
                if found == count {
                    return;
                }
                if let Some(slot) = segment.bucket(random()).filter(wanted) {
                    visit(Entry { slot });
                    found += 1;
                }
            }
            if found == 0 {
                segment.iter().filter(wanted).take(count).for_each(|slot| {
                    visit(Entry { slot });
                    found += 1;
                });
            }
            if found > 0 {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_grow_ever_more_slowly_and_shrink_with_time() {
        let mut stamp = Stamp { seconds: 6_000, counts: true, noise: 1 };
        let mut bits = stamp.new_key();
        assert_eq!((bits as u8, bits >> 8), (COUNTER_NEW, 100));
        let mut after = Vec::new();
        for used in 1..=100_000 {
            stamp.set_now(6_000_000);
            bits = stamp.again(bits);
            if [100, 1_000, 10_000, 100_000].contains(&used) {
                after.push(bits as u8);
            }
        }
        // Redis's table for a factor of 10 says 10, 18, 49, 142.
        for (counter, expected) in after.iter().zip([10_u8, 18, 49, 142]) {
            assert!(counter.abs_diff(expected) <= expected / 4 + 2, "{after:?}");
        }
        let highest = bits as u8;
        assert_eq!(decayed(bits, 103), highest - 3);
        assert_eq!(decayed(bits, 100 + 300), 0);
        assert_eq!(decayed(bits, 100), highest);
    }

    #[test]
    fn without_counting_it_is_the_time() {
        let mut stamp = Stamp::default();
        stamp.set_now(7_999);
        assert_eq!((stamp.new_key(), stamp.again(3)), (7, 7));
    }
}
