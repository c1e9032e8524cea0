//! Topics: what exists, and how it comes and goes. The catalog records them as datasets `default/streams/NAME`; their partitions are shards.
//!
//! # Invariants
//! - A topic that is here is in the catalog and its partitions are hosted; a change is durable before anybody sees it.
//! - One change at a time.

mod names;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bole_base::Durability;
use bole_catalog::{Catalog, Dataset, NewDataset};
use bole_shard::{Hosted, Runtime};
use parking_lot::RwLock;
use tokio::sync::{Mutex, Notify};

use crate::feeds::Feeds;
use crate::group_settings::GroupSettings;
use crate::limits::{PARTITIONS_MAX, PARTITIONS_PER_TOPIC_MAX, SINKS_MAX};
use crate::partition::Partition;
use crate::partition::files::{FileId, SegmentFiles};
use crate::protocol::{ErrorCode, Uuid};
use crate::readable::Readable;
use crate::settings::{Settings, sharing};
use crate::{Error, groups, sink};
use names::check_reserved;
pub use names::{check_name, is_reserved};

/// Datasets of topics, before the name.
pub const PREFIX: &str = "default/streams/";
const ATTRIBUTE_ID: &str = "topic_id";
const ATTRIBUTE_SETTING: &str = "setting.";

/// A topic.
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Its id: another topic of the same name has another.
    pub id: Uuid,
    partitions: RwLock<Arc<[Arc<Partition>]>>,
    settings: RwLock<Arc<Settings>>,
}

impl Topic {
    /// Its partitions, by number.
    pub fn partitions(&self) -> Arc<[Arc<Partition>]> {
        Arc::clone(&self.partitions.read())
    }

    /// One partition. Errors: `UnknownTopicOrPartition`.
    pub fn partition(&self, index: i32) -> Result<Arc<Partition>, Error> {
        let partitions = self.partitions.read();
        let found = usize::try_from(index).ok().and_then(|index| partitions.get(index));
        found.cloned().ok_or_else(|| {
            let text = format!(
                "topic \"{}\" has {} partitions; partition {index} does not exist",
                self.name,
                partitions.len()
            );
            Error::refused(ErrorCode::UnknownTopicOrPartition, text)
        })
    }

    /// Its settings.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read())
    }
}

/// A topic to be made.
#[derive(Clone, Debug)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions.
    pub partitions: i32,
    /// Its settings.
    pub settings: Settings,
}

#[derive(Default)]
struct Known {
    by_name: BTreeMap<String, Arc<Topic>>,
    by_id: HashMap<Uuid, Arc<Topic>>,
    partitions: usize,
}

/// All topics of a node.
pub struct Topics {
    catalog: Catalog,
    runtime: Arc<Runtime>,
    files: Arc<SegmentFiles>,
    durability: Durability,
    known: RwLock<Known>,
    changing: Mutex<()>,
    version: AtomicU64,
    /// Told of every change.
    pub changed: Notify,
    /// What operators set for groups.
    pub group_settings: GroupSettings,
    /// What sinks may write to.
    pub targets: sink::Targets,
    /// Change feeds, which are read like topics.
    feeds: Feeds,
    /// Files of topics that are gone.
    trash: parking_lot::Mutex<Vec<FileId>>,
}

impl Topics {
    /// The topics that the catalog knows, their partitions hosted and not yet recovered. The error is a sentence for the operator.
    pub fn host(
        catalog: Catalog,
        runtime: Arc<Runtime>,
        files: Arc<SegmentFiles>,
        durability: Durability,
    ) -> Result<Self, String> {
        let topics = Self {
            group_settings: GroupSettings::open(&catalog)?,
            targets: sink::Targets::default(),
            catalog,
            runtime,
            files,
            durability,
            known: RwLock::default(),
            changing: Mutex::new(()),
            version: AtomicU64::new(1),
            changed: Notify::new(),
            feeds: Feeds::default(),
            trash: parking_lot::Mutex::default(),
        };
        let datasets: Vec<Dataset> = topics
            .catalog
            .read(|state| {
                state.datasets().filter(|dataset| topic_name(&dataset.name).is_some()).cloned().collect()
            })
            .map_err(|error| error.to_string())?;
        for dataset in datasets {
            let topic = topics.assemble(&dataset)?;
            for partition in topic.partitions().iter() {
                topics
                    .runtime
                    .host(Arc::clone(partition) as Arc<dyn Hosted>)
                    .map_err(|error| error.to_string())?;
            }
            topics.insert(topic);
        }
        Ok(topics)
    }

