//! Heartbeat and `LeaveGroup`.

use std::sync::Arc;

use super::{Group, Phase, find};
use crate::groups::decide::{Context, Outcome};
use crate::groups::error::{Error, say};
use crate::groups::state::State;
use crate::groups::{HeartbeatRequest, LeavingMember, check_group_id};

/// Decides about a Heartbeat. Logs nothing. Errors: `RebalanceInProgress` calls the member to join again.
pub(crate) fn heartbeat(
    state: &mut State,
    cx: Context<'_>,
    out: &mut Outcome,
    request: &HeartbeatRequest,
) -> Result<(), Error> {
    check_group_id(&request.group)?;
    let unknown = || say::unknown_member(&request.group, &request.member_id);
    let group = find(state, &request.group, cx.now).map_err(|_| unknown())?.ok_or_else(unknown)?;
    group.check_member(&request.member_id, request.instance_id.as_deref())?;
    group.check_generation(request.generation)?;
    match group.phase {
        Phase::Empty => Err(unknown()),
        Phase::CompletingRebalance | Phase::Stable => {
            group.touch(&request.member_id, cx, out);
            Ok(())
        }
        Phase::PreparingRebalance => {
            group.touch(&request.member_id, cx, out);
            Err(say::rebalancing(&request.group))
        }
    }
}

/// Decides about a `LeaveGroup`: one outcome for each member, in their order. One rebalance follows, however many leave.
pub(crate) fn leave(
    state: &mut State,
    cx: Context<'_>,
    out: &mut Outcome,
    group_id: &str,
    members: &[LeavingMember],
) -> Result<Vec<Result<(), Error>>, Error> {
    check_group_id(group_id)?;
    let nobody = || say::unknown_member(group_id, members.first().map_or("", |member| &*member.member_id));
    let group = find(state, group_id, cx.now).map_err(|_| nobody())?.ok_or_else(nobody)?;
    let (before, pending) = (group.members.len(), group.pending.len());
    let outcomes = members.iter().map(|member| group.leave_one(out, member)).collect();
    if group.members.len() < before {
        group.after_removal(cx, out);
    } else if group.pending.len() < pending {
        group.complete_if_all_joined(cx, out);
    }
    Ok(outcomes)
}

impl Group {
    fn leave_one(&mut self, out: &mut Outcome, leaving: &LeavingMember) -> Result<(), Error> {
        let LeavingMember { member_id, instance_id } = leaving;
        // An operator removes a static member without knowing its id.
        let by_instance = instance_id.as_ref().filter(|_| member_id.is_empty());
        let id = if let Some(instance) = by_instance {
            let owner = self.instances.get(instance).map(Arc::clone);
            owner.ok_or_else(|| say::unknown_member(&self.id, instance))?
        } else {
            if self.pending.remove(member_id).is_some() {
                return Ok(());
            }
            self.check_member(member_id, instance_id.as_deref())?;
            Arc::clone(member_id)
        };
        self.remove(&id, out);
        Ok(())
    }
}
