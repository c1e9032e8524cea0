//! Ways to decide what stays. Each is as its authors describe it, with sizes in bytes where they have numbers of objects.

use super::belady::Belady;
use super::list::List;
use super::trace::Trace;
use quick_cache::unsync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};
use std::collections::BTreeSet;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::sync::Arc;

/// A cache that is asked for objects by number.
pub trait Policy {
    /// Whether it has the object.
    fn has(&self, id: u32) -> bool;
    /// Asks for the object, and lets it in if it is not there. Whether it was.
    fn ask(&mut self, id: u32) -> bool;
}

/// The bytes that there are, and those in use.
#[derive(Clone)]
pub(super) struct Room {
    sizes: Arc<[u32]>,
    bytes: u64,
    pub(super) used: u64,
}

impl Room {
    pub(super) fn new(trace: &Trace, bytes: u64) -> Self {
        Self { sizes: trace.sizes.clone(), bytes, used: 0 }
    }

    pub(super) fn size(&self, id: u32) -> u64 {
        u64::from(self.sizes[id as usize])
    }

    pub(super) const fn is_over(&self) -> bool {
        self.used > self.bytes
    }
}

type Make = fn(&Trace, u64) -> Box<dyn Policy>;

/// All, by name; the last is the best possible.
pub fn all() -> [(&'static str, Make); 9] {
    [
        ("FIFO", |trace, bytes| Box::new(Queue::new(trace, bytes, false))),
        ("LRU", |trace, bytes| Box::new(Queue::new(trace, bytes, true))),
        ("SIEVE", |trace, bytes| Box::new(Sieve::new(trace, bytes))),
        ("S3-FIFO", |trace, bytes| Box::new(S3Fifo::new(trace, bytes))),
        ("GDSF", |trace, bytes| Box::new(Gdsf::new(trace, bytes))),
        ("W-TinyLFU", |trace, bytes| Box::new(TinyLfu::new(trace, bytes))),
        ("CLOCK-PRO (Bole)", |trace, bytes| Box::new(ClockPro::new(trace, bytes))),
        ("CLOCK-PRO, second request", |trace, bytes| {
            Box::new(SecondRequest::new(trace, ClockPro::new(trace, bytes)))
        }),
        ("the future known", |trace, bytes| Box::new(Belady::new(trace, bytes))),
    ]
}

/// First in, first out; or what was used longest ago.
struct Queue {
    room: Room,
    list: List,
    touches: bool,
}

impl Queue {
    fn new(trace: &Trace, bytes: u64, touches: bool) -> Self {
        Self { room: Room::new(trace, bytes), list: List::new(&trace.sizes), touches }
    }
}

impl Policy for Queue {
    fn has(&self, id: u32) -> bool {
        self.list.has(id)
    }

    fn ask(&mut self, id: u32) -> bool {
        if self.list.has(id) {
            if self.touches {
                self.list.touch(id);
            }
            return true;
        }
        self.list.push(id);
        while self.list.bytes > self.room.bytes {
            self.list.pop();
        }
        false
    }
}

/// SIEVE (Zhang and others, NSDI 2024): a hand goes from old to new and takes the first that was not asked for since it passed.
struct Sieve {
    room: Room,
    list: List,
    visited: Vec<bool>,
    hand: Option<u32>,
}

impl Sieve {
    fn new(trace: &Trace, bytes: u64) -> Self {
        let list = List::new(&trace.sizes);
        Self { room: Room::new(trace, bytes), list, visited: vec![false; trace.sizes.len()], hand: None }
    }

    fn evict(&mut self) {
        while let Some(id) = self.hand.or(self.list.back()) {
            self.hand = self.list.newer(id);
            if !std::mem::take(&mut self.visited[id as usize]) {
                return self.list.remove(id);
            }
        }
    }
}

impl Policy for Sieve {
    fn has(&self, id: u32) -> bool {
        self.list.has(id)
    }

    fn ask(&mut self, id: u32) -> bool {
        if self.list.has(id) {
            self.visited[id as usize] = true;
            return true;
        }
        let size = self.room.size(id);
        if size > self.room.bytes {
            return false;
        }
        while self.list.bytes + size > self.room.bytes {
            self.evict();
        }
        self.list.push(id);
        false
    }
}

/// S3-FIFO (Yang and others, SOSP 2023): a small queue of a tenth, a main one, and the names of those that left the small one.
struct S3Fifo {
    room: Room,
    small: List,
    main: List,
    ghost: List,
    count: Vec<u8>,
}

impl S3Fifo {
    fn new(trace: &Trace, bytes: u64) -> Self {
        let list = || List::new(&trace.sizes);
        let count = vec![0; trace.sizes.len()];
        Self { room: Room::new(trace, bytes), small: list(), main: list(), ghost: list(), count }
    }

    fn evict(&mut self) {
        if self.small.bytes * 10 > self.room.bytes || self.main.back().is_none() {
            let Some(id) = self.small.pop() else { return };
            if self.count[id as usize] > 0 {
                self.count[id as usize] = 0;
                self.main.push(id);
                return;
            }
            self.ghost.push(id);
            while self.ghost.bytes > self.room.bytes {
                self.ghost.pop();
            }
        } else if let Some(id) = self.main.pop()
            && self.count[id as usize] > 0
        {
            self.count[id as usize] -= 1;
            self.main.push(id);
        }
    }
}

impl Policy for S3Fifo {
    fn has(&self, id: u32) -> bool {
        self.small.has(id) || self.main.has(id)
    }

    fn ask(&mut self, id: u32) -> bool {
        let count = &mut self.count[id as usize];
        if self.small.has(id) || self.main.has(id) {
            *count = (*count + 1).min(3);
            return true;
        }
        *count = 0;
        if self.room.size(id) > self.room.bytes {
            return false;
        }
        if self.ghost.has(id) {
            self.ghost.remove(id);
            self.main.push(id);
        } else {
            self.small.push(id);
        }
        while self.small.bytes + self.main.bytes > self.room.bytes {
            self.evict();
        }
        false
    }
}

/// Greedy-Dual-Size-Frequency (Cherkasova, 1998): requests by size, over the worth of what went last.
struct Gdsf {
    room: Room,
    kept: BTreeSet<(u64, u32)>,
    worth: Vec<f64>,
    asked: Vec<u32>,
    floor: f64,
}

impl Gdsf {
    fn new(trace: &Trace, bytes: u64) -> Self {
        let objects = trace.sizes.len();
        let (worth, asked) = (vec![0.0; objects], vec![0; objects]);
        Self { room: Room::new(trace, bytes), kept: BTreeSet::new(), worth, asked, floor: 0.0 }
    }
}

impl Policy for Gdsf {
    fn has(&self, id: u32) -> bool {
        // Bits of numbers above zero have their order.
        self.kept.contains(&(self.worth[id as usize].to_bits(), id))
    }

    fn ask(&mut self, id: u32) -> bool {
        let at = id as usize;
        let hit = self.kept.remove(&(self.worth[at].to_bits(), id));
        if !hit {
            self.asked[at] = 0;
            self.room.used += self.room.size(id);
        }
        self.asked[at] += 1;
        self.worth[at] = self.floor + f64::from(self.asked[at]) * 1e6 / self.room.size(id) as f64;
        self.kept.insert((self.worth[at].to_bits(), id));
        while self.room.is_over() {
            let Some((worth, gone)) = self.kept.pop_first() else { break };
            self.floor = f64::from_bits(worth);
            self.room.used -= self.room.size(gone);
        }
        hit
    }
}

/// W-TinyLFU (Einziger and others, 2017): a window of a hundredth, then only who was asked for more often than those that would go.
struct TinyLfu {
    room: Room,
    window: List,
    probation: List,
    protected: List,
    sketch: Sketch,
}

impl TinyLfu {
    fn new(trace: &Trace, bytes: u64) -> Self {
        let list = || List::new(&trace.sizes);
        let mean = trace.sizes.iter().map(|size| u64::from(*size)).sum::<u64>() / trace.sizes.len() as u64;
        let sketch = Sketch::new((bytes / mean.max(1)).max(64) as usize);
        Self { room: Room::new(trace, bytes), window: list(), probation: list(), protected: list(), sketch }
    }

    fn main_bytes(&self) -> u64 {
        self.room.bytes - self.room.bytes / 100
    }

    /// Lets in whom the window gives up, if those that would go were asked for less often.
    fn admit(&mut self, id: u32) {
        let room = self.main_bytes();
        let size = self.room.size(id);
        let mut free = room.saturating_sub(self.probation.bytes + self.protected.bytes);
        let mut victims = Vec::new();
        let mut next = self.probation.back();
        while free < size {
            let Some(victim) = next else { break };
            if self.sketch.count(victim) >= self.sketch.count(id) {
                return;
            }
            free += self.room.size(victim);
            next = self.probation.newer(victim);
            victims.push(victim);
        }
        if free < size {
            return;
        }
        victims.into_iter().for_each(|victim| self.probation.remove(victim));
        self.probation.push(id);
    }
}

impl Policy for TinyLfu {
    fn has(&self, id: u32) -> bool {
        self.window.has(id) || self.probation.has(id) || self.protected.has(id)
    }

    fn ask(&mut self, id: u32) -> bool {
        self.sketch.add(id);
        if self.window.has(id) {
            self.window.touch(id);
            return true;
        }
        if self.protected.has(id) {
            self.protected.touch(id);
            return true;
        }
        if self.probation.has(id) {
            self.probation.remove(id);
            self.protected.push(id);
            while self.protected.bytes > self.main_bytes() / 5 * 4 {
                let Some(demoted) = self.protected.pop() else { break };
                self.probation.push(demoted);
            }
            return true;
        }
        self.window.push(id);
        while self.window.bytes > self.room.bytes / 100 {
            let Some(id) = self.window.pop() else { break };
            self.admit(id);
        }
        false
    }
}

/// Counts requests roughly, in four rows, and halves all counts now and then.
struct Sketch {
    rows: [Vec<u8>; 4],
    added: usize,
    objects: usize,
}

impl Sketch {
    fn new(objects: usize) -> Self {
        let width = (objects * 4).next_power_of_two();
        Self { rows: std::array::from_fn(|_| vec![0; width]), added: 0, objects }
    }

    fn place(&self, row: usize, id: u32) -> usize {
        let bits = bole_edge_core::hash::mix(u64::from(id) << 2 | row as u64);
        bits as usize & (self.rows[row].len() - 1)
    }

    fn add(&mut self, id: u32) {
        for row in 0..self.rows.len() {
            let place = self.place(row, id);
            let count = &mut self.rows[row][place];
            *count = (*count + 1).min(15);
        }
        self.added += 1;
        if self.added >= self.objects * 10 {
            self.added /= 2;
            self.rows.iter_mut().flatten().for_each(|count| *count /= 2);
        }
    }

    fn count(&self, id: u32) -> u8 {
        (0..self.rows.len()).map(|row| self.rows[row][self.place(row, id)]).min().unwrap_or(0)
    }
}

/// The same in each run.
type Hasher = BuildHasherDefault<DefaultHasher>;

/// What the tiers use.
struct ClockPro {
    room: Room,
    cache: Cache<u32, u32, Weight, Hasher>,
}

#[derive(Clone)]
struct Weight;

impl Weighter<u32, u32> for Weight {
    fn weight(&self, _: &u32, size: &u32) -> u64 {
        u64::from(*size)
    }
}

impl ClockPro {
    fn new(trace: &Trace, bytes: u64) -> Self {
        let mean = trace.sizes.iter().map(|size| u64::from(*size)).sum::<u64>() / trace.sizes.len() as u64;
        let options = OptionsBuilder::new()
            .weight_capacity(bytes)
            .estimated_items_capacity((bytes / mean.max(1)).max(16) as usize)
            .build()
            .expect("invariant: both capacities are given");
        let cache = Cache::with_options(options, Weight, Hasher::default(), DefaultLifecycle::default());
        Self { room: Room::new(trace, bytes), cache }
    }
}

impl Policy for ClockPro {
    fn has(&self, id: u32) -> bool {
        self.cache.contains_key(&id)
    }

    fn ask(&mut self, id: u32) -> bool {
        if self.cache.get(&id).is_some() {
            return true;
        }
        self.cache.insert(id, self.room.size(id) as u32);
        false
    }
}

/// Lets in only what was asked for before, within about as many requests as there are objects in a cache: two sets of names, of which the older one
/// is forgotten when the newer one is full.
struct SecondRequest<P> {
    inner: P,
    seen: [Vec<bool>; 2],
    count: usize,
    most: usize,
}

impl<P> SecondRequest<P> {
    fn new(trace: &Trace, inner: P) -> Self {
        let seen = [vec![false; trace.sizes.len()], vec![false; trace.sizes.len()]];
        Self { inner, seen, count: 0, most: (trace.sizes.len() / 4).max(1) }
    }
}

impl<P: Policy> Policy for SecondRequest<P> {
    fn has(&self, id: u32) -> bool {
        self.inner.has(id)
    }

    fn ask(&mut self, id: u32) -> bool {
        if self.inner.has(id) || self.seen.iter().any(|seen| seen[id as usize]) {
            return self.inner.ask(id);
        }
        self.seen[0][id as usize] = true;
        self.count += 1;
        if self.count == self.most {
            self.count = 0;
            self.seen.swap(0, 1);
            self.seen[0].fill(false);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::caching::trace::kinds;

    #[test]
    fn no_way_has_more_than_fits_or_beats_the_future() {
        for kind in kinds() {
            let trace = Trace::of(&kind, 20_000, 7);
            let bytes = trace.bytes() / 20;
            let mut hits = Vec::new();
            for (name, make) in all() {
                let mut policy = make(&trace, bytes);
                let mut count = 0;
                for (place, id) in trace.requests.iter().enumerate() {
                    let there = policy.has(*id);
                    assert_eq!(policy.ask(*id), there, "{name} at {place} of {}", kind.name);
                    count += usize::from(there);
                }
                let kept = (0..trace.sizes.len() as u32).filter(|id| policy.has(*id));
                let used: u64 = kept.map(|id| u64::from(trace.sizes[id as usize])).sum();
                assert!(used <= bytes, "{name} keeps {used} of {bytes} bytes of {}", kind.name);
                hits.push((name, count));
            }
            let best = hits[hits.len() - 1].1;
            let is_even = trace.sizes.iter().all(|size| *size == trace.sizes[0]);
            assert!(!is_even || hits.iter().all(|(_, count)| *count <= best), "{}: {hits:?}", kind.name);
        }
    }

    #[test]
    fn small_examples_go_as_they_are_described() {
        let trace = |ids: &[u32]| Trace { requests: ids.to_vec(), sizes: vec![1; 8].into() };
        let hits = |mut policy: Box<dyn Policy>, ids: &[u32]| {
            ids.iter().map(|id| policy.ask(*id)).collect::<Vec<_>>()
        };
        let ids = [1, 2, 1, 3, 1, 2];
        let of = |touches| Box::new(Queue::new(&trace(&ids), 2, touches)) as Box<dyn Policy>;
        assert_eq!(hits(of(true), &ids), [false, false, true, false, true, false]);
        assert_eq!(hits(of(false), &ids), [false, false, true, false, false, false]);
        let best = Box::new(Belady::new(&trace(&ids), 2));
        assert_eq!(hits(best, &ids), [false, false, true, false, true, true]);
        let sieve = Box::new(Sieve::new(&trace(&ids), 2));
        assert_eq!(hits(sieve, &ids), [false, false, true, false, true, false]);
        let second = SecondRequest::new(&trace(&ids), Queue::new(&trace(&ids), 8, true));
        let ids = [1, 1, 1, 2, 3, 4, 2];
        assert_eq!(hits(Box::new(second), &ids), [false, false, true, false, false, false, false]);
    }
}
