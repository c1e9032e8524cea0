//! Topic settings: one table of keys, from which defaults, checks, descriptions and what the service reads come.
//!
//! A key of Kafka's that would have no effect here is not in the table, and is refused by name.

pub mod sharing;

use std::collections::BTreeMap;

use bole_base::Durability;

use crate::Error;
use crate::groups::Sharing;
use crate::limits::SINK_PREFIX_BYTES_MAX;
use crate::protocol::ErrorCode;
use crate::protocol::batch::Compression;
use crate::sink;

/// The header with which a record asks for its offset, in decimal digits, where `conditional.append` is on.
pub const EXPECTED_OFFSET: &str = "bole.expected.offset";

/// What kind of value a key takes, as `DescribeConfigs` numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// true or false.
    Boolean = 1,
    /// Text from a list.
    Text = 2,
    /// A 32-bit number.
    Int = 3,
    /// A 64-bit number.
    Long = 5,
    /// A number with a fraction.
    Double = 6,
    /// Words separated by commas.
    List = 7,
}

/// One key.
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// The value of topics that do not set it; for `durability` the node's.
    pub default: &'static str,
    /// What kind of value it takes.
    pub kind: Kind,
    /// What it does.
    pub doc: &'static str,
    set: fn(&mut Settings, &str) -> Result<(), String>,
}

/// What a topic does with old records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cleanup {
    /// Segments go when they are too old or too much.
    pub delete: bool,
    /// Only the newest record of each key stays.
    pub compact: bool,
}

/// The settings of a topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// See `cleanup.policy`.
    pub cleanup: Cleanup,
    /// See `compression.type`; `None`: as the producer compressed it.
    pub compression: Option<Compression>,
    /// See `conditional.append`.
    pub conditional_append: bool,
    /// See `retention.ms`; −1: for ever.
    pub retention_ms: i64,
    /// See `retention.bytes`; −1: any amount.
    pub retention_bytes: i64,
    /// See `segment.bytes`.
    pub segment_bytes: u64,
    /// See `segment.ms`.
    pub segment_ms: i64,
    /// See `max.message.bytes`.
    pub message_bytes_max: usize,
    /// See `message.timestamp.type`.
    pub log_append_time: bool,
    /// See `message.timestamp.before.max.ms`.
    pub timestamp_before_ms_max: i64,
    /// See `message.timestamp.after.max.ms`.
    pub timestamp_after_ms_max: i64,
    /// See `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// See `min.cleanable.dirty.ratio`.
    pub cleanable_ratio_min: f64,
    /// See `min.compaction.lag.ms`.
    pub compaction_lag_ms_min: i64,
    /// See `max.compaction.lag.ms`.
    pub compaction_lag_ms_max: i64,
    /// See the settings that begin with `share.`.
    pub sharing: Sharing,
    /// See `durability`.
    pub durability: Durability,
    /// See `sink.target` and its neighbours.
    pub sink: sink::Plan,
    /// What was set for this topic, as text.
    pub given: BTreeMap<String, String>,
}

impl Settings {
    /// The defaults of a node whose topics are as durable as `durability`.
    pub fn new(durability: Durability) -> Self {
        let mut settings = Self {
            cleanup: Cleanup { delete: true, compact: false },
            compression: None,
            conditional_append: false,
            retention_ms: -1,
            retention_bytes: -1,
            segment_bytes: 1 << 30,
            segment_ms: i64::MAX,
            message_bytes_max: 1 << 20,
            log_append_time: false,
            timestamp_before_ms_max: i64::MAX,
            timestamp_after_ms_max: i64::MAX,
            delete_retention_ms: 0,
            cleanable_ratio_min: 0.5,
            compaction_lag_ms_min: 0,
            compaction_lag_ms_max: i64::MAX,
            sharing: Sharing::default(),
            durability,
            sink: sink::Plan::default(),
            given: BTreeMap::new(),
        };
        for row in ROWS.iter().filter(|row| row.name != "durability") {
            (row.set)(&mut settings, row.default)
                .expect("the defaults of the table are values that it takes");
        }
        settings
    }

