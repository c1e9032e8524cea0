//! Traces of requests, from seeds: the shapes that published traces of caches have.

use bole_edge_core::Random;
use std::sync::Arc;

/// Requests for objects, by number, and the objects' sizes in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Trace {
    /// Which objects are asked for, in order.
    pub requests: Vec<u32>,
    /// How large each is.
    pub sizes: Arc<[u32]>,
}

/// What a trace is like.
#[derive(Clone, Copy)]
pub struct Kind {
    /// In file names.
    pub name: &'static str,
    /// In headings.
    pub title: &'static str,
    /// What it is.
    pub about: &'static str,
    make: fn(&mut Random, usize) -> Trace,
}

const OBJECTS: usize = 50_000;
const EVEN: u32 = 16 << 10;

/// All kinds.
pub fn kinds() -> Vec<Kind> {
    KINDS.to_vec()
}

const KINDS: [Kind; 7] = [
    Kind {
        name: "zipf-0.7",
        title: "Zipf 0.7",
        about: "50,000 objects of one size, the n-th asked for in proportion to n^-0.7: a mild preference, as caches behind other caches see.",
        make: |random, requests| even(zipf(random, requests, 0.7)),
    },
    Kind {
        name: "zipf-1.0",
        title: "Zipf 1.0",
        about: "The same with n^-1: as sites see from browsers.",
        make: |random, requests| even(zipf(random, requests, 1.0)),
    },
    Kind {
        name: "one-hit",
        title: "One-hit wonders",
        about: "Zipf 0.9, and every other request for an object that nobody asks for again: what traces of CDNs show.",
        make: |random, requests| {
            let mut fresh = OBJECTS as u32;
            let popular = zipf(random, requests, 0.9);
            even(
                popular
                    .into_iter()
                    .map(|id| {
                        if random.chance(0.5) {
                            fresh += 1;
                            fresh - 1
                        } else {
                            id
                        }
                    })
                    .collect(),
            )
        },
    },
    Kind {
        name: "scans",
        title: "Scans",
        about: "Zipf 0.9; after each 10,000 requests a crawler walks through 5,000 objects in order, other ones each time until all were visited.",
        make: |random, requests| {
            let popular = zipf(random, requests, 0.9);
            let mut all = Vec::with_capacity(requests);
            let mut next = 0;
            for part in popular.chunks(10_000) {
                all.extend_from_slice(part);
                all.extend((0..5_000).map(|step| ((next + step) % (2 * OBJECTS)) as u32));
                next += 5_000;
            }
            all.truncate(requests);
            even(all)
        },
    },
    Kind {
        name: "loop",
        title: "A loop",
        about: "Half Zipf 0.9, half a walk round and round through 8,000 other objects, more than the smaller cache has room for: a nightly job.",
        make: |random, requests| {
            let popular = zipf(random, requests, 0.9);
            let mut step = 0;
            even(
                popular
                    .into_iter()
                    .map(|id| {
                        if random.chance(0.5) {
                            step = (step + 1) % 8_000;
                            OBJECTS as u32 + step
                        } else {
                            id
                        }
                    })
                    .collect(),
            )
        },
    },
    Kind {
        name: "drift",
        title: "Drift",
        about: "Zipf 0.9, in which what is popular moves on: each 100 requests the rank of all objects moves by one, so that new ones come up and old ones go.",
        make: |random, requests| {
            let ranks = zipf(random, requests, 0.9);
            even(
                ranks
                    .into_iter()
                    .enumerate()
                    .map(|(place, rank)| (rank + (place / 100) as u32) % (2 * OBJECTS as u32))
                    .collect(),
            )
        },
    },
    Kind {
        name: "sizes",
        title: "Skewed sizes",
        about: "Zipf 0.9 with sizes from a lognormal distribution (median 16 KiB, σ 1.8, at most 16 MiB), independent of how popular an object is.",
        make: |random, requests| {
            let requests = zipf(random, requests, 0.9);
            let sizes = (0..OBJECTS).map(|_| lognormal(random, 16_384.0, 1.8)).collect();
            Trace { requests, sizes }
        },
    },
];

impl Trace {
    /// A trace of a kind.
    pub fn of(kind: &Kind, requests: usize, seed: u64) -> Self {
        (kind.make)(&mut Random::new(seed), requests)
    }

    /// Bytes of all objects that are asked for.
    pub fn bytes(&self) -> u64 {
        let mut is_asked = vec![false; self.sizes.len()];
        self.requests.iter().for_each(|id| is_asked[*id as usize] = true);
        let sizes = self.sizes.iter().zip(is_asked).filter(|(_, is_asked)| *is_asked);
        sizes.map(|(size, _)| u64::from(*size)).sum()
    }
}

fn even(requests: Vec<u32>) -> Trace {
    let most = requests.iter().max().map_or(0, |most| *most as usize + 1);
    Trace { requests, sizes: vec![EVEN; most].into() }
}

/// Ranks from 0, in proportion to their power. An object's number is its rank: nothing in a cache goes by numbers.
fn zipf(random: &mut Random, requests: usize, power: f64) -> Vec<u32> {
    let mut sums = Vec::with_capacity(OBJECTS);
    let mut sum = 0.0;
    for rank in 1..=OBJECTS {
        sum += (rank as f64).powf(-power);
        sums.push(sum);
    }
    let draw = |random: &mut Random| {
        let at = random.unit() * sum;
        sums.partition_point(|sum| *sum <= at).min(OBJECTS - 1) as u32
    };
    (0..requests).map(|_| draw(random)).collect()
}

/// By Box and Muller's transform.
fn lognormal(random: &mut Random, median: f64, sigma: f64) -> u32 {
    let (one, other) = (random.unit().max(1e-12), random.unit());
    let normal = (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos();
    (median * (sigma * normal).exp()).clamp(256.0, f64::from(16 << 20)) as u32
}
