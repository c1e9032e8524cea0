//! What is kept of one partition of a share group: where it starts, and how far records at and after the start have come. Records that are
//! acquired are not here: see [`crate::groups::share`].
//!
//! # Layout (*persisted*, version 1)
//! | piece | bytes |
//! |-|-|
//! | `range` | first i64, last i64 (inclusive), state u8 (0 available, 2 acknowledged, 4 archived, as in KIP-932), deliveries i32 |
//! | `partition` | state epoch i32, start i64, `list` of `range` |
//! | `update` | reset u8, state epoch i32, start i64, `list` of `range` |

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
    /// Given up: rejected, or delivered too often.
    Archived,
}

impl Progress {
    /// Whether nothing can happen to the record any more.
    pub const fn is_done(self) -> bool {
        !matches!(self, Self::Available)
    }

    const fn number(self) -> u8 {
        match self {
            Self::Available => 0,
            Self::Acknowledged => 2,
            Self::Archived => 4,
        }
    }
}

/// What is known of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// How far it has come.
    pub progress: Progress,
    /// How often it was delivered.
    pub deliveries: u16,
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
    writer.byte(delivery.progress.number());
    writer.i32(i32::from(delivery.deliveries));
}

fn range(reader: &mut Reader<'_>) -> Result<(i64, i64, Delivery), ApplyError> {
    let (first, last) = (reader.i64()?, reader.i64()?);
    if first > last || first < 0 || last == i64::MAX {
        return Err(ApplyError::Malformed(format!("{first} to {last} is no range of offsets")));
    }
    let progress = match reader.byte()? {
        0 => Progress::Available,
        2 => Progress::Acknowledged,
        4 => Progress::Archived,
        other => return Err(ApplyError::Malformed(format!("{other} is no state of a record"))),
    };
    let deliveries = reader.i32()?;
    let deliveries = u16::try_from(deliveries)
        .map_err(|_| ApplyError::Malformed(format!("{deliveries} is no delivery count")))?;
    Ok((first, last, Delivery { progress, deliveries }))
}
