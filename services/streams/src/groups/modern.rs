//! What consumer groups and share groups have in common: members that say what they subscribe to, epochs, targets that the coordinator works out,
//! and sessions.
//!
//! Reading order: [`subscription`] (which topics) → [`assign`] (who gets what) → this file (epochs, removal, time).
//!
//! An epoch rises with every change of members, subscriptions or subscribed topics. Targets of an epoch are worked out with the next heartbeat
//! of any member, so that several changes in between cost one computation.

pub(crate) mod assign;
pub(crate) mod subscription;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::decide::{Context, Outcome};
use super::error::{Code, Error, say};
use super::limits::SUBSCRIBED_TOPICS_MAX;
use super::state::modern::{Assignment, Kind, Member, Reconciliation, Record};
use super::state::{Body, Effect, State};
use super::{check_group_id, check_name};
use assign::Assignor;
use subscription::{Patterns, Subscriptions};

/// Beside a consumer or share group.
#[derive(Debug, Default)]
pub(crate) struct Live {
    /// When each member's session ends: monotonic milliseconds.
    sessions: HashMap<Arc<str>, u64>,
    /// For members that were told to give partitions up: in which epoch, and until when they may take.
    revocations: HashMap<Arc<str>, (i32, u64)>,
    /// The version of the topics that the group's epoch has seen.
    seen_version: Option<u64>,
    patterns: Patterns,
}

/// Members by id, as they will be.
pub(crate) type Roster<'a> = BTreeMap<&'a Arc<str>, &'a Member>;

/// The record of a group of this kind, if it is there. A group without members makes room for one of another kind, unless it is a share group;
/// one with committed offsets does not become a share group.
/// Errors: `GroupIdNotFound`: the id is taken by a group of another kind.
pub(crate) fn find<'a>(state: &'a State, id: &str, kind: Kind) -> Result<Option<&'a Record>, Error> {
    if state.live.classic(id).is_some_and(|classic| !classic.is_idle()) {
        return Err(say::wrong_kind(id, "classic", kind.name()));
    }
    let Some(group) = state.group(id) else { return Ok(None) };
    let makes_room = kind == Kind::Consumer || group.offsets.is_empty();
    match &group.body {
        Body::Modern(record) if record.kind == kind => Ok(Some(record)),
        Body::Classic(record) if record.members.is_empty() && makes_room => Ok(None),
        _ => Err(say::wrong_kind(id, group.kind_name(), kind.name())),
    }
}

/// As [`find`]; a group that is not there is refused. Errors: `GroupIdNotFound`.
pub(crate) fn get<'a>(state: &'a State, id: &str, kind: Kind) -> Result<&'a Record, Error> {
    find(state, id, kind)?.ok_or_else(|| say::no_group(id))
}

/// Checks the names that a heartbeat carries.
pub(crate) fn check_names(
    group: &str,
    names: &[(&str, Option<&Arc<str>>)],
    topics: Option<&[Arc<str>]>,
) -> Result<(), Error> {
    check_group_id(group).map_err(|error| Code::InvalidRequest.because(error.message))?;
    for (what, name) in names {
        check_name(what, name.map_or("", |name| &**name))?;
        if name.is_some_and(|name| name.is_empty()) {
            return Err(say::invalid(format!("the {what} is empty; leave it out, or give one")));
        }
    }
    let topics = topics.map_or(0, <[_]>::len);
    if topics > SUBSCRIBED_TOPICS_MAX {
        return Err(say::invalid(format!(
            "{topics} topics are too many; a member may subscribe to {SUBSCRIBED_TOPICS_MAX}"
        )));
    }
    Ok(())
}

/// A group's epochs and targets after a heartbeat.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) epoch: i32,
    pub(crate) target_epoch: i32,
    hash: u64,
    /// The targets of members whose targets changed.
    targets: BTreeMap<Arc<str>, Arc<Assignment>>,
    /// What was found for patterns, if it was looked for.
    patterns: Option<Patterns>,
    version: u64,
}

impl Plan {
    /// What a member shall have.
    pub(crate) fn target(&self, record: Option<&Record>, id: &Arc<str>) -> Arc<Assignment> {
        let known = || record.and_then(|record| record.targets.get(id)).cloned();
        self.targets.get(id).cloned().or_else(known).unwrap_or_default()
    }
}

