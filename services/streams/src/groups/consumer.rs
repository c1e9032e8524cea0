//! Consumer groups (KIP-848): the coordinator assigns, and leads each member from what it has to what it shall have, one heartbeat after the other.
//!
//! Reading order: this file (requests) → [`heartbeat`] → [`reconcile`] (one member's next step) → [`describe`].
//!
//! Invariant: a partition has one owner. A member keeps a partition until it has confirmed that it gave it up, or is out of the group; only then
//! another may have it.

pub(crate) mod describe;
pub(crate) mod heartbeat;
pub(crate) mod reconcile;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use describe::{Described, DescribedMember};

use super::state::modern::Assignment;

/// The epoch with which a member joins.
pub const EPOCH_JOIN: i32 = 0;
/// The epoch with which a member leaves for good.
pub const EPOCH_LEAVE: i32 = -1;
/// The epoch with which a static member leaves to come back.
pub const EPOCH_LEAVE_STATIC: i32 = -2;

/// `ConsumerGroupHeartbeat`. `None`: as in the heartbeat before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HeartbeatRequest {
    /// The group's id.
    pub group: Arc<str>,
    /// The member's id, which its client made up. Version 0 of the message leaves it empty when it joins: then the coordinator makes one up.
    pub member_id: Arc<str>,
    /// The epoch that the member is in, or one of the constants above.
    pub member_epoch: i32,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<Arc<str>>,
    /// Where the member is.
    pub rack: Option<Arc<str>>,
    /// How long the member may take to give partitions up.
    pub rebalance_timeout_ms: Option<u64>,
    /// Topics by name.
    pub topics: Option<Vec<Arc<str>>>,
    /// A pattern of topics' names; empty: none any more.
    pub pattern: Option<Arc<str>>,
    /// The assignor that the member wishes for: `uniform` or `range`.
    pub assignor: Option<Arc<str>>,
    /// The partitions that the member has.
    pub owned: Option<Assignment>,
    /// What the client calls itself.
    pub client_id: Arc<str>,
    /// Where the client is.
    pub client_host: Arc<str>,
}

/// The answer to a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The member's id.
    pub member_id: Arc<str>,
    /// The epoch that it is in from now on; as it came where it leaves.
    pub member_epoch: i32,
    /// When it shall send the next one.
    pub heartbeat_interval_ms: u64,
    /// What it may read; `None`: as before.
    pub assignment: Option<Assignment>,
}
