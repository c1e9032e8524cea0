//! The operations on classic groups.

use super::Coordinator;
use crate::groups::classic::{join, leave, sync};
use crate::groups::decide::{Reply, SPACE_SMALL};
use crate::groups::error::Error;
use crate::groups::{HeartbeatRequest, JoinRefused, JoinRequest, Joined, LeavingMember, SyncRequest, Synced};

impl Coordinator {
    /// `JoinGroup`. Returns when the member has a place in a generation, which may take as long as the rebalance timeout.
    ///
    /// Errors: `InvalidGroupId`, `InvalidSessionTimeout`, `InvalidRequest`, `UnknownMemberId`, `FencedInstanceId`, `MemberIdRequired` (with the
    /// id to come again with), `InconsistentGroupProtocol`, `GroupMaxSizeReached`, `RebalanceInProgress`, `PolicyViolation`,
    /// `CoordinatorNotAvailable`. Dropping the future leaves the member in the group until its session ends, as a lost connection does.
    pub async fn join_group(&self, request: &JoinRequest) -> Result<Joined, JoinRefused> {
        let refuse = |error| JoinRefused::new(&request.member_id, error);
        let index = self.shard_of(&request.group);
        let mut waiter = self.waiter(index);
        let prefix = request.instance_id.as_ref().unwrap_or(&request.client_id);
        let who = (waiter.token, self.new_member_id(prefix));
        self.run(
            &request.group,
            |state| SPACE_SMALL + join::space(state, request),
            |state, cx, out| join::join(state, cx, out, request, who.clone()),
        )
        .await
        .map_err(refuse)?;
        let (reply, position) = waiter.answer().await.map_err(refuse)?;
        self.reached(position).await.map_err(refuse)?;
        match reply {
            Reply::Join(reply) => reply,
            Reply::Sync(_) => unreachable!("who joins is answered about joining"),
        }
    }

    /// `SyncGroup`. Returns when the leader has assigned and that is durable.
    ///
    /// Errors: `InvalidGroupId`, `UnknownMemberId`, `FencedInstanceId`, `IllegalGeneration`, `InconsistentGroupProtocol`,
    /// `RebalanceInProgress`, `InvalidRequest`, `CoordinatorNotAvailable`.
    pub async fn sync_group(&self, request: &SyncRequest) -> Result<Synced, Error> {
        let index = self.shard_of(&request.group);
        let mut waiter = self.waiter(index);
        let token = waiter.token;
        self.run(
            &request.group,
            |state| SPACE_SMALL + sync::space(state, request),
            |state, cx, out| sync::sync(state, cx, out, request, token),
        )
        .await?;
        let (reply, position) = waiter.answer().await?;
        self.reached(position).await?;
        match reply {
            Reply::Sync(reply) => reply,
            Reply::Join(_) => unreachable!("who asks for an assignment is answered about it"),
        }
    }

    /// Heartbeat. Errors: `InvalidGroupId`, `UnknownMemberId`, `FencedInstanceId`, `IllegalGeneration`, `RebalanceInProgress`,
    /// `CoordinatorNotAvailable`.
    pub async fn heartbeat(&self, request: &HeartbeatRequest) -> Result<(), Error> {
        self.run(&request.group, |_| 0, |state, cx, out| leave::heartbeat(state, cx, out, request)).await?
    }

    /// `LeaveGroup`: one outcome for each member, in their order (`UnknownMemberId`, `FencedInstanceId`).
    /// Errors: `InvalidGroupId`, `UnknownMemberId` (no such group), `CoordinatorNotAvailable`.
    pub async fn leave_group(
        &self,
        group: &str,
        members: &[LeavingMember],
    ) -> Result<Vec<Result<(), Error>>, Error> {
        self.run(group, |_| SPACE_SMALL, |state, cx, out| leave::leave(state, cx, out, group, members))
            .await?
    }
}
