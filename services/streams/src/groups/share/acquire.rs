//! Acquiring records: which offsets a member gets, and for how long. What reads the partition says what is there; this decides what of it is free.

use std::sync::Arc;

use super::window::{Window, next_due};
use super::{Lock, Place, live_mut, overlay, record, unknown_place};
use crate::groups::check_name;
use crate::groups::config::OffsetReset;
use crate::groups::decide::{Context, Outcome};
use crate::groups::error::{Code, Error};
use crate::groups::limits::{SHARE_PARTITIONS_PER_GROUP_MAX, SHARE_WAITING_MAX};
use crate::groups::spans::Span;
use crate::groups::state::modern::Record;
use crate::groups::state::share::{Delivery, Partition, Progress, Update};
use crate::groups::state::{Effect, State};

/// What is asked for, and what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcquireRequest {
    /// The group's id.
    pub group: Arc<str>,
    /// The member's id.
    pub member_id: Arc<str>,
    /// The partition.
    pub place: Place,
    /// Where the reader began: what [`crate::groups::Coordinator::share_position`] said.
    pub from: i64,
    /// Where the reader stopped, exclusive. Offsets from `from` on that are in no batch do not exist: control records, or compacted away.
    pub to: i64,
    /// First and last offset of each batch that was read, rising.
    pub batches: Vec<(i64, i64)>,
    /// How many records the member wants.
    pub max_records: u64,
    /// Whether it may get no more than that; otherwise it gets the whole batch in which the limit falls.
    pub strict: bool,
    /// First and last offset of ranges in the batches that are not due, rising, with when they are: milliseconds since the Unix epoch.
    pub delayed: Vec<(i64, i64, u64)>,
}

/// Records that a member has acquired.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Acquired {
    /// The first offset.
    pub first: i64,
    /// The last offset.
    pub last: i64,
    /// How often they have been delivered, this time included.
    pub deliveries: u16,
}

/// Where the next acquisition in a partition should read from; `None`: nothing may be acquired now. Makes the partition known to the group, at its
/// beginning or end as `share.auto.offset.reset` says, and follows the log's start.
pub(crate) fn position(
    state: &State,
    cx: Context<'_>,
    out: &mut Outcome,
    group: &Arc<str>,
    place: Place,
    (log_start, log_end): (i64, i64),
) -> Result<Option<i64>, Error> {
    let record = record(state, group)?;
    check_place(cx, place)?;
    let Some(kept) = record.shares.get(&place) else {
        check_room(record, group)?;
        let reset = cx.topics.overrides(group).share_offset_reset.unwrap_or_default();
        let start = if reset == OffsetReset::Earliest { log_start } else { log_end };
        let update = Update { reset: true, state_epoch: 0, start, ranges: Vec::new() };
        log(out, group, place, update);
        return Ok((start < log_end).then_some(start));
    };
    let mut start = kept.start;
    if log_start > start {
        start = log_start;
        let update = Update { reset: false, state_epoch: kept.state_epoch, start, ranges: Vec::new() };
        log(out, group, place, update);
        let group = Arc::clone(group);
        out.after(move |state| {
            if let Some(overlay) = live_mut(state, &group).partitions.get_mut(&place) {
                overlay.acquired.cut_below(start);
                overlay.delayed.cut_below(start);
            }
        });
    }
    let overlay = overlay(state, group, place, kept);
    let window = Window { kept, overlay: &overlay, start, now_ms: cx.now.wall_ms };
    if let Some(due_ms) = next_due(kept, Some(&overlay), cx.now.wall_ms) {
        out.wake(cx.now.monotonic_at(due_ms));
    }
    let found = window.first_available();
    let full = window.in_flight() >= cx.config.share_in_flight_max || window.waiting() >= SHARE_WAITING_MAX;
    Ok(found.or_else(|| (!full).then_some(overlay.end.max(start))).filter(|offset| *offset < log_end))
}

/// Lets a member acquire records.
pub(crate) fn acquire(
    state: &State,
    cx: Context<'_>,
    out: &mut Outcome,
    request: &AcquireRequest,
) -> Result<Vec<Acquired>, Error> {
    check_name("member id", &request.member_id)?;
    let (group, place) = (&request.group, request.place);
    let record = record(state, group)?;
    let Some(kept) = record.shares.get(&place) else { return Ok(Vec::new()) };
    let mut overlay = overlay(state, group, place, kept);
    let window = Window { kept, overlay: &overlay, start: kept.start, now_ms: cx.now.wall_ms };
    let gaps = gaps(&window, request);
    let Taken { got, delayed } = take(cx, &window, request);
    let duration =
        cx.topics.overrides(group).share_lock_duration_ms.unwrap_or(cx.config.share_lock_duration_ms);
    let until_ms = cx.now.monotonic_ms.saturating_add(duration);
    for Acquired { first, last, deliveries } in &got {
        let lock = Lock { member: Arc::clone(&request.member_id), until_ms, deliveries: *deliveries };
        overlay.acquired.set(*first, *last, lock);
        overlay.delayed.clear(*first, *last);
        overlay.end = overlay.end.max(last + 1);
    }
    if !got.is_empty() {
        out.wake(until_ms);
    }
    for Span { first, last, value: due_ms } in delayed {
        overlay.delayed.set(first, last, due_ms);
        overlay.end = overlay.end.max(last + 1);
        out.delayed += (last - first) as u64 + 1;
        out.wake(cx.now.monotonic_at(due_ms));
    }
    if !gaps.is_empty() {
        let gone = Delivery::new(Progress::Archived, 0);
        let ranges = gaps.into_iter().map(|(first, last)| (first, last, gone)).collect();
        log_progress(out, group, place, kept, ranges);
    }
    let group = Arc::clone(group);
    out.after(move |state| {
        live_mut(state, &group).partitions.insert(place, overlay);
    });
    Ok(got)
}

