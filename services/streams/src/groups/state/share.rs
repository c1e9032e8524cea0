//! What is kept of one partition of a share group: where it starts, and how far records at and after the start have come. Records that are
//! acquired are not here: see [`crate::groups::share`].
//!
//! # Layout (*persisted*, version 1)
//! | piece | bytes |
//! |-|-|
//! | `range` | first i64, last i64 (inclusive), state u8 (0 available, 2 acknowledged, 4 archived, as in KIP-932), deliveries i32; where the state is 1 (available later), due u64: Unix milliseconds |
//! | `partition` | state epoch i32, start i64, `list` of `range` |
//! | `update` | reset u8, state epoch i32, start i64, `list` of `range` |
//!
//! States of Bole's own: 1 available later, 3 condemned because it was rejected, 5 condemned because it was delivered too often.

use bole_shard::ApplyError;

use crate::groups::layout::{Reader, Writer};
use crate::groups::spans::{Span, Spans};

/// How far a record has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// May be acquired (again).
    Available,
    /// Processed.
    Acknowledged,
    /// Given up: it is to be written to the dead-letter topic, and is archived by the batch that does so.
    Condemned(Reason),
    /// Given up: rejected, or delivered too often.
    Archived,
}

/// Why a record was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A member rejected it.
    Rejected,
    /// It came back from as many deliveries as are allowed.
    DeliveredTooOften,
}

impl Progress {
    /// Whether nothing can happen to the record any more.
    pub const fn is_done(self) -> bool {
        !matches!(self, Self::Available | Self::Condemned(_))
    }
}

const AVAILABLE: u8 = 0;
const AVAILABLE_LATER: u8 = 1;
const ACKNOWLEDGED: u8 = 2;
const CONDEMNED_REJECTED: u8 = 3;
const ARCHIVED: u8 = 4;
const CONDEMNED_TOO_OFTEN: u8 = 5;

/// What is known of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// How far it has come.
    pub progress: Progress,
    /// How often it was delivered.
    pub deliveries: u16,
    /// Of an available record: when it may be acquired again, in milliseconds since the Unix epoch; 0: at once.
    pub due_ms: u64,
}

impl Delivery {
    /// With nothing to wait for.
    pub const fn new(progress: Progress, deliveries: u16) -> Self {
        Self { progress, deliveries, due_ms: 0 }
    }

    /// Whether nobody can acquire the record now, though it is not done.
    pub const fn is_waiting(&self, now_ms: u64) -> bool {
        match self.progress {
            Progress::Available => self.due_ms > now_ms,
            Progress::Condemned(_) => true,
            Progress::Acknowledged | Progress::Archived => false,
        }
    }

    const fn number(&self) -> u8 {
        match self.progress {
            Progress::Available if self.due_ms > 0 => AVAILABLE_LATER,
            Progress::Available => AVAILABLE,
            Progress::Acknowledged => ACKNOWLEDGED,
            Progress::Condemned(Reason::Rejected) => CONDEMNED_REJECTED,
            Progress::Condemned(Reason::DeliveredTooOften) => CONDEMNED_TOO_OFTEN,
            Progress::Archived => ARCHIVED,
        }
    }
}

/// One partition of a share group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partition {
    /// Rises when an operator sets the start.
    pub state_epoch: i32,
    /// The share-partition start offset (SPSO): everything below is done.
    pub start: i64,
    /// From the start on. Offsets between the spans were never decided about.
    pub(crate) spans: Spans<Delivery>,
}

/// A change of one partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Update {
    /// Whether what was known before is forgotten.
    pub reset: bool,
    /// The state epoch from now on.
    pub state_epoch: i32,
    /// The start from now on.
    pub start: i64,
    /// First and last offset of ranges, and what is known of them now. Laid over what was known before.
    pub ranges: Vec<(i64, i64, Delivery)>,
}

impl Partition {
    pub(super) fn apply(&mut self, update: &Update) {
        if update.reset {
            self.spans = Spans::default();
        }
        self.state_epoch = update.state_epoch;
        for &(first, last, delivery) in &update.ranges {
            self.spans.set(first, last, delivery);
        }
        self.start = update.start;
        self.spans.cut_below(update.start);
    }

    pub(super) fn encode(&self, writer: &mut Writer<'_>) {
        writer.i32(self.state_epoch);
        writer.i64(self.start);
        writer.list(self.spans.iter(), |writer, Span { first, last, value }| {
            put_range(writer, &(first, last, value));
        });
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, ApplyError> {
        let mut partition =
            Self { state_epoch: reader.i32()?, start: reader.i64()?, spans: Spans::default() };
        let ranges: Vec<_> = reader.list(range)?;
        ranges.iter().for_each(|&(first, last, delivery)| partition.spans.set(first, last, delivery));
        Ok(partition)
    }
}

impl Update {
    pub(super) fn encode(&self, writer: &mut Writer<'_>) {
        writer.byte(self.reset as u8);
        writer.i32(self.state_epoch);
        writer.i64(self.start);
        writer.list(self.ranges.iter(), put_range);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, ApplyError> {
        Ok(Self {
            reset: reader.flag()?,
            state_epoch: reader.i32()?,
            start: reader.i64()?,
            ranges: reader.list(range)?,
        })
    }
}

fn put_range(writer: &mut Writer<'_>, (first, last, delivery): &(i64, i64, Delivery)) {
    writer.i64(*first);
    writer.i64(*last);
    writer.byte(delivery.number());
    writer.i32(i32::from(delivery.deliveries));
    if delivery.number() == AVAILABLE_LATER {
        writer.u64(delivery.due_ms);
    }
}

fn range(reader: &mut Reader<'_>) -> Result<(i64, i64, Delivery), ApplyError> {
    let (first, last) = (reader.i64()?, reader.i64()?);
    if first > last || first < 0 || last == i64::MAX {
        return Err(ApplyError::Malformed(format!("{first} to {last} is no range of offsets")));
    }
    let number = reader.byte()?;
    let progress = match number {
        AVAILABLE | AVAILABLE_LATER => Progress::Available,
        ACKNOWLEDGED => Progress::Acknowledged,
        CONDEMNED_REJECTED => Progress::Condemned(Reason::Rejected),
        ARCHIVED => Progress::Archived,
        CONDEMNED_TOO_OFTEN => Progress::Condemned(Reason::DeliveredTooOften),
        other => return Err(ApplyError::Malformed(format!("{other} is no state of a record"))),
    };
    let deliveries = reader.i32()?;
    let deliveries = u16::try_from(deliveries)
        .map_err(|_| ApplyError::Malformed(format!("{deliveries} is no delivery count")))?;
    let due_ms = if number == AVAILABLE_LATER { reader.u64()? } else { 0 };
    if number == AVAILABLE_LATER && due_ms == 0 {
        return Err(ApplyError::Malformed("a record is available later, but has no time".into()));
    }
    Ok((first, last, Delivery { progress, deliveries, due_ms }))
}
