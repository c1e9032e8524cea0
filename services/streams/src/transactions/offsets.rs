//! Offsets that a transaction commits with its records. The coordinator's shard is locked together with the group's, as for records.

use std::sync::Arc;

use bole_shard::Transaction;

use super::decide;
use super::run::{Attempt, CLASS, Refusal, attempt, now_ms, reached, space_of};
use super::state::Identity;
use super::stopped;
use crate::Error;
use crate::groups;
use crate::groups::offsets::transactional::{PendingRequest, appended, pending_space};
use crate::service::Service;

/// An outcome for each offset, in their order.
type Outcomes = Vec<Result<(), groups::Error>>;

/// `TxnOffsetCommit`: one outcome for each offset, in their order. `adds`: the group becomes part of the transaction if it is not (version 5 and above), or
/// must be. Returns when the offsets are durable; they stay pending until the transaction ends.
///
/// Errors: `InvalidProducerIdMapping`, `ProducerFenced`, `InvalidTxnState`, `PolicyViolation`, those of
/// [`groups::Coordinator::add_pending_offsets`], `CoordinatorNotAvailable`.
pub async fn commit(
    service: &Service,
    id: &Arc<str>,
    request: &PendingRequest,
    adds: bool,
) -> Result<Outcomes, Error> {
    decide::check_id(id)?;
    run(service, id, request, adds).await.map_err(stopped)
}

async fn run(
    service: &Service,
    id: &Arc<str>,
    request: &PendingRequest,
    adds: bool,
) -> Result<Outcomes, Error> {
    let mut transaction = service.runtime.transaction();
    let (outcomes, position) = loop {
        match attempt(try_commit(service, id, request, adds, &mut transaction))? {
            Attempt::Wait(bytes) => transaction.admit(bytes as usize).await?,
            Attempt::Done(outcomes, position) => break (outcomes, position),
        }
    };
    drop(transaction);
    reached(service, position).await?;
    Ok(outcomes)
}

fn try_commit(
    service: &Service,
    id: &Arc<str>,
    request: &PendingRequest,
    adds: bool,
    transaction: &mut Transaction,
) -> Result<Attempt<Outcomes>, Refusal> {
    let by = Identity { producer_id: request.producer_id, epoch: request.producer_epoch };
    let shard = service.transactions.shard_of(id);
    let group_shard = &service.groups.shards()[service.groups.shard_of(&request.group)];
    let (mut coordinator, mut locked);
    if shard.id() < group_shard.id() {
        coordinator = shard.lock()?;
        locked = group_shard.lock()?;
    } else {
        locked = group_shard.lock()?;
        coordinator = shard.lock()?;
    }
    let state = coordinator.state();
    let added = if adds {
        let groups = std::slice::from_ref(&request.group);
        decide::add(state, id, by, &[], groups, now_ms(service))?
    } else {
        let what = format!("group {:?}", request.group);
        decide::check_member(state, id, by, &what, |entry| entry.groups.contains(&request.group))?;
        None
    };
    transaction.reserve(pending_space(request) + added.as_ref().map_or(0, space_of))?;
    transaction.set_time(service.runtime.tick());
    let pushed = service.groups.push_pending(&mut locked, transaction, request);
    let outcomes = pushed.map_err(Error::from)?;
    if transaction.is_empty() {
        // No offset was good.
        return Ok(Attempt::Done(outcomes, coordinator.position()));
    }
    if let Some(added) = &added {
        coordinator.push(transaction, CLASS, added)?;
    }
    let position = transaction.append()?;
    if added.is_some() {
        coordinator.appended(position);
    }
    appended(&mut locked, std::slice::from_ref(&request.group), position);
    Ok(Attempt::Done(outcomes, position))
}
