//! `JoinGroup`: who may join, under which id, and when that takes a rebalance.

use std::sync::Arc;

use bytes::Bytes;

use super::{Group, Member, Phase, find, find_or_make};
use crate::groups::config::Config;
use crate::groups::decide::{Context, Outcome, Token};
use crate::groups::error::{Code, Error, say};
use crate::groups::limits::{
    CLASSIC_GROUP_BYTES_MAX, METADATA_BYTES_PER_MEMBER_MAX, NEW_MEMBER_JOIN_TIMEOUT_MS, PENDING_MEMBERS_MAX,
    PROTOCOLS_PER_MEMBER_MAX,
};
use crate::groups::live::LiveGroup;
use crate::groups::state::State;
use crate::groups::{JoinRefused, JoinRequest, Joined, JoinedMember, check_group_id, check_name};

/// One member's wish to join.
struct Joining<'a> {
    request: &'a JoinRequest,
    token: Token,
    /// Good for nobody yet.
    new_member_id: Arc<str>,
}

/// Decides about a `JoinGroup`. Answers at once, or when the joining phase ends. `new_member_id` is used if the member needs an id.
pub(crate) fn join(
    state: &mut State,
    cx: Context<'_>,
    out: &mut Outcome,
    request: &JoinRequest,
    (token, new_member_id): (Token, Arc<str>),
) {
    let joining = Joining { request, token, new_member_id };
    if let Err(refused) = try_join(state, cx, out, &joining) {
        out.join(token, Err(refused));
        forget_if_never_made(state, &request.group);
    }
}

/// A group that nobody came into leaves no trace: else refused requests would fill the shard.
fn forget_if_never_made(state: &mut State, group: &str) {
    let is_idle = state.live.groups.get(group).is_some_and(LiveGroup::is_idle);
    if is_idle && state.group(group).is_none() {
        state.live.groups.remove(group);
    }
}

fn try_join(
    state: &mut State,
    cx: Context<'_>,
    out: &mut Outcome,
    joining: &Joining<'_>,
) -> Result<(), JoinRefused> {
    let request = joining.request;
    let refuse = |error| JoinRefused::new(&request.member_id, error);
    check_request(cx.config, request).map_err(refuse)?;
    let is_new = request.member_id.is_empty();
    let group = if is_new {
        find_or_make(state, &request.group, cx.now).map_err(refuse)?
    } else {
        find(state, &request.group, cx.now)
            .map_err(refuse)?
            .ok_or_else(|| refuse(say::unknown_member(&request.group, &request.member_id)))?
    };
    if !group.accepts(cx.config, request) {
        let id = Arc::clone(&request.member_id);
        if group.members.contains_key(&id) {
            group.remove(&id, out);
            group.after_removal(cx, out);
        }
        return Err(JoinRefused::new(
            "",
            Code::GroupMaxSizeReached.because(format!(
                "group {:?} has {} members, as many as fit",
                request.group,
                group.members.len()
            )),
        ));
    }
    if !group.supports(request) {
        return Err(refuse(Code::InconsistentGroupProtocol.because(format!(
            "group {:?} speaks protocol type {:?} and has no assignment strategy in common with the new member's",
            request.group,
            group.protocol_type.as_deref().unwrap_or_default()
        ))));
    }
    if is_new { group.join_new(cx, out, joining) } else { group.join_known(cx, out, joining) }
}

fn check_request(config: &Config, request: &JoinRequest) -> Result<(), Error> {
    check_group_id(&request.group)?;
    check_name("member id", &request.member_id)?;
    check_name("instance id", request.instance_id.as_deref().unwrap_or_default())?;
    check_name("client id", &request.client_id)?;
    check_name("protocol type", &request.protocol_type)?;
    let session = config.session_timeout_min_ms..=config.session_timeout_max_ms;
    if !session.contains(&request.session_timeout_ms) {
        return Err(Code::InvalidSessionTimeout.because(format!(
            "a session timeout of {} ms is not between {} and {} ms",
            request.session_timeout_ms,
            session.start(),
            session.end()
        )));
    }
    let bytes: usize = request.protocols.iter().map(|offer| offer.name.len() + offer.metadata.len()).sum();
    if request.protocols.len() > PROTOCOLS_PER_MEMBER_MAX || bytes > METADATA_BYTES_PER_MEMBER_MAX {
        return Err(say::invalid(format!(
            "{} protocols with {bytes} bytes are too many; {PROTOCOLS_PER_MEMBER_MAX} with {METADATA_BYTES_PER_MEMBER_MAX} bytes may be offered",
            request.protocols.len()
        )));
    }
    Ok(())
}

