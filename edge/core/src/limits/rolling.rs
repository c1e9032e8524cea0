//! Two counts over the last stretch of time, in ten slices.

use std::time::Duration;

const SLICES: u64 = 10;

/// Counts of the current slice and the nine before it.
#[derive(Clone, Debug)]
pub(super) struct Rolling {
    width: Duration,
    counts: [[u64; 2]; SLICES as usize],
    newest: u64,
}

impl Rolling {
    pub(super) fn new(window: Duration) -> Self {
        let width = (window / SLICES as u32).max(Duration::from_nanos(1));
        Self { width, counts: [[0; 2]; SLICES as usize], newest: 0 }
    }

    /// Forgets what is too old.
    fn advance(&mut self, now: Duration) {
        let slice = (now.as_nanos() / self.width.as_nanos()) as u64;
        let stale = slice.saturating_sub(self.newest).min(SLICES);
        for n in 0..stale {
            self.counts[((slice - n) % SLICES) as usize] = [0; 2];
        }
        self.newest = self.newest.max(slice);
    }

    pub(super) fn add(&mut self, which: usize, now: Duration) {
        self.advance(now);
        self.counts[(self.newest % SLICES) as usize][which] += 1;
    }

    pub(super) fn sums(&mut self, now: Duration) -> [u64; 2] {
        self.advance(now);
        self.counts.iter().fold([0; 2], |sums, counts| [sums[0] + counts[0], sums[1] + counts[1]])
    }

    pub(super) fn clear(&mut self) {
        self.counts = [[0; 2]; SLICES as usize];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_leave_after_the_window() {
        let mut rolling = Rolling::new(Duration::from_secs(10));
        for second in 0..20 {
            rolling.add(second % 2, Duration::from_secs(second as u64));
        }
        for (at, expected) in [(19, [5, 5]), (22, [3, 4]), (28, [0, 1]), (29, [0, 0]), (5, [0, 0])] {
            assert_eq!(rolling.sums(Duration::from_secs(at)), expected, "at {at} s");
        }
        rolling.add(0, Duration::from_secs(40));
        rolling.clear();
        assert_eq!(rolling.sums(Duration::from_secs(40)), [0, 0]);
    }
}
