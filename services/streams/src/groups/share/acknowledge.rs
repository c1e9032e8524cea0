//! Acknowledging records: what a member says has become of what it acquired.

use std::sync::Arc;

use super::acquire::log_progress;
use super::{Lock, Overlay, Place, live_mut, overlay, record, unknown_place};
use crate::groups::config::Sharing;
use crate::groups::decide::{Context, Outcome};
use crate::groups::error::{Code, Error, say};
use crate::groups::limits::ACKNOWLEDGED_RANGES_MAX;
use crate::groups::spans::Span;
use crate::groups::state::State;
use crate::groups::state::share::{Delivery, Progress, Reason};

/// What has become of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledgement {
    /// 0: there is no record at this offset.
    Gap,
    /// 1: it was processed.
    Accept,
    /// 2: it shall be delivered again, to whomever.
    Release,
    /// 3: it shall not be delivered again.
    Reject,
    /// 4: it is still being processed; the lock begins anew.
    Renew,
}

impl Acknowledgement {
    /// Kafka's number of it; `None`: there is none.
    pub const fn from_number(number: i8) -> Option<Self> {
        Some(match number {
            0 => Self::Gap,
            1 => Self::Accept,
            2 => Self::Release,
            3 => Self::Reject,
            4 => Self::Renew,
            _ => return None,
        })
    }
}

/// Acknowledgements of a range of offsets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The first offset.
    pub first: i64,
    /// The last offset.
    pub last: i64,
    /// One for all, or one for each offset.
    pub kinds: Vec<Acknowledgement>,
}

/// Acknowledgements of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AcknowledgeRequest {
    /// The group's id.
    pub group: Arc<str>,
    /// The member's id.
    pub member_id: Arc<str>,
    /// The partition.
    pub place: Place,
    /// What, rising.
    pub batches: Vec<Batch>,
}

/// Takes acknowledgements: all of a partition, or none. Errors: `InvalidRequest`, `InvalidRecordState`,
/// `UnknownTopicOrPartition` (the group does not read it), `GroupIdNotFound`.
pub(crate) fn acknowledge(
    state: &State,
    cx: Context<'_>,
    out: &mut Outcome,
    request: &AcknowledgeRequest,
) -> Result<(), Error> {
    let (group, place) = (&request.group, request.place);
    let record = record(state, group)?;
    let ranges = ranges(&request.batches)?;
    let kept = record.shares.get(&place).ok_or_else(|| unknown_place(place))?;
    let mut overlay = overlay(state, group, place, kept);
    let duration =
        cx.topics.overrides(group).share_lock_duration_ms.unwrap_or(cx.config.share_lock_duration_ms);
    let until_ms = cx.now.monotonic_ms.saturating_add(duration);
    let mut decided = Vec::new();
    for (first, last, kind) in ranges {
        // Below the start nothing is remembered: an operator or retention has moved on.
        let first = first.max(kept.start);
        if first > last {
            continue;
        }
        for held in held_by(&overlay, request, first, last, kind)? {
            if kind == Acknowledgement::Renew {
                out.wake(until_ms);
                overlay.acquired.set(held.first, held.last, Lock { until_ms, ..held.value });
            } else {
                let delivery = outcome(cx, place, kind, held.value.deliveries);
                decided.push((held.first, held.last, delivery));
                overlay.acquired.clear(held.first, held.last);
            }
        }
    }
    if !decided.is_empty() {
        wake_when_due(cx, out, &decided);
        log_progress(out, group, place, kept, decided);
        out.freed = true;
    }
    let group = Arc::clone(group);
    out.after(move |state| {
        live_mut(state, &group).partitions.insert(place, overlay);
    });
    Ok(())
}

