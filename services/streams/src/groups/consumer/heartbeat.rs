//! `ConsumerGroupHeartbeat`: join, stay, leave.

use std::sync::Arc;

use super::reconcile::{Step, contains};
use super::{EPOCH_JOIN, EPOCH_LEAVE, EPOCH_LEAVE_STATIC, Heartbeat, HeartbeatRequest};
use crate::groups::classic::check_room;
use crate::groups::decide::{Context, Outcome};
use crate::groups::error::{Code, Error, say};
use crate::groups::modern::assign::Assignor;
use crate::groups::modern::subscription::compile;
use crate::groups::modern::{self, find, get};
use crate::groups::state::modern::{Assignment, Kind, Member, Reconciliation, Record};
use crate::groups::state::{Effect, State};

/// Decides about a heartbeat.
pub(crate) fn heartbeat(
    state: &State,
    cx: Context<'_>,
    out: &mut Outcome,
    request: &HeartbeatRequest,
) -> Result<Heartbeat, Error> {
    check(request)?;
    if request.member_epoch < EPOCH_JOIN {
        return leave(state, cx, out, request);
    }
    let joins = request.member_epoch == EPOCH_JOIN;
    let record = if joins {
        let record = find(state, &request.group, Kind::Consumer)?;
        check_room(state, &request.group)?;
        record
    } else {
        Some(get(state, &request.group, Kind::Consumer)?)
    };
    check_size(cx, record, request)?;
    let (before, replaced) = resolve(record, request)?;
    let member = updated(&before, request);
    let is_new =
        record.is_none_or(|record| !record.members.contains_key(&request.member_id)) && replaced.is_none();
    let changed = is_new || subscribes_anew(&before, &member);
    if let Some(old) = &replaced {
        replace(out, record, request, old, &member);
    }
    Ok(settle(state, cx, out, request, Settling { record, before, member, changed, replaced }))
}

/// A heartbeat that was found to be in order.
struct Settling<'a> {
    record: Option<&'a Record>,
    before: Member,
    member: Member,
    changed: bool,
    /// The id that a static member had before.
    replaced: Option<Arc<str>>,
}

/// Brings the group up to date, and the member one step closer to what it shall have.
fn settle(
    state: &State,
    cx: Context<'_>,
    out: &mut Outcome,
    request: &HeartbeatRequest,
    settling: Settling<'_>,
) -> Heartbeat {
    let Settling { record, before, member, changed, replaced } = settling;
    let (group, id) = (&request.group, &request.member_id);
    // A static member under a new id stands in the place of the old one before anything is worked out.
    let replacement =
        replaced.as_ref().and_then(|old| record.map(|record| renamed(record, old, id, &member)));
    let record = replacement.as_ref().or(record);
    let plan = modern::plan(state, cx, (group, Kind::Consumer), record, (id, &member), changed);
    let target = plan.target(record, id);
    let owned = request.owned.as_ref();
    let step = Step { record, id, target_epoch: plan.target_epoch, target: &target, owned };
    let next = step.take(&member);
    let full = request.member_epoch == EPOCH_JOIN
        || (request.rebalance_timeout_ms.is_some()
            && (request.topics.is_some() || request.pattern.is_some())
            && owned.is_some());
    let tells = full || next.assigned != before.assigned;
    modern::log(out, (group, Kind::Consumer), record, &plan, (id, &next));
    let answer = Heartbeat {
        member_id: Arc::clone(id),
        member_epoch: next.epoch,
        heartbeat_interval_ms: interval_ms(cx, group),
        assignment: tells.then(|| next.assigned.clone()),
    };
    let timeout = modern::session_timeout_ms(cx, group, Kind::Consumer);
    modern::touch(out, cx, group, plan, (id, &next), timeout);
    answer
}

fn interval_ms(cx: Context<'_>, group: &str) -> u64 {
    let overrides = cx.topics.overrides(group);
    overrides.consumer_heartbeat_interval_ms.unwrap_or(cx.config.consumer_heartbeat_interval_ms)
}