    /// Shows these feeds besides the topics. The error is a sentence for the operator.
    pub fn with_feeds(self, feeds: Feeds) -> Result<Self, String> {
        if let Some(feed) = feeds.all().iter().find(|feed| self.get(&feed.name).is_some()) {
            let name = &feed.name;
            return Err(format!(
                "there is a topic \"{name}\" already, so no feed can have this name; delete the topic first"
            ));
        }
        Ok(Self { feeds, ..self })
    }

    fn assemble(&self, dataset: &Dataset) -> Result<Arc<Topic>, String> {
        let name = topic_name(&dataset.name).ok_or_else(|| format!("{} is no topic", dataset.name))?;
        let id = dataset.attributes.get(ATTRIBUTE_ID).and_then(|text| text.parse().ok());
        let id = id.ok_or_else(|| format!("{} has no topic id in the catalog", dataset.name))?;
        let given = dataset.attributes.iter().filter_map(|(key, value)| {
            Some((key.strip_prefix(ATTRIBUTE_SETTING)?.to_owned(), value.clone()))
        });
        let settings = Settings::with(self.durability, given.collect())
            .map_err(|error| format!("{}: {error}", dataset.name))?;
        let partitions = self.partitions(dataset, settings.durability, 0);
        Ok(Arc::new(Topic {
            name: name.to_owned(),
            id,
            partitions: RwLock::new(partitions.into()),
            settings: RwLock::new(Arc::new(settings)),
        }))
    }

    fn partitions(&self, dataset: &Dataset, class: Durability, from: usize) -> Vec<Arc<Partition>> {
        let make = |(number, log)| {
            let name = format!("{}#{number}", dataset.name);
            Arc::new(Partition::new(log, name, Arc::clone(&self.files), class))
        };
        dataset.logs().enumerate().skip(from).map(make).collect()
    }

    fn insert(&self, topic: Arc<Topic>) {
        let mut known = self.known.write();
        known.partitions += topic.partitions().len();
        known.by_id.insert(topic.id, Arc::clone(&topic));
        known.by_name.insert(topic.name.clone(), topic);
        drop(known);
        self.announce();
    }

    fn announce(&self) {
        self.version.fetch_add(1, Ordering::AcqRel);
        self.changed.notify_waiters();
    }

