//! What readers get, and whether that is what is there.

use bole_base::Position;
use bole_streams::partition::Partition;
use bole_streams::partition::producers::Verdict;
use bole_streams::partition::read::{Batches, Bounds, Isolation};

use super::model::{Kept, Log, Producer, Row};
use super::operation::{fields, is_compacted};

/// Sizes of the fetches that read a partition as a whole.
const FETCHES: [usize; 3] = [0, 1_000, 100_000];

/// Reads a whole partition, in fetches of a size that depends on `turn`.
pub fn whole(partition: &Partition, turn: usize) -> Result<Log, String> {
    let mut log = Log::default();
    {
        let locked = partition.lock().map_err(|error| error.to_string())?;
        let state = locked.state();
        (log.start, log.next) = (state.log_start, state.next_offset);
        if state.high_watermark != state.next_offset {
            return Err(format!("{} shows less than it recovered", partition.name()));
        }
        log.aborted = state.aborted.iter().map(|gone| (gone.producer_id, gone.first, gone.last)).collect();
        log.producers = state
            .producers
            .all()
            .into_iter()
            .map(|(id, known)| {
                let sequence = known.sent.back().map(|sent| sent.last_sequence);
                (id, Producer { epoch: known.epoch, sequence, open: known.transaction_start })
            })
            .collect();
    }
    let mut from = log.start;
    while from < log.next {
        let size = FETCHES[turn % FETCHES.len()];
        let (_, read) =
            partition.read(from, Isolation::Uncommitted, size).map_err(|error| error.to_string())?;
        let Some(last) = read.batches.last() else { break };
        from = last.last_offset() + 1;
        log.batches.extend(kept(&read));
    }
    Ok(log)
}

fn kept(read: &Batches) -> impl Iterator<Item = Kept> + '_ {
    read.batches.iter().map(|batch| Kept { base: batch.base_offset, body: batch.body.clone() })
}

/// Each batch that a producer sent last is known to have been sent, where it stands.
pub fn check_duplicates(partition: &Partition, log: &Log) -> Result<(), String> {
    let locked = partition.lock().map_err(|error| error.to_string())?;
    let producers = &locked.state().producers;
    for (id, producer) in producers.all() {
        for sent in &producer.sent {
            let Some(kept) = log.batches.iter().find(|kept| kept.base == sent.base_offset) else { continue };
            let verdict = producers.judge(&fields(&kept.body));
            if verdict != Verdict::Duplicate(kept.base) {
                return Err(format!("the batch of producer {id} at {} is judged {verdict:?}", kept.base));
            }
        }
    }
    Ok(())
}

/// A read: where it began, and what it brought.
pub struct Seen<'a> {
    /// The number of the partition.
    pub number: usize,
    /// The offset that was asked for.
    pub from: i64,
    /// What may be seen.
    pub isolation: Isolation,
    /// Where the partition stood.
    pub bounds: Bounds,
    /// What came.
    pub read: &'a Batches,
}

impl Seen<'_> {
    fn below(&self) -> i64 {
        self.bounds.below(self.isolation)
    }

    /// Compares with what is there. `marks` says where batches end in the journal, by the offset after them.
    pub fn check(&self, live: &Log, marks: &[(i64, Position)], reached: Position) -> Result<(), String> {
        for batch in &self.read.batches {
            let end = batch.last_offset() + 1;
            let hidden = marks.iter().find(|(mark, position)| *mark == end && *position > reached);
            if let Some((_, position)) = hidden {
                return Err(format!(
                    "offset {end} is shown, which is durable at {position}, and {reached} is"
                ));
            }
        }
        let found: Vec<Kept> = kept(self.read).collect();
        if is_compacted(self.number) {
            self.check_compacted(live, &found)
        } else {
            self.check_plain(live, &found)
        }
    }

    fn check_plain(&self, live: &Log, found: &[Kept]) -> Result<(), String> {
        // A start in the middle of a batch may be the first offset that is not decided: then nothing of the batch may be seen.
        let seen =
            |kept: &&Kept| kept.end() > self.from && kept.base < self.below() && self.from < self.below();
        let there = live.batches.iter().filter(seen);
        let expected: Vec<&Kept> = there.take(found.len().max(1)).collect();
        if expected.into_iter().eq(found) {
            return Ok(());
        }
        Err(format!(
            "a read from {} below {} brings {:?}, but there is {:?}",
            self.from,
            self.below(),
            places(found),
            places(&live.batches)
        ))
    }

    fn check_compacted(&self, live: &Log, found: &[Kept]) -> Result<(), String> {
        let mut rows: Vec<Row> = Vec::new();
        for kept in found {
            rows.extend(kept.rows()?);
        }
        if !found.is_sorted_by(|one, next| one.end() <= next.base) {
            return Err(format!("batches are out of order: {:?}", places(found)));
        }
        let mut there: Vec<Row> = Vec::new();
        for kept in &live.batches {
            there.extend(kept.rows()?);
        }
        if let Some(row) = rows.iter().find(|row| !there.contains(row)) {
            return Err(format!("a record at {} was never appended", row.0));
        }
        let end = found.last().map_or(self.below(), Kept::end);
        for (offset, _) in live.newest()?.into_values() {
            let due = offset >= self.from && offset < end;
            if due && !rows.iter().any(|row| row.0 == offset) {
                return Err(format!(
                    "a read from {} to {end} misses the newest record of a key at {offset}: {:?}",
                    self.from,
                    places(found)
                ));
            }
        }
        Ok(())
    }
}

fn places(batches: &[Kept]) -> Vec<(i64, i64)> {
    batches.iter().map(|kept| (kept.base, kept.end())).collect()
}