fn check(request: &HeartbeatRequest) -> Result<(), Error> {
    let pattern = request.pattern.as_ref().filter(|pattern| !pattern.is_empty());
    let names = [
        ("member id", Some(&request.member_id)),
        ("instance id", request.instance_id.as_ref()),
        ("rack id", request.rack.as_ref()),
        ("pattern", pattern),
        ("assignor", request.assignor.as_ref()),
    ];
    modern::check_names(&request.group, &names, request.topics.as_deref())?;
    match request.member_epoch {
        EPOCH_JOIN => {
            if request.rebalance_timeout_ms.is_none() {
                return Err(say::invalid("RebalanceTimeoutMs must be given when a member joins"));
            }
            if request.owned.as_ref().is_none_or(|owned| !owned.is_empty()) {
                return Err(say::invalid("TopicPartitions must be empty when a member joins"));
            }
            if request.topics.is_none() && request.pattern.is_none() {
                return Err(say::invalid(
                    "SubscribedTopicNames or SubscribedTopicRegex must be given when a member joins",
                ));
            }
        }
        EPOCH_LEAVE_STATIC if request.instance_id.is_none() => {
            return Err(say::invalid("InstanceId must be given when a static member leaves to come back"));
        }
        epoch if epoch < EPOCH_LEAVE_STATIC => {
            return Err(say::invalid(format!("{epoch} is no member epoch")));
        }
        _ => {}
    }
    if let Some(assignor) = &request.assignor
        && Assignor::by_name(assignor).is_none()
    {
        return Err(Code::UnsupportedAssignor
            .because(format!("there is no assignor {assignor:?}; there are uniform and range")));
    }
    pattern.map_or(Ok(()), |pattern| compile(pattern).map(drop))
}

fn check_size(cx: Context<'_>, record: Option<&Record>, request: &HeartbeatRequest) -> Result<(), Error> {
    let max = cx.config.consumer_members_max;
    let is_full = record.is_some_and(|record| {
        record.members.len() >= max && !record.members.contains_key(&request.member_id)
    });
    let returns = request
        .instance_id
        .as_ref()
        .is_some_and(|instance| record.is_some_and(|record| record.by_instance(instance).is_some()));
    if is_full && !returns {
        return Err(Code::GroupMaxSizeReached
            .because(format!("group {:?} has {max} members, as many as fit", request.group)));
    }
    Ok(())
}

/// The member as it was, and the id that it had if it is a static member that comes back under another.
fn resolve(record: Option<&Record>, request: &HeartbeatRequest) -> Result<(Member, Option<Arc<str>>), Error> {
    let (group, id) = (&request.group, &request.member_id);
    let joins = request.member_epoch == EPOCH_JOIN;
    let Some(instance) = &request.instance_id else {
        let known = record.and_then(|record| record.members.get(id));
        return match known {
            Some(member) if joins => Ok((member.clone(), None)),
            Some(member) => {
                check_epoch(group, id, member, request.member_epoch, request.owned.as_ref())?;
                Ok((member.clone(), None))
            }
            None if joins => Ok((Member::default(), None)),
            None => Err(say::unknown_member(group, id)),
        };
    };
    let owner = record.and_then(|record| record.by_instance(instance));
    let known = owner.and_then(|owner| record.and_then(|record| record.members.get(owner)));
    let (Some(owner), Some(member)) = (owner, known) else {
        return if joins { Ok((Member::default(), None)) } else { Err(say::unknown_member(group, id)) };
    };
    if !joins {
        if owner != id {
            return Err(say::fenced_instance(group, instance, id));
        }
        check_epoch(group, id, member, request.member_epoch, request.owned.as_ref())?;
        return Ok((member.clone(), None));
    }
    if member.epoch != EPOCH_LEAVE_STATIC {
        return Err(Code::UnreleasedInstanceId.because(format!(
            "instance {instance:?} of group {group:?} is in use by member {owner:?}, which has not left"
        )));
    }
    let back = Member { epoch: EPOCH_JOIN, previous_epoch: EPOCH_JOIN, ..member.clone() };
    Ok((back, Some(Arc::clone(owner)).filter(|owner| owner != id)))
}

/// A member may be one epoch behind, if it has no partition that it was not given: then our last answer was lost.
pub(crate) fn check_epoch(
    group: &str,
    id: &str,
    member: &Member,
    epoch: i32,
    owned: Option<&Assignment>,
) -> Result<(), Error> {
    let is_subset = owned.is_some_and(|owned| {
        owned.iter().all(|(topic, partitions)| {
            partitions.iter().all(|partition| contains(&member.assigned, *topic, *partition))
        })
    });
    if epoch == member.epoch || (epoch < member.epoch && epoch == member.previous_epoch && is_subset) {
        return Ok(());
    }
    Err(Code::FencedMemberEpoch.because(format!(
        "member {id:?} of group {group:?} is in epoch {}, not {epoch}; give all partitions up and join again",
        member.epoch
    )))
}

