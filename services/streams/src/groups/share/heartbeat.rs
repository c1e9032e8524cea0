//! `ShareGroupHeartbeat`: join, stay, leave. What a member shall have, it has at once: nothing has to be given up first.

use std::sync::Arc;

use crate::groups::classic::check_room;
use crate::groups::consumer::heartbeat::check_epoch;
use crate::groups::consumer::{EPOCH_JOIN, EPOCH_LEAVE, Heartbeat};
use crate::groups::decide::{Context, Outcome};
use crate::groups::error::{Code, Error, say};
use crate::groups::modern::{self, find, get};
use crate::groups::state::State;
use crate::groups::state::modern::{Assignment, Kind, Member, Record};

/// `ShareGroupHeartbeat`. `None`: as in the heartbeat before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeartbeatRequest {
    /// The group's id.
    pub group: Arc<str>,
    /// The member's id, which its client made up.
    pub member_id: Arc<str>,
    /// The epoch that the member is in; 0: joins, -1: leaves.
    pub member_epoch: i32,
    /// Where the member is.
    pub rack: Option<Arc<str>>,
    /// Topics by name.
    pub topics: Option<Vec<Arc<str>>>,
    /// What the client calls itself.
    pub client_id: Arc<str>,
    /// Where the client is.
    pub client_host: Arc<str>,
}

/// Decides about a heartbeat.
pub(crate) fn heartbeat(
    state: &State,
    cx: Context<'_>,
    out: &mut Outcome,
    request: &HeartbeatRequest,
) -> Result<Heartbeat, Error> {
    check(request)?;
    let (group, id) = (&request.group, &request.member_id);
    if request.member_epoch == EPOCH_LEAVE {
        return leave(state, cx, out, request);
    }
    let record = if request.member_epoch == EPOCH_JOIN {
        let record = find(state, group, Kind::Share)?;
        check_room(state, group)?;
        record
    } else {
        Some(get(state, group, Kind::Share)?)
    };
    let (before, is_new) = resolve(cx, record, request)?;
    let mut member = before.clone();
    member.client_id = Arc::clone(&request.client_id);
    member.client_host = Arc::clone(&request.client_host);
    if request.rack.is_some() {
        member.rack.clone_from(&request.rack);
    }
    if let Some(topics) = &request.topics {
        member.topics.clone_from(topics);
        member.topics.sort_unstable();
        member.topics.dedup();
    }
    let changed = is_new || member.topics != before.topics;
    let plan = modern::plan(state, cx, (group, Kind::Share), record, (id, &member), changed);
    if member.epoch != plan.target_epoch {
        member.previous_epoch = member.epoch;
        member.epoch = plan.target_epoch;
    }
    member.assigned = (*plan.target(record, id)).clone();
    modern::log(out, (group, Kind::Share), record, &plan, (id, &member));
    let tells = request.member_epoch == EPOCH_JOIN || member.assigned != before.assigned;
    let answer = Heartbeat {
        member_id: Arc::clone(id),
        member_epoch: member.epoch,
        heartbeat_interval_ms: interval_ms(cx, group),
        assignment: tells.then(|| member.assigned.clone()),
    };
    let timeout = modern::session_timeout_ms(cx, group, Kind::Share);
    modern::touch(out, cx, group, plan, (id, &member), timeout);
    Ok(answer)
}

fn interval_ms(cx: Context<'_>, group: &str) -> u64 {
    cx.topics.overrides(group).share_heartbeat_interval_ms.unwrap_or(cx.config.share_heartbeat_interval_ms)
}

fn check(request: &HeartbeatRequest) -> Result<(), Error> {
    let names = [("member id", Some(&request.member_id)), ("rack id", request.rack.as_ref())];
    modern::check_names(&request.group, &names, request.topics.as_deref())?;
    let subscribes = request.topics.as_ref().is_some_and(|topics| !topics.is_empty());
    if request.member_epoch == EPOCH_JOIN && !subscribes {
        return Err(say::invalid("SubscribedTopicNames must be given when a member joins"));
    }
    if request.member_epoch < EPOCH_LEAVE {
        return Err(say::invalid(format!("{} is no member epoch", request.member_epoch)));
    }
    Ok(())
}

/// The member as it was, and whether it is new.
fn resolve(
    cx: Context<'_>,
    record: Option<&Record>,
    request: &HeartbeatRequest,
) -> Result<(Member, bool), Error> {
    let (group, id) = (&request.group, &request.member_id);
    let joins = request.member_epoch == EPOCH_JOIN;
    if let Some(member) = record.and_then(|record| record.members.get(id)) {
        if !joins {
            check_epoch(group, id, member, request.member_epoch, Some(&Assignment::new()))?;
        }
        return Ok((member.clone(), false));
    }
    if !joins {
        return Err(say::unknown_member(group, id));
    }
    let max = cx.config.share_members_max;
    if record.is_some_and(|record| record.members.len() >= max) {
        return Err(
            Code::GroupMaxSizeReached.because(format!("group {group:?} has {max} members, as many as fit"))
        );
    }
    Ok((Member::default(), true))
}

fn leave(
    state: &State,
    cx: Context<'_>,
    out: &mut Outcome,
    request: &HeartbeatRequest,
) -> Result<Heartbeat, Error> {
    let (group, id) = (&request.group, &request.member_id);
    let record = get(state, group, Kind::Share)?;
    if !record.members.contains_key(id) {
        return Err(say::unknown_member(group, id));
    }
    modern::remove_members(state, cx, out, (group, Kind::Share), vec![Arc::clone(id)]);
    Ok(Heartbeat {
        member_id: Arc::clone(id),
        member_epoch: EPOCH_LEAVE,
        heartbeat_interval_ms: interval_ms(cx, group),
        assignment: None,
    })
}
