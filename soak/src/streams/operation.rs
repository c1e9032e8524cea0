//! What clients of the simulated partitions do. Where an operation depends on what is there, it is filled in as it runs.

use std::cell::RefCell;
use std::rc::Rc;

use bole_streams::partition::batch::{Fields, HEAD_BYTES};
use bole_streams::partition::read::Isolation;
use bole_streams::protocol::batch::{Builder, Compression, Marker};
use bole_testing::Rng;
use bytes::Bytes;

use super::model::{COMPACTED_FROM, PARTITIONS};

/// Keys of the records.
const KEYS: u64 = 6;

/// An operation.
#[derive(Clone, Debug)]
pub enum Op {
    /// Appends a batch.
    Produce(usize, Draft, Filled),
    /// Ends the transaction of a producer, if one is open.
    End {
        /// In this partition.
        partition: usize,
        /// Whose.
        producer_id: i64,
        /// With its records, or without.
        commit: bool,
        /// The marker.
        filled: Filled,
    },
    /// Drops the oldest records, up to a share of all.
    Start(usize, u64, Filled),
    /// Forgets producers that were silent.
    Forget(usize, Filled),
    /// Reads from somewhere.
    Read(usize, Look),
}

/// What an operation turned out to be; the model goes by it.
#[derive(Clone, Debug, Default)]
pub struct Filled(Rc<RefCell<Did>>);

/// See [`Filled`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Did {
    /// Nothing so far.
    #[default]
    Nothing,
    /// A batch of records.
    Batch(Bytes),
    /// A marker; whether it commits.
    Marker(Bytes, bool),
    /// A new start.
    Start(i64),
    /// Producers are forgotten.
    Forgotten(Vec<i64>),
}

impl Filled {
    /// Fills it in.
    pub fn set(&self, did: Did) {
        *self.0.borrow_mut() = did;
    }

    /// What it turned out to be.
    pub fn get(&self) -> Did {
        self.0.borrow().clone()
    }
}

/// A batch to be made.
#[derive(Clone, Debug)]
pub struct Draft {
    /// −1: not idempotent.
    pub producer_id: i64,
    /// Whether it is part of a transaction.
    pub transactional: bool,
    /// Whether the producer begins a new epoch with it.
    pub bump: bool,
    /// How often it is sent.
    pub sends: u64,
    /// Key and bytes of the value of each record; without bytes it deletes the key.
    pub records: Vec<(u64, Option<usize>)>,
    /// How it is compressed.
    pub compression: Compression,
    /// Makes values differ.
    pub salt: u64,
}

/// What a read asks for.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Thousandths of the way from the start to the end.
    pub permille: u64,
    /// Bytes at most.
    pub bytes_max: usize,
    /// What may be seen.
    pub isolation: Isolation,
}

impl Op {
    /// The next operation of a client.
    pub fn draw(rng: &mut Rng, client: usize) -> Self {
        let partition = rng.index(PARTITIONS);
        match rng.below(20) {
            0 if rng.one_in(3) => Self::Forget(partition, Filled::default()),
            0 => Self::Start(partition, rng.below(1_001), Filled::default()),
            1 | 2 => Self::End {
                partition,
                producer_id: transactional_id(client),
                commit: rng.one_in(2),
                filled: Filled::default(),
            },
            3..9 => Self::Read(partition, Look::draw(rng)),
            _ => Self::Produce(partition, Draft::draw(rng, client), Filled::default()),
        }
    }

    /// The partition that it is about.
    pub const fn partition(&self) -> usize {
        match self {
            Self::Produce(partition, ..)
            | Self::Start(partition, ..)
            | Self::Forget(partition, _)
            | Self::Read(partition, _)
            | Self::End { partition, .. } => *partition,
        }
    }
}

const fn transactional_id(client: usize) -> i64 {
    200 + client as i64
}

impl Look {
    fn draw(rng: &mut Rng) -> Self {
        Self {
            permille: rng.below(1_001),
            bytes_max: *rng.pick(&[0, 300, 3_000, 100_000]),
            isolation: *rng.pick(&[Isolation::Uncommitted, Isolation::Committed]),
        }
    }
}

impl Draft {
    fn draw(rng: &mut Rng, client: usize) -> Self {
        let kind = rng.below(5);
        let producer_id = match kind {
            0 => -1,
            1 | 2 => transactional_id(client),
            _ => 100 + client as i64,
        };
        let bytes = *rng.pick(&[10, 10, 60, 60, 250, 700]);
        let count = 1 + rng.below(if bytes > 100 { 5 } else { 3 });
        let record = |rng: &mut Rng| {
            let value = (!rng.one_in(5)).then(|| 1 + rng.index(bytes));
            (rng.below(KEYS), value)
        };
        Self {
            producer_id,
            transactional: kind == 1 || kind == 2,
            bump: kind > 2 && rng.one_in(20),
            sends: if producer_id >= 0 && rng.one_in(3) { 1 + rng.below(3) } else { 1 },
            records: (0..count).map(|_| record(rng)).collect(),
            compression: if rng.one_in(4) { *rng.pick(&Compression::ALL) } else { Compression::None },
            salt: rng.next_u64(),
        }
    }

    /// The body, for a producer whose next batch has this epoch and sequence.
    pub fn body(&self, epoch: i16, sequence: i32, now: i64) -> Bytes {
        let mut builder = Builder::new().compression(self.compression);
        if self.producer_id >= 0 {
            builder = builder.producer(self.producer_id, epoch, sequence);
        }
        if self.transactional {
            builder = builder.transactional();
        }
        let mut values = Rng::new(self.salt);
        for (at, (key, bytes)) in self.records.iter().enumerate() {
            let value = bytes.map(|bytes| values.bytes(bytes));
            builder.push(now + at as i64, Some(&key.to_le_bytes()), value.as_deref(), &[(b"h", None)]);
        }
        builder.build().slice(HEAD_BYTES..)
    }
}

/// The body of a marker.
pub fn marker(producer_id: i64, epoch: i16, commit: bool, now: i64) -> Bytes {
    let marker = if commit { Marker::Commit } else { Marker::Abort };
    marker.batch(producer_id, epoch, 0, now).slice(HEAD_BYTES..)
}

/// The fixed fields of a body.
pub fn fields(body: &Bytes) -> Fields {
    Fields::of(body).expect("a body has all its fields")
}

/// Whether a partition of this number is compacted.
pub const fn is_compacted(partition: usize) -> bool {
    partition >= COMPACTED_FROM
}
