//! Topics, records and groups, asked as any Kafka client asks for them.

use bytes::Bytes;

use super::{Asked, By};

/// A topic of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: usize,
}

/// A partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// Its number.
    pub index: i32,
    /// The offset of its first record.
    pub start: i64,
    /// The offset after its last record.
    pub end: i64,
    /// Bytes on disk, where that is told.
    pub bytes: Option<i64>,
}

/// A topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Topic {
    /// Its partitions, in order.
    pub partitions: Vec<Partition>,
    /// The settings of its own.
    pub settings: Vec<(String, String)>,
}

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it is.
    pub offset: i64,
    /// In milliseconds since 1970.
    pub timestamp_ms: i64,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
    /// Its headers.
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// Records of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// In order.
    pub records: Vec<Record>,
    /// The offset to go on at.
    pub next: i64,
}

/// A group of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedGroup {
    /// Its id.
    pub id: String,
    /// `classic`, `consumer` or `share`.
    pub kind: String,
    /// Such as `Stable` or `Empty`.
    pub state: String,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: String,
    /// What its client calls itself.
    pub client: String,
    /// Where it connects from.
    pub host: String,
    /// What it reads: topics with their partitions.
    pub assignment: Vec<(String, Vec<i32>)>,
}

/// How far a group is in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset that is read next.
    pub committed: i64,
    /// Records that come after it; `None` where that is not known.
    pub lag: Option<i64>,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `classic`, `consumer` or `share`.
    pub kind: String,
    /// Such as `Stable` or `Empty`.
    pub state: String,
    /// The assignor that its members follow.
    pub assignor: String,
    /// Its members.
    pub members: Vec<Member>,
    /// By topic and partition.
    pub progress: Vec<Progress>,
}

/// A client of the streams.
pub trait Streams: Send + Sync + 'static {
    /// All topics that the user may see, by name.
    fn topics<'a>(&'a self, by: By<'a>) -> Asked<'a, Vec<Listed>>;
    /// One topic.
    fn topic<'a>(&'a self, by: By<'a>, name: &'a str) -> Asked<'a, Topic>;
    /// At most `count` records of a partition from an offset on; none at its end.
    fn records<'a>(
        &'a self,
        by: By<'a>,
        topic: &'a str,
        partition: i32,
        offset: i64,
        count: usize,
    ) -> Asked<'a, Read>;
    /// Makes a topic; without `partitions` it has as many as the node's setting says.
    fn create_topic<'a>(&'a self, by: By<'a>, name: &'a str, partitions: Option<i32>) -> Asked<'a, ()>;
    /// Removes a topic.
    fn delete_topic<'a>(&'a self, by: By<'a>, name: &'a str) -> Asked<'a, ()>;
    /// All groups that the user may see, by id.
    fn groups<'a>(&'a self, by: By<'a>) -> Asked<'a, Vec<ListedGroup>>;
    /// One group; `None` where there is none of that id.
    fn group<'a>(&'a self, by: By<'a>, id: &'a str) -> Asked<'a, Option<Group>>;
    /// Removes a group with its offsets.
    fn delete_group<'a>(&'a self, by: By<'a>, id: &'a str) -> Asked<'a, ()>;
}