    /// Rises with every change.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire).wrapping_add(self.feeds.version())
    }

    /// A topic by its name.
    pub fn get(&self, name: &str) -> Option<Arc<Topic>> {
        self.known.read().by_name.get(name).cloned()
    }

    /// A topic by its id.
    pub fn by_id(&self, id: Uuid) -> Option<Arc<Topic>> {
        self.known.read().by_id.get(&id).cloned()
    }

    /// A topic by its name, or by its id where the name is empty. Errors: `UnknownTopicOrPartition`, `UnknownTopicId`; `InvalidTopicException` for a feed: what
    /// only reads asks [`Topics::readable`].
    pub fn find(&self, name: &str, id: Uuid) -> Result<Arc<Topic>, Error> {
        match self.readable(name, id)? {
            Readable::Topic(topic) => Ok(topic),
            Readable::Feed(feed) => Err(feed.read_only()),
        }
    }

    /// A topic or a feed by its name, or by its id where the name is empty. Errors: `UnknownTopicOrPartition`, `UnknownTopicId`.
    pub fn readable(&self, name: &str, id: Uuid) -> Result<Readable, Error> {
        let by_id = name.is_empty() && !id.is_zero();
        let feed = if by_id { self.feeds.by_id(id) } else { self.feeds.get(name) };
        if let Some(feed) = feed {
            return Ok(Readable::Feed(feed));
        }
        self.find_topic(name, id).map(Readable::Topic)
    }

    /// The feeds.
    pub const fn feeds(&self) -> &Feeds {
        &self.feeds
    }

    /// All topics and feeds, by name.
    pub fn all_readable(&self) -> Vec<Readable> {
        let topics = self.all().into_iter().map(Readable::Topic);
        let mut all: Vec<_> = topics.chain(self.feeds.all().into_iter().map(Readable::Feed)).collect();
        all.sort_by(|one, other| one.name().cmp(other.name()));
        all
    }

    fn find_topic(&self, name: &str, id: Uuid) -> Result<Arc<Topic>, Error> {
        if name.is_empty() && !id.is_zero() {
            let text = || format!("no topic has the id {id}");
            return self.by_id(id).ok_or_else(|| Error::refused(ErrorCode::UnknownTopicId, text()));
        }
        let text = || format!("topic \"{name}\" does not exist");
        self.get(name).ok_or_else(|| Error::refused(ErrorCode::UnknownTopicOrPartition, text()))
    }

    /// All topics, by name.
    pub fn all(&self) -> Vec<Arc<Topic>> {
        self.known.read().by_name.values().cloned().collect()
    }

    /// Partitions of all topics.
    pub fn partition_count(&self) -> usize {
        self.known.read().partitions
    }

    /// Files that nothing names any more, of topics that are gone and of those that are there. They may be removed once the journal has settled.
    pub fn take_trash(&self) -> Vec<FileId> {
        let mut files = std::mem::take(&mut *self.trash.lock());
        for topic in self.all() {
            topic.partitions().iter().for_each(|partition| files.extend(partition.take_dropped()));
        }
        files
    }

    /// Files that could not be removed yet.
    pub fn put_trash(&self, files: Vec<FileId>) {
        self.trash.lock().extend(files);
    }

    /// Every file that a partition names. After recovery.
    pub fn named_files(&self) -> Result<HashSet<FileId>, Error> {
        let mut named = HashSet::new();
        for topic in self.all() {
            for partition in topic.partitions().iter() {
                let locked = partition.lock();
                // See `sweep`: with a quarantined partition nothing is swept.
                let Ok(locked) = locked else { continue };
                named.extend(locked.state().segments.iter().map(|segment| partition.file(segment.id)));
            }
        }
        Ok(named)
    }

    /// Says why a topic cannot be made, if it cannot.
    pub fn check(&self, new: &NewTopic) -> Result<(), Error> {
        check_name(&new.name)?;
        check_reserved(&new.name)?;
        if self.get(&new.name).is_some() {
            let text = format!("topic \"{}\" already exists", new.name);
            return Err(Error::refused(ErrorCode::TopicAlreadyExists, text));
        }
        self.check_sink(&new.name, &new.settings)?;
        sharing::check(&new.name, &new.settings)?;
        self.check_partitions(new.partitions, new.partitions)
    }

    fn check_sink(&self, name: &str, settings: &Settings) -> Result<(), Error> {
        self.targets.check(settings)?;
        let has_sink = |topic: &Arc<Topic>| topic.name != name && topic.settings().sink.target.is_some();
        let others = settings
            .sink
            .target
            .as_ref()
            .map_or(0, |_| self.all().iter().filter(|topic| has_sink(topic)).count());
        if others >= SINKS_MAX {
            let text = format!("{others} topics have a sink, as many as may have one");
            return Err(Error::refused(ErrorCode::PolicyViolation, text));
        }
        Ok(())
    }

    fn check_partitions(&self, total: i32, more: i32) -> Result<(), Error> {
        if !(1..=PARTITIONS_PER_TOPIC_MAX).contains(&total) {
            let text = format!("{total} partitions; a topic has 1 to {PARTITIONS_PER_TOPIC_MAX}");
            return Err(Error::refused(ErrorCode::InvalidPartitions, text));
        }
        let there = self.partition_count();
        if there + more as usize > PARTITIONS_MAX {
            let text = format!("{more} more partitions; there are {there} of at most {PARTITIONS_MAX}");
            return Err(Error::refused(ErrorCode::PolicyViolation, text));
        }
        Ok(())
    }

    /// Makes a topic, durably. Errors: what [`Topics::check`] says, `Full`, `Storage`.
    pub async fn create(&self, new: &NewTopic) -> Result<Arc<Topic>, Error> {
        let _turn = self.changing.lock().await;
        self.check(new)?;
        let mut attributes = setting_attributes(&new.settings.given);
        // What the node's default was when the topic was made stays with it.
        attributes.insert(format!("{ATTRIBUTE_SETTING}durability"), new.settings.durability.to_string());
        attributes.insert(ATTRIBUTE_ID.to_owned(), Uuid(rand::random()).to_string());
        let dataset = NewDataset { name: dataset_name(&new.name), shards: new.partitions as u64, attributes };
        let made = self.catalog.create(&[dataset]).await?;
        let topic = self.assemble(&made[0]).map_err(Error::Storage)?;
        let shards =
            topic.partitions().iter().map(|partition| Arc::clone(partition) as Arc<dyn Hosted>).collect();
        self.runtime.host_new(shards).await?;
        self.insert(Arc::clone(&topic));
        Ok(topic)
    }

    /// A topic, made with the node's defaults if it does not exist. Errors: as [`Topics::create`].
    pub async fn find_or_create(&self, name: &str, partitions: i32) -> Result<Arc<Topic>, Error> {
        if let Some(topic) = self.get(name) {
            return Ok(topic);
        }
        let new = NewTopic { name: name.to_owned(), partitions, settings: Settings::new(self.durability) };
        match self.create(&new).await {
            // Somebody else was quicker.
            Err(error) if error.code() == ErrorCode::TopicAlreadyExists => self.find(name, Uuid::default()),
            made => made,
        }
    }

    /// Gives a topic more partitions, up to `total`. Errors: `InvalidPartitions`, `UnknownTopicOrPartition`, `Full`, `Storage`.
    pub async fn grow(&self, name: &str, total: i32, check_only: bool) -> Result<(), Error> {
        let _turn = self.changing.lock().await;
        let topic = self.find(name, Uuid::default())?;
        let there = topic.partitions().len();
        if total as usize <= there || total < 0 {
            let text = format!(
                "topic \"{name}\" has {there} partitions; it can only get more, and {total} were asked for"
            );
            return Err(Error::refused(ErrorCode::InvalidPartitions, text));
        }
        let more = total - there as i32;
        self.check_partitions(total, more)?;
        if check_only {
            return Ok(());
        }
        let dataset = self.catalog.grow(&dataset_name(name), more as u64).await?;
        let new = self.partitions(&dataset, topic.settings().durability, there);
        self.runtime
            .host_new(new.iter().map(|partition| Arc::clone(partition) as Arc<dyn Hosted>).collect())
            .await?;
        let all: Vec<_> = topic.partitions().iter().cloned().chain(new).collect();
        *topic.partitions.write() = all.into();
        self.known.write().partitions += more as usize;
        self.announce();
        Ok(())
    }

    /// Removes a topic with its records. Errors: `UnknownTopicOrPartition`, `Storage`.
    pub async fn delete(&self, name: &str) -> Result<Arc<Topic>, Error> {
        let _turn = self.changing.lock().await;
        let topic = self.find(name, Uuid::default())?;
        self.catalog.drop_dataset(&dataset_name(name)).await?;
        {
            let mut known = self.known.write();
            known.by_name.remove(name);
            known.by_id.remove(&topic.id);
            known.partitions -= topic.partitions().len();
        }
        self.announce();
        for partition in topic.partitions().iter() {
            self.runtime.drop_shard(partition.log())?;
            let files = partition.abandon();
            self.trash.lock().extend(files);
        }
        Ok(topic)
    }

    /// Replaces what is set for a topic by what `decide` makes of it. Errors: `InvalidConfig`, `UnknownTopicOrPartition`, `Full`, `Storage`.
    pub async fn alter(
        &self,
        name: &str,
        check_only: bool,
        decide: impl FnOnce(&BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Error> + Send,
    ) -> Result<(), Error> {
        let _turn = self.changing.lock().await;
        let topic = self.find(name, Uuid::default())?;
        let before = topic.settings();
        let mut given = decide(&before.given)?;
        if given.get("durability").is_some_and(|given| *given != before.durability.to_string()) {
            let text = format!(
                "durability of topic \"{name}\" is {}; it is chosen when a topic is made",
                before.durability
            );
            return Err(Error::refused(ErrorCode::InvalidConfig, text));
        }
        given.insert("durability".to_owned(), before.durability.to_string());
        let settings = Settings::with(self.durability, given)?;
        // Where it stays as it is, a target that is gone does not stand in the way of other changes.
        let of = |settings: &Settings| (settings.sink.target.clone(), settings.sink.key_prefix.clone());
        if of(&before) != of(&settings) {
            self.check_sink(name, &settings)?;
        }
        sharing::check(name, &settings)?;
        if check_only {
            return Ok(());
        }
        let attributes = setting_attributes(&settings.given);
        self.catalog
            .describe(&dataset_name(name), |old| {
                let kept = old.iter().filter(|(key, _)| !key.starts_with(ATTRIBUTE_SETTING));
                kept.map(|(key, value)| (key.clone(), value.clone())).chain(attributes.clone()).collect()
            })
            .await?;
        *topic.settings.write() = Arc::new(settings);
        self.announce();
        Ok(())
    }
}

