//! Draws an index by weight in constant time: Walker's alias method, in Vose's form (1991).

use crate::Random;

/// A table from which indices are drawn in proportion to weights.
#[derive(Clone, Debug)]
pub(crate) struct Draw {
    /// Keep the column if the draw's fraction is below this, else take the alias.
    keep: Box<[f64]>,
    alias: Box<[u32]>,
}

impl Draw {
    /// A table over weights, at least one, all above zero.
    pub(crate) fn new(weights: impl ExactSizeIterator<Item = f64>) -> Self {
        let mut keep: Vec<f64> = weights.collect();
        let mean = keep.iter().sum::<f64>() / keep.len() as f64;
        keep.iter_mut().for_each(|weight| *weight /= mean);
        let mut alias: Vec<u32> = (0..keep.len() as u32).collect();
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..keep.len()).partition(|&i| keep[i] < 1.0);
        while let (Some(poor), Some(&rich)) = (small.pop(), large.last()) {
            alias[poor] = rich as u32;
            keep[rich] -= 1.0 - keep[poor];
            if keep[rich] < 1.0 {
                large.pop();
                small.push(rich);
            }
        }
        Self { keep: keep.into(), alias: alias.into() }
    }

    /// Draws one.
    pub(crate) fn index(&self, random: &mut Random) -> usize {
        // The upper half of the bits chooses the column, the lower half the fraction.
        let bits = random.bits();
        let column = (((bits >> 32) * self.keep.len() as u64) >> 32) as usize;
        let fraction = (bits & 0xFFFF_FFFF) as f64 / (1_u64 << 32) as f64;
        if fraction < self.keep[column] { column } else { self.alias[column] as usize }
    }

    /// Draws two; they differ if there are two and chance allows it within a few draws.
    pub(crate) fn two(&self, random: &mut Random) -> (usize, usize) {
        let first = self.index(random);
        let mut second = self.index(random);
        if second == first && self.keep.len() > 1 {
            second = self.index(random);
            if second == first {
                second = (first + 1 + random.below(self.keep.len() - 1)) % self.keep.len();
            }
        }
        (first, second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_the_weights() {
        for weights in [vec![1.0; 7], vec![1.0, 2.0, 3.0, 4.0], vec![0.001, 100.0, 3.0], vec![5.0]] {
            let draw = Draw::new(weights.iter().copied());
            let mut random = Random::new(42);
            let mut counts = vec![0_u32; weights.len()];
            for _ in 0..200_000 {
                counts[draw.index(&mut random)] += 1;
            }
            let total: f64 = weights.iter().sum();
            for (count, weight) in counts.iter().zip(&weights) {
                let expected = weight / total;
                assert!((f64::from(*count) / 200_000.0 - expected).abs() < 0.004, "{weights:?}: {counts:?}");
            }
        }
    }

    #[test]
    fn two_differ_where_they_can() {
        let draw = Draw::new([1000.0, 1.0, 1.0].into_iter());
        let mut random = Random::new(1);
        assert!((0..1_000).map(|_| draw.two(&mut random)).all(|(first, second)| first != second));
        assert_eq!(Draw::new([1.0].into_iter()).two(&mut random), (0, 0));
    }
}