/// Works out the epochs and targets when a member has come or changed (`changed`) or has only shown that it is alive.
pub(crate) fn plan(
    state: &State,
    cx: Context<'_>,
    (group, kind): (&str, Kind),
    record: Option<&Record>,
    (id, member): (&Arc<str>, &Member),
    changed: bool,
) -> Plan {
    let live = live(state, group);
    let version = cx.topics.version();
    let (epoch, target_epoch, hash) =
        record.map_or((0, 0, 0), |record| (record.epoch, record.target_epoch, record.metadata_hash));
    let mut plan = Plan { epoch, target_epoch, hash, targets: BTreeMap::new(), patterns: None, version };
    let seen = live.and_then(|live| live.seen_version) == Some(version);
    if !changed && seen && epoch <= target_epoch {
        return plan;
    }
    let mut roster: Roster<'_> = record.map(|record| record.members.iter().collect()).unwrap_or_default();
    roster.insert(id, member);
    let known = live.map(|live| &live.patterns);
    let (subscriptions, patterns) = Subscriptions::of(&roster, cx.topics, version, known);
    plan.patterns = Some(patterns);
    plan.hash = subscriptions.hash();
    if changed || plan.hash != hash {
        plan.epoch += 1;
    }
    if plan.epoch > target_epoch {
        plan.target_epoch = plan.epoch;
        let empty = BTreeMap::new();
        let before = record.map_or(&empty, |record| &record.targets);
        let assignor = if kind == Kind::Share { Assignor::Simple } else { Assignor::elected(&roster) };
        let targets = assignor.assign(&roster, &subscriptions, before);
        plan.targets = targets.into_iter().filter(|(id, target)| before.get(id) != Some(target)).collect();
    }
    plan
}

fn live<'a>(state: &'a State, group: &str) -> Option<&'a Live> {
    state.live.groups.get(group)?.modern.as_deref()
}

/// Logs what a heartbeat changed: the epochs, the targets, the member.
pub(crate) fn log(
    out: &mut Outcome,
    (group, kind): (&Arc<str>, Kind),
    record: Option<&Record>,
    plan: &Plan,
    (id, member): (&Arc<str>, &Member),
) {
    if record.is_none_or(|record| record.epoch != plan.epoch || record.metadata_hash != plan.hash) {
        out.log(Effect::ModernEpoch {
            group: Arc::clone(group),
            kind,
            epoch: plan.epoch,
            metadata_hash: plan.hash,
        });
    }
    if record.and_then(|record| record.members.get(id)) != Some(member) {
        out.log(Effect::MemberSet {
            group: Arc::clone(group),
            member_id: Arc::clone(id),
            member: Box::new(member.clone()),
        });
    }
    if record.is_none_or(|record| record.target_epoch != plan.target_epoch) {
        let targets = plan.targets.iter().map(|(id, target)| (Arc::clone(id), Arc::clone(target)));
        out.log(Effect::TargetsSet {
            group: Arc::clone(group),
            epoch: plan.target_epoch,
            targets: targets.collect(),
        });
    }
}

/// Notes a sign of life, and what was learnt about topics.
pub(crate) fn touch(
    out: &mut Outcome,
    cx: Context<'_>,
    group: &Arc<str>,
    plan: Plan,
    (id, member): (&Arc<str>, &Member),
    session_timeout_ms: u64,
) {
    let now = cx.now.monotonic_ms;
    let deadline = now.saturating_add(session_timeout_ms);
    out.wake(deadline);
    let revokes = (member.reconciliation == Reconciliation::Unrevoked).then(|| {
        let until = now.saturating_add(member.rebalance_timeout_ms);
        out.wake(until);
        (member.epoch, until)
    });
    let (group, id) = (Arc::clone(group), Arc::clone(id));
    out.after(move |state| {
        let live = state.live.groups.entry(group).or_default().modern.get_or_insert_default();
        live.seen_version = Some(plan.version);
        if let Some(patterns) = plan.patterns {
            live.patterns = patterns;
        }
        match revokes {
            // The time runs from the first call to give up, not from the last heartbeat.
            Some((epoch, _)) if live.revocations.get(&id).is_some_and(|(since, _)| *since == epoch) => {}
            Some(revokes) => {
                live.revocations.insert(Arc::clone(&id), revokes);
            }
            None => {
                live.revocations.remove(&id);
            }
        }
        live.sessions.insert(id, deadline);
    });
}

