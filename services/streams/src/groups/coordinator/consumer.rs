//! The operations on consumer groups (KIP-848).

use std::sync::Arc;

use super::Coordinator;
use crate::groups::consumer::{Described, EPOCH_JOIN, Heartbeat, HeartbeatRequest, describe, heartbeat};
use crate::groups::error::Error;
use crate::groups::state::modern::Kind;

impl Coordinator {
    /// `ConsumerGroupHeartbeat`: joins, stays, leaves.
    ///
    /// Errors: `InvalidRequest`, `GroupIdNotFound` (also for an id that a classic group with members or a share group has),
    /// `UnknownMemberId`, `FencedMemberEpoch`, `FencedInstanceId`, `UnreleasedInstanceId`, `UnsupportedAssignor`, `GroupMaxSizeReached`,
    /// `InvalidRegularExpression`, `PolicyViolation`, `CoordinatorNotAvailable`.
    pub async fn consumer_heartbeat(&self, request: &HeartbeatRequest) -> Result<Heartbeat, Error> {
        let named;
        let request = if request.member_id.is_empty() && request.member_epoch == EPOCH_JOIN {
            let member_id = self.new_member_id("member");
            named = HeartbeatRequest { member_id, ..request.clone() };
            &named
        } else {
            request
        };
        self.run(&request.group, |_| 0, |state, cx, out| heartbeat::heartbeat(state, cx, out, request))
            .await?
    }

    /// `ConsumerGroupDescribe`, of one group. Errors: `InvalidGroupId`, `GroupIdNotFound`, `CoordinatorNotAvailable`.
    pub async fn describe_consumer_group(&self, group: &Arc<str>) -> Result<Described, Error> {
        let index = self.shard_of(group);
        self.read(index, Some(group), |state, _| describe::describe(state, group, Kind::Consumer)).await?
    }
}