impl Topics {
    /// Replaces what is set for a group by what `decide` makes of it. Errors as [`GroupSettings::change`].
    pub async fn alter_group(
        &self,
        group: &str,
        check_only: bool,
        decide: impl FnOnce(&BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Error> + Send,
    ) -> Result<(), Error> {
        self.group_settings.change(&self.catalog, group, check_only, decide).await?;
        self.announce();
        Ok(())
    }
}

impl From<bole_catalog::Error> for Error {
    fn from(error: bole_catalog::Error) -> Self {
        match error {
            bole_catalog::Error::Shard(error) => error.into(),
            bole_catalog::Error::Exists(_) => Self::refused(ErrorCode::TopicAlreadyExists, error.to_string()),
            bole_catalog::Error::NotFound(_) => {
                Self::refused(ErrorCode::UnknownTopicOrPartition, error.to_string())
            }
        }
    }
}

impl groups::Topics for Topics {
    fn by_name(&self, name: &str) -> Option<groups::Topic> {
        self.readable(name, Uuid::ZERO).ok().map(|topic| known_readable(&topic))
    }

    fn by_id(&self, id: groups::TopicId) -> Option<groups::Topic> {
        self.readable("", Uuid(id.0)).ok().map(|topic| known_readable(&topic))
    }

    fn names(&self) -> Vec<Arc<str>> {
        let feeds = self.feeds.all();
        let known = self.known.read();
        let names = known.by_name.keys().chain(feeds.iter().map(|feed| &feed.name));
        names.map(|name| Arc::from(name.as_str())).collect()
    }

