//! Which service of a split gets a request.

use bole_edge_core::{Random, hash};
use bole_gateway_document::route::Share;
use std::sync::Arc;

/// Services with weights.
#[derive(Clone, Debug)]
pub struct Split {
    shares: Vec<(Arc<str>, f64)>,
    total: f64,
}

impl Split {
    /// A split of a document that was checked: at least one weight is above 0.
    pub fn new(shares: &[Share]) -> Self {
        let heavy = shares.iter().filter(|share| share.weight > 0.0);
        let shares: Vec<_> = heavy.map(|share| (share.service.as_str().into(), share.weight)).collect();
        let total = shares.iter().map(|(_, weight)| weight).sum();
        Self { shares, total }
    }

    /// One by weight.
    pub fn draw(&self, random: &mut Random) -> &str {
        let mut left = random.unit() * self.total;
        for (service, weight) in &self.shares {
            left -= weight;
            if left < 0.0 {
                return service;
            }
        }
        self.shares.last().map_or("", |(service, _)| service)
    }

    /// The one to which a key belongs, by weight. When weights change only the keys move that must: each service bids for each
    /// key, and only bids of services whose weight changed change (weighted rendezvous hashing).
    pub fn of_key(&self, key: &[u8]) -> &str {
        let key = hash::of(0, key);
        let bid = |(service, weight): &(Arc<str>, f64)| {
            let unit = (hash::mix(key ^ hash::of(1, service.as_bytes())) >> 11) as f64 + 0.5;
            weight / -(unit / (1_u64 << 53) as f64).ln()
        };
        let best = self.shares.iter().max_by(|one, other| bid(one).total_cmp(&bid(other)));
        best.map_or("", |(service, _)| service)
    }

    /// Its services.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.shares.iter().map(|(service, _)| &**service)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(weights: &[(&str, f64)]) -> Split {
        let share =
            |(service, weight): &(&str, f64)| Share { service: (*service).to_owned(), weight: *weight };
        Split::new(&weights.iter().map(share).collect::<Vec<_>>())
    }

    #[test]
    fn shares_follow_weights_by_chance_and_by_key() {
        let split = split(&[("a", 9.0), ("b", 1.0), ("c", 0.0)]);
        let mut random = Random::new(1);
        let drawn = (0..100_000).filter(|_| split.draw(&mut random) == "b").count();
        let keyed = (0..100_000_u32).filter(|key| split.of_key(&key.to_be_bytes()) == "b").count();
        assert!((9_600..10_400).contains(&drawn), "{drawn}");
        assert!((9_600..10_400).contains(&keyed), "{keyed}");
        assert_eq!(split.services().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn a_larger_canary_takes_keys_and_gives_none_back() {
        let (small, large) = (split(&[("a", 95.0), ("b", 5.0)]), split(&[("a", 80.0), ("b", 20.0)]));
        let keys = (0..20_000_u32).map(u32::to_be_bytes);
        let moved = keys.map(|key| (small.of_key(&key).to_owned(), large.of_key(&key).to_owned()));
        let mut gained = 0;
        for (before, after) in moved {
            assert!(before == after || (before == "a" && after == "b"));
            gained += usize::from(before != after);
        }
        assert!((2_600..3_400).contains(&gained), "{gained}");
    }
}
