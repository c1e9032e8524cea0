//! `OffsetCommit`.

use std::collections::HashSet;
use std::sync::Arc;

use super::{CommitRequest, ToCommit, check_committer};
use crate::groups::check_group_id;
use crate::groups::classic::check_room;
use crate::groups::decide::{Context, Outcome};
use crate::groups::error::{Code, Error};
use crate::groups::limits::{OFFSETS_PER_GROUP_MAX, TOPIC_NAME_BYTES_MAX};
use crate::groups::state::offsets::{Committed, OffsetList};
use crate::groups::state::{Effect, Group, State};

/// Decides about an `OffsetCommit`: one outcome for each offset, in their order.
pub(crate) fn commit(
    state: &mut State,
    cx: Context<'_>,
    out: &mut Outcome,
    request: &CommitRequest,
) -> Result<Vec<Result<(), Error>>, Error> {
    check_group_id(&request.group)?;
    check_committer(state, cx, out, &request.group, &request.by, false)?;
    check_room(state, &request.group)?;
    let expire_ms = request.retention_ms.map(|retention| cx.now.wall_ms.saturating_add(retention));
    let (outcomes, offsets) = accept(state.group(&request.group), cx, &request.offsets, |to_commit| {
        committed(to_commit, cx, expire_ms)
    });
    if !offsets.is_empty() {
        out.log(Effect::OffsetsCommitted { group: Arc::clone(&request.group), offsets });
    }
    Ok(outcomes)
}

pub(super) fn committed(to_commit: &ToCommit, cx: Context<'_>, expire_ms: Option<u64>) -> Committed {
    Committed {
        offset: to_commit.offset,
        leader_epoch: to_commit.leader_epoch,
        metadata: Arc::clone(&to_commit.metadata),
        commit_ms: cx.now.wall_ms,
        expire_ms,
    }
}

/// Checks each offset: what each comes to, and those that are good.
pub(super) fn accept(
    group: Option<&Group>,
    cx: Context<'_>,
    offsets: &[ToCommit],
    committed: impl Fn(&ToCommit) -> Committed,
) -> (Vec<Result<(), Error>>, OffsetList) {
    let mut room = OFFSETS_PER_GROUP_MAX.saturating_sub(group.map_or(0, |group| group.offsets.len()));
    let mut added = HashSet::new();
    let mut good = OffsetList::with_capacity(offsets.len());
    let mut outcomes = Vec::with_capacity(offsets.len());
    for to_commit in offsets {
        let place = (Arc::clone(&to_commit.topic), to_commit.partition);
        let is_known = group.is_some_and(|group| group.offsets.get(&place.0, place.1).is_some());
        let is_new = !is_known && !added.contains(&place);
        let outcome =
            check(cx, to_commit).and_then(|()| if is_new && room == 0 { Err(full()) } else { Ok(()) });
        if outcome.is_ok() {
            if is_new {
                room -= 1;
                added.insert(place.clone());
            }
            good.push((place, committed(to_commit)));
        }
        outcomes.push(outcome);
    }
    (outcomes, good)
}

fn full() -> Error {
    Code::InvalidCommitOffsetSize.because(format!(
        "the group has committed offsets of {OFFSETS_PER_GROUP_MAX} partitions, as many as fit"
    ))
}

fn check(cx: Context<'_>, to_commit: &ToCommit) -> Result<(), Error> {
    let ToCommit { topic, partition, metadata, .. } = to_commit;
    let max = cx.config.offset_metadata_bytes_max;
    if metadata.len() > max {
        return Err(Code::OffsetMetadataTooLarge
            .because(format!("metadata of {} bytes is too large; {max} are allowed", metadata.len())));
    }
    let found = Some(topic).filter(|topic| topic.len() <= TOPIC_NAME_BYTES_MAX);
    match found.and_then(|topic| cx.topics.by_name(topic)).map(|topic| topic.partitions) {
        Some(partitions) if (0..i64::from(partitions)).contains(&i64::from(*partition)) => Ok(()),
        Some(partitions) => Err(Code::UnknownTopicOrPartition.because(format!(
            "topic {topic:?} has {partitions} partitions; partition {partition} does not exist"
        ))),
        None => Err(Code::UnknownTopicOrPartition.because(format!("topic {topic:?} does not exist"))),
    }
}

/// Journal space for offsets to commit.
pub(crate) fn space(group: &str, offsets: &[ToCommit]) -> usize {
    const PER_OFFSET: usize = 64;
    let each = |to_commit: &ToCommit| PER_OFFSET + to_commit.topic.len() + to_commit.metadata.len();
    group.len() + PER_OFFSET + offsets.iter().map(each).sum::<usize>()
}
