//! Classic groups in motion: the members, who of them waits for what, and the phases of a rebalance. Assignment is the leader client's work; so
//! eager and cooperative rebalancing are the same here.
//!
//! Reading order: this file (the group and its members) → [`join`] → [`rebalance`] → [`sync`] → [`leave`] → [`subscription`].
//!
//! What is durable: the generation, when it is announced; members and assignments, when the leader's assignment is in or the group is empty.
//! Source: the behaviour of Kafka 4's group coordinator.

pub(crate) mod join;
pub(crate) mod leave;
pub(crate) mod rebalance;
pub(crate) mod subscription;
pub(crate) mod sync;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use bytes::Bytes;

use super::decide::{Context, Now, Outcome, Token};
use super::error::{Code, Error, say};
use super::limits::GROUPS_PER_SHARD_MAX;
use super::state::classic::{Member as KeptMember, Record};
use super::state::modern::Kind;
use super::state::{Body, Effect, State};
use super::{JoinRefused, Protocol};

/// Where a group stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Nobody is in it.
    Empty,
    /// Members are joining.
    PreparingRebalance,
    /// All have joined; the leader assigns.
    CompletingRebalance,
    /// At rest.
    Stable,
}

impl Phase {
    /// Kafka's name for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Empty => "Empty",
            Self::PreparingRebalance => "PreparingRebalance",
            Self::CompletingRebalance => "CompletingRebalance",
            Self::Stable => "Stable",
        }
    }
}

/// A member in motion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    pub(crate) instance_id: Option<Arc<str>>,
    pub(crate) client_id: Arc<str>,
    pub(crate) client_host: Arc<str>,
    pub(crate) session_timeout_ms: u64,
    pub(crate) rebalance_timeout_ms: u64,
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) assignment: Bytes,
    /// Waits for the next generation.
    join: Option<Token>,
    /// Waits for its assignment.
    sync: Option<Token>,
    /// Has asked for its assignment in this generation.
    synced: bool,
    /// Has not been in any generation yet.
    is_new: bool,
    /// When its session ends: monotonic milliseconds.
    deadline_ms: u64,
}

impl Member {
    pub(crate) fn metadata(&self, protocol: &str) -> Bytes {
        self.protocols
            .iter()
            .find(|offer| *offer.name == *protocol)
            .map(|offer| offer.metadata.clone())
            .unwrap_or_default()
    }

    /// Whether silence cannot end its session now: it waits for us.
    const fn is_excused(&self) -> bool {
        (self.join.is_some() && !self.is_new) || self.sync.is_some()
    }

    fn bytes(&self) -> usize {
        const PER_MEMBER: usize = 64;
        let protocols: usize =
            self.protocols.iter().map(|offer| offer.name.len() + offer.metadata.len()).sum();
        let names = self.client_id.len() + self.client_host.len();
        PER_MEMBER
            + protocols
            + names
            + self.instance_id.as_ref().map_or(0, |id| id.len())
            + self.assignment.len()
    }
}

/// A classic group in motion.
#[derive(Debug)]
pub(crate) struct Group {
    id: Arc<str>,
    pub(crate) phase: Phase,
    pub(crate) generation: i32,
    pub(crate) protocol_type: Option<Arc<str>>,
    pub(crate) protocol_name: Option<Arc<str>>,
    pub(crate) leader: Option<Arc<str>>,
    pub(crate) members: BTreeMap<Arc<str>, Member>,
    instances: HashMap<Arc<str>, Arc<str>>,
    /// Ids that were handed out and have not come back, and until when they are good.
    pending: BTreeMap<Arc<str>, u64>,
    /// How many members offer each protocol.
    votes: HashMap<Arc<str>, usize>,
    awaiting_join: usize,
    /// When the joining phase ends.
    join_deadline_ms: Option<u64>,
    /// During the initial delay: how much longer it may become.
    delay_left_ms: Option<u64>,
    /// Whether a member came during the current part of the initial delay.
    grew: bool,
    /// When members that have not asked for their assignment are removed.
    sync_deadline_ms: Option<u64>,
    /// Sum of the members' sizes, ids included.
    bytes: usize,
    since_ms: u64,
}

impl Group {
    pub(crate) fn new(id: &Arc<str>) -> Self {
        Self {
            id: Arc::clone(id),
            phase: Phase::Empty,
            generation: 0,
            protocol_type: None,
            protocol_name: None,
            leader: None,
            members: BTreeMap::new(),
            instances: HashMap::new(),
            pending: BTreeMap::new(),
            votes: HashMap::new(),
            awaiting_join: 0,
            join_deadline_ms: None,
            delay_left_ms: None,
            grew: false,
            sync_deadline_ms: None,
            bytes: 0,
            since_ms: 0,
        }
    }

