//! What of a partition is to be compacted, if anything is, decided from its state.
//!
//! The rules are Kafka's. Only sealed segments below the oldest open transaction count, oldest first, as long as their newest record is
//! older than `min.compaction.lag.ms`. Those at the front with a generation are *clean*, the others *dirty*. A run is due when the dirty share of
//! the bytes is above `min.cleanable.dirty.ratio`, or the oldest dirty segment is older than `max.compaction.lag.ms`.

use std::collections::{HashMap, HashSet};

use crate::partition::segments::Segment;
use crate::partition::state::State;
use crate::settings::Settings;

use super::map::KEYS_MAX;

/// What the topic's settings ask of a compaction.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Now, in milliseconds since the Unix epoch.
    pub now: i64,
    /// Small neighbours are merged up to so many bytes.
    pub segment_bytes: u64,
    /// See `min.cleanable.dirty.ratio`.
    pub cleanable_ratio_min: f64,
    /// See `min.compaction.lag.ms`.
    pub lag_ms_min: i64,
    /// See `max.compaction.lag.ms`.
    pub lag_ms_max: i64,
    /// See `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// Keys of one offset map; further ones wait for the next run.
    pub keys_max: usize,
}

impl Terms {
    /// Those of a topic.
    pub const fn of(settings: &Settings, now: i64) -> Self {
        Self {
            now,
            segment_bytes: settings.segment_bytes,
            cleanable_ratio_min: settings.cleanable_ratio_min,
            lag_ms_min: settings.compaction_lag_ms_min,
            lag_ms_max: settings.compaction_lag_ms_max,
            delete_retention_ms: settings.delete_retention_ms,
            keys_max: KEYS_MAX,
        }
    }
}

/// What a run works on.
#[derive(Debug)]
pub struct Plan {
    /// What the settings ask.
    pub terms: Terms,
    /// The segments, oldest first.
    pub segments: Vec<Segment>,
    /// How many at the front are clean.
    pub clean: usize,
    /// The aborted transactions of each producer: first offset and that of the marker, in order.
    pub aborted: HashMap<i64, Vec<(i64, i64)>>,
    /// Where the newest batch of each producer stands, which stays even when it is empty: with it the log itself says how sequences go on.
    pub newest_batches: HashSet<i64>,
}

impl Plan {
    /// The offset after the last segment. Everything below has to be flushed before the run.
    pub fn end(&self) -> i64 {
        self.segments.last().map_or(0, |segment| segment.end)
    }
}

/// The plan of a run, if one is due.
pub fn due(state: &State, terms: Terms) -> Option<Plan> {
    let sealed = state.segments.len().saturating_sub(1);
    let stable = state.last_stable_offset();
    let settled = |segment: &&Segment| {
        let young =
            terms.lag_ms_min > 0 && segment.max_timestamp > terms.now.saturating_sub(terms.lag_ms_min);
        segment.end <= stable && !young
    };
    let segments: Vec<Segment> = state.segments.iter().take(sealed).take_while(settled).copied().collect();
    let clean = segments.iter().take_while(|segment| segment.id.generation > 0).count();
    let bytes = |segments: &[Segment]| segments.iter().map(|segment| segment.bytes).sum::<u64>() as f64;
    let oldest = segments.get(clean)?.first_timestamp;
    let dirty = bytes(&segments[clean..]);
    let share = dirty / (dirty + bytes(&segments[..clean])).max(1.0);
    let late = oldest >= 0 && terms.now.saturating_sub(oldest) > terms.lag_ms_max;
    if share <= terms.cleanable_ratio_min && !late {
        return None;
    }
    let mut aborted: HashMap<i64, Vec<(i64, i64)>> = HashMap::new();
    for gone in &state.aborted {
        aborted.entry(gone.producer_id).or_default().push((gone.first, gone.last));
    }
    let newest =
        |producer: &crate::partition::producers::Producer| producer.sent.back().map(|sent| sent.base_offset);
    let newest_batches = state.producers.all().into_values().filter_map(newest).collect();
    Some(Plan { terms, segments, clean, aborted, newest_batches })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::segments::SegmentId;

    /// Segments of ten offsets and a hundred bytes, each with its generation; the last one is active. Times go up by 100.
    fn state(generations: &[u32]) -> State {
        let mut state = State::default();
        for (at, generation) in (0..).zip(generations) {
            state.segments.restore(Segment {
                id: SegmentId { base: at * 10, generation: *generation },
                bytes: 100,
                end: at * 10 + 10,
                max_timestamp: at * 100 + 99,
                first_timestamp: at * 100,
            });
        }
        state.next_offset = generations.len() as i64 * 10;
        state.high_watermark = state.next_offset;
        state
    }

    #[test]
    fn runs_are_due_by_share_and_by_age() {
        let terms = Terms {
            now: 10_000,
            segment_bytes: 1_000,
            cleanable_ratio_min: 0.5,
            lag_ms_min: 0,
            lag_ms_max: i64::MAX,
            delete_retention_ms: 0,
            keys_max: 10,
        };
        let young = Terms { now: 250, lag_ms_min: 100, ..terms };
        let late = Terms { now: 500, lag_ms_max: 100, ..terms };
        let any = Terms { cleanable_ratio_min: 0.0, ..terms };
        // Generations, terms; segments of the plan, and how many of them are clean.
        let rows: [(&[u32], Terms, Option<(usize, usize)>); 11] = [
            (&[], terms, None),
            (&[0], terms, None),
            (&[0, 0], terms, Some((1, 0))),
            (&[1, 0], any, None),
            (&[1, 0, 0], terms, None),
            (&[1, 0, 0], any, Some((2, 1))),
            (&[1, 0, 0, 0], terms, Some((3, 1))),
            (&[0, 0, 0, 0], young, Some((1, 0))),
            (&[1, 0, 0], late, Some((2, 1))),
            (&[1, 1, 1, 1, 0], late, None),
            (&[1, 0, 1, 0], terms, Some((3, 1))),
        ];
        for (generations, terms, expected) in rows {
            let plan = due(&state(generations), terms);
            let found = plan.map(|plan| (plan.segments.len(), plan.clean));
            assert_eq!(found, expected, "{generations:?} {terms:?}");
        }
        let mut hidden = state(&[0, 0, 0]);
        hidden.high_watermark = 15;
        assert_eq!(due(&hidden, terms).unwrap().end(), 10, "what is not stable waits");
    }
}
