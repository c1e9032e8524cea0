//! What a partition knows of its producers: who is the newest of each id, which batches came last, which transaction is open.
//!
//! The rules are Kafka's for idempotent producers: a batch that is among the last five of its producer is a duplicate; otherwise its first sequence
//! number must follow the last one, and the first batch of a newer epoch starts at 0.

use std::collections::{BTreeMap, HashMap, VecDeque};

use super::batch::Fields;

/// Batches of a producer that are remembered, as in Kafka: a client keeps at most five requests in flight.
pub const REMEMBERED_BATCHES: usize = 5;

/// A batch that a producer has sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Its first sequence number.
    pub first_sequence: i32,
    /// Its last one.
    pub last_sequence: i32,
    /// Where its first record stands.
    pub base_offset: i64,
    /// Its newest timestamp.
    pub timestamp: i64,
}

/// A producer as this partition has seen it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Producer {
    /// The newest epoch.
    pub epoch: i16,
    /// Its newest batches in that epoch, oldest first.
    pub sent: VecDeque<Sent>,
    /// Where its open transaction begins in this partition.
    pub transaction_start: Option<i64>,
    /// When it last appended, by the timestamps of its batches.
    pub last_timestamp: i64,
}

/// All producers of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Producers {
    by_id: HashMap<i64, Producer>,
    /// Open transactions by their first offset.
    open: BTreeMap<i64, i64>,
}

/// What is to be done with a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It follows.
    Append,
    /// It is here already, with its first record at this offset.
    Duplicate(i64),
    /// A newer producer has taken the id over.
    StaleEpoch {
        /// The newest epoch.
        current: i16,
    },
    /// It is not part of the transaction that its producer has open.
    InTransaction,
    /// A batch between is missing.
    OutOfOrder {
        /// The sequence number that would follow.
        expected: i32,
    },
}

/// The sequence number after `sequence`; they go around at the largest `i32`.
///
/// −1, of what is not numbered, stays −1.
pub const fn next_sequence(sequence: i32, by: i32) -> i32 {
    if sequence < 0 {
        return sequence;
    }
    let room = i32::MAX - sequence;
    if by > room { by - room - 1 } else { sequence + by }
}

impl Producers {
    /// Judges a batch of an idempotent producer.
    pub fn judge(&self, fields: &Fields) -> Verdict {
        let Some(producer) = self.by_id.get(&fields.producer_id()) else { return Verdict::Append };
        let (epoch, first) = (fields.producer_epoch(), fields.base_sequence());
        if epoch < producer.epoch {
            return Verdict::StaleEpoch { current: producer.epoch };
        }
        if epoch > producer.epoch {
            return if first == 0 { Verdict::Append } else { Verdict::OutOfOrder { expected: 0 } };
        }
        let Some(last) = producer.sent.back() else {
            // Only markers were seen of this epoch: the first batch starts wherever its producer stands.
            return Verdict::Append;
        };
        let last_sequence = next_sequence(first, fields.last_offset_delta());
        let same = |sent: &&Sent| sent.first_sequence == first && sent.last_sequence == last_sequence;
        if let Some(sent) = producer.sent.iter().find(same) {
            return Verdict::Duplicate(sent.base_offset);
        }
        let expected = next_sequence(last.last_sequence, 1);
        if first != expected {
            return Verdict::OutOfOrder { expected };
        }
        let outside = producer.transaction_start.is_some() && !fields.is_transactional();
        if outside { Verdict::InTransaction } else { Verdict::Append }
    }

    /// Takes a batch of records in.
    pub fn record(&mut self, base_offset: i64, fields: &Fields) {
        let id = fields.producer_id();
        if id < 0 {
            return;
        }
        let producer = self.by_id.entry(id).or_default();
        if producer.epoch != fields.producer_epoch() {
            producer.epoch = fields.producer_epoch();
            producer.sent.clear();
        }
        if producer.sent.len() == REMEMBERED_BATCHES {
            producer.sent.pop_front();
        }
        producer.sent.push_back(Sent {
            first_sequence: fields.base_sequence(),
            last_sequence: next_sequence(fields.base_sequence(), fields.last_offset_delta()),
            base_offset,
            timestamp: fields.max_timestamp(),
        });
        producer.last_timestamp = producer.last_timestamp.max(fields.max_timestamp());
        if fields.is_transactional() && producer.transaction_start.is_none() {
            producer.transaction_start = Some(base_offset);
            self.open.insert(base_offset, id);
        }
    }

    /// Takes a marker in. Where the transaction that it ends began, if one was open.
    pub fn end(&mut self, fields: &Fields) -> Option<i64> {
        let producer = self.by_id.entry(fields.producer_id()).or_default();
        if producer.epoch != fields.producer_epoch() {
            producer.epoch = fields.producer_epoch();
            producer.sent.clear();
        }
        producer.last_timestamp = producer.last_timestamp.max(fields.max_timestamp());
        let start = producer.transaction_start.take()?;
        self.open.remove(&start);
        Some(start)
    }

    /// A producer by its id.
    pub fn get(&self, id: i64) -> Option<&Producer> {
        self.by_id.get(&id)
    }

