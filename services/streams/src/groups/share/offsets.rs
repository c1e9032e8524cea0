//! Where share groups stand in their partitions, as operators see and set it: `DescribeShareGroupOffsets`, `AlterShareGroupOffsets`,
//! `DeleteShareGroupOffsets`.

use std::sync::Arc;

use super::acquire::{check_place, check_room, log};
use super::{Place, live_mut, record, unknown_place};
use crate::groups::check_group_id;
use crate::groups::decide::{Context, Outcome};
use crate::groups::error::{Error, say};
use crate::groups::state::modern::Record;
use crate::groups::state::share::Update;
use crate::groups::state::{Effect, State};
use crate::groups::topics::TopicId;

/// Where a share group stands in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offset {
    /// The partition.
    pub place: Place,
    /// The share-partition start offset; `None`: the group has not read the partition (-1 on the wire).
    pub start: Option<i64>,
    /// Rises when an operator sets the start.
    pub state_epoch: i32,
    /// Records from the start on that are done: with the log's end, what is still to be delivered.
    pub done: u64,
}

/// Where the group stands; `places` `None`: in all partitions that it reads. Errors: `InvalidGroupId`, `GroupIdNotFound`.
pub(crate) fn describe(state: &State, group: &str, places: Option<&[Place]>) -> Result<Vec<Offset>, Error> {
    check_group_id(group)?;
    let record = record(state, group)?;
    let show = |place: &Place| {
        let kept = record.shares.get(place);
        let done = |progress: &crate::groups::spans::Span<crate::groups::state::share::Delivery>| {
            progress.value.progress.is_done()
        };
        Offset {
            place: *place,
            start: kept.map(|kept| kept.start),
            state_epoch: kept.map_or(0, |kept| kept.state_epoch),
            done: kept.map_or(0, |kept| kept.spans.iter().filter(done).map(|span| span.count()).sum()),
        }
    };
    Ok(match places {
        Some(places) => places.iter().map(show).collect(),
        None => record.shares.keys().map(show).collect(),
    })
}

fn without_members<'a>(state: &'a State, group: &str) -> Result<&'a Record, Error> {
    check_group_id(group)?;
    let record = record(state, group)?;
    if record.members.is_empty() { Ok(record) } else { Err(say::not_empty(group)) }
}

/// Sets starts of a group without members: one outcome for each, in their order (`UnknownTopicOrPartition`).
/// Errors: `InvalidGroupId`, `GroupIdNotFound`, `NonEmptyGroup`.
pub(crate) fn alter(
    state: &State,
    cx: Context<'_>,
    out: &mut Outcome,
    group: &Arc<str>,
    starts: &[(Place, i64)],
) -> Result<Vec<Result<(), Error>>, Error> {
    let record = without_members(state, group)?;
    let set = |(place, start): &(Place, i64)| {
        check_place(cx, *place)?;
        if *start < 0 {
            return Err(say::invalid(format!("{start} is no offset")));
        }
        let kept = record.shares.get(place);
        if kept.is_none() {
            check_room(record, group)?;
        }
        let state_epoch = kept.map_or(0, |kept| kept.state_epoch.wrapping_add(1));
        log(out, group, *place, Update { reset: true, state_epoch, start: *start, ranges: Vec::new() });
        Ok(())
    };
    let outcomes: Vec<_> = starts.iter().map(set).collect();
    let changed = starts.iter().map(|(place, _)| *place).collect();
    forget(out, group, changed);
    Ok(outcomes)
}

/// Makes a group without members forget topics: one outcome for each, in their order (`UnknownTopicOrPartition`).
/// Errors: `InvalidGroupId`, `GroupIdNotFound`, `NonEmptyGroup`.
pub(crate) fn delete(
    state: &State,
    cx: Context<'_>,
    out: &mut Outcome,
    group: &Arc<str>,
    topics: &[TopicId],
) -> Result<Vec<Result<(), Error>>, Error> {
    let record = without_members(state, group)?;
    let places: Vec<Place> =
        record.shares.keys().filter(|(topic, _)| topics.contains(topic)).copied().collect();
    let known = |topic: &TopicId| {
        let read = places.iter().any(|(read, _)| read == topic);
        if read || cx.topics.by_id(*topic).is_some() { Ok(()) } else { Err(unknown_place((*topic, 0))) }
    };
    let outcomes = topics.iter().map(known).collect();
    if !places.is_empty() {
        out.log(Effect::ShareRemoved { group: Arc::clone(group), places: places.clone() });
        forget(out, group, places);
    }
    Ok(outcomes)
}

/// Nothing is acquired in these partitions any more.
fn forget(out: &mut Outcome, group: &Arc<str>, places: Vec<Place>) {
    let group = Arc::clone(group);
    out.after(move |state| {
        let live = live_mut(state, &group);
        for place in places {
            live.partitions.remove(&place);
        }
    });
}
