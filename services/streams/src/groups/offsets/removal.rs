//! How committed offsets go: `OffsetDelete`, topics that are deleted, and time.

use std::sync::Arc;

use super::fetch::is_pending;
use crate::groups::check_group_id;
use crate::groups::classic::subscription::Subscribed;
use crate::groups::classic::{self};
use crate::groups::decide::{Context, Now, Outcome};
use crate::groups::error::{Code, Error, say};
use crate::groups::state::modern::{Kind, Record};
use crate::groups::state::offsets::Committed;
use crate::groups::state::{Body, Effect, Group, State};
use crate::groups::topics::{Topic, Topics};

/// `OffsetDelete`: one outcome for each place, in their order.
pub(crate) fn delete(
    state: &mut State,
    cx: Context<'_>,
    out: &mut Outcome,
    group_id: &Arc<str>,
    places: &[(Arc<str>, i32)],
) -> Result<Vec<Result<(), Error>>, Error> {
    check_group_id(group_id)?;
    let subscribed = subscribed(state, cx, group_id)?;
    if subscribed == Subscribed::Unknown {
        return Err(say::not_empty(group_id));
    }
    let group = state.group(group_id).ok_or_else(|| say::no_group(group_id))?;
    let outcomes: Vec<_> = places
        .iter()
        .map(|(topic, partition)| {
            if subscribed.includes(topic) {
                return Err(Code::GroupSubscribedToTopic
                    .because(format!("group {group_id:?} is subscribed to topic {topic:?}")));
            }
            let exists = cx
                .topics
                .by_name(topic)
                .is_some_and(|topic| i64::from(topic.partitions) > i64::from(*partition));
            if exists || group.offsets.get(topic, *partition).is_some() {
                return Ok(());
            }
            Err(Code::UnknownTopicOrPartition
                .because(format!("topic {topic:?} has no partition {partition}")))
        })
        .collect();
    let gone = places.iter().zip(&outcomes).filter(|((topic, partition), outcome)| {
        outcome.is_ok() && group.offsets.get(topic, *partition).is_some()
    });
    let gone: Vec<_> = gone.map(|(place, _)| place.clone()).collect();
    if !gone.is_empty() {
        out.log(Effect::OffsetsRemoved { group: Arc::clone(group_id), places: gone });
    }
    Ok(outcomes)
}

/// Which topics the members of a group read. Errors: `GroupIdNotFound`.
fn subscribed(state: &mut State, cx: Context<'_>, group_id: &str) -> Result<Subscribed, Error> {
    let record = state.group(group_id).and_then(Group::modern);
    match record {
        Some(record) if record.kind == Kind::Share => Err(say::wrong_kind(group_id, "share", "consumer")),
        Some(record) => Ok(subscribed_modern(record, cx.topics)),
        None => {
            let group = classic::find(state, group_id, cx.now)?.ok_or_else(|| say::no_group(group_id))?;
            Ok(group.subscribed())
        }
    }
}

fn subscribed_modern(record: &Record, topics: &dyn Topics) -> Subscribed {
    let mut all: std::collections::BTreeSet<String> =
        record.members.values().flat_map(|member| &member.topics).map(ToString::to_string).collect();
    // What a pattern found is known through what was assigned for it.
    for topic in record.targets.values().flat_map(|target| target.keys()) {
        all.extend(topics.by_id(*topic).map(|topic| topic.name.to_string()));
    }
    Subscribed::To(all)
}

/// Forgets the offsets of topics that were deleted.
pub(crate) fn forget_topics(state: &State, out: &mut Outcome, group_id: &Arc<str>, topics: &[Topic]) {
    let Some(group) = state.group(group_id) else { return };
    let places: Vec<_> = topics
        .iter()
        .flat_map(|topic| {
            group.offsets.topic(&topic.name).map(|(partition, _)| (Arc::clone(&topic.name), partition))
        })
        .collect();
    if !places.is_empty() {
        out.log(Effect::OffsetsRemoved { group: Arc::clone(group_id), places });
    }
    let shares = group.modern().map(|record| record.shares.keys()).into_iter().flatten();
    let gone: Vec<_> = shares.filter(|(id, _)| topics.iter().any(|topic| topic.id == *id)).copied().collect();
    if !gone.is_empty() {
        out.log(Effect::ShareRemoved { group: Arc::clone(group_id), places: gone });
    }
}

/// Removes offsets whose time has come, and groups that have neither members nor offsets left. Offsets of subscribed topics and of
/// open transactions stay.
pub(crate) fn expire(state: &mut State, cx: Context<'_>, out: &mut Outcome, group_id: &Arc<str>) {
    if cx.topics.keeps_offsets(group_id) {
        return;
    }
    let Ok(subscribed) = subscribed(state, cx, group_id) else { return };
    let Some(group) = state.group(group_id) else { return };
    let since = empty_since(state, group_id, group);
    let is_over = |topic: &Arc<str>, partition: i32, committed: &Committed| {
        !subscribed.includes(topic)
            && !is_pending(group, topic, partition)
            && is_expired(cx.config.offsets_retention_ms, committed, since, cx.now)
    };
    let gone: Vec<_> = group
        .offsets
        .iter()
        .filter(|(topic, partition, committed)| is_over(topic, *partition, committed))
        .map(|(topic, partition, _)| (Arc::clone(topic), partition))
        .collect();
    let stays =
        gone.len() < group.offsets.len() || !group.pending.is_empty() || is_kept(state, group_id, group);
    if !stays {
        return remove_group(out, group_id);
    }
    if !gone.is_empty() {
        out.log(Effect::OffsetsRemoved { group: Arc::clone(group_id), places: gone });
    }
}

/// Logs that a group is gone, and forgets what is beside it.
pub(crate) fn remove_group(out: &mut Outcome, group_id: &Arc<str>) {
    out.log(Effect::GroupRemoved { group: Arc::clone(group_id) });
    let id = Arc::clone(group_id);
    out.after(move |state| {
        state.live.groups.remove(&id);
    });
}

/// Whether a group stays without offsets: it has members, or is of a kind that an operator deletes.
fn is_kept(state: &State, group_id: &str, group: &Group) -> bool {
    let inhabited = state.live.classic(group_id).is_some_and(|classic| !classic.is_idle());
    let share = group.modern().is_some_and(|record| record.kind == Kind::Share);
    inhabited || share || group.members() > 0
}

/// From when on the offsets of a group age: when it lost its last member. `None`: each from its commit on.
fn empty_since(state: &State, group_id: &str, group: &Group) -> Option<u64> {
    match &group.body {
        Body::Classic(record) if record.protocol_type.is_some() => {
            let empty = record.members.is_empty()
                && state.live.classic(group_id).is_none_or(|classic| !classic.is_inhabited());
            empty.then_some(record.since_ms)
        }
        _ => None,
    }
}

fn is_expired(retention_ms: u64, committed: &Committed, since: Option<u64>, now: Now) -> bool {
    let at = match committed.expire_ms {
        Some(at) => at,
        None => since.unwrap_or(0).max(committed.commit_ms).saturating_add(retention_ms),
    };
    at <= now.wall_ms
}