    /// The settings with `given` set. Errors: `Refused` with `InvalidConfig`, naming key and value.
    pub fn with(durability: Durability, given: BTreeMap<String, String>) -> Result<Self, Error> {
        let mut settings = Self::new(durability);
        for (name, value) in &given {
            let invalid = |why: String| Error::refused(ErrorCode::InvalidConfig, why);
            let row = row(name).ok_or_else(|| invalid(unknown(name)))?;
            (row.set)(&mut settings, value.trim())
                .map_err(|allowed| invalid(format!("{name} is \"{value}\"; use {allowed}")))?;
        }
        settings.given = given;
        Ok(settings)
    }

    /// After how many milliseconds a segment is left for a new one: soon enough for `max.compaction.lag.ms`, since only sealed segments are compacted.
    pub fn roll_ms(&self) -> i64 {
        if self.cleanup.compact { self.segment_ms.min(self.compaction_lag_ms_max) } else { self.segment_ms }
    }

    /// The value of a key as text, and whether the topic has set it.
    pub fn value(&self, row: &Row) -> (String, bool) {
        match self.given.get(row.name) {
            Some(value) => (value.clone(), true),
            None if row.name == "durability" => (self.durability.to_string(), false),
            None => (row.default.to_owned(), false),
        }
    }
}

/// The row of a key.
pub fn row(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}

fn unknown(name: &str) -> String {
    let known = INEFFECTIVE.contains(&name);
    let why = if known { "has no effect on this server" } else { "is not a setting of topics" };
    let names: Vec<_> = ROWS.iter().map(|row| row.name).collect();
    format!("{name} {why}; settings of topics are {}", names.join(", "))
}

/// Kafka's keys that would change nothing here.
const INEFFECTIVE: &[&str] = &[
    "file.delete.delay.ms",
    "flush.messages",
    "flush.ms",
    "follower.replication.throttled.replicas",
    "index.interval.bytes",
    "leader.replication.throttled.replicas",
    "local.retention.bytes",
    "local.retention.ms",
    "message.downconversion.enable",
    "message.format.version",
    "preallocate",
    "remote.storage.enable",
    "segment.index.bytes",
    "segment.jitter.ms",
    "unclean.leader.election.enable",
];

fn number<T: std::str::FromStr + PartialOrd + std::fmt::Display + Copy>(
    text: &str,
    min: T,
    max: T,
) -> Result<T, String> {
    let parsed = text.parse::<T>().ok().filter(|value| *value >= min && *value <= max);
    parsed.ok_or_else(|| format!("a number from {min} to {max}"))
}

fn boolean(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "true or false".to_owned())
}

