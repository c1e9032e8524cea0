//! Changes of one transactional id that touch no other shard, and the waiting that all changes share.

use std::sync::Arc;

use bole_base::{Durability, Position};
use bole_log::entry::ENTRY_HEADER_BYTES;
use bole_log::wait;
use bole_shard::Transaction;

use super::state::{Identity, Place, State};
use super::{Effect, decide, stopped};
use crate::Error;
use crate::service::Service;

/// How durable the coordinators' shards are.
pub(super) const CLASS: Durability = Durability::Sync;

/// What came of an attempt under locks.
pub(super) enum Attempt<T> {
    /// It is appended, up to this position, or there was nothing to append.
    Done(T, Position),
    /// Journal space for so many bytes is missing; nothing happened.
    Wait(u64),
}

/// An error of the shards: those that only say "not now" become [`Attempt::Wait`].
pub(super) fn attempt<T>(outcome: Result<Attempt<T>, Refusal>) -> Result<Attempt<T>, Error> {
    match outcome {
        Err(Refusal::Shard(bole_shard::Error::Wait { bytes })) => Ok(Attempt::Wait(bytes)),
        Err(Refusal::Shard(error)) => Err(error.into()),
        Err(Refusal::Told(error)) => Err(error),
        Ok(done) => Ok(done),
    }
}

/// Why an attempt ended without a change.
pub(super) enum Refusal {
    /// The shard or the journal.
    Shard(bole_shard::Error),
    /// The rules.
    Told(Error),
}

impl From<bole_shard::Error> for Refusal {
    fn from(error: bole_shard::Error) -> Self {
        Self::Shard(error)
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Self::Told(error)
    }
}

/// Journal space for an effect.
pub(super) fn space_of(effect: &Effect) -> usize {
    ENTRY_HEADER_BYTES + effect.payload_bytes()
}

/// Ready when everything up to `position` is fsynced, as coordinators are.
pub(super) async fn reached(service: &Service, position: Position) -> Result<(), Error> {
    Ok(wait::synced(&**service.runtime.journal(), position).await?)
}

/// Milliseconds since the Unix epoch.
pub(super) fn now_ms(service: &Service) -> u64 {
    service.runtime.clock().now().0
}

/// Lets `choose` choose one effect of the id, and returns when it, and what `choose` looked at, is durable. `choose` may run more than once.
pub(super) async fn change(
    service: &Service,
    id: &str,
    choose: impl Fn(&State, u64) -> Result<Option<Effect>, Error>,
) -> Result<(), Error> {
    let mut transaction = service.runtime.transaction();
    let position = loop {
        match attempt(try_change(service, id, &mut transaction, &choose))? {
            Attempt::Wait(bytes) => transaction.admit(bytes as usize).await?,
            Attempt::Done((), position) => break position,
        }
    };
    drop(transaction);
    reached(service, position).await
}

fn try_change(
    service: &Service,
    id: &str,
    transaction: &mut Transaction,
    choose: &impl Fn(&State, u64) -> Result<Option<Effect>, Error>,
) -> Result<Attempt<()>, Refusal> {
    transaction.set_time(service.runtime.tick());
    let mut locked = service.transactions.shard_of(id).lock()?;
    let Some(effect) = choose(locked.state(), now_ms(service))? else {
        return Ok(Attempt::Done((), locked.position()));
    };
    transaction.reserve(space_of(&effect))?;
    locked.push(transaction, CLASS, &effect)?;
    let position = transaction.append()?;
    locked.appended(position);
    Ok(Attempt::Done((), position))
}

/// `AddPartitionsToTxn` and `AddOffsetsToTxn`: the producer's transaction takes in partitions and groups. Returns when that is durable.
///
/// Errors: `InvalidRequest`, `InvalidProducerIdMapping`, `ProducerFenced`, `PolicyViolation`, `CoordinatorNotAvailable`.
pub async fn add(
    service: &Service,
    id: &Arc<str>,
    by: Identity,
    partitions: &[Place],
    groups: &[Arc<str>],
) -> Result<(), Error> {
    decide::check_id(id)?;
    change(service, id, |state, now| decide::add(state, id, by, partitions, groups, now))
        .await
        .map_err(stopped)
}

/// Whether each of `partitions` is in the producer's open transaction; one outcome for each. Errors of the producer: as [`add`].
pub async fn verify(
    service: &Service,
    id: &str,
    by: Identity,
    partitions: &[Place],
) -> Result<Vec<Result<(), Error>>, Error> {
    decide::check_id(id)?;
    let (outcomes, position) = {
        let locked = service.transactions.shard_of(id).lock().map_err(|error| stopped(error.into()))?;
        decide::current(locked.state(), id, by)?;
        let check = |place: &Place| {
            let what = format!("partition {}", place.1);
            decide::check_member(locked.state(), id, by, &what, |entry| entry.partitions.contains(place))
        };
        (partitions.iter().map(check).collect(), locked.position())
    };
    reached(service, position).await.map_err(stopped)?;
    Ok(outcomes)
}
