//! The operations on share groups (KIP-932).

use std::sync::Arc;

use tokio::sync::Notify;

use super::Coordinator;
use crate::groups::consumer::{Described, Heartbeat, describe};
use crate::groups::error::Error;
use crate::groups::share;
use crate::groups::share::{
    AcknowledgeRequest, AcquireRequest, Acquired, HeartbeatRequest, Offset, Place, Session, SessionRequest,
    acknowledge, acquire, heartbeat, locks, offsets, session,
};
use crate::groups::state::modern::Kind;
use crate::groups::topics::TopicId;

impl Coordinator {
    /// `ShareGroupHeartbeat`: joins, stays, leaves.
    ///
    /// Errors: `InvalidRequest`, `GroupIdNotFound` (also for an id that a group of another kind has), `UnknownMemberId`, `FencedMemberEpoch`,
    /// `GroupMaxSizeReached`, `PolicyViolation`, `CoordinatorNotAvailable`.
    pub async fn share_heartbeat(&self, request: &HeartbeatRequest) -> Result<Heartbeat, Error> {
        self.run(&request.group, |_| 0, |state, cx, out| heartbeat::heartbeat(state, cx, out, request))
            .await?
    }

    /// `ShareGroupDescribe`, of one group. Errors: `InvalidGroupId`, `GroupIdNotFound`, `CoordinatorNotAvailable`.
    pub async fn describe_share_group(&self, group: &Arc<str>) -> Result<Described, Error> {
        let index = self.shard_of(group);
        self.read(index, Some(group), |state, _| describe::describe(state, group, Kind::Share)).await?
    }

    /// The session part of `ShareFetch` and `ShareAcknowledge`. Where the session is closed, the caller takes the request's acknowledgements
    /// and then calls [`Coordinator::release_share_member`].
    ///
    /// Errors: `GroupIdNotFound`, `ShareSessionNotFound`, `InvalidShareSessionEpoch`, `ShareSessionLimitReached`, `InvalidRequest`,
    /// `CoordinatorNotAvailable`.
    pub async fn share_session(&self, request: &SessionRequest) -> Result<Session, Error> {
        self.run(&request.group, |_| 0, |state, cx, out| session::session(state, cx, out, request)).await?
    }

    /// Where the next acquisition should read from, if anything may be acquired. `log`: the first offset of the partition, and the one after
    /// the last that may be read. The first call for a partition fixes where the group begins, durably.
    ///
    /// Errors: `GroupIdNotFound`, `UnknownTopicOrPartition`, `PolicyViolation`, `CoordinatorNotAvailable`.
    pub async fn share_position(
        &self,
        group: &Arc<str>,
        place: Place,
        log: (i64, i64),
    ) -> Result<Option<i64>, Error> {
        self.run(group, |_| 0, |state, cx, out| acquire::position(state, cx, out, group, place, log)).await?
    }

    /// Acquires records for a member: rising ranges. Whatever another member has acquired meanwhile is not among them. That records
    /// are acquired is not durable; see [`crate::groups::share`]. Errors: `GroupIdNotFound`, `InvalidRequest`, `CoordinatorNotAvailable`.
    pub async fn acquire(&self, request: &AcquireRequest) -> Result<Vec<Acquired>, Error> {
        self.run(&request.group, |_| 0, |state, cx, out| acquire::acquire(state, cx, out, request)).await?
    }

    /// Acknowledges records of one partition, all or none. Returns when that is durable.
    /// Errors: `GroupIdNotFound`, `UnknownTopicOrPartition`, `InvalidRequest`, `InvalidRecordState`, `CoordinatorNotAvailable`.
    pub async fn acknowledge(&self, request: &AcknowledgeRequest) -> Result<(), Error> {
        self.run(&request.group, |_| 0, |state, cx, out| acknowledge::acknowledge(state, cx, out, request))
            .await?
    }

    /// Ends a member's session, if it has one, and gives back what it holds: after its last request, or when its connection is gone.
    /// Errors: `CoordinatorNotAvailable`; then its locks run out by themselves.
    pub async fn release_share_member(&self, group: &Arc<str>, member_id: &Arc<str>) -> Result<(), Error> {
        self.run(
            group,
            |_| 0,
            |state, cx, out| {
                session::forget(out, group, member_id);
                locks::release_member(state, cx, out, group, member_id);
            },
        )
        .await
    }

    /// Wakes `watcher` once, when records of the group may be free that were not. Asking twice is the same as once. A group whose shard has
    /// stopped wakes nobody.
    pub fn watch_shares(&self, group: &Arc<str>, watcher: &Arc<Notify>) {
        if let Ok(mut locked) = self.shards[self.shard_of(group)].lock() {
            share::live_mut(locked.state_mut(), group).watchers.add(watcher);
        }
    }

    /// Forgets `watcher`.
    pub fn unwatch_shares(&self, group: &Arc<str>, watcher: &Arc<Notify>) {
        if let Ok(mut locked) = self.shards[self.shard_of(group)].lock()
            && let Some(live) = locked.state_mut().live.groups.get_mut(group)
            && let Some(share) = &mut live.share
        {
            share.watchers.remove(watcher);
        }
    }

    /// `DescribeShareGroupOffsets`, of one group; `None`: all partitions that it reads. Errors: `InvalidGroupId`, `GroupIdNotFound`,
    /// `CoordinatorNotAvailable`.
    pub async fn describe_share_offsets(
        &self,
        group: &Arc<str>,
        places: Option<&[Place]>,
    ) -> Result<Vec<Offset>, Error> {
        let index = self.shard_of(group);
        self.read(index, Some(group), |state, _| offsets::describe(state, group, places)).await?
    }

    /// `AlterShareGroupOffsets`: one outcome for each, in their order (`UnknownTopicOrPartition`, `InvalidRequest`).
    /// Errors: `InvalidGroupId`, `GroupIdNotFound`, `NonEmptyGroup`, `CoordinatorNotAvailable`.
    pub async fn alter_share_offsets(
        &self,
        group: &Arc<str>,
        starts: &[(Place, i64)],
    ) -> Result<Vec<Result<(), Error>>, Error> {
        self.run(group, |_| 0, |state, cx, out| offsets::alter(state, cx, out, group, starts)).await?
    }

    /// `DeleteShareGroupOffsets`: one outcome for each topic, in their order (`UnknownTopicOrPartition`).
    /// Errors: `InvalidGroupId`, `GroupIdNotFound`, `NonEmptyGroup`, `CoordinatorNotAvailable`.
    pub async fn delete_share_offsets(
        &self,
        group: &Arc<str>,
        topics: &[TopicId],
    ) -> Result<Vec<Result<(), Error>>, Error> {
        self.run(group, |_| 0, |state, cx, out| offsets::delete(state, cx, out, group, topics)).await?
    }
}