    fn version(&self) -> u64 {
        Topics::version(self)
    }

    fn overrides(&self, group: &str) -> groups::Overrides {
        self.group_settings.overrides(group)
    }

    fn keeps_offsets(&self, group: &str) -> bool {
        let topic = sink::topic_of(group).and_then(|topic| self.get(topic));
        topic.is_some_and(|topic| topic.settings().sink.target.is_some())
    }

    fn sharing(&self, topic: groups::TopicId) -> groups::Sharing {
        Topics::by_id(self, Uuid(topic.0)).map(|topic| topic.settings().sharing.clone()).unwrap_or_default()
    }
}

/// A topic as groups know it.
pub fn known(topic: &Topic) -> groups::Topic {
    groups::Topic {
        id: groups::TopicId(topic.id.0),
        name: Arc::from(topic.name.as_str()),
        partitions: topic.partitions().len() as u32,
    }
}

fn known_readable(readable: &Readable) -> groups::Topic {
    match readable {
        Readable::Topic(topic) => known(topic),
        Readable::Feed(feed) => groups::Topic {
            id: groups::TopicId(feed.id.0),
            name: Arc::from(feed.name.as_str()),
            partitions: feed.partitions().len() as u32,
        },
    }
}

fn setting_attributes(given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    given.iter().map(|(key, value)| (format!("{ATTRIBUTE_SETTING}{key}"), value.clone())).collect()
}

fn dataset_name(topic: &str) -> String {
    format!("{PREFIX}{topic}")
}

/// The topic of a dataset; `None` if it is none. Datasets of coordinators begin with a tilde, which no topic's name holds.
fn topic_name(dataset: &str) -> Option<&str> {
    dataset.strip_prefix(PREFIX).filter(|name| !name.starts_with('~'))
}