    /// All producers, by id.
    pub fn all(&self) -> BTreeMap<i64, &Producer> {
        self.by_id.iter().map(|(id, producer)| (*id, producer)).collect()
    }

    /// Puts a producer back that a checkpoint held.
    pub fn restore(&mut self, id: i64, producer: Producer) {
        if let Some(start) = producer.transaction_start {
            self.open.insert(start, id);
        }
        self.by_id.insert(id, producer);
    }

    /// Where the oldest open transaction begins.
    pub fn first_open(&self) -> Option<i64> {
        self.open.first_key_value().map(|(start, _)| *start)
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Producers without an open transaction that have sent nothing since `before` (milliseconds), oldest first; beyond `keep` producers, also newer ones.
    pub fn idle(&self, before: i64, keep: usize) -> Vec<i64> {
        let mut idle: Vec<(i64, i64)> = self
            .by_id
            .iter()
            .filter(|(_, producer)| producer.transaction_start.is_none())
            .map(|(id, producer)| (producer.last_timestamp, *id))
            .collect();
        idle.sort_unstable();
        let surplus = self.by_id.len().saturating_sub(keep);
        let old = idle.iter().take_while(|(last, _)| *last < before).count();
        idle.into_iter().take(old.max(surplus)).map(|(_, id)| id).collect()
    }

    /// Forgets producers.
    pub fn forget(&mut self, ids: &[i64]) {
        for id in ids {
            if let Some(start) = self.by_id.remove(id).and_then(|producer| producer.transaction_start) {
                self.open.remove(&start);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::batch::tests::body;
    use super::*;

    fn fields(epoch: i16, first: i32, count: i32, attributes: u16) -> Fields {
        let body = body(count, 0, |fields| {
            fields.producer_id = 7;
            fields.producer_epoch = epoch;
            fields.base_sequence = first;
            fields.attributes = attributes;
        });
        Fields::of(&body).unwrap()
    }

    #[test]
    fn sequences_follow_repeat_or_are_refused() {
        let mut producers = Producers::default();
        let mut offset = 0;
        // Epoch, first sequence, count; the verdict before it is taken in.
        let rows = [
            (0, 0, 10, Verdict::Append),
            (0, 10, 5, Verdict::Append),
            (0, 0, 10, Verdict::Duplicate(0)),
            (0, 10, 4, Verdict::OutOfOrder { expected: 15 }),
            (0, 16, 1, Verdict::OutOfOrder { expected: 15 }),
            (1, 3, 1, Verdict::OutOfOrder { expected: 0 }),
            (1, 0, 1, Verdict::Append),
            (0, 15, 1, Verdict::StaleEpoch { current: 1 }),
            (1, 1, i32::MAX, Verdict::Append),
            (1, 0, 2, Verdict::Append),
        ];
        for (epoch, first, count, expected) in rows {
            let fields = fields(epoch, first, count, 0);
            assert_eq!(producers.judge(&fields), expected, "{epoch} {first} {count}");
            if expected == Verdict::Append {
                producers.record(offset, &fields);
                offset += i64::from(count);
            }
        }
        assert_eq!(producers.get(7).unwrap().sent.len(), 3, "of this epoch only");
    }

    #[test]
    fn an_open_transaction_takes_only_batches_of_its_own() {
        const TRANSACTIONAL: u16 = 1 << 4;
        let mut producers = Producers::default();
        producers.record(0, &fields(0, 0, 1, TRANSACTIONAL));
        for (first, attributes, expected) in [
            (1, 0, Verdict::InTransaction),
            (1, TRANSACTIONAL, Verdict::Append),
            (0, 0, Verdict::Duplicate(0)),
            (3, 0, Verdict::OutOfOrder { expected: 1 }),
        ] {
            assert_eq!(producers.judge(&fields(0, first, 1, attributes)), expected, "{first} {attributes}");
        }
    }

    #[test]
    fn only_the_last_five_are_duplicates() {
        let mut producers = Producers::default();
        (0..7).for_each(|at| producers.record(at, &fields(0, at as i32, 1, 0)));
        let verdicts: Vec<_> = (0..8).map(|at| producers.judge(&fields(0, at, 1, 0))).collect();
        let old = Verdict::OutOfOrder { expected: 7 };
        let new = |at| Verdict::Duplicate(at);
        assert_eq!(verdicts, [old, old, new(2), new(3), new(4), new(5), new(6), Verdict::Append]);
    }

    #[test]
    fn transactions_open_and_end() {
        let mut producers = Producers::default();
        producers.record(5, &fields(0, 0, 1, 1 << 4));
        producers.record(6, &fields(0, 1, 1, 1 << 4));
        assert_eq!(producers.first_open(), Some(5));
        assert_eq!(producers.idle(i64::MAX, 100), Vec::<i64>::new(), "an open one stays");
        assert_eq!(producers.end(&fields(0, -1, 1, 1 << 5)), Some(5));
        assert_eq!((producers.first_open(), producers.end(&fields(0, -1, 1, 1 << 5))), (None, None));
        assert_eq!(producers.idle(i64::MAX, 100), [7]);
        assert_eq!(producers.idle(0, 0), [7], "beyond what is kept");
        producers.forget(&[7]);
        assert!(producers.is_empty());
    }
}
