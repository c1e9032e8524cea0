//! `SyncGroup`: the leader hands in the assignments, and everybody gets its own.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use super::{Group, Phase, find};
use crate::groups::decide::{Context, Outcome, Token};
use crate::groups::error::{Code, Error, say};
use crate::groups::limits::CLASSIC_GROUP_BYTES_MAX;
use crate::groups::state::State;
use crate::groups::{SyncRequest, Synced, check_group_id};

/// Decides about a `SyncGroup`. Answers at once, or when the leader has assigned.
pub(crate) fn sync(
    state: &mut State,
    cx: Context<'_>,
    out: &mut Outcome,
    request: &SyncRequest,
    token: Token,
) {
    if let Err(error) = try_sync(state, cx, out, request, token) {
        out.sync(token, Err(error));
    }
}

fn try_sync(
    state: &mut State,
    cx: Context<'_>,
    out: &mut Outcome,
    request: &SyncRequest,
    token: Token,
) -> Result<(), Error> {
    check_group_id(&request.group)?;
    let unknown = || say::unknown_member(&request.group, &request.member_id);
    let group = find(state, &request.group, cx.now).map_err(|_| unknown())?.ok_or_else(unknown)?;
    group.check_member(&request.member_id, request.instance_id.as_deref())?;
    group.check_generation(request.generation)?;
    let differs = |given: &Option<Arc<str>>, is: &Option<Arc<str>>| given.is_some() && given != is;
    if differs(&request.protocol_type, &group.protocol_type)
        || differs(&request.protocol_name, &group.protocol_name)
    {
        return Err(Code::InconsistentGroupProtocol.because(format!(
            "group {:?} has agreed on protocol {:?} of type {:?}",
            request.group,
            group.protocol_name.as_deref().unwrap_or_default(),
            group.protocol_type.as_deref().unwrap_or_default()
        )));
    }
    match group.phase {
        Phase::Empty => Err(unknown()),
        Phase::PreparingRebalance => Err(say::rebalancing(&request.group)),
        Phase::CompletingRebalance => group.sync_completing(cx, out, request, token),
        Phase::Stable => {
            group.note_synced(&request.member_id, None, out);
            group.touch(&request.member_id, cx, out);
            let reply = group.synced(&request.member_id);
            out.sync(token, Ok(reply));
            Ok(())
        }
    }
}

impl Group {
    fn sync_completing(
        &mut self,
        cx: Context<'_>,
        out: &mut Outcome,
        request: &SyncRequest,
        token: Token,
    ) -> Result<(), Error> {
        let leads = self.leader.as_ref() == Some(&request.member_id);
        if leads && self.bytes + request.bytes() > CLASSIC_GROUP_BYTES_MAX {
            return Err(say::invalid(format!(
                "assignments of {} bytes are too large for group {:?}",
                request.bytes(),
                request.group
            )));
        }
        self.note_synced(&request.member_id, Some(token), out);
        if !leads {
            return Ok(());
        }
        let given: HashMap<&str, &Bytes> =
            request.assignments.iter().map(|(id, assignment)| (&**id, assignment)).collect();
        let mut waiting = Vec::new();
        for (id, member) in &mut self.members {
            member.assignment = given.get(&**id).map(|bytes| (*bytes).clone()).unwrap_or_default();
            if let Some(token) = member.sync.take() {
                member.deadline_ms = cx.now.monotonic_ms.saturating_add(member.session_timeout_ms);
                out.wake(member.deadline_ms);
                waiting.push((Arc::clone(id), token));
            }
        }
        self.bytes = self.members.iter().map(|(id, member)| id.len() + member.bytes()).sum();
        self.phase = Phase::Stable;
        self.since_ms = cx.now.wall_ms;
        self.settle(out);
        for (id, token) in waiting {
            let reply = self.synced(&id);
            out.sync(token, Ok(reply));
        }
        Ok(())
    }

    /// The member has asked for its assignment. An earlier question of it is answered now: its asker has given up.
    fn note_synced(&mut self, id: &str, token: Option<Token>, out: &mut Outcome) {
        let Some(member) = self.members.get_mut(id) else { return };
        member.synced = true;
        if let Some(earlier) = std::mem::replace(&mut member.sync, token) {
            out.sync(earlier, Err(say::rebalancing(&self.id)));
        }
        if self.sync_deadline_ms.is_some()
            && self.phase == Phase::Stable
            && self.members.values().all(|member| member.synced)
        {
            self.sync_deadline_ms = None;
        }
    }

    fn synced(&self, id: &str) -> Synced {
        Synced {
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            assignment: self.members.get(id).map(|member| member.assignment.clone()).unwrap_or_default(),
        }
    }
}

/// Journal space for what a `SyncGroup` logs at most: the whole group where it comes from the leader.
pub(crate) fn space(state: &State, request: &SyncRequest) -> usize {
    let group = state.live.classic(&request.group);
    let leads = |group: &&Group| {
        group.phase == Phase::CompletingRebalance && group.leader.as_ref() == Some(&request.member_id)
    };
    group.filter(leads).map_or(0, |group| group.space() + request.bytes())
}
