//! What stands beside the durable part of a shard, under the same lock: members that wait, timers, locks of records. A restart forgets it, and
//! gives every member that the log knows a full session.

use std::collections::HashMap;
use std::sync::Arc;

use super::{classic, modern, share};

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
    /// Beside a consumer or share group.
    pub(crate) modern: Option<Box<modern::Live>>,
    /// Beside the partitions of a share group.
    pub(crate) share: Option<Box<share::Live>>,
}

impl LiveGroup {
    /// Whether nothing here is worth keeping.
    pub(crate) fn is_idle(&self) -> bool {
        self.classic.as_ref().is_none_or(|classic| classic.is_idle())
            && self.modern.as_ref().is_none_or(|modern| modern.is_idle())
            && self.share.as_ref().is_none_or(|share| share.is_idle())
    }
}

impl Live {
    pub(crate) fn classic(&self, group: &str) -> Option<&classic::Group> {
        self.groups.get(group)?.classic.as_deref()
    }
}
