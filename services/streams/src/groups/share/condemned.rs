//! Records on the way to a dead-letter topic: given up, but not done before the batch that writes them there says so.

use std::sync::Arc;

use super::acquire::log_progress;
use super::{Place, record};
use crate::groups::decide::Outcome;
use crate::groups::state::State;
use crate::groups::state::share::{Delivery, Progress, Reason};

/// A record that is to be written to a dead-letter topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Letter {
    /// Where it stands in the partition.
    pub offset: i64,
    /// Why it was given up.
    pub reason: Reason,
    /// How often it was delivered.
    pub deliveries: u16,
}

/// The condemned records of a partition, in the order of their offsets, and the state epoch in which they are. At most as many as may be in flight.
pub(crate) fn letters(state: &State, group: &str, place: Place) -> (i32, Vec<Letter>) {
    let kept = record(state, group).ok().and_then(|record| record.shares.get(&place));
    let Some(kept) = kept else { return (0, Vec::new()) };
    let letters = kept.spans.iter().flat_map(|span| {
        let reason = match span.value.progress {
            Progress::Condemned(reason) => Some(reason),
            _ => None,
        };
        let deliveries = span.value.deliveries;
        reason.into_iter().flat_map(move |reason| {
            (span.first..=span.last).map(move |offset| Letter { offset, reason, deliveries })
        })
    });
    (kept.state_epoch, letters.collect())
}

/// Partitions of share groups with condemned records.
pub(crate) fn places(state: &State) -> Vec<(Arc<str>, Place)> {
    let mut places = Vec::new();
    for (group, kept) in state.groups() {
        let shares = kept.modern().into_iter().flat_map(|record| &record.shares);
        let condemned = shares.filter(|(_, kept)| {
            kept.spans.iter().any(|span| matches!(span.value.progress, Progress::Condemned(_)))
        });
        places.extend(condemned.map(|(place, _)| (Arc::clone(group), *place)));
    }
    places
}

/// Archives `letters`. `false`, and nothing is changed: one of them is not condemned any more, or the state epoch is another.
pub(crate) fn archive(
    state: &State,
    out: &mut Outcome,
    group: &Arc<str>,
    place: Place,
    state_epoch: i32,
    letters: &[Letter],
) -> bool {
    let kept = record(state, group).ok().and_then(|record| record.shares.get(&place));
    let Some(kept) = kept.filter(|kept| kept.state_epoch == state_epoch) else { return false };
    let condemned = |letter: &Letter| {
        let delivery = Delivery::new(Progress::Condemned(letter.reason), letter.deliveries);
        kept.spans.at(letter.offset).is_some_and(|span| span.value == delivery)
    };
    if !letters.iter().all(condemned) {
        return false;
    }
    let ranges = letters
        .iter()
        .map(|letter| (letter.offset, letter.offset, Delivery::new(Progress::Archived, letter.deliveries)));
    log_progress(out, group, place, kept, ranges.collect());
    out.freed = true;
    true
}
