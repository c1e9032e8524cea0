//! Records of a transaction. The coordinator's shard is locked together with the partition, so that the check and the append are one: neither an end nor
//! a newer producer comes between them, and a batch that is late finds its transaction gone.

use std::sync::Arc;

use bole_base::Position;
use bole_shard::Transaction;
use bytes::Bytes;

use super::run::{Attempt, CLASS, Refusal, attempt, now_ms, space_of};
use super::state::{Identity, Place};
use super::{Effect, decide};
use crate::Error;
use crate::partition::Partition;
use crate::partition::append::{Appended, PushError, Terms, judge};
use crate::partition::batch::Fields;
use crate::protocol::ErrorCode;
use crate::service::Service;

/// A batch of a transaction.
pub struct Write<'a> {
    /// The transactional id.
    pub id: &'a Arc<str>,
    /// Where it goes.
    pub partition: &'a Arc<Partition>,
    /// The same, as transactions name it.
    pub place: Place,
    /// Bytes from the magic byte on, of a producer with an id.
    pub body: &'a Bytes,
    /// What the topic's settings ask of it.
    pub terms: &'a Terms,
    /// Whether the partition becomes part of the transaction if it is not (Produce 12 and above), or must be.
    pub adds: bool,
}

/// Appends a batch of a transaction. The reply must wait until the journal has reached the position in the partition's class. May be dropped while it waits
/// for space: then nothing happened.
///
/// Errors: `InvalidProducerIdMapping`, `InvalidProducerEpoch`, `InvalidTxnState`, `PolicyViolation`, `OutOfOrderSequenceNumber`, `Full`, `Storage`.
pub async fn append(service: &Service, write: &Write<'_>) -> Result<Appended, Error> {
    let mut transaction = service.runtime.transaction();
    transaction.admit(write.partition.space_for(write.body.len())).await?;
    loop {
        match attempt(try_append(service, write, &mut transaction))? {
            Attempt::Wait(bytes) => transaction.admit(bytes as usize).await?,
            Attempt::Done(appended, _) => return Ok(appended),
        }
    }
}

fn try_append(
    service: &Service,
    write: &Write<'_>,
    transaction: &mut Transaction,
) -> Result<Attempt<Appended>, Refusal> {
    let Write { id, partition, place, body, terms, adds } = *write;
    let fields = Fields::of(body).expect("a batch that was checked has all its fields");
    let by = Identity { producer_id: fields.producer_id(), epoch: fields.producer_epoch() };
    let shard = service.transactions.shard_of(id);
    let (mut coordinator, mut locked);
    if shard.id() < partition.log() {
        coordinator = shard.lock()?;
        locked = partition.lock()?;
    } else {
        locked = partition.lock()?;
        coordinator = shard.lock()?;
    }
    let state = coordinator.state();
    let added = if adds {
        decide::add(state, id, by, &[place], &[], now_ms(service))
    } else {
        let what = format!("partition {}", partition.name());
        decide::check_member(state, id, by, &what, |entry| entry.partitions.contains(&place)).map(|()| None)
    };
    let added = added.map_err(as_produced)?;
    if let Some(duplicate) = judge(&locked, body, terms)? {
        return Ok(Attempt::Done(duplicate, Position::ZERO));
    }
    let space = partition.space_for(body.len());
    transaction.reserve(space + added.as_ref().map_or(0, space_of))?;
    transaction.set_time(service.runtime.tick());
    // The batch goes first: a segment file that cannot be written must not leave the coordinator ahead of its log.
    let base_offset =
        match partition.push(&mut locked, transaction, body, crate::partition::entry::Marker::None, terms) {
            Ok(base_offset) => base_offset,
            Err(PushError::Failed(error)) => return Err(error.into()),
            Err(PushError::Wait) => {
                return Ok(Attempt::Wait((space + added.as_ref().map_or(0, space_of)) as u64));
            }
        };
    push_added(&mut coordinator, transaction, added.as_ref())?;
    let position = transaction.append()?;
    if added.is_some() {
        coordinator.appended(position);
    }
    locked.appended(position);
    locked.state_mut().appended(position);
    let log_start = locked.state().log_start;
    Ok(Attempt::Done(Appended { base_offset, position, log_start, duplicate: false }, position))
}

fn push_added(
    coordinator: &mut bole_shard::Locked<'_, super::State>,
    transaction: &mut Transaction,
    added: Option<&Effect>,
) -> Result<(), bole_shard::Error> {
    added.map_or(Ok(()), |effect| coordinator.push(transaction, CLASS, effect))
}

/// Producers know a fenced epoch by another code in replies to Produce.
fn as_produced(error: Error) -> Error {
    match error {
        Error::Refused { code: ErrorCode::ProducerFenced, text } => {
            Error::Refused { code: ErrorCode::InvalidProducerEpoch, text }
        }
        other => other,
    }
}
