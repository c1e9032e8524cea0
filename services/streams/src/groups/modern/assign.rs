//! Who gets which partitions: the assignors of the server. Each is a plain function of the members, their subscriptions and what they shall have
//! so far; the same input gives the same targets.
//!
//! | assignor | of | gives |
//! |-|-|-|
//! | `uniform` | consumer groups | the same number of partitions to all as far as subscriptions allow, moving as few as possible |
//! | `range` | consumer groups | to each a range of each topic, so that partitions of the same number meet in one member |
//! | `simple` | share groups | each partition to at least one member, each member to at least one partition as far as subscriptions allow |

mod range;
mod simple;
#[cfg(test)]
mod tests;
mod uniform;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::Roster;
use super::subscription::Subscriptions;
use crate::groups::state::modern::Assignment;
use crate::groups::topics::TopicId;

/// Targets by member.
pub(crate) type Targets = BTreeMap<Arc<str>, Arc<Assignment>>;

/// An assignor of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Assignor {
    Uniform,
    Range,
    Simple,
}

impl Assignor {
    /// A consumer group's assignor by name.
    pub(crate) fn by_name(name: &str) -> Option<Self> {
        match name {
            "uniform" => Some(Self::Uniform),
            "range" => Some(Self::Range),
            _ => None,
        }
    }

    /// Its name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Range => "range",
            Self::Simple => "simple",
        }
    }

    /// The one that most members wish for; `uniform` if none wishes, or if wishes are equally many.
    pub(crate) fn elected(roster: &Roster<'_>) -> Self {
        let wishes = |assignor: Self| {
            let wish = |member: &&&crate::groups::state::modern::Member| {
                member.assignor.as_deref() == Some(assignor.name())
            };
            roster.values().filter(wish).count()
        };
        if wishes(Self::Range) > wishes(Self::Uniform) { Self::Range } else { Self::Uniform }
    }

    /// Gives the subscribed partitions to the members.
    pub(crate) fn assign(
        self,
        roster: &Roster<'_>,
        subscriptions: &Subscriptions<'_>,
        before: &Targets,
    ) -> Targets {
        let mut shares = match self {
            Self::Uniform => uniform::assign(subscriptions, before),
            Self::Range => range::assign(roster, subscriptions),
            Self::Simple => simple::assign(subscriptions),
        };
        let target = |id: &&Arc<str>| {
            let mut target = shares.remove(*id).unwrap_or_default();
            target.values_mut().for_each(|partitions| partitions.sort_unstable());
            let id = Arc::clone(id);
            (id, Arc::new(target))
        };
        roster.keys().map(target).collect()
    }
}

/// Targets in the making.
type Shares<'a> = HashMap<&'a Arc<str>, Assignment>;

fn give<'a>(shares: &mut Shares<'a>, id: &'a Arc<str>, topic: TopicId, partition: i32) {
    shares.entry(id).or_default().entry(topic).or_default().push(partition);
}