/// The member with what the heartbeat says of it.
fn updated(before: &Member, request: &HeartbeatRequest) -> Member {
    let mut member = before.clone();
    member.client_id = Arc::clone(&request.client_id);
    member.client_host = Arc::clone(&request.client_host);
    if request.instance_id.is_some() {
        member.instance_id.clone_from(&request.instance_id);
    }
    if request.rack.is_some() {
        member.rack.clone_from(&request.rack);
    }
    if let Some(timeout) = request.rebalance_timeout_ms {
        member.rebalance_timeout_ms = timeout;
    }
    if let Some(topics) = &request.topics {
        member.topics.clone_from(topics);
        member.topics.sort_unstable();
        member.topics.dedup();
    }
    if let Some(pattern) = &request.pattern {
        member.pattern = Some(Arc::clone(pattern)).filter(|pattern| !pattern.is_empty());
    }
    if request.assignor.is_some() {
        member.assignor.clone_from(&request.assignor);
    }
    member
}

fn subscribes_anew(before: &Member, after: &Member) -> bool {
    before.topics != after.topics || before.pattern != after.pattern || before.assignor != after.assignor
}

/// Logs that a static member takes the place of its former self.
fn replace(
    out: &mut Outcome,
    record: Option<&Record>,
    request: &HeartbeatRequest,
    old: &Arc<str>,
    member: &Member,
) {
    let (group, id) = (&request.group, &request.member_id);
    let Some(record) = record else { return };
    out.log(Effect::MemberRemoved { group: Arc::clone(group), member_id: Arc::clone(old) });
    out.log(Effect::MemberSet {
        group: Arc::clone(group),
        member_id: Arc::clone(id),
        member: Box::new(member.clone()),
    });
    let target = record.targets.get(old).cloned().unwrap_or_default();
    out.log(Effect::TargetsSet {
        group: Arc::clone(group),
        epoch: record.target_epoch,
        targets: vec![(Arc::clone(id), target)],
    });
    let (group, old) = (Arc::clone(group), Arc::clone(old));
    out.after(move |state| modern::forget_member(state, &group, &old));
}

/// The group as it is when these effects are applied.
fn renamed(record: &Record, old: &Arc<str>, id: &Arc<str>, member: &Member) -> Record {
    let mut record = record.clone();
    let target = record.targets.get(old).cloned().unwrap_or_default();
    record.remove_member(old);
    record.set_member(id, member);
    record.targets.insert(Arc::clone(id), target);
    record
}

fn leave(
    state: &State,
    cx: Context<'_>,
    out: &mut Outcome,
    request: &HeartbeatRequest,
) -> Result<Heartbeat, Error> {
    let (group, id) = (&request.group, &request.member_id);
    let record = get(state, group, Kind::Consumer)?;
    let id = match &request.instance_id {
        None => id,
        Some(instance) => match record.by_instance(instance) {
            None => return Err(say::unknown_member(group, id)),
            Some(owner) if owner != id => return Err(say::fenced_instance(group, instance, id)),
            Some(owner) => owner,
        },
    };
    let member = record.members.get(id).ok_or_else(|| say::unknown_member(group, id))?;
    if request.member_epoch == EPOCH_LEAVE {
        modern::remove_members(state, cx, out, (group, Kind::Consumer), vec![Arc::clone(id)]);
    } else {
        // It gives up what it was told to; what it may read stays its own until its session ends.
        let away = Member {
            epoch: EPOCH_LEAVE_STATIC,
            reconciliation: Reconciliation::Stable,
            revoking: Assignment::new(),
            ..member.clone()
        };
        out.log(Effect::MemberSet {
            group: Arc::clone(group),
            member_id: Arc::clone(id),
            member: Box::new(away),
        });
    }
    Ok(Heartbeat {
        member_id: Arc::clone(id),
        member_epoch: request.member_epoch,
        heartbeat_interval_ms: interval_ms(cx, group),
        assignment: None,
    })
}