/// Ranges of one kind each.
fn ranges(batches: &[Batch]) -> Result<Vec<(i64, i64, Acknowledgement)>, Error> {
    let mut ranges: Vec<(i64, i64, Acknowledgement)> = Vec::new();
    let mut next = 0;
    for Batch { first, last, kinds } in batches {
        let count = last.checked_sub(*first).and_then(|count| count.checked_add(1));
        let fits = kinds.len() == 1 || count == Some(kinds.len() as i64);
        if *first < next || first > last || *last == i64::MAX || !fits {
            return Err(say::invalid(format!(
                "acknowledgements of {first} to {last} with {} kinds are not possible: ranges rise from 0 and have one kind, or one for each offset",
                kinds.len()
            )));
        }
        next = last + 1;
        if let [kind] = kinds[..] {
            ranges.push((*first, *last, kind));
        } else {
            for (offset, kind) in (*first..).zip(kinds) {
                match ranges.last_mut() {
                    Some((_, end, same)) if *end + 1 == offset && same == kind => *end = offset,
                    _ => ranges.push((offset, offset, *kind)),
                }
            }
        }
    }
    if ranges.len() > ACKNOWLEDGED_RANGES_MAX {
        return Err(say::invalid(format!(
            "{} ranges in one acknowledgement are too many; {ACKNOWLEDGED_RANGES_MAX} are allowed",
            ranges.len()
        )));
    }
    Ok(ranges)
}

/// What the member holds of a range, which must be all of it; of gaps, whatever it holds.
fn held_by(
    overlay: &Overlay,
    request: &AcknowledgeRequest,
    first: i64,
    last: i64,
    kind: Acknowledgement,
) -> Result<Vec<Span<Lock>>, Error> {
    let own = |span: &Span<Lock>| span.value.member == request.member_id;
    let held: Vec<_> = overlay.acquired.within(first, last).filter(own).collect();
    let count: u64 = held.iter().map(Span::count).sum();
    if count < (last - first) as u64 + 1 && kind != Acknowledgement::Gap {
        return Err(Code::InvalidRecordState.because(format!(
            "member {:?} has not acquired all records from {first} to {last}; perhaps its lock has run out",
            request.member_id
        )));
    }
    Ok(held)
}

fn outcome(cx: Context<'_>, place: Place, kind: Acknowledgement, deliveries: u16) -> Delivery {
    match kind {
        Acknowledgement::Accept => Delivery::new(Progress::Acknowledged, deliveries),
        Acknowledgement::Gap => Delivery::new(Progress::Archived, deliveries),
        Acknowledgement::Reject => given_up(&cx.topics.sharing(place.0), Reason::Rejected, deliveries),
        Acknowledgement::Release | Acknowledgement::Renew => given_back(cx, place, deliveries),
    }
}

/// Asks for a look when what was given back may be had again.
pub(super) fn wake_when_due(cx: Context<'_>, out: &mut Outcome, ranges: &[(i64, i64, Delivery)]) {
    for (_, _, delivery) in ranges.iter().filter(|(.., delivery)| delivery.due_ms > 0) {
        out.wake(cx.now.monotonic_at(delivery.due_ms));
    }
}

/// A record that goes back: available again, perhaps after a while, unless it was delivered too often.
pub(super) fn given_back(cx: Context<'_>, place: Place, deliveries: u16) -> Delivery {
    let sharing = cx.topics.sharing(place.0);
    if deliveries >= sharing.delivery_count_max.unwrap_or(cx.config.share_delivery_count_max) {
        return given_up(&sharing, Reason::DeliveredTooOften, deliveries);
    }
    let due_ms = match sharing.backoff_after(deliveries) {
        0 => 0,
        wait => cx.now.wall_ms.saturating_add(wait),
    };
    Delivery { due_ms, ..Delivery::new(Progress::Available, deliveries) }
}

/// A record that is not to be delivered again.
fn given_up(sharing: &Sharing, reason: Reason, deliveries: u16) -> Delivery {
    let progress = match sharing.dead_letter_topic {
        Some(_) => Progress::Condemned(reason),
        None => Progress::Archived,
    };
    Delivery::new(progress, deliveries)
}
