//! `simple`, for share groups: a topic's partitions and its subscribers are laid side by side, the shorter row over and over. So every
//! partition is read by somebody, and nobody is idle who subscribes to a topic. Where a topic begins in the row of members moves on from topic to topic.

use super::{Shares, give};
use crate::groups::modern::subscription::Subscriptions;

pub(super) fn assign<'a>(subscriptions: &Subscriptions<'a>) -> Shares<'a> {
    let mut shares = Shares::new();
    let mut start = 0;
    for topic in subscriptions.topics.values() {
        let readers: Vec<_> = subscriptions
            .members
            .iter()
            .filter(|(_, topics)| topics.contains(&topic.id))
            .map(|(id, _)| *id)
            .collect();
        let partitions = topic.partitions as usize;
        if readers.is_empty() || partitions == 0 {
            continue;
        }
        for pair in 0..readers.len().max(partitions) {
            let reader = readers[(start + pair) % readers.len()];
            give(&mut shares, reader, topic.id, (pair % partitions) as i32);
        }
        start += partitions;
    }
    shares
}