/// Settings of topics, by name.
pub const ROWS: &[Row] = &[
    Row {
        name: "cleanup.policy",
        default: "delete",
        kind: Kind::List,
        doc: "delete: old segments go by retention.ms and retention.bytes. compact: only the newest record of each key stays. Both may be given.",
        set: |settings, text| {
            let words: Vec<_> = text.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
            let known = words.iter().all(|word| ["delete", "compact"].contains(word));
            if words.is_empty() || !known {
                return Err("delete, compact, or both separated by a comma".to_owned());
            }
            settings.cleanup =
                Cleanup { delete: words.contains(&"delete"), compact: words.contains(&"compact") };
            Ok(())
        },
    },
    Row {
        name: "compression.type",
        default: "producer",
        kind: Kind::Text,
        doc: "producer: batches are kept as they come. uncompressed, gzip, snappy, lz4, zstd: others are converted as they arrive.",
        set: |settings, text| {
            let none = (text == "uncompressed").then_some(Compression::None);
            let named = || {
                Compression::ALL.into_iter().find(|codec| *codec != Compression::None && codec.name() == text)
            };
            settings.compression = none.or_else(named);
            if text == "producer" || settings.compression.is_some() {
                return Ok(());
            }
            Err("producer, uncompressed, gzip, snappy, lz4 or zstd".to_owned())
        },
    },
    Row {
        name: "conditional.append",
        default: "false",
        kind: Kind::Boolean,
        doc: "Whether a record with the header bole.expected.offset is taken, with its whole batch, only at that offset. An extension of Bole's.",
        set: |settings, text| {
            settings.conditional_append = boolean(text)?;
            Ok(())
        },
    },
    Row {
        name: "delete.retention.ms",
        default: "86400000",
        kind: Kind::Long,
        doc: "How long a compacted topic keeps the record that deletes a key, in milliseconds.",
        set: |settings, text| number(text, 0, i64::MAX).map(|value| settings.delete_retention_ms = value),
    },
    Row {
        name: "durability",
        default: "sync",
        kind: Kind::Text,
        doc: "sync: a produce is acknowledged after an fsync. async: after the write to the operating system, fsynced within 1 s. Chosen when the topic is made.",
        set: |settings, text| {
            settings.durability = match text {
                "sync" => Durability::Sync,
                "async" => Durability::Async,
                _ => return Err("sync or async".to_owned()),
            };
            Ok(())
        },
    },
    Row {
        name: "max.compaction.lag.ms",
        default: "9223372036854775807",
        kind: Kind::Long,
        doc: "The longest that a record may stay before its segment is compacted, in milliseconds.",
        set: |settings, text| number(text, 1, i64::MAX).map(|value| settings.compaction_lag_ms_max = value),
    },
    Row {
        name: "max.message.bytes",
        default: "1048588",
        kind: Kind::Int,
        doc: "The largest batch that is taken in, as it is sent.",
        set: |settings, text| {
            number(text, 0, i32::MAX).map(|value| settings.message_bytes_max = value as usize)
        },
    },
    Row {
        name: "message.timestamp.after.max.ms",
        default: "3600000",
        kind: Kind::Long,
        doc: "How far the timestamp of a record may be in the future, in milliseconds.",
        set: |settings, text| number(text, 0, i64::MAX).map(|value| settings.timestamp_after_ms_max = value),
    },
    Row {
        name: "message.timestamp.before.max.ms",
        default: "9223372036854775807",
        kind: Kind::Long,
        doc: "How far the timestamp of a record may be in the past, in milliseconds.",
        set: |settings, text| number(text, 0, i64::MAX).map(|value| settings.timestamp_before_ms_max = value),
    },
    Row {
        name: "message.timestamp.type",
        default: "CreateTime",
        kind: Kind::Text,
        doc: "CreateTime: records have the time that the producer gave. LogAppendTime: that of their arrival.",
        set: |settings, text| {
            settings.log_append_time = match text {
                "CreateTime" => false,
                "LogAppendTime" => true,
                _ => return Err("CreateTime or LogAppendTime".to_owned()),
            };
            Ok(())
        },
    },
    Row {
        name: "min.cleanable.dirty.ratio",
        default: "0.5",
        kind: Kind::Double,
        doc: "Compaction starts when this share of a partition's bytes was not compacted yet.",
        set: |settings, text| number(text, 0.0, 1.0).map(|value| settings.cleanable_ratio_min = value),
    },
    Row {
        name: "min.compaction.lag.ms",
        default: "0",
        kind: Kind::Long,
        doc: "The least time that a record stays as it is before it may be compacted, in milliseconds.",
        set: |settings, text| number(text, 0, i64::MAX).map(|value| settings.compaction_lag_ms_min = value),
    },
    Row {
        name: "min.insync.replicas",
        default: "1",
        kind: Kind::Int,
        doc: "There is one replica on one node.",
        set: |_, text| if text == "1" { Ok(()) } else { Err("1: there is one node".to_owned()) },
    },
    Row {
        name: "retention.bytes",
        default: "-1",
        kind: Kind::Long,
        doc: "Bytes of a partition above which its oldest segments go; -1: no limit.",
        set: |settings, text| number(text, -1, i64::MAX).map(|value| settings.retention_bytes = value),
    },
    Row {
        name: "retention.ms",
        default: "604800000",
        kind: Kind::Long,
        doc: "Age of a segment's newest record at which it goes, in milliseconds; -1: never.",
        set: |settings, text| number(text, -1, i64::MAX).map(|value| settings.retention_ms = value),
    },
    Row {
        name: "segment.bytes",
        default: "1073741824",
        kind: Kind::Int,
        doc: "Bytes of a segment file, after which the next one is begun.",
        set: |settings, text| {
            number(text, 1 << 14, i32::MAX).map(|value| settings.segment_bytes = value as u64)
        },
    },
    Row {
        name: "segment.ms",
        default: "604800000",
        kind: Kind::Long,
        doc: "Age of a segment's first record after which the next segment is begun, in milliseconds.",
        set: |settings, text| number(text, 1, i64::MAX).map(|value| settings.segment_ms = value),
    },
    Row {
        name: "share.dead.letter.topic",
        default: "",
        kind: Kind::Text,
        doc: "The topic to which records go that a share group gives up: rejected, or delivered too often. Empty: they are only passed over. An extension of Bole's.",
        set: sharing::dead_letter_topic,
    },
    Row {
        name: "share.delivery.count.limit",
        default: "-1",
        kind: Kind::Int,
        doc: "After so many deliveries a share group gives a record up; -1: as many as the node allows (5). An extension of Bole's.",
        set: sharing::delivery_count,
    },
    Row {
        name: "share.delivery.delay.max.ms",
        default: "0",
        kind: Kind::Long,
        doc: "The longest delay that a record's header bole.delivery.delay.ms may ask for instead of share.delivery.delay.ms; 0: the header is not looked at. An extension of Bole's.",
        set: |settings, text| {
            sharing::milliseconds(text).map(|value| settings.sharing.header_delay_ms_max = value)
        },
    },
    Row {
        name: "share.delivery.delay.ms",
        default: "0",
        kind: Kind::Long,
        doc: "How long after its timestamp a record is delivered to share groups at the earliest, in milliseconds. An extension of Bole's.",
        set: |settings, text| sharing::milliseconds(text).map(|value| settings.sharing.delay_ms = value),
    },
    Row {
        name: "share.retry.backoff.max.ms",
        default: "3600000",
        kind: Kind::Long,
        doc: "The longest that share.retry.backoff.ms becomes by doubling, in milliseconds. An extension of Bole's.",
        set: |settings, text| {
            sharing::milliseconds(text).map(|value| settings.sharing.backoff_ms_max = value)
        },
    },
    Row {
        name: "share.retry.backoff.ms",
        default: "0",
        kind: Kind::Long,
        doc: "How long a record waits that came back from its first delivery, in milliseconds; twice as long with every further one. 0: it is there again at once. An extension of Bole's.",
        set: |settings, text| sharing::milliseconds(text).map(|value| settings.sharing.backoff_ms = value),
    },
    Row {
        name: "sink.batch.bytes",
        default: "262144",
        kind: Kind::Int,
        doc: "Bytes of keys and values, each with 256 for its place, above which the sink writes a batch. An extension of Bole's, as all of sink.",
        set: |settings, text| {
            number(text, 1_024, 768 << 10).map(|value| settings.sink.bytes_max = value as usize)
        },
    },
    Row {
        name: "sink.batch.records",
        default: "1000",
        kind: Kind::Int,
        doc: "Records of one batch of the sink, after only the newest of each key was kept.",
        set: |settings, text| number(text, 1, 10_000).map(|value| settings.sink.records_max = value as usize),
    },
    Row {
        name: "sink.interval.ms",
        default: "1000",
        kind: Kind::Long,
        doc: "How long the sink waits for more records before it writes a batch that is not full, in milliseconds.",
        set: |settings, text| number(text, 0, 3_600_000).map(|value| settings.sink.interval_ms = value),
    },
    Row {
        name: "sink.key.prefix",
        default: "",
        kind: Kind::Text,
        doc: "What the sink puts before the key of each record.",
        set: |settings, text| {
            if text.len() > SINK_PREFIX_BYTES_MAX {
                return Err(format!("at most {SINK_PREFIX_BYTES_MAX} bytes"));
            }
            text.clone_into(&mut settings.sink.key_prefix);
            Ok(())
        },
    },
    Row {
        name: "sink.paused",
        default: "false",
        kind: Kind::Boolean,
        doc: "Whether the sink stands still.",
        set: |settings, text| {
            settings.sink.paused = boolean(text)?;
            Ok(())
        },
    },
    Row {
        name: "sink.target",
        default: "",
        kind: Kind::Text,
        doc: "Where the newest record of each key is written to, in batches: SERVICE/DATASET such as keyspace/0 or sql/bole/orders. Empty: nowhere.",
        set: |settings, text| {
            settings.sink.target = if text.is_empty() { None } else { Some(text.parse()?) };
            Ok(())
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_or_refused_with_what_would_do() {
        // Key, value; what the refusal says, if it is refused.
        let rows = [
            ("retention.ms", "1000", None),
            ("retention.ms", "-1", None),
            ("retention.ms", "-2", Some("retention.ms is \"-2\"; use a number from -1")),
            ("retention.ms", "", Some("use a number")),
            ("cleanup.policy", "compact, delete", None),
            ("cleanup.policy", "nothing", Some("delete, compact")),
            ("compression.type", "zstd", None),
            ("compression.type", "rar", Some("producer, uncompressed, gzip")),
            ("min.insync.replicas", "2", Some("1: there is one node")),
            ("min.cleanable.dirty.ratio", "0.1", None),
            ("min.cleanable.dirty.ratio", "NaN", Some("from 0 to 1")),
            ("flush.ms", "1", Some("flush.ms has no effect on this server")),
            ("no.such.key", "1", Some("no.such.key is not a setting of topics")),
            ("conditional.append", "true", None),
            ("conditional.append", "yes", Some("true or false")),
            ("share.dead.letter.topic", "orders.dead", None),
            ("share.dead.letter.topic", "", None),
            ("share.dead.letter.topic", "a b", Some("the name of a topic")),
            ("share.dead.letter.topic", "changes.keyspace.0", Some("a topic that can be written")),
            ("share.delivery.count.limit", "-1", None),
            ("share.delivery.count.limit", "3", None),
            ("share.delivery.count.limit", "0", Some("from 1 to 10000, or -1")),
            ("share.delivery.count.limit", "10001", Some("from 1 to 10000, or -1")),
            ("share.delivery.delay.max.ms", "1000", None),
            ("share.delivery.delay.ms", "-1", Some("a number from 0")),
            ("share.retry.backoff.max.ms", "1s", Some("a number from 0")),
            ("share.retry.backoff.ms", "250", None),
            ("durability", "async", None),
            ("sink.target", "keyspace/0", None),
            ("sink.target", "", None),
            ("sink.target", "keyspace", Some("SERVICE/DATASET")),
            ("sink.interval.ms", "-1", Some("from 0 to 3600000")),
            ("sink.batch.records", "0", Some("from 1 to 10000")),
            ("sink.batch.bytes", "1048576", Some("to 786432")),
            ("sink.paused", "no", Some("true or false")),
            ("durability", "memory", Some("sync or async")),
        ];
        for (name, value, refusal) in rows {
            let settings =
                Settings::with(Durability::Sync, BTreeMap::from([(name.to_owned(), value.to_owned())]));
            match (settings, refusal) {
                (Ok(settings), None) => {
                    assert_eq!(settings.value(row(name).unwrap()), (value.to_owned(), true));
                }
                (Err(error), Some(text)) => assert!(error.to_string().contains(text), "{error}"),
                (settings, _) => panic!("{name} = {value}: {settings:?}"),
            }
        }
    }

    #[test]
    fn the_table_is_in_order_and_its_defaults_hold() {
        assert!(ROWS.is_sorted_by_key(|row| row.name));
        let settings = Settings::new(Durability::Async);
        assert_eq!((settings.retention_ms, settings.message_bytes_max), (604_800_000, 1_048_588));
        assert_eq!(settings.value(row("durability").unwrap()), ("async".to_owned(), false));
    }
}
