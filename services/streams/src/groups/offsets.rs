//! Committed offsets: who may commit, what is found, and when they go.
//!
//! Reading order: this file (requests, and who may commit) → [`commit`] → [`fetch`] → [`removal`] → [`transactional`].

pub(crate) mod commit;
pub(crate) mod fetch;
pub(crate) mod removal;
#[cfg(test)]
mod tests;
pub mod transactional;

use std::sync::Arc;

use super::classic::{self, Phase};
use super::decide::{Context, Outcome};
use super::error::{Code, Error, say};
use super::state::modern::{Kind, Record};
use super::state::{Body, State};

/// Who commits: the member, as far as the client said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committer {
    /// The generation of a classic group, or the member's epoch in a consumer group; negative: none.
    pub generation_or_epoch: i32,
    /// Empty: none.
    pub member_id: Arc<str>,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<Arc<str>>,
}

impl Committer {
    /// One that is no member: an administrator, or a consumer that manages its partitions by itself.
    pub fn nobody() -> Self {
        Self { generation_or_epoch: -1, ..Self::default() }
    }

    fn is_nobody(&self) -> bool {
        self.generation_or_epoch < 0 && self.member_id.is_empty() && self.instance_id.is_none()
    }
}

/// One offset to commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToCommit {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// The next record to read.
    pub offset: i64,
    /// The leader epoch of the record before it; -1: unknown.
    pub leader_epoch: i32,
    /// What the client wants to be told again; 4,096 bytes at most, unless configured otherwise.
    pub metadata: Arc<str>,
}

/// `OffsetCommit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommitRequest {
    /// The group's id.
    pub group: Arc<str>,
    /// Who commits.
    pub by: Committer,
    /// How long the offsets are kept, where the client says (versions 2 to 4).
    pub retention_ms: Option<u64>,
    /// What.
    pub offsets: Vec<ToCommit>,
}

/// Which offsets to fetch of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchRequest {
    /// The group's id.
    pub group: Arc<str>,
    /// The member that asks, in consumer groups (version 9 and above).
    pub member: Option<(Arc<str>, i32)>,
    /// `None`: all.
    pub places: Option<Vec<(Arc<str>, i32)>>,
    /// Whether a partition with offsets of an open transaction is refused.
    pub require_stable: bool,
}

/// A fetched offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// The topic.
    pub topic: Arc<str>,
    /// The partition.
    pub partition: i32,
    /// `None`: nothing is committed (-1 on the wire). Errors: `UnstableOffsetCommit`.
    pub committed: Result<Option<super::Committed>, Error>,
}

/// Whether `by` may commit to the group; a member's commit is a sign of life. `true`: the group is there.
pub(crate) fn check_committer(
    state: &mut State,
    cx: Context<'_>,
    out: &mut Outcome,
    group_id: &str,
    by: &Committer,
    in_transaction: bool,
) -> Result<(), Error> {
    if let Some(Body::Modern(record)) = state.group(group_id).map(|group| &group.body) {
        let is_left = record.kind == Kind::Consumer && record.members.is_empty();
        if !is_left || state.live.classic(group_id).is_none() {
            return check_modern(record, group_id, by, in_transaction);
        }
    }
    let Some(group) = classic::find(state, group_id, cx.now)? else {
        // Handlers of versions below 9 say `IllegalGeneration` instead.
        return if by.generation_or_epoch < 0 { Ok(()) } else { Err(say::no_group(group_id)) };
    };
    if by.generation_or_epoch < 0 && group.phase == Phase::Empty {
        return Ok(());
    }
    if !by.is_nobody() {
        group.check_member(&by.member_id, by.instance_id.as_deref())?;
        group.check_generation(by.generation_or_epoch)?;
    } else if !in_transaction && group.phase != Phase::Empty {
        return Err(say::unknown_member(group_id, &by.member_id));
    }
    if !in_transaction && group.phase == Phase::CompletingRebalance {
        return Err(say::rebalancing(group_id));
    }
    if !in_transaction {
        group.touch(&by.member_id, cx, out);
    }
    Ok(())
}

fn check_modern(record: &Record, group: &str, by: &Committer, in_transaction: bool) -> Result<(), Error> {
    if record.kind == Kind::Share {
        return Err(say::wrong_kind(group, "share", "consumer"));
    }
    let nobody = by.generation_or_epoch < 0 && record.members.is_empty();
    if nobody || (in_transaction && by.is_nobody()) {
        return Ok(());
    }
    check_epoch(record, group, &by.member_id, by.generation_or_epoch)
}

/// Whether a member of a consumer group is in `epoch`. Handlers of `OffsetCommit` versions below 9 say `UnsupportedVersion` for `StaleMemberEpoch`.
fn check_epoch(record: &Record, group: &str, member_id: &str, epoch: i32) -> Result<(), Error> {
    let member = record.members.get(member_id).ok_or_else(|| say::unknown_member(group, member_id))?;
    if member.epoch != epoch {
        return Err(Code::StaleMemberEpoch.because(format!(
            "member {member_id:?} of group {group:?} is in epoch {}, not {epoch}; send a heartbeat first",
            member.epoch
        )));
    }
    Ok(())
}