impl Group {
    /// Whether there is room for the member.
    fn accepts(&self, config: &Config, request: &JoinRequest) -> bool {
        let known = self.members.get(&request.member_id);
        let max = config.classic_members_max;
        let fits = self.bytes + request.bytes() <= CLASSIC_GROUP_BYTES_MAX;
        let room = match self.phase {
            Phase::Empty => true,
            Phase::PreparingRebalance => {
                known.is_some_and(|member| member.join.is_some()) || self.awaiting_join < max
            }
            Phase::CompletingRebalance | Phase::Stable => known.is_some() || self.members.len() < max,
        };
        room && fits
    }

    /// Whether the member speaks what all others speak.
    fn supports(&self, request: &JoinRequest) -> bool {
        if self.members.is_empty() {
            return !request.protocol_type.is_empty() && !request.protocols.is_empty();
        }
        let everybody = |name: &str| self.votes.get(name) == Some(&self.members.len());
        self.protocol_type.as_deref() == Some(&*request.protocol_type)
            && request.protocols.iter().any(|offer| everybody(&offer.name))
    }

    fn join_new(
        &mut self,
        cx: Context<'_>,
        out: &mut Outcome,
        joining: &Joining<'_>,
    ) -> Result<(), JoinRefused> {
        let Joining { request, token, new_member_id } = joining;
        if let Some(instance) = &request.instance_id {
            if let Some(old) = self.instances.get(instance).cloned() {
                self.replace_static(cx, out, joining, &old);
                return Ok(());
            }
        } else if request.require_known_member_id {
            if self.pending.len() >= PENDING_MEMBERS_MAX {
                return Err(JoinRefused::new(
                    "",
                    Code::GroupMaxSizeReached.because(format!(
                        "{PENDING_MEMBERS_MAX} members of group {:?} have an id and have not joined",
                        self.id
                    )),
                ));
            }
            let until = cx.now.monotonic_ms.saturating_add(request.session_timeout_ms);
            self.pending.insert(Arc::clone(new_member_id), until);
            out.wake(until);
            return Err(JoinRefused::new(
                new_member_id,
                Code::MemberIdRequired.because("join again with the member id of this reply"),
            ));
        }
        self.add(cx, out, request, Arc::clone(new_member_id), *token);
        Ok(())
    }

    fn join_known(
        &mut self,
        cx: Context<'_>,
        out: &mut Outcome,
        joining: &Joining<'_>,
    ) -> Result<(), JoinRefused> {
        let Joining { request, token, .. } = joining;
        let id = &request.member_id;
        let refuse = |error| JoinRefused::new(id, error);
        if request.instance_id.is_none() && self.pending.contains_key(id) {
            self.add(cx, out, request, Arc::clone(id), *token);
            return Ok(());
        }
        self.check_member(id, request.instance_id.as_deref()).map_err(refuse)?;
        let matches = self.members.get(id).is_some_and(|member| member.protocols == request.protocols);
        let leads = self.leader.as_ref() == Some(id);
        match self.phase {
            Phase::Empty => Err(refuse(say::unknown_member(&self.id, id))),
            // The reply may have been lost. A leader that joins a group at rest wants a rebalance.
            Phase::CompletingRebalance if matches => {
                self.answer_again(out, joining);
                Ok(())
            }
            Phase::Stable if matches && !leads => {
                self.answer_again(out, joining);
                Ok(())
            }
            _ => {
                self.update(out, request, id, *token);
                self.rebalance_or_complete(cx, out);
                Ok(())
            }
        }
    }

    fn answer_again(&self, out: &mut Outcome, joining: &Joining<'_>) {
        let reply = self.joined(&joining.request.member_id);
        out.join(joining.token, Ok(reply));
    }

    /// What a member learns about the generation.
    pub(super) fn joined(&self, id: &Arc<str>) -> Joined {
        let leads = self.leader.as_ref() == Some(id);
        let announcing = self.phase == Phase::CompletingRebalance;
        Joined {
            member_id: Arc::clone(id),
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone().unwrap_or_default(),
            skip_assignment: false,
            members: if leads && announcing { self.joined_members() } else { Vec::new() },
        }
    }