/// Offsets that were read over and that do not exist.
fn gaps(window: &Window<'_>, request: &AcquireRequest) -> Vec<(i64, i64)> {
    let mut gaps = Vec::new();
    let mut next = request.from.max(window.start);
    let ends = request.batches.iter().copied().chain([(request.to, request.to)]);
    for (first, last) in ends {
        if next < first {
            let nowhere = window.free(next, first - 1);
            gaps.extend(nowhere.into_iter().map(|span| (span.first, span.last)));
        }
        next = next.max(last.saturating_add(1));
    }
    gaps
}

/// What became of the batches.
#[derive(Default)]
struct Taken {
    got: Vec<Acquired>,
    /// What is not due, and was not known to be so.
    delayed: Vec<Span<u64>>,
}

/// What of the batches is free and due, as much as the limits allow. Unless the limit is strict, the batch in which it falls comes along whole; so
/// records in flight may exceed their bound by the rest of a batch.
fn take(cx: Context<'_>, window: &Window<'_>, request: &AcquireRequest) -> Taken {
    let mut room = cx.config.share_in_flight_max.saturating_sub(window.in_flight());
    let mut waiting_room = SHARE_WAITING_MAX.saturating_sub(window.waiting());
    let mut taken = Taken::default();
    let mut count = 0;
    for &(first, last) in &request.batches {
        let free = window.free(first.max(window.start), last);
        for (mut span, due_ms) in free.into_iter().flat_map(|span| parts(span, &request.delayed)) {
            let is_new = span.first >= window.overlay.end;
            let left = request.max_records.saturating_sub(count);
            if left == 0 && (request.strict || count == 0) {
                return taken;
            }
            if let Some(value) = due_ms {
                if waiting_room == 0 {
                    return taken;
                }
                let last = span.last.min(span.first.saturating_add_unsigned(waiting_room - 1));
                taken.delayed.push(Span { first: span.first, last, value });
                waiting_room -= (last - span.first) as u64 + 1;
                if last < span.last {
                    return taken;
                }
                continue;
            }
            if is_new && room == 0 {
                return taken;
            }
            if request.strict && span.count() > left {
                span.last = span.first + (left - 1) as i64;
            }
            if is_new {
                room = room.saturating_sub(span.count());
            }
            count += span.count();
            let deliveries = span.value.saturating_add(1);
            add(&mut taken.got, Acquired { first: span.first, last: span.last, deliveries });
        }
        if count >= request.max_records {
            return taken;
        }
    }
    taken
}

/// A free range, cut where records begin or cease to be due; with when those are that are not.
fn parts(span: Span<u16>, delayed: &[(i64, i64, u64)]) -> Vec<(Span<u16>, Option<u64>)> {
    let mut parts = Vec::new();
    let mut at = span.first;
    let from = delayed.partition_point(|(_, last, _)| *last < span.first);
    for &(first, last, due_ms) in delayed[from..].iter().take_while(|(first, ..)| *first <= span.last) {
        let (first, last) = (first.max(span.first), last.min(span.last));
        if at < first {
            parts.push((Span { first: at, last: first - 1, ..span }, None));
        }
        parts.push((Span { first, last, ..span }, Some(due_ms)));
        at = last + 1;
    }
    if at <= span.last {
        parts.push((Span { first: at, ..span }, None));
    }
    parts
}

/// Neighbours with the same count are one range.
fn add(got: &mut Vec<Acquired>, next: Acquired) {
    match got.last_mut() {
        Some(before) if before.last + 1 == next.first && before.deliveries == next.deliveries => {
            before.last = next.last;
        }
        _ => got.push(next),
    }
}

/// Logs how far records have come, and how far that moves the start.
pub(super) fn log_progress(
    out: &mut Outcome,
    group: &Arc<str>,
    place: Place,
    kept: &Partition,
    ranges: Vec<(i64, i64, Delivery)>,
) {
    let mut spans = kept.spans.clone();
    for (first, last, delivery) in &ranges {
        spans.set(*first, *last, *delivery);
    }
    let mut start = kept.start;
    while let Some(span) = spans.at(start).filter(|span| span.value.progress.is_done()) {
        start = span.last + 1;
    }
    log(out, group, place, Update { reset: false, state_epoch: kept.state_epoch, start, ranges });
}

pub(super) fn log(out: &mut Outcome, group: &Arc<str>, (topic, partition): Place, update: Update) {
    out.log(Effect::ShareChanged { group: Arc::clone(group), topic, partition, update });
}

pub(super) fn check_place(cx: Context<'_>, place: Place) -> Result<(), Error> {
    let topic = cx
        .topics
        .by_id(place.0)
        .filter(|topic| (0..i64::from(topic.partitions)).contains(&i64::from(place.1)));
    topic.map(drop).ok_or_else(|| unknown_place(place))
}

pub(super) fn check_room(record: &Record, group: &str) -> Result<(), Error> {
    if record.shares.len() >= SHARE_PARTITIONS_PER_GROUP_MAX {
        return Err(Code::PolicyViolation.because(format!(
            "group {group:?} reads {SHARE_PARTITIONS_PER_GROUP_MAX} partitions, as many as fit"
        )));
    }
    Ok(())
}
