//! What a consumer's metadata says about topics: the one thing that the coordinator reads of what clients tell each other. It keeps offsets of
//! subscribed topics from being deleted or from expiring.
//!
//! # Layout (Kafka's `ConsumerProtocolSubscription`, all versions)
//! version i16, count of topics i32, each topic a length i16 and its name; then what does not matter here. Numbers are big-endian.

use std::collections::BTreeSet;

use super::{Group, Phase};

/// The protocol type of consumers.
const CONSUMER: &str = "consumer";

/// The topics that a consumer subscribes to; `None` if the bytes are of something else.
pub(crate) fn topics(metadata: &[u8]) -> Option<Vec<&str>> {
    let (_version, rest) = metadata.split_at_checked(2)?;
    let (count, mut rest) = rest.split_at_checked(4)?;
    let count = i32::from_be_bytes(count.try_into().ok()?);
    let count = usize::try_from(count).ok().filter(|count| *count <= rest.len() / 2)?;
    let mut topics = Vec::with_capacity(count);
    for _ in 0..count {
        let (length, after) = rest.split_at_checked(2)?;
        let length = usize::try_from(i16::from_be_bytes(length.try_into().ok()?)).ok()?;
        let (name, after) = after.split_at_checked(length)?;
        topics.push(std::str::from_utf8(name).ok()?);
        rest = after;
    }
    Some(topics)
}

/// Which topics a group reads.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Subscribed {
    /// These.
    To(BTreeSet<String>),
    /// It has members, but what they read cannot be known.
    Unknown,
}

impl Subscribed {
    pub(crate) fn includes(&self, topic: &str) -> bool {
        match self {
            Self::To(topics) => topics.contains(topic),
            Self::Unknown => true,
        }
    }
}

impl Group {
    /// Which topics the members read. While a rebalance is under way that cannot be known.
    pub(crate) fn subscribed(&self) -> Subscribed {
        if self.phase == Phase::Empty {
            return Subscribed::To(BTreeSet::new());
        }
        let Some(protocol) = &self.protocol_name else { return Subscribed::Unknown };
        if !self.is_of_consumers() || self.phase == Phase::PreparingRebalance {
            return Subscribed::Unknown;
        }
        let mut all = BTreeSet::new();
        for member in self.members.values() {
            match topics(&member.metadata(protocol)) {
                Some(topics) => all.extend(topics.into_iter().map(str::to_owned)),
                None => return Subscribed::Unknown,
            }
        }
        Subscribed::To(all)
    }

    /// Whether its members are consumers.
    pub(crate) fn is_of_consumers(&self) -> bool {
        self.protocol_type.as_deref() == Some(CONSUMER)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_topics_and_survives_anything_else() {
        let good = b"\x00\x03\x00\x00\x00\x02\x00\x01a\x00\x02bcREST";
        assert_eq!(topics(good), Some(vec!["a", "bc"]));
        for cut in 0..good.len() - 4 {
            assert_eq!(topics(&good[..cut]), None, "cut at {cut}");
        }
        for bad in [
            &b"\x00\x00\xff\xff\xff\xff"[..],
            b"\x00\x00\x7f\xff\xff\xff\x00",
            b"\x00\x00\x00\x00\x00\x01\x80\x00",
        ] {
            assert_eq!(topics(bad), None);
        }
    }
}
