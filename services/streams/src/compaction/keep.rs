//! What of a batch stays: the newest record of each key, tombstones and markers for a while, nothing of aborted transactions.
//!
//! A tombstone and a marker without records get a *delete horizon* when a run first meets them (KIP-534): the time after which a later run removes them. It
//! is `delete.retention.ms` after that run, so that who reads from the beginning sees a deletion if it gets to the end within that time.

use std::collections::{HashMap, HashSet};

use crate::Error;
use crate::limits::UNPACKED_BYTES_MAX;
use crate::partition::batch::{Batch, HEAD_BYTES};
use crate::protocol::batch::{self, BatchError, BatchHeader, Fate, Filtered, Record};
use crate::records;

use super::map::OffsetMap;
use super::plan::Plan;

/// Decides about the batches of a run, shown in order from the first segment on.
pub struct Keeper {
    /// Where the newest records of keys stand.
    pub map: OffsetMap,
    aborted: HashMap<i64, Vec<(i64, i64)>>,
    newest_batches: HashSet<i64>,
    now: i64,
    horizon: i64,
    /// Producers of whose transaction a batch was met, and no marker since.
    met: HashSet<i64>,
}

/// What becomes of a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It goes.
    Gone,
    /// It stays, perhaps changed.
    Stays(Batch),
}

impl Keeper {
    /// Who decides by the rules of `plan`; its map is empty.
    pub fn new(plan: &Plan) -> Self {
        Self {
            map: OffsetMap::new(plan.terms.keys_max),
            aborted: plan.aborted.clone(),
            newest_batches: plan.newest_batches.clone(),
            now: plan.terms.now,
            horizon: plan.terms.now.saturating_add(plan.terms.delete_retention_ms),
            met: HashSet::new(),
        }
    }

    fn is_aborted(&self, header: &BatchHeader) -> bool {
        let of_producer = self.aborted.get(&header.producer_id).map_or(&[][..], Vec::as_slice);
        let at = of_producer.partition_point(|(_, last)| *last < header.base_offset);
        header.attributes.is_transactional()
            && of_producer.get(at).is_some_and(|(first, _)| *first <= header.base_offset)
    }

    /// Notes the keys of a batch. `false`: the map is full; what was noted of the batch stays, since it is true.
    pub fn note(&mut self, batch: &Batch) -> Result<bool, Error> {
        let (header, found) = records::of(batch)?;
        if header.attributes.is_control() || self.is_aborted(&header) {
            return Ok(true);
        }
        for record in found {
            let record = record.map_err(|error| damaged(batch, &error))?;
            if let Some(key) = &record.key
                && !self.map.put(key, record.offset)
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Decides about the next batch. Errors: `Storage` if it is damaged.
    pub fn decide(&mut self, batch: &Batch) -> Result<Outcome, Error> {
        self.outcome(batch).map_err(|error| damaged(batch, &error))
    }

    fn outcome(&mut self, batch: &Batch) -> Result<Outcome, BatchError> {
        let whole = records::whole(batch);
        let header = BatchHeader::parse(&whole)?;
        batch::verify(&whole, &header)?;
        let last = self.newest_batches.contains(&header.base_offset);
        let empty = || {
            let body = batch::emptied(&whole, &header).slice(HEAD_BYTES..);
            if last { Outcome::Stays(Batch { body, ..batch.clone() }) } else { Outcome::Gone }
        };
        if header.attributes.is_control() {
            let alone = !self.met.remove(&header.producer_id);
            return self.marker(batch, &header, alone);
        }
        if header.attributes.is_transactional() {
            self.met.insert(header.producer_id);
        }
        if header.records_count == 0 || self.is_aborted(&header) {
            return Ok(empty());
        }
        let over = header.attributes.has_delete_horizon() && self.now >= header.base_timestamp;
        let fate = |record: &Record| self.fate(record, over);
        Ok(match batch::filter(&whole, &header, UNPACKED_BYTES_MAX, self.horizon, fate)? {
            Filtered::Same => Outcome::Stays(batch.clone()),
            Filtered::Empty => empty(),
            Filtered::Changed(changed) => {
                Outcome::Stays(Batch { body: changed.slice(HEAD_BYTES..), ..batch.clone() })
            }
        })
    }

    fn fate(&self, record: &Record, over: bool) -> Fate {
        let newest = match &record.key {
            Some(key) => self.map.newest(key).is_none_or(|newest| record.offset >= newest),
            // Produce refuses records without a key; those from before the topic was compacted go, as in Kafka.
            None => false,
        };
        match (newest, record.value.is_some()) {
            (true, true) => Fate::Keep,
            (true, false) if !over => Fate::KeepUntilHorizon,
            _ => Fate::Drop,
        }
    }

    /// A marker goes when nothing of its transaction was met before it, and its horizon is over.
    fn marker(&self, batch: &Batch, header: &BatchHeader, alone: bool) -> Result<Outcome, BatchError> {
        if !alone {
            return Ok(Outcome::Stays(batch.clone()));
        }
        if header.attributes.has_delete_horizon() {
            let over = self.now >= header.base_timestamp;
            return Ok(if over { Outcome::Gone } else { Outcome::Stays(batch.clone()) });
        }
        let whole = records::whole(batch);
        Ok(match batch::with_horizon(&whole, header, UNPACKED_BYTES_MAX, self.horizon)? {
            Filtered::Changed(changed) => {
                Outcome::Stays(Batch { body: changed.slice(HEAD_BYTES..), ..batch.clone() })
            }
            _ => Outcome::Stays(batch.clone()),
        })
    }
}

fn damaged(batch: &Batch, error: &BatchError) -> Error {
    Error::Storage(format!("the batch at offset {}: {error}", batch.base_offset))
}