/// Takes members out of a group: its epoch rises.
pub(crate) fn remove_members(
    state: &State,
    cx: Context<'_>,
    out: &mut Outcome,
    (group, kind): (&Arc<str>, Kind),
    gone: Vec<Arc<str>>,
) {
    let Some(record) = state.group(group).and_then(|group| group.modern()) else { return };
    if gone.is_empty() {
        return;
    }
    let version = cx.topics.version();
    let roster: Roster<'_> = record.members.iter().filter(|(id, _)| !gone.contains(id)).collect();
    let known = live(state, group).map(|live| &live.patterns);
    let (subscriptions, patterns) = Subscriptions::of(&roster, cx.topics, version, known);
    for id in &gone {
        out.log(Effect::MemberRemoved { group: Arc::clone(group), member_id: Arc::clone(id) });
    }
    out.log(Effect::ModernEpoch {
        group: Arc::clone(group),
        kind,
        epoch: record.epoch + 1,
        metadata_hash: subscriptions.hash(),
    });
    let group = Arc::clone(group);
    out.after(move |state| {
        let Some(live) = state.live.groups.get_mut(&group) else { return };
        if let Some(modern) = &mut live.modern {
            modern.seen_version = Some(version);
            modern.patterns = patterns;
            for id in &gone {
                modern.sessions.remove(id);
                modern.revocations.remove(id);
            }
        }
    });
}

/// Forgets what is beside a member that has another id now.
pub(crate) fn forget_member(state: &mut State, group: &str, id: &str) {
    if let Some(live) = state.live.groups.get_mut(group).and_then(|live| live.modern.as_deref_mut()) {
        live.sessions.remove(id);
        live.revocations.remove(id);
    }
}

/// Takes members out whose time is over.
pub(crate) fn tick(state: &State, cx: Context<'_>, out: &mut Outcome, group: &Arc<str>) {
    if let Some(kind) = state.group(group).and_then(|group| group.modern()).map(|record| record.kind) {
        let gone = overdue(state, cx, group);
        remove_members(state, cx, out, (group, kind), gone);
    }
    // What was due is done, or has become void: the member moved on, or left.
    let (group, now) = (Arc::clone(group), cx.now.monotonic_ms);
    out.after(move |state| {
        let live = state.live.groups.get_mut(&group).and_then(|live| live.modern.as_deref_mut());
        if let Some(live) = live {
            live.sessions.retain(|_, until| *until > now);
            live.revocations.retain(|_, (_, until)| *until > now);
        }
    });
}

/// The members whose time is over.
fn overdue(state: &State, cx: Context<'_>, group: &str) -> Vec<Arc<str>> {
    let (Some(live), Some(record)) =
        (live(state, group), state.group(group).and_then(|group| group.modern()))
    else {
        return Vec::new();
    };
    let now = cx.now.monotonic_ms;
    let revokes_in = |id: &Arc<str>, epoch: i32| {
        record
            .members
            .get(id)
            .is_some_and(|member| member.epoch == epoch && member.reconciliation == Reconciliation::Unrevoked)
    };
    let silent = live.sessions.iter().filter(|(_, until)| **until <= now).map(|(id, _)| id);
    let slow = live
        .revocations
        .iter()
        .filter(|(id, (epoch, until))| *until <= now && revokes_in(id, *epoch))
        .map(|(id, _)| id);
    let mut gone: Vec<_> =
        silent.chain(slow).filter(|id| record.members.contains_key(*id)).cloned().collect();
    gone.sort_unstable();
    gone.dedup();
    gone
}

/// When a member's time may be over next, from what is beside the state now.
pub(crate) fn next_deadline(state: &State, group: &str) -> Option<u64> {
    let live = live(state, group)?;
    live.sessions.values().copied().chain(live.revocations.values().map(|(_, until)| *until)).min()
}

/// After a restart: every member gets a full session.
pub(crate) fn bring_to_life(state: &mut State, cx: Context<'_>, group: &Arc<str>) {
    let Some(record) = state.group(group).and_then(|group| group.modern()) else { return };
    if record.members.is_empty() {
        return;
    }
    let now = cx.now.monotonic_ms;
    let timeout = session_timeout_ms(cx, group, record.kind);
    let mut live = Live::default();
    for (id, member) in &record.members {
        live.sessions.insert(Arc::clone(id), now.saturating_add(timeout));
        if member.reconciliation == Reconciliation::Unrevoked {
            let until = now.saturating_add(member.rebalance_timeout_ms);
            live.revocations.insert(Arc::clone(id), (member.epoch, until));
        }
    }
    state.live.groups.entry(Arc::clone(group)).or_default().modern = Some(Box::new(live));
}

/// How long a member may be silent.
pub(crate) fn session_timeout_ms(cx: Context<'_>, group: &str, kind: Kind) -> u64 {
    let overrides = cx.topics.overrides(group);
    match kind {
        Kind::Consumer => {
            overrides.consumer_session_timeout_ms.unwrap_or(cx.config.consumer_session_timeout_ms)
        }
        Kind::Share => overrides.share_session_timeout_ms.unwrap_or(cx.config.share_session_timeout_ms),
    }
}

impl Live {
    /// Whether no member is remembered.
    pub(crate) fn is_idle(&self) -> bool {
        self.sessions.is_empty()
    }
}