    /// The group as the log knows it, every member with a full session. Where a generation was announced and not settled, the rebalance
    /// starts over: members find that their generation is over, and join again.
    pub(crate) fn restored(id: &Arc<str>, record: &Record, now: Now) -> Self {
        let mut group = Self::new(id);
        group.generation = record.generation;
        group.protocol_type.clone_from(&record.protocol_type);
        group.protocol_name.clone_from(&record.protocol_name);
        group.leader.clone_from(&record.leader);
        group.since_ms = record.since_ms;
        for kept in &record.members {
            let offer = record
                .protocol_name
                .as_ref()
                .map(|name| Protocol { name: Arc::clone(name), metadata: kept.metadata.clone() });
            let member = Member {
                instance_id: kept.instance_id.clone(),
                client_id: Arc::clone(&kept.client_id),
                client_host: Arc::clone(&kept.client_host),
                session_timeout_ms: kept.session_timeout_ms,
                rebalance_timeout_ms: kept.rebalance_timeout_ms,
                protocols: offer.into_iter().collect(),
                assignment: kept.assignment.clone(),
                join: None,
                sync: None,
                synced: true,
                is_new: false,
                deadline_ms: now.monotonic_ms.saturating_add(kept.session_timeout_ms),
            };
            group.insert(Arc::clone(&kept.id), member);
        }
        if !group.members.is_empty() {
            let settled = record.generation == record.settled;
            group.phase = if settled { Phase::Stable } else { Phase::PreparingRebalance };
            group.join_deadline_ms = (!settled).then(|| now.monotonic_ms + group.rebalance_timeout_ms());
        }
        group
    }

    /// The group as it is kept.
    fn record(&self) -> Record {
        let protocol = self.protocol_name.as_deref().unwrap_or_default();
        let keep = |(id, member): (&Arc<str>, &Member)| KeptMember {
            id: Arc::clone(id),
            instance_id: member.instance_id.clone(),
            client_id: Arc::clone(&member.client_id),
            client_host: Arc::clone(&member.client_host),
            session_timeout_ms: member.session_timeout_ms,
            rebalance_timeout_ms: member.rebalance_timeout_ms,
            metadata: member.metadata(protocol),
            assignment: member.assignment.clone(),
        };
        Record {
            generation: self.generation,
            settled: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol_name: self.protocol_name.clone(),
            leader: self.leader.clone(),
            since_ms: self.since_ms,
            members: self.members.iter().map(keep).collect(),
        }
    }

    fn settle(&self, out: &mut Outcome) {
        out.log(Effect::ClassicSettled { group: Arc::clone(&self.id), record: Box::new(self.record()) });
    }

    /// The bytes that logging the whole group takes at most.
    pub(crate) fn space(&self) -> usize {
        const PER_MEMBER: usize = 64;
        self.bytes + self.members.len() * PER_MEMBER
    }

    /// Whether nobody is in it or about to come.
    pub(crate) fn is_idle(&self) -> bool {
        self.phase == Phase::Empty && self.members.is_empty() && self.pending.is_empty()
    }

    /// Whether members are kept or are coming.
    pub(crate) fn is_inhabited(&self) -> bool {
        !self.members.is_empty() || self.phase != Phase::Empty
    }

    /// The longest that any member may take to join again.
    fn rebalance_timeout_ms(&self) -> u64 {
        self.members.values().map(|member| member.rebalance_timeout_ms).max().unwrap_or(0)
    }

    fn insert(&mut self, id: Arc<str>, member: Member) {
        for offer in &member.protocols {
            *self.votes.entry(Arc::clone(&offer.name)).or_default() += 1;
        }
        if let Some(instance) = &member.instance_id {
            self.instances.insert(Arc::clone(instance), Arc::clone(&id));
        }
        self.awaiting_join += usize::from(member.join.is_some());
        self.bytes += id.len() + member.bytes();
        self.leader.get_or_insert_with(|| Arc::clone(&id));
        self.pending.remove(&id);
        let replaced = self.members.insert(id, member);
        assert!(replaced.is_none(), "a member is taken out before it is put back");
    }

