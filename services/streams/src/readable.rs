//! What can be read: topics with partitions of their own, and feeds. Requests that read go through these two, so that none of them has to know
//! which it is; requests that write ask [`Topics::find`](crate::topics::Topics::find), which refuses feeds.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::Error;
use crate::feeds::{self, Feed};
use crate::partition::Partition;
use crate::partition::read::{Batches, Bounds, Found, Isolation};
use crate::protocol::{ErrorCode, Uuid};
use crate::topics::Topic;

/// A topic or a feed.
#[derive(Clone)]
pub enum Readable {
    /// A topic.
    Topic(Arc<Topic>),
    /// A feed.
    Feed(Arc<Feed>),
}

/// A partition of either.
#[derive(Clone)]
pub enum Source {
    /// Of a topic.
    Partition(Arc<Partition>),
    /// Of a feed.
    Feed(Arc<feeds::Partition>),
}

/// What a look that does not block found.
pub enum Look {
    /// Nothing to read yet.
    Nothing,
    /// Batches in memory.
    Memory(Batches),
    /// There is something, and to read it blocks: [`Source::read`].
    Blocks,
}

impl Readable {
    /// The name.
    pub fn name(&self) -> &str {
        match self {
            Self::Topic(topic) => &topic.name,
            Self::Feed(feed) => &feed.name,
        }
    }

    /// The id.
    pub fn id(&self) -> Uuid {
        match self {
            Self::Topic(topic) => topic.id,
            Self::Feed(feed) => feed.id,
        }
    }

    /// Whether clients are told that it is the server's own.
    pub const fn is_internal(&self) -> bool {
        matches!(self, Self::Feed(_))
    }

    /// Its partitions, by number.
    pub fn sources(&self) -> Vec<Source> {
        match self {
            Self::Topic(topic) => topic.partitions().iter().cloned().map(Source::Partition).collect(),
            Self::Feed(feed) => feed.partitions().iter().cloned().map(Source::Feed).collect(),
        }
    }

    /// One partition. Errors: `UnknownTopicOrPartition`.
    pub fn source(&self, index: i32) -> Result<Source, Error> {
        match self {
            Self::Topic(topic) => topic.partition(index).map(Source::Partition),
            Self::Feed(feed) => {
                let partitions = feed.partitions();
                let found = usize::try_from(index).ok().and_then(|index| partitions.get(index));
                found.cloned().map(Source::Feed).ok_or_else(|| {
                    let count = partitions.len();
                    let text = format!(
                        "topic \"{}\" has {count} partitions; partition {index} does not exist",
                        feed.name
                    );
                    Error::refused(ErrorCode::UnknownTopicOrPartition, text)
                })
            }
        }
    }
}

impl Source {
    /// Where it stands. Errors: `Storage` if it is not served.
    pub fn bounds(&self) -> Result<Bounds, Error> {
        match self {
            Self::Partition(partition) => Ok(Bounds::of(&partition.lock()?)),
            Self::Feed(feed) => feed.bounds(),
        }
    }

    /// Looks for batches from the one on that holds `from`, without blocking. Errors: `OffsetOutOfRange`, `Storage`.
    pub fn look(&self, from: i64, isolation: Isolation, bytes_max: usize) -> Result<(Bounds, Look), Error> {
        match self {
            Self::Partition(partition) => {
                let (bounds, found) = partition.find(from, isolation, bytes_max)?;
                let look = match found {
                    Found::Nothing => Look::Nothing,
                    Found::Memory(batches) => Look::Memory(batches),
                    Found::Cold(_) => Look::Blocks,
                };
                Ok((bounds, look))
            }
            Self::Feed(feed) => {
                let bounds = feed.bounds_for(from)?;
                Ok((bounds, if from < bounds.high_watermark { Look::Blocks } else { Look::Nothing }))
            }
        }
    }

    /// Reads batches from the one on that holds `from`: at most about `bytes_max` bytes, but one batch in any case. Blocks. Errors: `OffsetOutOfRange`, `Storage`.
    pub fn read(
        &self,
        from: i64,
        isolation: Isolation,
        bytes_max: usize,
    ) -> Result<(Bounds, Batches), Error> {
        match self {
            Self::Partition(partition) => partition.read(from, isolation, bytes_max),
            Self::Feed(feed) => feed.read(from, bytes_max),
        }
    }

    /// Wakes `watcher` at the next change. What is not served never will.
    pub fn watch(&self, watcher: &Arc<Notify>) {
        match self {
            Self::Partition(partition) => {
                if let Ok(mut locked) = partition.lock() {
                    locked.state_mut().watchers.add(watcher);
                }
            }
            Self::Feed(feed) => feed.watch(watcher),
        }
    }

    /// Forgets `watcher`.
    pub fn unwatch(&self, watcher: &Arc<Notify>) {
        match self {
            Self::Partition(partition) => {
                if let Ok(mut locked) = partition.lock() {
                    locked.state_mut().watchers.remove(watcher);
                }
            }
            Self::Feed(feed) => feed.unwatch(watcher),
        }
    }
}
