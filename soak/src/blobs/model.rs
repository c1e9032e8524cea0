//! What clients do with objects, and what it means.

use std::collections::BTreeMap;

use bole_testing::Rng;
use bole_testing::harness::Model;

/// Buckets: the first never has versions, the second has them now and then, the third always.
pub const BUCKETS: [&str; 3] = ["plain", "sometimes", "versions"];
/// The bucket whose objects are encrypted.
pub const SEALED_BUCKET: usize = 2;
/// Keys of each bucket.
pub const KEYS: [&str; 4] = ["a", "a/b", "b", "c"];

/// A body: what it is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Body {
    /// Unlike others.
    pub seed: u64,
    /// How long.
    pub bytes: usize,
    /// Whether it is put as a chunk.
    pub is_chunk: bool,
}

impl Body {
    fn draw(rng: &mut Rng) -> Self {
        let bytes = match rng.below(10) {
            0 => 0,
            1..=4 => 1 + rng.index(600),
            9 => 60_000 + rng.index(80_000),
            _ => 700 + rng.index(3_000),
        };
        Self { seed: rng.next_u64(), bytes, is_chunk: bytes > 600 || rng.one_in(6) }
    }

    /// Its bytes.
    pub fn content(&self) -> Vec<u8> {
        Rng::new(self.seed).bytes(self.bytes)
    }
}

/// What a client asks for. Numbers are those of [`BUCKETS`] and [`KEYS`].
#[derive(Clone, Debug)]
pub enum Op {
    /// Puts an object.
    Put(usize, usize, Body),
    /// Puts one if there is none.
    PutNew(usize, usize, Body),
    /// Uploads parts, and makes an object of those whose number is told. The others, and if none is told all, are given up.
    Upload(usize, usize, Vec<Body>, Vec<usize>),
    /// Copies the current object of a bucket and key to another.
    Copy((usize, usize), (usize, usize)),
    /// Deletes a key.
    Delete(usize, usize),
    /// Deletes a version for good: the nth, from the newest.
    DeleteVersion(usize, usize, usize),
    /// Deletes all keys of a bucket at once.
    DeleteAll(usize),
    /// Lifecycle does what is due in a bucket: all objects have expired, and delete markers that are alone go.
    Expire(usize),
    /// Turns versions on or off.
    Versioning(bool),
    /// Reads an object, slowly.
    Get(usize, usize),
    /// Lists a bucket's objects and versions.
    List(usize),
}

impl Op {
    /// The next operation of a client.
    pub fn draw(rng: &mut Rng) -> Self {
        let (bucket, key) = (rng.index(BUCKETS.len()), rng.index(KEYS.len()));
        match rng.below(25) {
            0..=6 => Self::Put(bucket, key, Body::draw(rng)),
            7 => Self::PutNew(bucket, key, Body::draw(rng)),
            8..=10 => {
                let parts: Vec<_> = (0..=rng.index(4)).map(|_| Body::draw(rng)).collect();
                let chosen = (0..parts.len()).filter(|_| !rng.one_in(4)).collect();
                Self::Upload(bucket, key, parts, chosen)
            }
            11 | 12 => Self::Copy((rng.index(BUCKETS.len()), rng.index(KEYS.len())), (bucket, key)),
            13 | 14 => Self::Delete(bucket, key),
            15 | 16 => Self::DeleteVersion(bucket, key, rng.index(3)),
            17 => Self::DeleteAll(bucket),
            18 => Self::Versioning(rng.one_in(2)),
            19..=21 => Self::Get(bucket, key),
            22 => Self::Expire(bucket),
            _ => Self::List(bucket),
        }
    }
}

/// A version as it is seen: whether its id is `null`, its bytes and a hash of them; nothing of a delete marker.
pub type Seen = (bool, Option<(usize, u64)>);

/// Of each bucket and key, by their numbers, the versions, the newest last.
pub type Keys = BTreeMap<(usize, usize), Vec<Seen>>;

