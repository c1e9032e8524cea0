//! Change feeds of other services' datasets as topics that can only be read. Nothing is stored for them: their records are projections of the
//! entries of the dataset's logs, one partition a shard, a record's offset that of its entry. So each change is there exactly once.
//!
//! Which datasets are shown, and under which names, is the node's choice: those that it names when it starts, and those of a [`Directory`], which come
//! and go. What is kept for readers to come is the kernel's ([`Changes::keep`]).
//!
//! # Invariants
//! - Only durable entries are shown; the high watermark is the log's durable tail.
//! - What is gone is answered with `OFFSET_OUT_OF_RANGE`, never skipped.
//! - The leader's epoch is 0: offsets that were shown are never given to other changes.
//! - A feed keeps its topic id for ever, also while it is not shown.
//! - A task waits in the journal for a feed while somebody waits for it, and no longer.

pub mod encode;

use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bole_base::Offset;
use bole_catalog::Catalog;
use bole_shard::changes::{Changes, Cursor};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;

use crate::Error;
use crate::partition::read::{Batches, Bounds};
use crate::partition::watch::Watchers;
use crate::protocol::{ErrorCode, Uuid};

/// What names of feeds begin with. No other topic gets such a name.
pub const PREFIX: &str = "changes.";
/// The catalog's settings with the ids of feeds, before their names.
const ID_SETTING: &str = "default/streams/feed_id/";
/// How long a feed that cannot be waited for is left alone.
const RETRY: Duration = Duration::from_secs(1);

/// How many feeds of a directory are known before those that are gone are forgotten.
const KNOWN_MAX: usize = 1_024;

/// A dataset that is to be shown.
#[derive(Clone, Debug)]
pub struct Shown {
    /// The dataset, as [`Changes`] names it.
    pub dataset: String,
    /// The dataset that its readers need the right to read, as the service that has it asks.
    pub resource: String,
    /// The topic's name after [`PREFIX`].
    pub topic: String,
    /// Headers that each record carries besides `operation`.
    pub headers: Vec<(String, String)>,
}

/// Feeds that come and go while the node serves.
pub trait Directory: Send + Sync {
    /// All that are there, with their ids, which are never given to others.
    fn all(&self) -> Vec<(Shown, Uuid)>;
    /// The one with this name after [`PREFIX`].
    fn find(&self, topic: &str) -> Option<(Shown, Uuid)>;
    /// Rises when one comes or goes.
    fn version(&self) -> u64;
}

/// One feed.
pub struct Feed {
    /// The topic's name.
    pub name: String,
    /// Its id.
    pub id: Uuid,
    /// The dataset that it shows.
    pub dataset: Arc<str>,
    /// The dataset that its readers need the right to read.
    pub resource: String,
    partitions: Box<[Arc<Partition>]>,
}

/// The feed of one shard.
pub struct Partition {
    changes: Arc<dyn Changes>,
    /// The topic's name.
    topic: Arc<str>,
    dataset: Arc<str>,
    number: u32,
    headers: Arc<[(String, String)]>,
    waiting: Mutex<Waiting>,
    waiters: UnboundedSender<Arc<Self>>,
}

#[derive(Default)]
struct Waiting {
    watchers: Watchers,
    /// The tail when the first of them came.
    seen: Offset,
    /// Whether the task of all feeds has it.
    is_awaited: bool,
}

/// All feeds that are shown.
pub struct Feeds {
    by_name: BTreeMap<String, Arc<Feed>>,
    by_id: HashMap<Uuid, Arc<Feed>>,
    listed: Option<Listed>,
    /// A partition is in this channel at most once.
    waiters: UnboundedSender<Arc<Partition>>,
    waiting: Mutex<Option<UnboundedReceiver<Arc<Partition>>>>,
}

/// Feeds of a directory, as far as somebody asked for them.
struct Listed {
    directory: Arc<dyn Directory>,
    changes: Arc<dyn Changes>,
    known: Mutex<HashMap<Uuid, Arc<Feed>>>,
}

impl Default for Feeds {
    fn default() -> Self {
        let (waiters, waiting) = unbounded_channel();
        let (by_name, by_id) = Default::default();
        Self { by_name, by_id, listed: None, waiters, waiting: Mutex::new(Some(waiting)) }
    }
}

impl Feeds {
    /// Shows `shown`. Their datasets must be known to `changes` already. The error is a sentence for the operator.
    pub async fn open(
        catalog: &Catalog,
        changes: &Arc<dyn Changes>,
        shown: &[Shown],
    ) -> Result<Self, String> {
        let mut feeds = Self::default();
        for shown in shown {
            let name = format!("{PREFIX}{}", shown.topic);
            let count = changes.shards(&shown.dataset).map_err(|error| format!("{name}: {error}"))?;
            let id = id(catalog, &name).await.map_err(|error| format!("{name}: {error}"))?;
            let feed = Arc::new(Feed::new(shown, id, count, changes, &feeds.waiters));
            feeds.by_id.insert(id, Arc::clone(&feed));
            feeds.by_name.insert(feed.name.clone(), feed);
        }
        Ok(feeds)
    }

