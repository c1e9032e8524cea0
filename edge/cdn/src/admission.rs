//! What is let in to the disk tier. Half of what a cache is asked for is never asked for again; `docs/internals/hit-ratio.md` measures that a disk
//! which takes in only what was asked for twice has as many hits, and between three quarters and a sixteenth of the writes.

use parking_lot::Mutex;
use std::collections::HashSet;

/// Keys of one generation: about 2 MiB for both.
const KEYS_MAX: usize = 65_536;

/// What is written to disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Admission {
    /// What was asked for twice while its key was remembered: a hit in memory is the second time.
    #[default]
    SecondRequest,
    /// All that is stored.
    All,
}

/// Keys that were asked for: two generations, of which the older one is forgotten when the newer one is full. So a key is remembered for at least as many
/// others as one has, and twice as many at most.
#[derive(Debug, Default)]
pub struct Seen(Mutex<[HashSet<u128>; 2]>);

impl Seen {
    /// Notes a key. Whether it was there.
    pub fn note(&self, key: u128) -> bool {
        let mut generations = self.0.lock();
        if generations.iter().any(|keys| keys.contains(&key)) {
            return true;
        }
        if generations[0].len() == KEYS_MAX {
            generations.swap(0, 1);
            generations[0].clear();
        }
        generations[0].insert(key);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_remembered_for_a_while() {
        let seen = Seen::default();
        let most = KEYS_MAX as u128;
        assert!(!seen.note(0) && seen.note(0));
        assert!((1..most).all(|key| !seen.note(key)));
        assert!((most..2 * most).all(|key| !seen.note(key)));
        assert!(seen.note(0) && seen.note(most));
        assert!(!seen.note(2 * most));
        assert!(!seen.note(1), "what was asked for longest ago is forgotten");
    }
}
