//! `ConsumerGroupDescribe`.

use std::sync::Arc;

use crate::groups::check_group_id;
use crate::groups::error::Error;
use crate::groups::modern::assign::Assignor;
use crate::groups::modern::{Roster, get};
use crate::groups::state::State;
use crate::groups::state::modern::{Assignment, Kind, Member};

/// A consumer group or share group, described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its id.
    pub group: Arc<str>,
    /// Kafka's name of its state.
    pub state: &'static str,
    /// Its epoch.
    pub epoch: i32,
    /// The epoch of the targets.
    pub target_epoch: i32,
    /// Who assigns: `uniform`, `range` or `simple`.
    pub assignor: &'static str,
    /// In order of their ids.
    pub members: Vec<DescribedMember>,
}

/// A member, described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DescribedMember {
    /// Its id.
    pub id: Arc<str>,
    /// All that is known of it: subscription, epoch, what it has.
    pub member: Member,
    /// What it shall have.
    pub target: Arc<Assignment>,
}

/// Describes a group. Errors: `InvalidGroupId`, `GroupIdNotFound`.
pub(crate) fn describe(state: &State, id: &str, kind: Kind) -> Result<Described, Error> {
    check_group_id(id)?;
    let record = get(state, id, kind)?;
    let roster: Roster<'_> = record.members.iter().collect();
    let assignor = if kind == Kind::Share { Assignor::Simple } else { Assignor::elected(&roster) };
    let show = |(id, member): (&Arc<str>, &Member)| DescribedMember {
        id: Arc::clone(id),
        member: member.clone(),
        target: record.targets.get(id).cloned().unwrap_or_default(),
    };
    Ok(Described {
        group: id.into(),
        state: record.state_name(),
        epoch: record.epoch,
        target_epoch: record.target_epoch,
        assignor: assignor.name(),
        members: record.members.iter().map(show).collect(),
    })
}
