//! What clients do with objects, and what it means.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Range;

use bole_testing::Rng;
use bole_testing::harness::Model;
use bytes::Bytes;

/// Buckets: the first never has versions, the second has them now and then, the third always.
pub const BUCKETS: [&str; 3] = ["plain", "sometimes", "versions"];
/// The bucket whose objects are mostly encrypted, as by a default.
const SEALED_BUCKET: usize = 2;
/// Keys of each bucket.
pub const KEYS: [&str; 4] = ["a", "a/b", "b", "c"];

/// The numbers of a bucket and a key.
pub type Place = (usize, usize);

/// How an object is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Not at all.
    Plain,
    /// By a key of the node (SSE-S3).
    Server,
    /// By a client's key (SSE-C): which.
    Customer(u8),
}

impl Mode {
    /// All that there are.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Server, Self::Customer(0), Self::Customer(1)];

    fn draw(rng: &mut Rng, bucket: usize) -> Self {
        match rng.below(8) {
            0 | 1 => Self::Customer(rng.below(2) as u8),
            2 => Self::Server,
            _ if bucket == SEALED_BUCKET => Self::Server,
            _ => Self::Plain,
        }
    }
}

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

/// What parts are copied from: an object of a mode that nobody changes, in a chunk of two blocks or in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its mode.
    pub mode: Mode,
    /// Whether it is in a chunk.
    pub is_chunk: bool,
}

impl Source {
    /// All that there are.
    pub fn all() -> impl Iterator<Item = Self> {
        Mode::ALL.into_iter().flat_map(|mode| [true, false].map(|is_chunk| Self { mode, is_chunk }))
    }

    /// Its body.
    pub const fn body(self) -> Body {
        let bytes = if self.is_chunk { 66_000 } else { 500 };
        Body { seed: bytes as u64, bytes, is_chunk: self.is_chunk }
    }

    /// Its key.
    pub fn key(self) -> String {
        format!("{self:?}")
    }
}

/// A part of an upload.
#[derive(Clone, Debug)]
pub enum Part {
    /// It comes.
    Body(Body),
    /// These bytes of a source.
    Copied(Source, Range<usize>),
}

impl Part {
    fn draw(rng: &mut Rng) -> Self {
        if !rng.one_in(4) {
            return Self::Body(Body::draw(rng));
        }
        let source = Source { mode: *rng.pick(&Mode::ALL), is_chunk: rng.one_in(2) };
        let from = rng.index(source.body().bytes);
        let until = from + 1 + rng.index((source.body().bytes - from).min(3_000));
        Self::Copied(source, from..until)
    }

    /// Its bytes.
    pub fn content(&self) -> Vec<u8> {
        match self {
            Self::Body(body) => body.content(),
            Self::Copied(source, range) => source.body().content()[range.clone()].to_vec(),
        }
    }
}

/// What a client asks for. Numbers are those of [`BUCKETS`] and [`KEYS`].
#[derive(Clone, Debug)]
pub enum Op {
    /// Puts an object.
    Put(Place, Mode, Body),
    /// Puts one if there is none.
    PutNew(Place, Mode, Body),
    /// Uploads parts, and makes an object of those whose number is told. The others, and if none is told all, are given up.
    Upload(Place, Mode, Vec<Part>, Vec<usize>),
    /// Copies the current object of a bucket and key to another, which is encrypted so.
    Copy(Place, Place, Mode),
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
    /// Reads an object, slowly: all of it, or from one thousandth of it to another.
    Get(Place, Range<usize>),
    /// Lists a bucket's objects and versions.
    List(usize),
}

/// All of an object, in thousandths.
pub const ALL_OF_IT: Range<usize> = 0..1_000;

impl Op {
    /// The next operation of a client.
    pub fn draw(rng: &mut Rng) -> Self {
        let (bucket, key) = (rng.index(BUCKETS.len()), rng.index(KEYS.len()));
        let mode = Mode::draw(rng, bucket);
        match rng.below(26) {
            0..=6 => Self::Put((bucket, key), mode, Body::draw(rng)),
            7 => Self::PutNew((bucket, key), mode, Body::draw(rng)),
            8..=10 => {
                let parts: Vec<_> = (0..=rng.index(4)).map(|_| Part::draw(rng)).collect();
                let chosen = (0..parts.len()).filter(|_| !rng.one_in(4)).collect();
                Self::Upload((bucket, key), mode, parts, chosen)
            }
            11..=13 => Self::Copy((rng.index(BUCKETS.len()), rng.index(KEYS.len())), (bucket, key), mode),
            14 => Self::Delete(bucket, key),
            15 | 16 => Self::DeleteVersion(bucket, key, rng.index(3)),
            17 => Self::DeleteAll(bucket),
            18 => Self::Versioning(rng.one_in(2)),
            19..=20 => Self::Get((bucket, key), ALL_OF_IT),
            21..=22 => {
                let from = rng.index(1_000);
                Self::Get((bucket, key), from..from + rng.index(1_001 - from))
            }
            23 => Self::Expire(bucket),
            _ => Self::List(bucket),
        }
    }
}

/// What an object holds. It is compared by length, hash and mode.
#[derive(Clone)]
pub struct Content {
    /// Its bytes.
    pub bytes: Bytes,
    /// How it is encrypted.
    pub mode: Mode,
    hash: u64,
}

impl Content {
    /// Of these bytes.
    pub fn new(bytes: Vec<u8>, mode: Mode) -> Self {
        let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        Self { hash: bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold), bytes: bytes.into(), mode }
    }

    const fn told(&self) -> (usize, u64, Mode) {
        (self.bytes.len(), self.hash, self.mode)
    }

    /// The part of it that a range in thousandths names.
    pub fn range(&self, thousandths: &Range<usize>) -> Range<usize> {
        thousandths.start * self.bytes.len() / 1_000..thousandths.end * self.bytes.len() / 1_000
    }
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        self.told() == other.told()
    }
}

impl Eq for Content {}

impl Hash for Content {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.told().hash(state);
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.told())
    }
}

/// A version as it is seen: whether its id is `null`, and what it holds; nothing of a delete marker.
pub type Seen = (bool, Option<Content>);

/// Of each bucket and key, by their numbers, the versions, the newest last.
pub type Keys = BTreeMap<Place, Vec<Seen>>;

/// How many events there are of each bucket and key, by their numbers.
pub type Events = BTreeMap<Place, u64>;

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
    pub fn current(&self, (bucket, key): Place) -> Option<&Content> {
        self.versions(bucket, key).last()?.1.as_ref()
    }

    fn make(&mut self, bucket: usize, key: usize, content: Option<Content>) {
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
            Op::Put((bucket, key), mode, body) | Op::PutNew((bucket, key), mode, body) => {
                self.make(*bucket, *key, Some(Content::new(body.content(), *mode)));
            }
            Op::Upload((bucket, key), mode, parts, chosen) if !chosen.is_empty() => {
                let content = chosen.iter().flat_map(|part| parts[*part].content()).collect();
                self.make(*bucket, *key, Some(Content::new(content, *mode)));
            }
            Op::Copy(from, (bucket, key), mode) => {
                if let Some(source) = self.current(*from).cloned() {
                    self.make(*bucket, *key, Some(Content { mode: *mode, ..source }));
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
