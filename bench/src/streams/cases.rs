//! The table of what is measured. A case's name says all of it: `produce/rdkafka/1KiB/p1/sync`.

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Records a second until all are acknowledged (`acks=all`).
    Produce,
    /// Records a second from the beginning of a filled topic.
    Consume,
    /// Milliseconds from due to read, at a fixed rate.
    Latency,
}

/// Who makes the load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tool {
    /// Kafka's `ProducerPerformance` and `ConsumerPerformance`.
    Java,
    /// `bench/librdkafka`.
    Rdkafka,
}

/// What an acknowledgement promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Written to the operating system.
    Async,
    /// Fsynced.
    Sync,
}

/// Cases that share a pair of nodes, so that the many partitions of one do not weigh on the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// Up to a hundred partitions at a time.
    Few,
    /// Ten thousand partitions.
    Many,
}

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Case {
    pub(super) kind: Kind,
    pub(super) tool: Tool,
    /// Bytes of a value.
    pub(super) size: u64,
    pub(super) partitions: u32,
    pub(super) durability: Durability,
}

use Durability::{Async, Sync};
use Kind::{Consume, Latency, Produce};
use Tool::{Java, Rdkafka};

const KIB: u64 = 1024;
/// From this many partitions on a case belongs to [`Group::Many`].
const MANY: u32 = 10_000;

const fn case(kind: Kind, tool: Tool, size: u64, partitions: u32, durability: Durability) -> Case {
    Case { kind, tool, size, partitions, durability }
}

pub(super) const CASES: &[Case] = &[
    case(Produce, Java, 100, 1, Async),
    case(Produce, Java, KIB, 1, Async),
    case(Produce, Java, 64 * KIB, 1, Async),
    case(Produce, Rdkafka, 100, 1, Async),
    case(Produce, Rdkafka, KIB, 1, Async),
    case(Produce, Rdkafka, 64 * KIB, 1, Async),
    case(Produce, Java, KIB, 100, Async),
    case(Produce, Rdkafka, KIB, 100, Async),
    case(Produce, Java, 100, 1, Sync),
    case(Produce, Java, KIB, 1, Sync),
    case(Produce, Java, 64 * KIB, 1, Sync),
    case(Produce, Rdkafka, 100, 1, Sync),
    case(Produce, Rdkafka, KIB, 1, Sync),
    case(Produce, Rdkafka, 64 * KIB, 1, Sync),
    case(Produce, Java, KIB, 100, Sync),
    case(Produce, Rdkafka, KIB, 100, Sync),
    case(Consume, Java, 100, 1, Async),
    case(Consume, Java, KIB, 1, Async),
    case(Consume, Java, 64 * KIB, 1, Async),
    case(Consume, Rdkafka, 100, 1, Async),
    case(Consume, Rdkafka, KIB, 1, Async),
    case(Consume, Rdkafka, 64 * KIB, 1, Async),
    case(Consume, Rdkafka, KIB, 100, Async),
    case(Latency, Rdkafka, KIB, 1, Async),
    case(Latency, Rdkafka, KIB, 100, Async),
    case(Latency, Rdkafka, KIB, 1, Sync),
    case(Latency, Rdkafka, KIB, 100, Sync),
    case(Produce, Rdkafka, KIB, MANY, Async),
    case(Produce, Rdkafka, KIB, MANY, Sync),
    case(Consume, Rdkafka, KIB, MANY, Async),
    case(Latency, Rdkafka, KIB, MANY, Async),
    case(Latency, Rdkafka, KIB, MANY, Sync),
];

impl Group {
    pub(super) const ALL: [Self; 2] = [Self::Few, Self::Many];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Few => "up to 100 partitions",
            Self::Many => "10,000 partitions",
        }
    }
}

impl Durability {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Async => "async",
            Self::Sync => "sync",
        }
    }
}

impl Case {
    pub(super) fn name(&self) -> String {
        let kind = match self.kind {
            Produce => "produce",
            Consume => "consume",
            Latency => "latency",
        };
        let tool = if self.tool == Java { "java" } else { "rdkafka" };
        let size =
            if self.size < KIB { format!("{}B", self.size) } else { format!("{}KiB", self.size / KIB) };
        format!("{kind}/{tool}/{size}/p{}/{}", self.partitions, self.durability.name())
    }

    pub(super) fn group(&self) -> Group {
        if self.partitions >= MANY { Group::Many } else { Group::Few }
    }

    /// Records a second of the latency cases, each a request of its own: below what either side can do, so that a queue means a stall. With an fsync
    /// for each record a disk of a virtual machine does a few hundred.
    pub(super) fn rate(&self) -> u64 {
        match self.durability {
            Async => 1000,
            Sync => 100,
        }
    }

    /// Records of a round: some seconds of work.
    pub(super) fn records(&self) -> u64 {
        if self.kind == Latency {
            return self.rate() * 10;
        }
        let records = match (self.durability, self.group(), self.size) {
            (Async, Group::Many, _) => 100_000,
            (Sync, Group::Many, _) => 2000,
            (Async, Group::Few, 0..KIB) => 1_000_000,
            (Async, Group::Few, KIB..0x2000) | (Sync, Group::Few, 0..KIB) => 200_000,
            (Async, Group::Few, _) => 5000,
            (Sync, Group::Few, KIB..0x2000) => 20_000,
            (Sync, Group::Few, _) => 1000,
        };
        // Its batches are larger than those of the Java client, so a second holds more records.
        if self.tool == Rdkafka && self.partitions == 1 { 3 * records } else { records }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn names_say_everything_once() {
        let names: HashSet<String> = CASES.iter().map(Case::name).collect();
        assert_eq!(names.len(), CASES.len());
        assert!(names.contains("produce/java/100B/p1/async"));
        assert!(names.contains("latency/rdkafka/1KiB/p10000/sync"));
        assert!(CASES.iter().all(|case| case.records() > 0 && case.rate() > 0));
    }
}
