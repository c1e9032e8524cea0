//! What a node says of itself: the shape of `GET /api/status`, which `bole status --json` prints as it is and
//! `bole status` as a page for people. Fields are only ever added.

mod page;

use serde::{Deserialize, Serialize};

/// A running node at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Version of the program.
    pub version: String,
    /// The node's id.
    pub node: String,
    /// `ready`, or why it is not.
    pub state: String,
    /// Seconds since it started.
    pub uptime_seconds: u64,
    /// The data directory.
    pub data: String,
    /// The journals that it writes.
    pub journals: Vec<Journal>,
    /// The services, the kernel's own included.
    pub services: Vec<Service>,
    /// The sinks of topics.
    pub sinks: Vec<Sink>,
    /// The shards that it leads.
    pub shards: Vec<Shard>,
    /// Large objects, and the walk that verifies them.
    pub blobs: Option<Blobs>,
}

/// A journal at one moment. Positions are bytes since the journal's beginning.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Journal {
    /// Its name.
    pub name: String,
    /// Bytes that its segments take on disk.
    pub bytes: u64,
    /// The most that they may take.
    pub bytes_max: u64,
    /// Segments with retained entries.
    pub segments: u64,
    /// Up to here it was written to the operating system.
    pub written: u64,
    /// Up to here it was fsynced.
    pub synced: u64,
    /// Bytes that wait to be written.
    pub queued_bytes: u64,
    /// Fsyncs since the start.
    pub fsyncs: u64,
    /// How long an fsync takes.
    pub fsync: Latency,
}

/// A distribution of durations in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Latency {
    /// The median.
    pub p50_micros: u64,
    /// The 99th percentile.
    pub p99_micros: u64,
    /// The longest since the start.
    pub max_micros: u64,
}

/// A service at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Open connections.
    pub connections: u64,
    /// Memory that it accounts for.
    pub memory_bytes: u64,
    /// Its budget; 0 for none.
    pub memory_bytes_max: u64,
    /// What else it says of itself.
    pub notes: Vec<String>,
}

/// A topic's write-behind sink at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sink {
    /// The topic.
    pub topic: String,
    /// Where its records are written to, such as `keyspace/0`.
    pub target: String,
    /// `running`, `paused` or `failing`.
    pub state: String,
    /// Records that are not written yet.
    pub lag: u64,
    /// Why it cannot write its next batch, if it cannot.
    pub reason: Option<String>,
}

/// Large objects at one moment, and the walk that verifies their bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Blobs {
    /// Chunks that are known to be damaged: reads that need them are refused.
    pub damaged_chunks: u64,
    /// Whether a walk is under way.
    pub scrub_running: bool,
    /// When the last one began, in milliseconds since 1970; 0: there was none.
    pub scrub_begun_ms: u64,
    /// When it ended, if it did.
    pub scrub_ended_ms: Option<u64>,
    /// Bytes that it verified.
    pub scrub_bytes: u64,
    /// Bytes that there were when it began.
    pub scrub_bytes_total: u64,
    /// Chunks that it found damaged.
    pub scrub_damaged: u64,
}

/// A shard at one moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shard {
    /// The number of its log.
    pub log: u64,
    /// Its dataset and number, such as `default/keyspace/0/15`.
    pub name: String,
    /// The offset that its next entry gets.
    pub tail: u64,
    /// The offset up to which its state is on disk without the log.
    pub checkpoint: u64,
    /// Why it refuses to serve, if it does.
    pub quarantined: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_survives_json_and_fields_that_a_node_does_not_know_are_empty() {
        let shard = Shard { log: 16, quarantined: Some("bad bytes".to_owned()), ..Shard::default() };
        let status = Status { shards: vec![shard], journals: vec![Journal::default()], ..Status::default() };
        let text = serde_json::to_string(&status).unwrap();
        assert_eq!(serde_json::from_str::<Status>(&text).unwrap(), status);
        let older = serde_json::from_str::<Status>("{\"version\":\"0\",\"new\":1}").unwrap();
        assert_eq!(older, Status { version: "0".to_owned(), ..Status::default() });
    }
}
