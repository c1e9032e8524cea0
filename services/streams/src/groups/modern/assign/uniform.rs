//! `uniform`: equal shares, as few moves as possible.
//!
//! Where all subscribe to the same, every member may keep what it has up to its fair share, and what is over goes to those that have less: one pass
//! over members and partitions. Where subscriptions differ, each partition without an owner goes to the reader with the fewest, topics with
//! few readers first; then partitions move from who has more to who has less, as long as that evens anything out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{Shares, Targets, give};
use crate::groups::modern::subscription::Subscriptions;
use crate::groups::topics::{Topic, TopicId};

/// Rounds of evening out, after which the rest stays as it is. Each round strictly lowers the sum of squares, and a few suffice.
const ROUNDS_MAX: usize = 16;

type Place = (TopicId, i32);

pub(super) fn assign<'a>(subscriptions: &Subscriptions<'a>, before: &Targets) -> Shares<'a> {
    let Some(first) = subscriptions.members.values().next() else { return Shares::new() };
    let owned = kept(subscriptions, before);
    let owned = if subscriptions.members.values().all(|topics| topics == first) {
        even(subscriptions, owned)
    } else {
        uneven(subscriptions, owned)
    };
    let mut shares = Shares::new();
    for (id, places) in owned {
        places.into_iter().for_each(|(topic, partition)| give(&mut shares, id, topic, partition));
    }
    shares
}

type Owned<'a> = BTreeMap<&'a Arc<str>, Vec<Place>>;

/// Which partitions have an owner: one flag for each partition of each subscribed topic.
struct Taken {
    flags: BTreeMap<TopicId, Vec<bool>>,
}

impl Taken {
    fn new(subscriptions: &Subscriptions<'_>) -> Self {
        let flags = |topic: &Topic| (topic.id, vec![false; topic.partitions as usize]);
        Self { flags: subscriptions.topics.values().map(flags).collect() }
    }

    /// Takes a partition; `false`: it does not exist, or has an owner.
    fn take(&mut self, (topic, partition): Place) -> bool {
        let flags = self.flags.get_mut(&topic);
        let flag = flags.and_then(|flags| flags.get_mut(usize::try_from(partition).ok()?));
        flag.is_some_and(|taken| !std::mem::replace(taken, true))
    }

    fn free(&self) -> impl Iterator<Item = Place> {
        self.flags.iter().flat_map(|(topic, flags)| {
            let free = flags.iter().enumerate().filter(|(_, taken)| !**taken);
            free.map(|(partition, _)| (*topic, partition as i32))
        })
    }
}

/// What each member has that it may keep.
fn kept<'a>(subscriptions: &Subscriptions<'a>, before: &Targets) -> Owned<'a> {
    let mut taken = Taken::new(subscriptions);
    let mut owned = Owned::new();
    for (id, topics) in &subscriptions.members {
        let mut places = Vec::new();
        for (topic, partitions) in before.get(*id).iter().flat_map(|target| target.iter()) {
            if topics.contains(topic) {
                places.extend(partitions.iter().map(|partition| (*topic, *partition)));
            }
        }
        places.retain(|place| taken.take(*place));
        owned.insert(*id, places);
    }
    owned
}

fn without_owner(subscriptions: &Subscriptions<'_>, owned: &Owned<'_>) -> Vec<Place> {
    let mut taken = Taken::new(subscriptions);
    for place in owned.values().flatten() {
        taken.take(*place);
    }
    taken.free().collect()
}

fn even<'a>(subscriptions: &Subscriptions<'a>, mut owned: Owned<'a>) -> Owned<'a> {
    let partitions: usize = subscriptions.topics.values().map(|topic| topic.partitions as usize).sum();
    let (share, mut larger) = (partitions / owned.len(), partitions % owned.len());
    for places in owned.values_mut() {
        let may_keep = if places.len() > share && larger > 0 {
            larger -= 1;
            share + 1
        } else {
            share
        };
        places.truncate(may_keep);
    }
    let mut free = without_owner(subscriptions, &owned).into_iter();
    for places in owned.values_mut() {
        if places.len() < share {
            places.extend(free.by_ref().take(share - places.len()));
        }
    }
    for (places, place) in owned.values_mut().filter(|places| places.len() == share).zip(free) {
        places.push(place);
    }
    owned
}

fn uneven<'a>(subscriptions: &Subscriptions<'a>, mut owned: Owned<'a>) -> Owned<'a> {
    let mut readers: BTreeMap<TopicId, Vec<&'a Arc<str>>> = BTreeMap::new();
    for (id, topics) in &subscriptions.members {
        topics.iter().for_each(|topic| readers.entry(*topic).or_default().push(id));
    }
    let mut free = without_owner(subscriptions, &owned);
    free.retain(|(topic, _)| readers.contains_key(topic));
    free.sort_by_key(|(topic, partition)| (readers[topic].len(), *topic, *partition));
    let fewest = |owned: &Owned<'a>, topic: TopicId| {
        *readers[&topic].iter().min_by_key(|id| (owned[**id].len(), **id)).expect("the topic has readers")
    };
    for place in free {
        let id = fewest(&owned, place.0);
        owned.get_mut(id).expect("readers are members").push(place);
    }
    for _ in 0..ROUNDS_MAX {
        if !even_out(&mut owned, &fewest) {
            break;
        }
    }
    owned
}

/// Moves partitions to readers that have at least two fewer; whether any moved.
fn even_out<'a>(owned: &mut Owned<'a>, fewest: &impl Fn(&Owned<'a>, TopicId) -> &'a Arc<str>) -> bool {
    let mut by_count: BTreeSet<(std::cmp::Reverse<usize>, &'a Arc<str>)> = BTreeSet::new();
    by_count.extend(owned.iter().map(|(id, places)| (std::cmp::Reverse(places.len()), *id)));
    let mut moved = false;
    for (_, id) in by_count {
        let places = owned[id].clone();
        for place in places.into_iter().rev() {
            let other = fewest(owned, place.0);
            if owned[other].len() + 1 < owned[id].len() {
                owned.get_mut(id).expect("it is a member").retain(|kept| *kept != place);
                owned.get_mut(other).expect("readers are members").push(place);
                moved = true;
            }
        }
    }
    moved
}
