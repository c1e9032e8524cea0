//! Seeded randomness: `SplitMix64` (Steele, Lea, Flood, 2014). Fast enough for a hot path and the same everywhere; not for
//! secrets.

use crate::hash;
use std::time::Duration;

/// A stream of pseudo-random numbers. The same seed gives the same numbers.
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A stream that begins at `seed`.
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        hash::mix(self.state)
    }

    /// A number below `bound`; 0 if `bound` is 0. The bias is below `bound` / 2⁶⁴ (Lemire's multiplication).
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }

    /// A number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// `base` changed by up to `fraction` of itself in either direction.
    pub fn jittered(&mut self, base: Duration, fraction: f64) -> Duration {
        let factor = 1.0 + fraction.clamp(0.0, 1.0) * (2.0 * self.unit() - 1.0);
        base.mul_f64(factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_even_and_repeat_with_the_seed() {
        let mut random = Random::new(7);
        let mut counts = [0_u32; 10];
        for _ in 0..100_000 {
            counts[random.below(10)] += 1;
        }
        assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
        let (mut one, mut other) = (Random::new(3), Random::new(3));
        assert!((0..100).all(|_| one.bits() == other.bits()));
        assert_eq!(Random::new(1).below(0), 0);
    }

    #[test]
    fn jitter_stays_in_its_band() {
        let mut random = Random::new(1);
        let base = Duration::from_secs(10);
        let drawn: Vec<_> = (0..1_000).map(|_| random.jittered(base, 0.2)).collect();
        assert!(drawn.iter().all(|wait| (8..=12).contains(&wait.as_secs())));
        assert!(drawn.iter().any(|wait| wait.as_millis() < 8_500));
        assert!(drawn.iter().any(|wait| wait.as_millis() > 11_500));
    }
}
