//! Groups as operators see them: lists, descriptions, deletion.

use std::sync::Arc;

use bytes::Bytes;

use super::Coordinator;
use crate::groups::check_group_id;
use crate::groups::classic::{self, Group, Phase};
use crate::groups::decide::{Now, Outcome};
use crate::groups::error::{Error, say};
use crate::groups::offsets::removal;
use crate::groups::state::{Body, State};

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its id.
    pub group: Arc<str>,
    /// `consumer`, `connect`, `share`; empty for a group that only has offsets.
    pub protocol_type: Arc<str>,
    /// Kafka's name of its state.
    pub state: &'static str,
    /// `classic`, `consumer` or `share`.
    pub kind: &'static str,
}

/// A classic group, described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its id.
    pub group: Arc<str>,
    /// Kafka's name of its state.
    pub state: &'static str,
    /// `consumer`, `connect`, …; empty for a group that only has offsets.
    pub protocol_type: Arc<str>,
    /// What the members agreed on; empty unless the group is stable.
    pub protocol: Arc<str>,
    /// In order of their ids.
    pub members: Vec<DescribedMember>,
}

/// A member of a classic group, described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedMember {
    /// Its id.
    pub member_id: Arc<str>,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<Arc<str>>,
    /// What its client calls itself.
    pub client_id: Arc<str>,
    /// Where its client is.
    pub client_host: Arc<str>,
    /// Its metadata; empty unless the group is stable.
    pub metadata: Bytes,
    /// Its assignment; empty unless the group is stable.
    pub assignment: Bytes,
}

impl Coordinator {
    /// `ListGroups`: in no particular order. `states` and `kinds` are compared without regard to case; empty: all.
    /// Errors: `CoordinatorNotAvailable`.
    pub async fn list_groups(&self, states: &[String], kinds: &[String]) -> Result<Vec<Listed>, Error> {
        let wanted = |filter: &[String], value: &str| {
            filter.is_empty() || filter.iter().any(|wish| wish.eq_ignore_ascii_case(value))
        };
        let mut all = Vec::new();
        for index in 0..self.shards.len() {
            let mut listed = self.read(index, None, |state, _| list(state)).await?;
            listed.retain(|group| wanted(states, group.state) && wanted(kinds, group.kind));
            all.append(&mut listed);
        }
        Ok(all)
    }

    /// `DescribeGroups`, of one group. Errors: `InvalidGroupId`, `GroupIdNotFound` (also for groups of another kind; versions below 6 show an
    /// empty group in state `Dead` instead), `CoordinatorNotAvailable`.
    pub async fn describe_group(&self, group: &str) -> Result<Described, Error> {
        let index = self.shard_of(group);
        self.read(index, Some(group), |state, now| describe(state, now, group)).await?
    }

    /// `DeleteGroups`, of one group of any kind, with its offsets. Errors: `InvalidGroupId`, `GroupIdNotFound`, `NonEmptyGroup`,
    /// `CoordinatorNotAvailable`.
    pub async fn delete_group(&self, group: &Arc<str>) -> Result<(), Error> {
        self.run(group, |_| 0, |state, cx, out| delete(state, cx.now, out, group)).await?
    }
}

fn list(state: &State) -> Vec<Listed> {
    state
        .groups()
        .map(|(id, group)| {
            let live = state.live.classic(id).filter(|classic| classic.is_inhabited());
            let (kind, state, protocol_type) = match (&group.body, live) {
                (_, Some(classic)) => ("classic", classic.phase.name(), classic.protocol_type.clone()),
                (Body::Classic(record), None) => {
                    ("classic", Phase::Empty.name(), record.protocol_type.clone())
                }
                (Body::Modern(record), None) => {
                    (record.kind.name(), record.state_name(), Some(record.kind.name().into()))
                }
            };
            Listed { group: Arc::clone(id), protocol_type: protocol_type.unwrap_or_default(), state, kind }
        })
        .collect()
}

pub(crate) fn describe(state: &mut State, now: Now, id: &str) -> Result<Described, Error> {
    check_group_id(id)?;
    let group = classic::find(state, id, now);
    let group = group.map_err(|_| say::no_group(id))?.ok_or_else(|| say::no_group(id))?;
    let stable = group.phase == Phase::Stable;
    let protocol = group.protocol_name.clone().filter(|_| stable).unwrap_or_default();
    Ok(Described {
        group: id.into(),
        state: group.phase.name(),
        protocol_type: group.protocol_type.clone().unwrap_or_default(),
        members: describe_members(group, &protocol),
        protocol,
    })
}

fn describe_members(group: &Group, protocol: &str) -> Vec<DescribedMember> {
    let stable = group.phase == Phase::Stable;
    group
        .members
        .iter()
        .map(|(id, member)| DescribedMember {
            member_id: Arc::clone(id),
            instance_id: member.instance_id.clone(),
            client_id: Arc::clone(&member.client_id),
            client_host: Arc::clone(&member.client_host),
            metadata: if stable { member.metadata(protocol) } else { Bytes::new() },
            assignment: if stable { member.assignment.clone() } else { Bytes::new() },
        })
        .collect()
}

pub(crate) fn delete(state: &mut State, now: Now, out: &mut Outcome, id: &Arc<str>) -> Result<(), Error> {
    check_group_id(id)?;
    let inhabited = match state.group(id).and_then(|group| group.modern()) {
        Some(record) => !record.members.is_empty() || state.live.classic(id).is_some_and(Group::is_inhabited),
        None => classic::find(state, id, now)?.is_some_and(|group| group.is_inhabited()),
    };
    if inhabited {
        return Err(say::not_empty(id));
    }
    // What only waits in memory for a first member was never made.
    if state.group(id).is_none() {
        return Err(say::no_group(id));
    }
    removal::remove_group(out, id);
    Ok(())
}