/// How many events there are of each bucket and key, by their numbers.
pub type Events = BTreeMap<(usize, usize), u64>;

/// How many bytes, and a short name for them.
pub fn told(bytes: &[u8]) -> (usize, u64) {
    let hash = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    (bytes.len(), hash)
}

/// What is in the buckets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Objects {
    /// The versions.
    pub keys: Keys,
    /// What listeners were told.
    pub events: Events,
    /// Whether the second bucket has versions; nothing while it never had.
    pub enabled: Option<bool>,
}

impl Objects {
    /// Whether a bucket's puts make versions; nothing if they never did.
    pub fn versioning(&self, bucket: usize) -> Option<bool> {
        match bucket {
            0 => None,
            1 => self.enabled,
            _ => Some(true),
        }
    }

    /// A key's versions, the newest last.
    pub fn versions(&self, bucket: usize, key: usize) -> &[Seen] {
        self.keys.get(&(bucket, key)).map_or(&[], Vec::as_slice)
    }

    /// The current version, if it is an object.
    pub fn current(&self, bucket: usize, key: usize) -> Option<(usize, u64)> {
        self.versions(bucket, key).last()?.1
    }

    fn make(&mut self, bucket: usize, key: usize, content: Option<(usize, u64)>) {
        let is_null = self.versioning(bucket) != Some(true);
        let versions = self.keys.entry((bucket, key)).or_default();
        if is_null {
            versions.retain(|(is_null, _)| !is_null);
        }
        versions.push((is_null, content));
        self.tell(bucket, key);
    }

    fn tell(&mut self, bucket: usize, key: usize) {
        *self.events.entry((bucket, key)).or_default() += 1;
    }

    fn delete(&mut self, bucket: usize, key: usize) {
        if self.versioning(bucket).is_some() {
            self.make(bucket, key, None);
        } else if self.keys.remove(&(bucket, key)).is_some() {
            self.tell(bucket, key);
        }
    }

    fn expire(&mut self, bucket: usize, key: usize) {
        match self.versions(bucket, key) {
            [(_, None)] => {
                self.keys.remove(&(bucket, key));
                self.tell(bucket, key);
            }
            [.., (_, Some(_))] => self.delete(bucket, key),
            _ => {}
        }
    }
}

impl Model for Objects {
    type Op = Op;
    /// How many versions there are of the key, or of all.
    type Reply = usize;
    type State = Self;

    fn apply(&mut self, op: &Op) -> usize {
        match op {
            Op::Put(bucket, key, body) | Op::PutNew(bucket, key, body) => {
                self.make(*bucket, *key, Some(told(&body.content())));
            }
            Op::Upload(bucket, key, parts, chosen) if !chosen.is_empty() => {
                let content: Vec<u8> = chosen.iter().flat_map(|part| parts[*part].content()).collect();
                self.make(*bucket, *key, Some(told(&content)));
            }
            Op::Copy((from_bucket, from), (bucket, key)) => {
                if let Some(source) = self.current(*from_bucket, *from) {
                    self.make(*bucket, *key, Some(source));
                }
            }
            Op::Delete(bucket, key) => self.delete(*bucket, *key),
            Op::DeleteVersion(bucket, key, nth) => {
                if let Some(versions) = self.keys.get_mut(&(*bucket, *key))
                    && let Some(at) = versions.len().checked_sub(nth + 1)
                {
                    versions.remove(at);
                    self.tell(*bucket, *key);
                }
            }
            Op::DeleteAll(bucket) => (0..KEYS.len()).for_each(|key| self.delete(*bucket, key)),
            Op::Expire(bucket) => (0..KEYS.len()).for_each(|key| self.expire(*bucket, key)),
            Op::Versioning(enabled) => self.enabled = Some(*enabled),
            Op::Upload(..) | Op::Get(..) | Op::List(_) => {}
        }
        self.keys.retain(|_, versions| !versions.is_empty());
        self.keys.values().map(Vec::len).sum()
    }

    fn state(&self) -> Self {
        self.clone()
    }
}