    /// Shows those of a directory too.
    #[must_use]
    pub fn with_directory(self, directory: Arc<dyn Directory>, changes: Arc<dyn Changes>) -> Self {
        Self { listed: Some(Listed { directory, changes, known: Mutex::default() }), ..self }
    }

    /// A feed by its topic's name.
    pub fn get(&self, name: &str) -> Option<Arc<Feed>> {
        if let Some(feed) = self.by_name.get(name) {
            return Some(Arc::clone(feed));
        }
        let listed = self.listed.as_ref()?;
        let (shown, id) = listed.directory.find(name.strip_prefix(PREFIX)?)?;
        Some(listed.feed(&shown, id, &self.waiters))
    }

    /// A feed by its topic's id.
    pub fn by_id(&self, id: Uuid) -> Option<Arc<Feed>> {
        if let Some(feed) = self.by_id.get(&id) {
            return Some(Arc::clone(feed));
        }
        let listed = self.listed.as_ref()?;
        let known = listed.known.lock().get(&id).map(|feed| feed.name.clone());
        let is_there = |feed: &Arc<Feed>| feed.id == id;
        match known {
            Some(name) => self.get(&name).filter(is_there),
            None => self.all().into_iter().find(is_there),
        }
    }

    /// All feeds, by name.
    pub fn all(&self) -> Vec<Arc<Feed>> {
        let mut all: Vec<_> = self.by_name.values().cloned().collect();
        if let Some(listed) = &self.listed {
            let shown = listed.directory.all();
            all.extend(shown.iter().map(|(shown, id)| listed.feed(shown, *id, &self.waiters)));
            all.sort_by(|one, other| one.name.cmp(&other.name));
        }
        all
    }

    /// Rises when feeds come or go.
    pub fn version(&self) -> u64 {
        self.listed.as_ref().map_or(0, |listed| listed.directory.version())
    }

    /// Wakes who waits for a feed, for ever. Once; while nobody waits for a feed it waits for nothing of that in the journal.
    pub async fn look_after(&self) {
        let Some(mut waiting) = self.waiting.lock().take() else { return };
        let mut awaited = JoinSet::new();
        loop {
            tokio::select! {
                partition = waiting.recv() => match partition {
                    Some(partition) => drop(awaited.spawn(partition.wait())),
                    None => return,
                },
                Some(_ended) = awaited.join_next() => {}
            }
        }
    }
}

impl Listed {
    /// The feed that is shown so: the one that is known, or a new one.
    fn feed(&self, shown: &Shown, id: Uuid, waiters: &UnboundedSender<Arc<Partition>>) -> Arc<Feed> {
        let mut known = self.known.lock();
        if known.len() >= KNOWN_MAX && !known.contains_key(&id) {
            // Those that readers hold go on; the others are made again when they are asked for.
            known.retain(|_, feed| Arc::strong_count(feed) > 1);
        }
        let make = || Arc::new(Feed::new(shown, id, 1, &self.changes, waiters));
        Arc::clone(known.entry(id).or_insert_with(make))
    }
}

/// The id of a feed, made when it is shown for the first time.
async fn id(catalog: &Catalog, name: &str) -> Result<Uuid, Error> {
    let setting = format!("{ID_SETTING}{name}");
    let known = catalog.read(|state| state.setting(&setting).map(str::to_owned))?;
    if let Some(text) = known {
        let damaged =
            || Error::Storage(format!("the catalog's setting {setting} is \"{text}\", which is no id"));
        return text.parse().map_err(|_| damaged());
    }
    let id = Uuid(rand::random());
    catalog.set(&setting, &id.to_string()).await?;
    Ok(id)
}

impl Feed {
    fn new(
        shown: &Shown,
        id: Uuid,
        count: u32,
        changes: &Arc<dyn Changes>,
        waiters: &UnboundedSender<Arc<Partition>>,
    ) -> Self {
        let name = format!("{PREFIX}{}", shown.topic);
        let (topic, dataset) = (Arc::from(&*name), Arc::from(&*shown.dataset));
        let headers: Arc<[_]> = shown.headers.clone().into();
        let partition = |number| {
            Arc::new(Partition {
                changes: Arc::clone(changes),
                topic: Arc::clone(&topic),
                dataset: Arc::clone(&dataset),
                number,
                headers: Arc::clone(&headers),
                waiting: Mutex::default(),
                waiters: waiters.clone(),
            })
        };
        let partitions = (0..count).map(partition).collect();
        Self { name, id, dataset: Arc::clone(&dataset), resource: shown.resource.clone(), partitions }
    }