    fn joined_members(&self) -> Vec<JoinedMember> {
        let protocol = self.protocol_name.as_deref().unwrap_or_default();
        let show = |(id, member): (&Arc<str>, &Member)| JoinedMember {
            member_id: Arc::clone(id),
            instance_id: member.instance_id.clone(),
            metadata: member.metadata(protocol),
        };
        self.members.iter().map(show).collect()
    }

    fn add(&mut self, cx: Context<'_>, out: &mut Outcome, request: &JoinRequest, id: Arc<str>, token: Token) {
        let deadline_ms = cx.now.monotonic_ms + NEW_MEMBER_JOIN_TIMEOUT_MS;
        let member = Member { is_new: true, deadline_ms, ..member_of(request, token) };
        if self.members.is_empty() {
            self.protocol_type = Some(Arc::clone(&request.protocol_type));
            self.leader = None;
        }
        self.insert(id, member);
        self.grew = true;
        out.wake(deadline_ms);
        self.rebalance_or_complete(cx, out);
    }

    /// Takes over what a member that joins again offers now; it waits from here on.
    fn update(&mut self, out: &mut Outcome, request: &JoinRequest, id: &Arc<str>, token: Token) {
        let Some(old) = self.take(id) else { return };
        if let Some(earlier) = old.join {
            out.join(earlier, Err(JoinRefused::new(id, say::rebalancing(&self.id))));
        }
        let member = Member {
            instance_id: old.instance_id,
            assignment: old.assignment,
            sync: old.sync,
            synced: old.synced,
            is_new: old.is_new,
            deadline_ms: old.deadline_ms,
            ..member_of(request, token)
        };
        self.insert(Arc::clone(id), member);
    }

    /// A static member came back under a new id. If that changes nothing for the others, there is no rebalance.
    fn replace_static(
        &mut self,
        cx: Context<'_>,
        out: &mut Outcome,
        joining: &Joining<'_>,
        old_id: &Arc<str>,
    ) {
        let Joining { request, token, new_member_id } = joining;
        let Some(old) = self.take(old_id) else { return };
        let fenced =
            say::fenced_instance(&self.id, request.instance_id.as_deref().unwrap_or_default(), old_id);
        if let Some(token) = old.join {
            out.join(token, Err(JoinRefused::new(old_id, fenced.clone())));
        }
        if let Some(token) = old.sync {
            out.sync(token, Err(fenced));
        }
        let old_leader = self.leader.clone().unwrap_or_default();
        let leads = self.leader.as_ref() == Some(old_id);
        let deadline_ms = cx.now.monotonic_ms.saturating_add(request.session_timeout_ms);
        let member = Member {
            assignment: old.assignment,
            synced: old.synced,
            is_new: old.is_new,
            deadline_ms,
            ..member_of(request, *token)
        };
        self.insert(Arc::clone(new_member_id), member);
        if leads {
            self.leader = Some(Arc::clone(new_member_id));
        }
        out.wake(deadline_ms);
        if self.phase != Phase::Stable || self.select_protocol() != self.protocol_name {
            self.rebalance_or_complete(cx, out);
            return;
        }
        self.stop_waiting(new_member_id);
        self.settle(out);
        let skips = request.supports_skipping_assignment;
        let reply = Joined {
            leader: if skips { self.leader.clone().unwrap_or_default() } else { old_leader },
            skip_assignment: skips && leads,
            members: if skips && leads { self.joined_members() } else { Vec::new() },
            ..self.joined(new_member_id)
        };
        out.join(*token, Ok(reply));
    }

    /// The member is answered at once instead of with the next generation.
    fn stop_waiting(&mut self, id: &str) {
        if let Some(member) = self.members.get_mut(id)
            && member.join.take().is_some()
        {
            self.awaiting_join -= 1;
        }
    }
}

fn member_of(request: &JoinRequest, token: Token) -> Member {
    Member {
        instance_id: request.instance_id.clone(),
        client_id: Arc::clone(&request.client_id),
        client_host: Arc::clone(&request.client_host),
        session_timeout_ms: request.session_timeout_ms,
        rebalance_timeout_ms: request.rebalance_timeout_ms,
        protocols: request.protocols.clone(),
        assignment: Bytes::new(),
        join: Some(token),
        sync: None,
        synced: false,
        is_new: false,
        deadline_ms: 0,
    }
}

/// Journal space for what a `JoinGroup` logs at most: the whole group only where a static member may be replaced.
pub(crate) fn space(state: &State, request: &JoinRequest) -> usize {
    let group = match &request.instance_id {
        Some(_) => state.live.classic(&request.group).map_or(0, Group::space),
        None => 0,
    };
    group + request.bytes()
}
