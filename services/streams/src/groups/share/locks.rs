//! Locks that end without an acknowledgement: their time is over, or their holder is gone.

use std::sync::Arc;

use super::acknowledge::given_back;
use super::acquire::log_progress;
use super::{Lock, Place, live, live_mut};
use crate::groups::decide::{Context, Outcome};
use crate::groups::state::State;
use crate::groups::state::share::{Delivery, Progress};

/// Gives records back whose locks have run out.
pub(crate) fn tick(state: &State, cx: Context<'_>, out: &mut Outcome, group: &Arc<str>) {
    let now = cx.now.monotonic_ms;
    give_back(state, out, group, |lock| (lock.until_ms <= now).then(|| given_back(cx, lock.deliveries)));
}

/// Gives back what a member holds whose session ended. It has not looked at the records: this delivery does not count.
pub(crate) fn release_member(state: &State, out: &mut Outcome, group: &Arc<str>, member_id: &Arc<str>) {
    give_back(state, out, group, |lock| {
        let unseen =
            Delivery { progress: Progress::Available, deliveries: lock.deliveries.saturating_sub(1) };
        (lock.member == *member_id).then_some(unseen)
    });
}

fn give_back(
    state: &State,
    out: &mut Outcome,
    group: &Arc<str>,
    what_becomes: impl Fn(&Lock) -> Option<Delivery>,
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
            .filter_map(|span| what_becomes(&span.value).map(|delivery| (span.first, span.last, delivery)))
            .collect();
        if !ranges.is_empty() {
            freed.extend(ranges.iter().map(|(first, last, _)| (place, *first, *last)));
            log_progress(out, group, place, kept, ranges);
        }
    }
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

/// When the next lock runs out.
pub(crate) fn next_deadline(state: &State, group: &str) -> Option<u64> {
    let live = live(state, group)?;
    let locks = live.partitions.values().flat_map(|overlay| overlay.acquired.iter());
    locks.map(|span| span.value.until_ms).min()
}
