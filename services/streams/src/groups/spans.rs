//! Values of ranges of record offsets: what share groups remember of a partition.
//!
//! Invariants: spans do not overlap, none is empty, and neighbours that touch have different values; so the number of spans is at most the
//! number of changes of value along the partition.

use std::collections::BTreeMap;

/// One span: an inclusive range of offsets with one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span<T> {
    pub(crate) first: i64,
    pub(crate) last: i64,
    pub(crate) value: T,
}

impl<T> Span<T> {
    /// How many offsets it has.
    pub(crate) const fn count(&self) -> u64 {
        (self.last - self.first) as u64 + 1
    }
}

/// Values by offset; offsets without a value are between the spans.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spans<T> {
    /// By first offset: the last one and the value.
    spans: BTreeMap<i64, (i64, T)>,
}

impl<T> Default for Spans<T> {
    fn default() -> Self {
        Self { spans: BTreeMap::new() }
    }
}

impl<T: Clone + PartialEq> Spans<T> {
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = Span<T>> + ExactSizeIterator {
        self.spans.iter().map(|(first, (last, value))| Span {
            first: *first,
            last: *last,
            value: value.clone(),
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The span that holds `offset`.
    pub(crate) fn at(&self, offset: i64) -> Option<Span<T>> {
        let (first, (last, value)) = self.spans.range(..=offset).next_back()?;
        (*last >= offset).then(|| Span { first: *first, last: *last, value: value.clone() })
    }

    /// The spans that overlap `first..=last`, cut to it.
    pub(crate) fn within(&self, first: i64, last: i64) -> impl Iterator<Item = Span<T>> {
        let from = self.at(first).map_or(first, |span| span.first);
        self.spans.range(from..=last.max(from)).filter_map(move |(start, (end, value))| {
            let (start, end) = ((*start).max(first), (*end).min(last));
            (start <= end).then(|| Span { first: start, last: end, value: value.clone() })
        })
    }

    /// The last offset that has a value.
    pub(crate) fn last(&self) -> Option<i64> {
        self.spans.last_key_value().map(|(_, (last, _))| *last)
    }

    /// Takes the value of `first..=last` away.
    pub(crate) fn clear(&mut self, first: i64, last: i64) {
        if let Some(span) = self.at(first)
            && span.first < first
        {
            self.spans.insert(span.first, (first - 1, span.value.clone()));
            self.spans.insert(first, (span.last, span.value));
        }
        if let Some(span) = self.at(last)
            && span.last > last
        {
            self.spans.insert(span.first, (last, span.value.clone()));
            self.spans.insert(last + 1, (span.last, span.value));
        }
        let gone: Vec<i64> = self.spans.range(first..=last).map(|(start, _)| *start).collect();
        for start in gone {
            self.spans.remove(&start);
        }
    }

    /// Gives `first..=last` a value, whatever it had.
    pub(crate) fn set(&mut self, first: i64, last: i64, value: T) {
        self.clear(first, last);
        let (mut first, mut last) = (first, last);
        if let Some(before) = first.checked_sub(1).and_then(|offset| self.at(offset))
            && before.value == value
        {
            self.spans.remove(&before.first);
            first = before.first;
        }
        if let Some(after) = last.checked_add(1).and_then(|offset| self.at(offset))
            && after.value == value
        {
            self.spans.remove(&after.first);
            last = after.last;
        }
        self.spans.insert(first, (last, value));
    }

    /// Forgets what is below `start`.
    pub(crate) fn cut_below(&mut self, start: i64) {
        if let Some(below) = start.checked_sub(1) {
            self.clear(self.spans.first_key_value().map_or(below, |(first, _)| (*first).min(below)), below);
        }
    }
}

#[cfg(test)]
mod tests {
    use bole_testing::Rng;

    use super::*;

    #[test]
    fn spans_agree_with_an_array() {
        for seed in 0..200 {
            let mut rng = Rng::new(seed);
            let mut model = [None; 40];
            let mut spans = Spans::default();
            for _ in 0..60 {
                let first = rng.below(40) as usize;
                let last = first + rng.below((40 - first) as u64) as usize;
                let (low, high) = (first as i64, last as i64);
                match rng.below(4) {
                    0 => {
                        spans.clear(low, high);
                        model[first..=last].fill(None);
                    }
                    1 if rng.below(8) == 0 => {
                        spans.cut_below(low);
                        model[..first].fill(None);
                    }
                    _ => {
                        let value = rng.below(3);
                        spans.set(low, high, value);
                        model[first..=last].fill(Some(value));
                    }
                }
                for (offset, value) in model.iter().enumerate() {
                    assert_eq!(spans.at(offset as i64).map(|span| span.value), *value, "seed {seed}");
                }
                let covered: u64 = spans.within(low, high).map(|span| span.count()).sum();
                assert_eq!(covered, model[first..=last].iter().flatten().count() as u64, "seed {seed}");
                let all: Vec<_> = spans.iter().collect();
                assert!(
                    all.windows(2)
                        .all(|pair| pair[0].last + 1 < pair[1].first || pair[0].value != pair[1].value),
                    "seed {seed}: neighbours that touch differ"
                );
                assert_eq!(spans.last(), model.iter().rposition(Option::is_some).map(|last| last as i64));
            }
        }
    }
}