    /// Its partitions, by number.
    pub fn partitions(&self) -> &[Arc<Partition>] {
        &self.partitions
    }

    /// Why a request that writes is refused.
    pub fn read_only(&self) -> Error {
        let text = format!(
            "topic \"{}\" shows the changes of {}; it can be read, and neither written to, changed nor deleted",
            self.name, self.dataset
        );
        Error::refused(ErrorCode::InvalidTopicException, text)
    }
}

impl Partition {
    /// What is there. Errors: `Storage`.
    pub fn bounds(&self) -> Result<Bounds, Error> {
        let bounds = self.changes.bounds(&self.dataset, self.number)?;
        let tail = bounds.tail.0 as i64;
        Ok(Bounds {
            log_start: bounds.first.0 as i64,
            high_watermark: tail,
            last_stable: tail,
            next: tail,
            leader_epoch: 0,
        })
    }

    /// As [`Partition::bounds`], for a reader at `from`. Errors: `OffsetOutOfRange` too.
    pub fn bounds_for(&self, from: i64) -> Result<Bounds, Error> {
        let bounds = self.bounds()?;
        if (bounds.log_start..=bounds.next).contains(&from) {
            return Ok(bounds);
        }
        Err(self.out_of_range(from, bounds.log_start, bounds.next))
    }

    fn out_of_range(&self, from: i64, first: i64, next: i64) -> Error {
        let text = format!(
            "offset {from} is not within {first} to {next} of partition {} of \"{}\"",
            self.number, self.topic
        );
        Error::refused(ErrorCode::OffsetOutOfRange, text)
    }

    /// Changes from `from` on as batches: about `bytes_max` bytes, but one entry in any case. Blocks on the disk. Errors: `OffsetOutOfRange`, `Storage`.
    pub fn read(&self, from: i64, bytes_max: usize) -> Result<(Bounds, Batches), Error> {
        let bounds = self.bounds_for(from)?;
        let cursor = Cursor::at(Offset(from as u64));
        let feed = self.changes.read(&self.dataset, self.number, cursor, bytes_max)?;
        if let Some(gap) = feed.gap {
            // It went since we looked.
            return Err(self.out_of_range(from, gap.to.0 as i64, bounds.next));
        }
        Ok((bounds, encode::batches(&feed, from, &self.headers)))
    }

    /// Time and offset of the first change at or after `timestamp` (milliseconds since the Unix epoch), or of the newest if there is none given.
    /// Reads all entries before it.
    pub fn find_time(&self, timestamp: Option<i64>) -> Result<Option<(i64, i64)>, Error> {
        let mut found: Option<(i64, i64)> = None;
        let first = self.changes.bounds(&self.dataset, self.number)?.first;
        self.changes.times(&self.dataset, self.number, first, &mut |offset, hlc| {
            let time = encode::timestamp(hlc);
            match timestamp {
                Some(wanted) if time < wanted => true,
                Some(_) => {
                    found = Some((time, offset.0 as i64));
                    false
                }
                None => {
                    found = found.filter(|(newest, _)| *newest >= time).or(Some((time, offset.0 as i64)));
                    true
                }
            }
        })?;
        Ok(found)
    }

    /// Wakes `watcher` when something more becomes durable.
    pub fn watch(self: &Arc<Self>, watcher: &Arc<Notify>) {
        let mut waiting = self.waiting.lock();
        if waiting.watchers.is_empty() {
            // Who cannot be told the tail is woken at once.
            waiting.seen = self.changes.bounds(&self.dataset, self.number).map_or(Offset::ZERO, |at| at.tail);
        }
        waiting.watchers.add(watcher);
        if !waiting.is_awaited {
            // Without a task the node is stopping, and nobody is woken any more.
            waiting.is_awaited = self.waiters.send(Arc::clone(self)).is_ok();
        }
    }

    /// Forgets `watcher`.
    pub fn unwatch(&self, watcher: &Arc<Notify>) {
        self.waiting.lock().watchers.remove(watcher);
    }

    /// Wakes who watches, until nobody does.
    async fn wait(self: Arc<Self>) {
        loop {
            let seen = {
                let mut waiting = self.waiting.lock();
                if waiting.watchers.is_empty() {
                    waiting.is_awaited = false;
                    return;
                }
                waiting.seen
            };
            let cursor = Cursor::at(seen);
            let ready =
                poll_fn(|context| self.changes.poll_ready(&self.dataset, self.number, cursor, context)).await;
            self.waiting.lock().watchers.wake();
            if ready.is_err() {
                // The dataset is gone, or the journal has failed, and the node stops.
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}
