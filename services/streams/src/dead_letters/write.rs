//! The batch that ends the way of letters: records in the dead-letter topic, and the group's state, which calls them archived.

use std::future::poll_fn;
use std::sync::Arc;

use bole_base::{Durability, Position};
use bole_shard::Transaction;
use bytes::{Bytes, BytesMut};

use crate::Error;
use crate::groups::coordinator::letters::Letters;
use crate::partition::Partition;
use crate::partition::append::{Appended, PushError, Terms};
use crate::partition::batch::{Fields, HEAD_BYTES};
use crate::partition::entry::Marker;
use crate::protocol::batch;
use crate::service::Service;
use crate::topics::Topic;

/// Archives letters without writing them. `false`: they are not as they were looked up any more. Returns when it is durable.
/// Errors: `Full`, `Storage`.
pub(super) async fn archive(service: &Service, letters: &Letters<'_>) -> Result<bool, Error> {
    let mut transaction = service.runtime.transaction();
    loop {
        match try_archive(service, letters, &mut transaction) {
            Err(Refusal::Wait(bytes)) => transaction.admit(bytes as usize).await?,
            Err(Refusal::Failed(error)) => return Err(error),
            Ok(None) => return Ok(false),
            Ok(Some(position)) => {
                drop(transaction);
                return reached(service, position).await.map(|()| true);
            }
        }
    }
}

fn try_archive(
    service: &Service,
    letters: &Letters<'_>,
    transaction: &mut Transaction,
) -> Result<Option<Position>, Refusal> {
    let groups = &service.groups;
    let mut locked = groups.shards()[groups.shard_of(letters.group)].lock()?;
    let archived = groups.archive(&mut locked, transaction, letters, 0, |_| Ok::<_, Refusal>(()))?;
    Ok(archived.map(|((), position)| position))
}

/// Writes a batch of letters to the topic, and archives them. `false`: they are not as they were looked up any more, and nothing happened.
/// Letters of one partition go to one partition, in their order. Returns when it is durable.
/// Errors: `Full`, `Storage`.
pub(super) async fn write(
    service: &Service,
    letters: &Letters<'_>,
    to: &Topic,
    batch: &Bytes,
) -> Result<bool, Error> {
    let partitions = to.partitions();
    let partition = &partitions[letters.place.1 as usize % partitions.len()];
    let settings = to.settings();
    let terms = Terms {
        segment_bytes: settings.segment_bytes,
        segment_ms: settings.roll_ms(),
        expected_offset: None,
    };
    let body = body(batch, settings.log_append_time.then(|| service.now()));
    let write = Write { letters, partition, body: &body, terms: &terms };
    service.cache.room().await;
    let mut transaction = service.runtime.transaction();
    let appended = loop {
        match write.attempt(service, &mut transaction) {
            Err(Refusal::Wait(bytes)) => transaction.admit(bytes as usize).await?,
            Err(Refusal::Failed(error)) => return Err(error),
            Ok(None) => return Ok(false),
            Ok(Some(appended)) => break appended,
        }
    };
    drop(transaction);
    let records = Fields::of(&body).map_or(0, |fields| i64::from(fields.last_offset_delta()) + 1);
    service.appended(partition, &appended, records, HEAD_BYTES + body.len());
    reached(service, appended.position).await.map(|()| true)
}

/// The batch as it is stored, with the broker's time where the topic wants that.
fn body(batch: &Bytes, time: Option<i64>) -> Bytes {
    let Some(now) = time else { return batch.slice(HEAD_BYTES..) };
    let (head, records) = batch::stamped(batch, now);
    let mut body = BytesMut::with_capacity(head.len() + records.len() - HEAD_BYTES);
    body.extend_from_slice(&head[HEAD_BYTES..]);
    body.extend_from_slice(&records);
    body.freeze()
}

struct Write<'a> {
    letters: &'a Letters<'a>,
    partition: &'a Arc<Partition>,
    body: &'a Bytes,
    terms: &'a Terms,
}

impl Write<'_> {
    fn attempt(&self, service: &Service, transaction: &mut Transaction) -> Result<Option<Appended>, Refusal> {
        let Write { letters, partition, body, terms } = *self;
        let groups = &service.groups;
        let shard = &groups.shards()[groups.shard_of(letters.group)];
        let (mut group, mut locked);
        if shard.id() < partition.log() {
            group = shard.lock()?;
            locked = partition.lock()?;
        } else {
            locked = partition.lock()?;
            group = shard.lock()?;
        }
        let space = partition.space_for(body.len());
        let pushed = groups.archive(&mut group, transaction, letters, space, |transaction| {
            partition.push(&mut locked, transaction, body, Marker::None, terms).map_err(|error| match error {
                PushError::Wait => Refusal::Wait(space as u64),
                PushError::Failed(error) => Refusal::Failed(error),
            })
        })?;
        let Some((base_offset, position)) = pushed else { return Ok(None) };
        locked.appended(position);
        locked.state_mut().appended(position);
        let log_start = locked.state().log_start;
        Ok(Some(Appended { base_offset, position, log_start, duplicate: false }))
    }
}

/// Why an attempt ended without a change.
enum Refusal {
    /// Journal space for so many bytes is missing.
    Wait(u64),
    Failed(Error),
}

impl From<bole_shard::Error> for Refusal {
    fn from(error: bole_shard::Error) -> Self {
        match error {
            bole_shard::Error::Wait { bytes } => Self::Wait(bytes),
            error => Self::Failed(error.into()),
        }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

/// Ready when everything up to `position` is as durable as groups are.
async fn reached(service: &Service, position: Position) -> Result<(), Error> {
    let journal = service.runtime.journal();
    Ok(poll_fn(|context| journal.poll_reached(Durability::Sync, position, context)).await?)
}
