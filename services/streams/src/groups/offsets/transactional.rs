//! Offsets that a transaction commits with its records. They stay pending, invisible to readers, until the transaction ends.
//!
//! Whoever ends a transaction locks the shards of its partitions and the shards of its groups, and makes one batch of all; so these functions
//! take locked shards and a transaction instead of doing it all by themselves. The order, as for every batch: lock in ascending order of log
//! id → ask each function's space → [`Transaction::reserve`] → push → append → [`Locked::appended`] and [`appended`] on each shard → release → wait for the journal.

use std::sync::Arc;

use bole_base::{Durability, Position};
use bole_shard::{Locked, Transaction};

use super::commit::{accept, committed, space};
use super::{Committer, ToCommit, check_committer};
use crate::groups::check_group_id;
use crate::groups::classic::check_room;
use crate::groups::decide::{Context, Outcome};
use crate::groups::error::{Code, Error, say};
use crate::groups::limits::{OFFSETS_PER_GROUP_MAX, PENDING_PRODUCERS_PER_GROUP_MAX};
use crate::groups::state::{Effect, State};

/// `TxnOffsetCommit` of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingRequest {
    /// The group's id.
    pub group: Arc<str>,
    /// Who commits, as far as the client said.
    pub by: Committer,
    /// The transaction's producer. That it is current is the transaction coordinator's to check.
    pub producer_id: i64,
    /// Its epoch.
    pub producer_epoch: i16,
    /// What.
    pub offsets: Vec<ToCommit>,
}

/// Journal space for what [`push_pending`] pushes.
pub fn pending_space(request: &PendingRequest) -> usize {
    space(&request.group, &request.offsets)
}

pub(crate) fn decide_pending(
    state: &mut State,
    cx: Context<'_>,
    out: &mut Outcome,
    request: &PendingRequest,
) -> Result<Vec<Result<(), Error>>, Error> {
    check_group_id(&request.group)?;
    check_committer(state, cx, out, &request.group, &request.by, true)?;
    check_room(state, &request.group)?;
    let group = state.group(&request.group);
    let pending = group.and_then(|group| group.pending.get(&request.producer_id));
    if let Some(pending) = pending
        && pending.producer_epoch > request.producer_epoch
    {
        return Err(Code::InvalidProducerEpoch.because(format!(
            "producer {} is in epoch {}, not {}",
            request.producer_id, pending.producer_epoch, request.producer_epoch
        )));
    }
    let producers = group.map_or(0, |group| group.pending.len());
    if pending.is_none() && producers >= PENDING_PRODUCERS_PER_GROUP_MAX {
        return Err(Code::PolicyViolation.because(format!(
            "{producers} transactions have offsets of group {:?} already; end some",
            request.group
        )));
    }
    let count = pending.map_or(0, |pending| pending.offsets.len()) + request.offsets.len();
    if count > OFFSETS_PER_GROUP_MAX {
        return Err(say::invalid(format!("{count} offsets in one transaction are too many")));
    }
    let (outcomes, offsets) = accept(group, cx, &request.offsets, |to_commit| committed(to_commit, cx, None));
    if !offsets.is_empty() {
        out.log(Effect::PendingAdded {
            group: Arc::clone(&request.group),
            producer_id: request.producer_id,
            producer_epoch: request.producer_epoch,
            offsets,
        });
    }
    Ok(outcomes)
}

/// Journal space for what [`push_end`] pushes on this shard.
pub fn end_space(state: &State, producer_id: i64) -> usize {
    const PER_GROUP: usize = 96;
    state.groups_of_producer(producer_id).map(|group| group.len() + PER_GROUP).sum()
}

/// Ends the producer's transaction on this shard: its pending offsets are committed, or forgotten. The groups that it changed; empty if it has
/// none here. Space for [`end_space`] has been reserved. Errors: the journal's; then the shard is quarantined as its lock goes.
pub fn push_end(
    locked: &mut Locked<'_, State>,
    transaction: &mut Transaction,
    class: Durability,
    producer_id: i64,
    commit: bool,
) -> Result<Vec<Arc<str>>, bole_shard::Error> {
    let groups: Vec<_> = locked.state().groups_of_producer(producer_id).cloned().collect();
    for group in &groups {
        let effect = Effect::PendingEnded { group: Arc::clone(group), producer_id, commit };
        locked.push(transaction, class, &effect)?;
    }
    Ok(groups)
}

/// Notes where the batch that changed `groups` ends, so that replies which show them wait for it. After [`Transaction::append`], before the
/// lock goes; it also tells the shard.
pub fn appended(locked: &mut Locked<'_, State>, groups: &[Arc<str>], position: Position) {
    locked.appended(position);
    for group in groups {
        if let Some(group) = locked.state_mut().group_mut(group) {
            group.position = position;
        }
    }
}
