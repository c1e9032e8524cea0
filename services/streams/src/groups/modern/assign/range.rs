//! `range`: for each topic, its subscribers in the order of their names get a range each, the first ones one more where it does not come out even.

use super::{Shares, give};
use crate::groups::modern::Roster;
use crate::groups::modern::subscription::Subscriptions;

pub(super) fn assign<'a>(roster: &Roster<'a>, subscriptions: &Subscriptions<'a>) -> Shares<'a> {
    // A static member keeps its place when it comes back under another id.
    let mut members: Vec<_> = subscriptions.members.iter().collect();
    members.sort_by_key(|(id, _)| {
        let instance = roster.get(*id).and_then(|member| member.instance_id.as_ref());
        (instance.is_none(), instance.unwrap_or(id), *id)
    });
    let mut shares = Shares::new();
    for topic in subscriptions.topics.values() {
        let readers: Vec<_> = members.iter().filter(|(_, topics)| topics.contains(&topic.id)).collect();
        let count = readers.len() as u32;
        let mut next = 0;
        for (index, (id, _)) in readers.iter().enumerate() {
            let share = topic.partitions / count + u32::from((index as u32) < topic.partitions % count);
            for partition in next..next + share {
                give(&mut shares, id, topic.id, partition as i32);
            }
            next += share;
        }
    }
    shares
}
