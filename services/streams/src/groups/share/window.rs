//! What a share group sees of a partition at one moment: which records are free, which are in flight, and which have to wait.

use super::Overlay;
use crate::groups::spans::{Span, Spans};
use crate::groups::state::share::{Partition, Progress};

/// A partition between its start and the end of what was ever acquired or decided about.
#[derive(Clone, Copy)]
pub(super) struct Window<'a> {
    pub(super) kept: &'a Partition,
    pub(super) overlay: &'a Overlay,
    /// The share-partition start offset, or the log's start where that is later.
    pub(super) start: i64,
    /// Milliseconds since the Unix epoch.
    pub(super) now_ms: u64,
}

impl Window<'_> {
    /// The free ranges of `first..=last`, with how often each was delivered. None crosses the overlay's end.
    pub(super) fn free(&self, first: i64, last: i64) -> Vec<Span<u16>> {
        if first > last {
            return Vec::new();
        }
        let mut deliveries = Spans::default();
        deliveries.set(first, last, 0);
        for Span { first, last, value } in self.kept.spans.within(first, last) {
            if value.progress == Progress::Available && !value.is_waiting(self.now_ms) {
                deliveries.set(first, last, value.deliveries);
            } else {
                deliveries.clear(first, last);
            }
        }
        for Span { first, last, .. } in self.delayed(first, last) {
            deliveries.clear(first, last);
        }
        // What is acquired stands in the log as available still.
        for Span { first, last, .. } in self.overlay.acquired.within(first, last) {
            deliveries.clear(first, last);
        }
        let mut spans = Vec::with_capacity(deliveries.len());
        for span in deliveries.iter() {
            let end = self.overlay.end;
            if span.first < end && end <= span.last {
                spans.push(Span { last: end - 1, ..span });
                spans.push(Span { first: end, ..span });
            } else {
                spans.push(span);
            }
        }
        spans
    }

    /// The ranges of `first..=last` that are not due.
    fn delayed(&self, first: i64, last: i64) -> impl Iterator<Item = Span<u64>> {
        let now_ms = self.now_ms;
        self.overlay.delayed.within(first, last).filter(move |span| span.value > now_ms)
    }

    /// The first free offset below the overlay's end.
    pub(super) fn first_available(&self) -> Option<i64> {
        self.free(self.start, self.overlay.end - 1).first().map(|span| span.first)
    }

    /// Records from the start to the overlay's end that are neither done nor waiting.
    pub(super) fn in_flight(&self) -> u64 {
        if self.start >= self.overlay.end {
            return 0;
        }
        let spans = self.kept.spans.within(self.start, self.overlay.end - 1);
        let done: u64 = spans.filter(|span| span.value.progress.is_done()).map(|span| span.count()).sum();
        ((self.overlay.end - self.start) as u64).saturating_sub(done + self.waiting())
    }

    /// Records that nobody can acquire now, though they are neither acquired nor done.
    pub(super) fn waiting(&self) -> u64 {
        if self.start >= self.overlay.end {
            return 0;
        }
        let last = self.overlay.end - 1;
        let kept = self.kept.spans.within(self.start, last);
        let kept = kept.filter(|span| span.value.is_waiting(self.now_ms)).map(|span| span.count());
        kept.sum::<u64>() + self.delayed(self.start, last).map(|span| span.count()).sum::<u64>()
    }
}

/// When the next record that waits is due, in milliseconds since the Unix epoch. `overlay` `None`: nothing is beside the log.
pub(super) fn next_due(kept: &Partition, overlay: Option<&Overlay>, now_ms: u64) -> Option<u64> {
    let kept = kept.spans.iter().filter(|span| span.value.progress == Progress::Available);
    let kept = kept.map(|span| span.value.due_ms);
    let delayed = overlay.into_iter().flat_map(|overlay| overlay.delayed.iter()).map(|span| span.value);
    kept.chain(delayed).filter(|due| *due > now_ms).min()
}
