//! Groups of consumers: who belongs to one, who reads which partitions, and how far each has come.
//!
//! Classic groups, consumer groups (KIP-848), share groups (KIP-932) and committed offsets. A group belongs to one shard of
//! groups, chosen by the hash of its id. The words of the wire stay outside: requests and answers are plain structs of this module, and whoever
//! serves the protocol maps them. Permission to use a group or a topic is checked there, too.
//!
//! Reading order: this file (classic requests and answers) → [`state`] (what is durable) → `decide` (how decisions are made) → `classic`,
//! [`offsets`], [`consumer`], [`share`] (the decisions, and their requests) → [`coordinator`] (locks, the journal, timers).
//!
//! Invariants: no answer leaves before what it shows is durable; heartbeats that change nothing log nothing; a decision does no I/O.
//!
//! Not offered: moving a group with members from the classic to the consumer protocol or back while it runs (`group.consumer.migration.policy` is
//! `disabled`). A group without members changes its protocol with the first member of the other.

pub(crate) mod classic;
pub mod config;
pub mod consumer;
pub mod coordinator;
pub(crate) mod decide;
pub mod error;
pub(crate) mod layout;
pub mod limits;
pub(crate) mod live;
pub(crate) mod modern;
pub mod offsets;
pub mod share;
pub(crate) mod spans;
#[cfg(test)]
pub(crate) mod stage;
pub mod state;
pub mod topics;

use std::sync::Arc;

use bytes::Bytes;

pub use config::{Config, OffsetReset, Overrides, Sharing};
pub use coordinator::Coordinator;
pub use error::{Code, Error};
pub use state::offsets::{Committed, OffsetList, Place};
pub use state::{Effect, State};
pub use topics::{Topic, TopicId, Topics};

use error::say;
use limits::NAME_BYTES_MAX;

/// A way of assigning that a classic member offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protocol {
    /// Its name: `range`, `cooperative-sticky`, …
    pub name: Arc<str>,
    /// What the leader must know of the member.
    pub metadata: Bytes,
}

/// `JoinGroup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinRequest {
    /// The group's id.
    pub group: Arc<str>,
    /// Empty: the member has none yet.
    pub member_id: Arc<str>,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<Arc<str>>,
    /// What the client calls itself.
    pub client_id: Arc<str>,
    /// Where the client is.
    pub client_host: Arc<str>,
    /// After so long without a sign of life the member is removed.
    pub session_timeout_ms: u64,
    /// How long the member takes at most to join again. Versions without it: the session timeout.
    pub rebalance_timeout_ms: u64,
    /// `consumer`, `connect`, …
    pub protocol_type: Arc<str>,
    /// In order of preference.
    pub protocols: Vec<Protocol>,
    /// Whether a member without id is told one and must come again (version 4 and above).
    pub require_known_member_id: bool,
    /// Whether the client understands [`Joined::skip_assignment`] (version 9 and above).
    pub supports_skipping_assignment: bool,
}

impl JoinRequest {
    /// About what it takes in memory and in the log.
    fn bytes(&self) -> usize {
        const OVERHEAD: usize = 256;
        let protocols: usize =
            self.protocols.iter().map(|offer| offer.name.len() + offer.metadata.len()).sum();
        let names = self.group.len() + self.member_id.len() + self.client_id.len() + self.client_host.len();
        OVERHEAD
            + protocols
            + names
            + self.protocol_type.len()
            + self.instance_id.as_ref().map_or(0, |id| id.len())
    }
}

/// The answer to `JoinGroup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// The member's id.
    pub member_id: Arc<str>,
    /// The generation that it is in.
    pub generation: i32,
    /// What kind of members the group has.
    pub protocol_type: Option<Arc<str>>,
    /// What they agreed on.
    pub protocol_name: Option<Arc<str>>,
    /// Who assigns.
    pub leader: Arc<str>,
    /// Whether the leader is to keep the assignment that is there.
    pub skip_assignment: bool,
    /// For the leader: everybody.
    pub members: Vec<JoinedMember>,
}

/// A member as the leader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JoinedMember {
    /// Its id.
    pub member_id: Arc<str>,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<Arc<str>>,
    /// Its metadata under the agreed protocol.
    pub metadata: Bytes,
}

/// Why a member could not join.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub struct JoinRefused {
    /// The id to come again with (`MemberIdRequired`), or the one that was given; may be empty.
    pub member_id: Arc<str>,
    /// Why.
    pub error: Error,
}

impl JoinRefused {
    pub(crate) fn new(member_id: &str, error: Error) -> Self {
        Self { member_id: member_id.into(), error }
    }
}

/// `SyncGroup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyncRequest {
    /// The group's id.
    pub group: Arc<str>,
    /// The member's id.
    pub member_id: Arc<str>,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<Arc<str>>,
    /// The generation that the member has joined.
    pub generation: i32,
    /// Compared with the group's where given (version 5 and above).
    pub protocol_type: Option<Arc<str>>,
    /// Compared with the group's where given (version 5 and above).
    pub protocol_name: Option<Arc<str>>,
    /// From the leader: each member's id and assignment.
    pub assignments: Vec<(Arc<str>, Bytes)>,
}

impl SyncRequest {
    fn bytes(&self) -> usize {
        self.assignments.iter().map(|(id, assignment)| id.len() + assignment.len() + 16).sum()
    }
}

/// The answer to `SyncGroup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synced {
    /// What kind of members the group has.
    pub protocol_type: Option<Arc<str>>,
    /// What they agreed on.
    pub protocol_name: Option<Arc<str>>,
    /// The member's part, as the leader wrote it.
    pub assignment: Bytes,
}

/// Heartbeat of a classic member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatRequest {
    /// The group's id.
    pub group: Arc<str>,
    /// The member's id.
    pub member_id: Arc<str>,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<Arc<str>>,
    /// The generation that the member believes in.
    pub generation: i32,
}

/// One member of a `LeaveGroup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeavingMember {
    /// The member's id; empty where only the instance is known.
    pub member_id: Arc<str>,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<Arc<str>>,
}

/// Whether `id` can be a group's.
pub(crate) fn check_group_id(id: &str) -> Result<(), Error> {
    if id.is_empty() || id.len() > NAME_BYTES_MAX {
        return Err(Code::InvalidGroupId.because(format!(
            "a group id of {} bytes is not possible; it has 1 to {NAME_BYTES_MAX}",
            id.len()
        )));
    }
    Ok(())
}

pub(crate) fn check_name(what: &str, name: &str) -> Result<(), Error> {
    if name.len() > NAME_BYTES_MAX {
        return Err(say::invalid(format!(
            "a {what} of {} bytes is too long; it may have {NAME_BYTES_MAX}",
            name.len()
        )));
    }
    Ok(())
}
