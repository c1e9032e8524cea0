//! What time does to records: locks end without an acknowledgement, because their time is over or their holder is gone; delays end.

use std::sync::Arc;

use super::acknowledge::{given_back, wake_when_due};
use super::acquire::log_progress;
use super::window::next_due;
use super::{Lock, Place, live, live_mut};
use crate::groups::decide::{Context, Outcome};
use crate::groups::state::State;
use crate::groups::state::share::{Delivery, Progress};

/// Gives records back whose locks have run out, and tells who waits for records that are due now.
pub(crate) fn tick(state: &State, cx: Context<'_>, out: &mut Outcome, group: &Arc<str>) {
    let now = cx.now.monotonic_ms;
    give_back(state, cx, out, group, |place, lock| {
        (lock.until_ms <= now).then(|| given_back(cx, place, lock.deliveries))
    });
    end_delays(state, cx, out, group);
}

/// Gives back what a member holds whose session ended. It has not looked at the records: this delivery does not count.
pub(crate) fn release_member(
    state: &State,
    cx: Context<'_>,
    out: &mut Outcome,
    group: &Arc<str>,
    member_id: &Arc<str>,
) {
    give_back(state, cx, out, group, |_, lock| {
        let unseen = Delivery::new(Progress::Available, lock.deliveries.saturating_sub(1));
        (lock.member == *member_id).then_some(unseen)
    });
}

fn give_back(
    state: &State,
    cx: Context<'_>,
    out: &mut Outcome,
    group: &Arc<str>,
    what_becomes: impl Fn(Place, &Lock) -> Option<Delivery>,
) {
    let record = state.group(group).and_then(|group| group.modern());
    let (Some(live), Some(record)) = (live(state, group), record) else { return };
    let mut places: Vec<Place> = live.partitions.keys().copied().collect();
    places.sort_unstable();
    let mut freed = Vec::new();
    let mut orphans = Vec::new();
    for place in places {
        let Some(kept) = record.shares.get(&place) else {
            orphans.push(place);
            continue;
        };
        let held = live.partitions[&place].acquired.iter();
        let ranges: Vec<_> = held
            .filter_map(|span| {
                what_becomes(place, &span.value).map(|delivery| (span.first, span.last, delivery))
            })
            .collect();
        if !ranges.is_empty() {
            freed.extend(ranges.iter().map(|(first, last, _)| (place, *first, *last)));
            wake_when_due(cx, out, &ranges);
            log_progress(out, group, place, kept, ranges);
        }
    }
    out.freed |= !freed.is_empty();
    let group = Arc::clone(group);
    out.after(move |state| {
        let live = live_mut(state, &group);
        for place in orphans {
            live.partitions.remove(&place);
        }
        for (place, first, last) in freed {
            if let Some(overlay) = live.partitions.get_mut(&place) {
                overlay.acquired.clear(first, last);
                overlay.end = overlay.end.max(last + 1);
            }
        }
    });
}

/// Forgets delays that are over, and asks for a look when the next one is.
fn end_delays(state: &State, cx: Context<'_>, out: &mut Outcome, group: &Arc<str>) {
    let Some(record) = state.group(group).and_then(|group| group.modern()) else { return };
    let now_ms = cx.now.wall_ms;
    let mut over = Vec::new();
    for (place, kept) in &record.shares {
        let overlay = live(state, group).and_then(|live| live.partitions.get(place));
        if let Some(due_ms) = next_due(kept, overlay, now_ms) {
            out.wake(cx.now.monotonic_at(due_ms));
        }
        let delayed = overlay.into_iter().flat_map(|overlay| overlay.delayed.iter());
        let ended = delayed.filter(|span| span.value <= now_ms);
        over.extend(ended.map(|span| (*place, span.first, span.last)));
        let is_due = |delivery: &Delivery| {
            delivery.progress == Progress::Available && (1..=now_ms).contains(&delivery.due_ms)
        };
        out.freed |= kept.spans.iter().any(|span| is_due(&span.value));
    }
    if over.is_empty() {
        return;
    }
    out.freed = true;
    let group = Arc::clone(group);
    out.after(move |state| {
        let live = live_mut(state, &group);
        for (place, first, last) in over {
            if let Some(overlay) = live.partitions.get_mut(&place) {
                overlay.delayed.clear(first, last);
            }
        }
    });
}

/// When the next lock runs out.
pub(crate) fn next_deadline(state: &State, group: &str) -> Option<u64> {
    let live = live(state, group)?;
    let locks = live.partitions.values().flat_map(|overlay| overlay.acquired.iter());
    locks.map(|span| span.value.until_ms).min()
}
