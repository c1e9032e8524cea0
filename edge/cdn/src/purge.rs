//! Purges: what is no longer to be answered, by URL, prefix, host, tag or altogether; hard (gone) or soft (stale from now on).
//!
//! A purge touches no object. It takes the next epoch and is noted by its target; an object whose fetch began in an earlier epoch
//! falls to it when it is next looked at. So a purge holds at once for all tiers, for answers that are still being fetched, and, through its [log](log), after
//! a restart. Each object remembers up to which epoch it was checked: a hit after that costs one comparison.
//!
//! Invariant: epochs only rise; forgetting old purges to stay within the bound drops more objects than asked, never fewer.

pub mod log;

use crate::key::Key;
use crate::limits::{PREFIXES_MAX, PURGES_MAX};
use crate::object::{Object, Standing};
use bole_cdn_policy::Time;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is purged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// All variants of one URL.
    Url(String),
    /// All URLs that begin so: scheme, host and the beginning of a path, as in a key.
    Prefix(String),
    /// All of a host, with its port where that is not the scheme's.
    Host(String),
    /// All that carry a tag.
    Tag(String),
    /// Everything.
    Everything,
}

/// The target is not one.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidTarget {
    /// Not an absolute URL.
    #[error("{0:?} is no absolute URL such as https://example.com/a")]
    Url(String),
    /// An empty text purges nothing.
    #[error("the {0} is empty")]
    Empty(&'static str),
}

/// One purge with its place among all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purge {
    /// Its epoch.
    pub epoch: u64,
    /// When it was given.
    pub at: Time,
    /// Stale instead of gone.
    pub soft: bool,
    /// What.
    pub target: Target,
}

/// What the caller of a purge gets: from now on this node answers nothing older.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The purge's epoch: a node that has it, or a later one, has the purge.
    pub epoch: u64,
    /// When it was given.
    pub at: Time,
    /// Whether it is on disk. A node without a disk tier has nothing that outlives it.
    pub durable: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Marks {
    hard: u64,
    soft: u64,
    soft_at: Time,
}

impl Marks {
    fn add(&mut self, purge: &Purge) {
        if purge.soft {
            (self.soft, self.soft_at) = (purge.epoch, purge.at);
        } else {
            self.hard = purge.epoch;
        }
    }

    fn newest(&self) -> u64 {
        self.hard.max(self.soft)
    }
}

#[derive(Debug, Default)]
struct Marked {
    everything: Marks,
    urls: HashMap<u128, Marks>,
    prefixes: HashMap<Box<str>, Marks>,
    hosts: HashMap<Box<str>, Marks>,
    tags: HashMap<Box<str>, Marks>,
}

/// All purges that still matter.
#[derive(Debug, Default)]
pub struct Purges {
    epoch: AtomicU64,
    marked: RwLock<Marked>,
}

impl Target {
    /// The target in the form in which keys and objects have it.
    pub fn normalised(self) -> Result<Self, InvalidTarget> {
        match self {
            Self::Url(text) => Ok(Self::Url(key_of(&text)?.as_str().to_owned())),
            Self::Prefix(text) => {
                let key = key_of(&text)?;
                Ok(Self::Prefix(key.as_str().to_owned()))
            }
            Self::Host(host) if host.is_empty() => Err(InvalidTarget::Empty("host")),
            Self::Tag(tag) if tag.is_empty() => Err(InvalidTarget::Empty("tag")),
            Self::Host(host) => Ok(Self::Host(host.to_ascii_lowercase())),
            other => Ok(other),
        }
    }
}

fn key_of(text: &str) -> Result<Key, InvalidTarget> {
    let invalid = || InvalidTarget::Url(text.to_owned());
    Key::of(&text.parse().map_err(|_| invalid())?).map_err(|_| invalid())
}

impl Purges {
    /// The epoch of the newest purge. A fetch that begins now is not touched by purges so far.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Gives a purge its epoch without applying it, so that a log can have it first. The caller holds off other purges meanwhile.
    pub fn next(&self, target: Target, soft: bool, at: Time) -> Purge {
        Purge { epoch: self.epoch() + 1, at, soft, target }
    }

    /// Applies a purge. Its epoch must be above the last one's.
    pub fn apply(&self, purge: &Purge) {
        let mut marked = self.marked.write();
        match &purge.target {
            Target::Everything => marked.everything.add(purge),
            Target::Url(url) => marked.urls.entry(crate::key::hash(url.as_bytes())).or_default().add(purge),
            Target::Prefix(prefix) => marked.prefixes.entry(prefix.as_str().into()).or_default().add(purge),
            Target::Host(host) => marked.hosts.entry(host.as_str().into()).or_default().add(purge),
            Target::Tag(tag) => marked.tags.entry(tag.as_str().into()).or_default().add(purge),
        }
        if !purge.soft && purge.target == Target::Everything {
            // All older marks are said by this one.
            *marked = Marked { everything: marked.everything, ..Marked::default() };
        }
        marked.bound();
        // Whoever sees the epoch sees the mark.
        self.epoch.fetch_max(purge.epoch, Ordering::AcqRel);
    }

    /// How the purges so far leave an object.
    pub fn standing(&self, object: &Object) -> Standing {
        let epoch = self.epoch();
        if let Some(standing) = object.standing(epoch) {
            return standing;
        }
        let standing = self.marked.read().standing(object);
        object.set_standing(standing, epoch);
        standing
    }

    /// Marks in memory, for status.
    pub fn len(&self) -> usize {
        self.marked.read().len()
    }

    /// Whether nothing is marked but, perhaps, everything.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Marked {
    fn len(&self) -> usize {
        self.urls.len() + self.prefixes.len() + self.hosts.len() + self.tags.len()
    }

    fn standing(&self, object: &Object) -> Standing {
        let key = object.key.as_str();
        let mut marks = vec![
            Some(&self.everything),
            self.urls.get(&object.key.url_hash()),
            self.hosts.get(object.key.host()),
        ];
        marks.extend(
            self.prefixes
                .iter()
                .filter(|(prefix, _)| key.starts_with(&***prefix))
                .map(|(_, marks)| Some(marks)),
        );
        marks.extend(object.tags.iter().map(|tag| self.tags.get(tag)));
        let since = object.epoch();
        let touching: Vec<&Marks> = marks.into_iter().flatten().collect();
        if touching.iter().any(|marks| marks.hard > since) {
            return Standing::Hard;
        }
        let soft = touching.iter().filter(|marks| marks.soft > since).map(|marks| marks.soft_at).min();
        soft.map_or(Standing::Kept, Standing::Soft)
    }

    /// Forgets the older half of the marks when there are too many; everything older than them is then purged, which includes what they marked.
    fn bound(&mut self) {
        if self.len() <= PURGES_MAX && self.prefixes.len() <= PREFIXES_MAX {
            return;
        }
        let mut epochs: Vec<u64> = self.all().map(Marks::newest).collect();
        epochs.sort_unstable();
        let floor = epochs[epochs.len() / 2];
        tracing::warn!(
            floor,
            "too many purges to remember apart; all answers older than this epoch are dropped"
        );
        self.everything.hard = self.everything.hard.max(floor);
        self.urls.retain(|_, marks| marks.newest() > floor);
        self.prefixes.retain(|_, marks| marks.newest() > floor);
        self.hosts.retain(|_, marks| marks.newest() > floor);
        self.tags.retain(|_, marks| marks.newest() > floor);
    }

    fn all(&self) -> impl Iterator<Item = &Marks> {
        self.urls.values().chain(self.prefixes.values()).chain(self.hosts.values()).chain(self.tags.values())
    }
}
