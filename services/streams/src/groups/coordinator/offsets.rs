//! The operations on committed offsets.

use std::sync::Arc;

use bole_shard::{Locked, Transaction};

use super::Coordinator;
use crate::groups::decide::Outcome;
use crate::groups::error::Error;
use crate::groups::offsets::transactional::{PendingRequest, decide_pending};
use crate::groups::offsets::{CommitRequest, FetchRequest, Fetched, commit, fetch, removal};
use crate::groups::state::State;

impl Coordinator {
    /// `OffsetCommit`: one outcome for each offset, in their order (`OffsetMetadataTooLarge`, `UnknownTopicOrPartition`,
    /// `InvalidCommitOffsetSize`). Returns when the offsets are durable.
    ///
    /// Errors: `InvalidGroupId`, `UnknownMemberId`, `FencedInstanceId`, `IllegalGeneration`, `RebalanceInProgress`, `StaleMemberEpoch` (versions
    /// below 9: `UnsupportedVersion`), `GroupIdNotFound` (versions below 9: `IllegalGeneration`), `PolicyViolation`, `CoordinatorNotAvailable`.
    pub async fn commit_offsets(&self, request: &CommitRequest) -> Result<Vec<Result<(), Error>>, Error> {
        self.run(&request.group, |_| 0, |state, cx, out| commit::commit(state, cx, out, request)).await?
    }

    /// `OffsetFetch` of one group. Errors: `InvalidGroupId`, `UnknownMemberId`, `StaleMemberEpoch`, `GroupIdNotFound` (a share group),
    /// `CoordinatorNotAvailable`; for single partitions `UnstableOffsetCommit`.
    pub async fn fetch_offsets(&self, request: &FetchRequest) -> Result<Vec<Fetched>, Error> {
        let index = self.shard_of(&request.group);
        self.read(index, Some(&request.group), |state, _| fetch::fetch(state, request)).await?
    }

    /// `OffsetDelete`: one outcome for each place, in their order (`GroupSubscribedToTopic`, `UnknownTopicOrPartition`).
    /// Errors: `InvalidGroupId`, `GroupIdNotFound`, `NonEmptyGroup`, `CoordinatorNotAvailable`.
    pub async fn delete_offsets(
        &self,
        group: &Arc<str>,
        places: &[(Arc<str>, i32)],
    ) -> Result<Vec<Result<(), Error>>, Error> {
        self.run(group, |_| 0, |state, cx, out| removal::delete(state, cx, out, group, places)).await?
    }

    /// Forgets the offsets of deleted topics in all groups, and what share groups know of them. Errors: `CoordinatorNotAvailable`; calling it again goes on.
    pub async fn forget_topics(&self, topics: &[super::super::Topic]) -> Result<(), Error> {
        for index in 0..self.shards.len() {
            let mut cursor = Some(0);
            while let Some(at) = cursor {
                let (groups, next) = self.read(index, None, |state, _| state.some_groups(at, 1)).await?;
                for group in &groups {
                    self.run(group, |_| 0, |state, _, out| removal::forget_topics(state, out, group, topics))
                        .await?;
                }
                cursor = next;
            }
        }
        Ok(())
    }

    /// `TxnOffsetCommit`: as [`Coordinator::commit_offsets`], but the offsets stay pending until the transaction ends. Also
    /// `InvalidProducerEpoch`.
    pub async fn add_pending_offsets(
        &self,
        request: &PendingRequest,
    ) -> Result<Vec<Result<(), Error>>, Error> {
        self.run(&request.group, |_| 0, |state, cx, out| decide_pending(state, cx, out, request)).await?
    }

    /// As [`Coordinator::add_pending_offsets`], as a part of a batch of others: the shard of the group is locked, and space for
    /// [`crate::groups::offsets::transactional::pending_space`] is reserved. Afterwards
    /// [`crate::groups::offsets::transactional::appended`] is told. Errors: as there; nothing was pushed then.
    pub fn push_pending(
        &self,
        locked: &mut Locked<'_, State>,
        transaction: &mut Transaction,
        request: &PendingRequest,
    ) -> Result<Vec<Result<(), Error>>, Error> {
        let mut out = Outcome::default();
        let outcomes = decide_pending(locked.state_mut(), self.context(), &mut out, request)?;
        for effect in &out.effects {
            locked.push(transaction, self.class, effect)?;
        }
        Ok(outcomes)
    }
}