    /// Takes a member out, to be put back or to be gone; leads no longer only in the latter case.
    fn take(&mut self, id: &str) -> Option<Member> {
        let member = self.members.remove(id)?;
        for offer in &member.protocols {
            if let Some(votes) = self.votes.get_mut(&offer.name) {
                *votes -= 1;
                if *votes == 0 {
                    self.votes.remove(&offer.name);
                }
            }
        }
        if let Some(instance) = &member.instance_id {
            self.instances.remove(instance);
        }
        self.awaiting_join -= usize::from(member.join.is_some());
        self.bytes -= id.len() + member.bytes();
        Some(member)
    }

    /// Removes a member for good and answers it if it waits.
    fn remove(&mut self, id: &str, out: &mut Outcome) {
        let Some(member) = self.take(id) else { return };
        let unknown = say::unknown_member(&self.id, id);
        if let Some(token) = member.join {
            out.join(token, Err(JoinRefused::new("", unknown.clone())));
        }
        if let Some(token) = member.sync {
            out.sync(token, Err(unknown));
        }
        if self.leader.as_deref() == Some(id) {
            self.leader = self.members.keys().next().cloned();
        }
    }

    /// Whether the member is who it says it is.
    pub(crate) fn check_member(&self, member_id: &str, instance_id: Option<&str>) -> Result<(), Error> {
        let Some(instance) = instance_id else {
            if self.members.contains_key(member_id) {
                return Ok(());
            }
            return Err(say::unknown_member(&self.id, member_id));
        };
        match self.instances.get(instance) {
            None => Err(say::unknown_member(&self.id, member_id)),
            Some(owner) if **owner != *member_id => Err(say::fenced_instance(&self.id, instance, member_id)),
            Some(_) => Ok(()),
        }
    }

    pub(crate) fn check_generation(&self, generation: i32) -> Result<(), Error> {
        if generation != self.generation {
            return Err(say::illegal_generation(&self.id, generation, self.generation));
        }
        Ok(())
    }

    /// Notes a sign of life.
    pub(crate) fn touch(&mut self, member_id: &str, cx: Context<'_>, out: &mut Outcome) {
        if let Some(member) = self.members.get_mut(member_id) {
            member.deadline_ms = cx.now.monotonic_ms.saturating_add(member.session_timeout_ms);
            out.wake(member.deadline_ms);
        }
    }
}

/// The classic group in motion, brought to life from what is kept if need be. `None`: there is no such group.
/// Errors: the group speaks another protocol.
pub(crate) fn find<'a>(state: &'a mut State, id: &str, now: Now) -> Result<Option<&'a mut Group>, Error> {
    let is_live = state.live.classic(id).is_some();
    if !is_live {
        let Some((record, id)) = kept(state, id)? else { return Ok(None) };
        let group = Group::restored(&id, record, now);
        state.live.groups.entry(id).or_default().classic = Some(Box::new(group));
    }
    Ok(state.live.groups.get_mut(id).and_then(|live| live.classic.as_deref_mut()))
}

/// What is kept of a classic group. An empty consumer group makes room for a classic one, which finds nothing then.
fn kept<'a>(state: &'a State, id: &str) -> Result<Option<(&'a Record, Arc<str>)>, Error> {
    match state.group(id).map(|group| &group.body) {
        None => Ok(None),
        Some(Body::Classic(record)) => Ok(Some((record, id.into()))),
        Some(Body::Modern(record)) if record.kind == Kind::Consumer && record.members.is_empty() => Ok(None),
        Some(Body::Modern(record)) => Err(Code::InconsistentGroupProtocol.because(format!(
            "group {id:?} is a {} group; a member of the classic protocol cannot join it while it has members or is a share group",
            record.kind.name()
        ))),
    }
}

/// As [`find`], and makes the group where there is none.
fn find_or_make<'a>(state: &'a mut State, id: &Arc<str>, now: Now) -> Result<&'a mut Group, Error> {
    if find(state, id, now)?.is_none() {
        check_room(state, id)?;
        state.live.groups.entry(Arc::clone(id)).or_default().classic = Some(Box::new(Group::new(id)));
    }
    let group = state.live.groups.get_mut(id).and_then(|live| live.classic.as_deref_mut());
    Ok(group.expect("the group was made above"))
}

/// Refuses a new group when the shard has too many.
pub(crate) fn check_room(state: &State, id: &str) -> Result<(), Error> {
    let groups = state.len().max(state.live.groups.len());
    if groups >= GROUPS_PER_SHARD_MAX && state.group(id).is_none() {
        return Err(Code::PolicyViolation.because(format!(
            "group {id:?} cannot be made: its shard has {groups} groups already; delete groups that nobody uses"
        )));
    }
    Ok(())
}
