//! What stands beside the durable part of a shard, under the same lock: members that wait, timers, locks of records. A restart forgets it, and
//! gives every member that the log knows a full session.

use std::collections::HashMap;
use std::sync::Arc;

use super::classic;

/// Beside the groups of one shard.
#[derive(Debug, Default)]
pub(crate) struct Live {
    pub(crate) groups: HashMap<Arc<str>, LiveGroup>,
}

/// Beside one group.
#[derive(Debug, Default)]
pub(crate) struct LiveGroup {
    /// When the driver will look at the group's timers; `None`: never.
    pub(crate) wake_ms: Option<u64>,
    /// The classic group in motion.
    pub(crate) classic: Option<Box<classic::Group>>,
}

impl LiveGroup {
    /// Whether nothing here is worth keeping.
    pub(crate) fn is_idle(&self) -> bool {
        self.classic.as_ref().is_none_or(|classic| classic.is_idle())
    }
}

impl Live {
    pub(crate) fn classic(&self, group: &str) -> Option<&classic::Group> {
        self.groups.get(group)?.classic.as_deref()
    }
}
