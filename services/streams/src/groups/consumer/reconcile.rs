//! One member's next step from what it has to what it shall have, as KIP-848 draws it:
//!
//! ```text
//!            to give up                  confirmed
//!  STABLE ───────────────► UNREVOKED ───────────────► (next step, one epoch on)
//!    ▲  │ nothing to give up, but others still have what it shall get
//!    │  └────────────────► UNRELEASED ──┐
//!    └────────────────────────▲─────────┘ every heartbeat gives what has become free
//! ```

use std::sync::Arc;

use crate::groups::state::modern::{Assignment, Member, Reconciliation, Record};
use crate::groups::topics::TopicId;

/// Where a member is to go, and what it says it has.
pub(crate) struct Step<'a> {
    pub(crate) record: Option<&'a Record>,
    pub(crate) id: &'a Arc<str>,
    pub(crate) target_epoch: i32,
    pub(crate) target: &'a Assignment,
    /// `None`: the heartbeat did not say.
    pub(crate) owned: Option<&'a Assignment>,
}

impl Step<'_> {
    /// The member after this heartbeat.
    pub(crate) fn take(&self, member: &Member) -> Member {
        match member.reconciliation {
            Reconciliation::Stable if member.epoch == self.target_epoch => member.clone(),
            Reconciliation::Unrevoked if self.still_has(&member.revoking) => member.clone(),
            Reconciliation::Unrevoked => {
                let next = moved(member, member.epoch + 1);
                self.next(&next)
            }
            Reconciliation::Stable | Reconciliation::Unreleased => self.next(member),
        }
    }

    /// Whether the member has, or may have, any of these.
    fn still_has(&self, partitions: &Assignment) -> bool {
        self.owned.is_none_or(|owned| {
            partitions.iter().any(|(topic, partitions)| {
                owned
                    .get(topic)
                    .is_some_and(|owned| partitions.iter().any(|partition| owned.contains(partition)))
            })
        })
    }

    fn next(&self, member: &Member) -> Member {
        let mut kept = Assignment::new();
        let mut revoking = Assignment::new();
        for (topic, partitions) in &member.assigned {
            for partition in partitions {
                let list = if contains(self.target, *topic, *partition) { &mut kept } else { &mut revoking };
                list.entry(*topic).or_default().push(*partition);
            }
        }
        if !revoking.is_empty() && self.still_has(&revoking) {
            return Member {
                reconciliation: Reconciliation::Unrevoked,
                assigned: kept,
                revoking,
                ..member.clone()
            };
        }
        let mut waits = false;
        for (topic, partitions) in self.target {
            for partition in partitions {
                if contains(&member.assigned, *topic, *partition) {
                    continue;
                }
                if self.is_free(*topic, *partition) {
                    kept.entry(*topic).or_default().push(*partition);
                } else {
                    waits = true;
                }
            }
        }
        kept.values_mut().for_each(|partitions| partitions.sort_unstable());
        let reconciliation = if waits { Reconciliation::Unreleased } else { Reconciliation::Stable };
        Member {
            reconciliation,
            assigned: kept,
            revoking: Assignment::new(),
            ..moved(member, self.target_epoch)
        }
    }

    /// Whether nobody else has the partition.
    fn is_free(&self, topic: TopicId, partition: i32) -> bool {
        let owner = self.record.and_then(|record| record.owner(topic, partition));
        owner.is_none_or(|owner| owner == self.id)
    }
}

fn moved(member: &Member, epoch: i32) -> Member {
    if member.epoch == epoch {
        return member.clone();
    }
    Member { epoch, previous_epoch: member.epoch, ..member.clone() }
}

pub(crate) fn contains(assignment: &Assignment, topic: TopicId, partition: i32) -> bool {
    assignment.get(&topic).is_some_and(|partitions| partitions.binary_search(&partition).is_ok())
}
