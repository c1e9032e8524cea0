//! What is kept of a consumer group (KIP-848) or a share group (KIP-932): members, their subscriptions, what each has and what each shall have.
//!
//! # Layout (*persisted*, version 1)
//! | piece | bytes |
//! |-|-|
//! | `assignment` | `list` of: topic id (16 bytes), `list` of partition i32, rising |
//! | `member` | instance id, rack (`option text`), client id, client host (`text`), topics (`list text`), pattern, assignor (`option text`), rebalance timeout `n`, epoch i32, previous epoch i32, state u8 (0 stable, 1 unrevoked, 2 unreleased), assigned `assignment`, revoking `assignment` |
//! | `record` | kind u8 (0 consumer, 1 share), epoch i32, target epoch i32, metadata hash u64, `list` of member id `text` and `member`, `list` of member id `text` and target `assignment`, `list` of topic id, partition i32 and share `partition` |

use std::collections::BTreeMap;
use std::sync::Arc;

use bole_shard::ApplyError;

use super::share;
use crate::groups::layout::{Reader, Writer};
use crate::groups::topics::TopicId;

/// Partitions by topic: no topic without partitions, partitions rising.
pub type Assignment = BTreeMap<TopicId, Vec<i32>>;

/// Which protocol the group speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Each partition belongs to one member.
    Consumer,
    /// Members share partitions record by record.
    Share,
}

impl Kind {
    /// Its name in messages and listings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Consumer => "consumer",
            Self::Share => "share",
        }
    }
}

/// Where a member stands between what it has and what it shall have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reconciliation {
    /// It has what its epoch says.
    #[default]
    Stable,
    /// It was told to give partitions up and has not confirmed.
    Unrevoked,
    /// It waits for partitions that others have not given up.
    Unreleased,
}

/// A member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// `group.instance.id` of a static member.
    pub instance_id: Option<Arc<str>>,
    /// Where it is.
    pub rack: Option<Arc<str>>,
    /// What its client calls itself.
    pub client_id: Arc<str>,
    /// Where its client is.
    pub client_host: Arc<str>,
    /// Topics that it subscribes to by name, sorted.
    pub topics: Vec<Arc<str>>,
    /// A pattern of names of topics that it subscribes to.
    pub pattern: Option<Arc<str>>,
    /// The assignor that it wishes for.
    pub assignor: Option<Arc<str>>,
    /// How long it may take to give partitions up.
    pub rebalance_timeout_ms: u64,
    /// The epoch of the assignment that it has; -2 for a static member that left to come back.
    pub epoch: i32,
    /// The epoch before that: a reply may have been lost.
    pub previous_epoch: i32,
    /// See [`Reconciliation`].
    pub reconciliation: Reconciliation,
    /// What it may read.
    pub assigned: Assignment,
    /// What it was told to give up.
    pub revoking: Assignment,
}

/// A consumer group or a share group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Which of them.
    pub kind: Kind,
    /// Rises with every change of members, subscriptions or topics.
    pub epoch: i32,
    /// The epoch that the targets are for.
    pub target_epoch: i32,
    /// A hash of the subscribed topics, their ids and numbers of partitions, as of the epoch.
    pub metadata_hash: u64,
    /// By id.
    pub members: BTreeMap<Arc<str>, Member>,
    /// What each member shall have, by id.
    pub targets: BTreeMap<Arc<str>, Arc<Assignment>>,
    /// Share groups: how far each partition has come.
    pub shares: BTreeMap<(TopicId, i32), share::Partition>,
    /// Consumer groups: who has a partition, or has not given it up. Derived.
    owners: BTreeMap<(TopicId, i32), Arc<str>>,
    /// Static members. Derived.
    instances: BTreeMap<Arc<str>, Arc<str>>,
}

impl Record {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            kind,
            epoch: 0,
            target_epoch: 0,
            metadata_hash: 0,
            members: BTreeMap::new(),
            targets: BTreeMap::new(),
            shares: BTreeMap::new(),
            owners: BTreeMap::new(),
            instances: BTreeMap::new(),
        }
    }

    /// The member that has a partition of a consumer group, or has not given it up.
    pub fn owner(&self, topic: TopicId, partition: i32) -> Option<&Arc<str>> {
        self.owners.get(&(topic, partition))
    }

    /// The member of an instance.
    pub fn by_instance(&self, instance: &str) -> Option<&Arc<str>> {
        self.instances.get(instance)
    }

    pub(crate) fn set_member(&mut self, id: &Arc<str>, member: &Member) {
        self.remove_derived(id);
        if self.kind == Kind::Consumer {
            for (topic, partitions) in member.assigned.iter().chain(&member.revoking) {
                for partition in partitions {
                    self.owners.insert((*topic, *partition), Arc::clone(id));
                }
            }
        }
        if let Some(instance) = &member.instance_id {
            self.instances.insert(Arc::clone(instance), Arc::clone(id));
        }
        self.members.insert(Arc::clone(id), member.clone());
    }

    pub(crate) fn remove_member(&mut self, id: &str) {
        self.remove_derived(id);
        self.members.remove(id);
        self.targets.remove(id);
    }

    fn remove_derived(&mut self, id: &str) {
        let Some(member) = self.members.get(id) else { return };
        for (topic, partitions) in member.assigned.iter().chain(&member.revoking) {
            for partition in partitions {
                if self.owners.get(&(*topic, *partition)).is_some_and(|owner| **owner == *id) {
                    self.owners.remove(&(*topic, *partition));
                }
            }
        }
        if let Some(instance) = &member.instance_id
            && self.instances.get(instance).is_some_and(|owner| **owner == *id)
        {
            self.instances.remove(instance);
        }
    }

    pub(super) fn encode(&self, writer: &mut Writer<'_>) {
        put_kind(writer, self.kind);
        writer.i32(self.epoch);
        writer.i32(self.target_epoch);
        writer.u64(self.metadata_hash);
        writer.list(self.members.iter(), |writer, (id, member)| {
            writer.text(id);
            member.encode(writer);
        });
        put_targets(writer, self.targets.iter());
        writer.list(self.shares.iter(), |writer, ((topic, index), partition)| {
            writer.topic_id(*topic);
            writer.i32(*index);
            partition.encode(writer);
        });
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, ApplyError> {
        let mut record = Self::new(kind(reader)?);
        record.epoch = reader.i32()?;
        record.target_epoch = reader.i32()?;
        record.metadata_hash = reader.u64()?;
        let members: Vec<_> = reader.list(|reader| Ok((reader.text()?, Member::decode(reader)?)))?;
        members.iter().for_each(|(id, member)| record.set_member(id, member));
        record.targets = targets(reader)?.into_iter().collect();
        record.shares = reader
            .list(|reader| Ok(((reader.topic_id()?, reader.i32()?), share::Partition::decode(reader)?)))?;
        Ok(record)
    }
}

pub(super) fn put_kind(writer: &mut Writer<'_>, kind: Kind) {
    writer.byte(match kind {
        Kind::Consumer => 0,
        Kind::Share => 1,
    });
}

pub(super) fn kind(reader: &mut Reader<'_>) -> Result<Kind, ApplyError> {
    match reader.byte()? {
        0 => Ok(Kind::Consumer),
        1 => Ok(Kind::Share),
        other => Err(ApplyError::Malformed(format!("{other} is no kind of group"))),
    }
}

fn put_assignment(writer: &mut Writer<'_>, assignment: &Assignment) {
    writer.list(assignment.iter(), |writer, (topic, partitions)| {
        writer.topic_id(*topic);
        writer.list(partitions.iter(), |writer, partition| writer.i32(*partition));
    });
}

fn assignment(reader: &mut Reader<'_>) -> Result<Assignment, ApplyError> {
    reader.list(|reader| {
        let topic = reader.topic_id()?;
        let partitions: Vec<i32> = reader.list(Reader::i32)?;
        if partitions.is_empty() || !partitions.is_sorted_by(|one, other| one < other) {
            return Err(ApplyError::Malformed("the partitions of an assignment do not rise".into()));
        }
        Ok((topic, partitions))
    })
}

pub(super) fn put_targets<'a>(
    writer: &mut Writer<'_>,
    targets: impl ExactSizeIterator<Item = (&'a Arc<str>, &'a Arc<Assignment>)>,
) {
    writer.list(targets, |writer, (id, target)| {
        writer.text(id);
        put_assignment(writer, target);
    });
}

pub(super) fn targets(reader: &mut Reader<'_>) -> Result<Vec<(Arc<str>, Arc<Assignment>)>, ApplyError> {
    reader.list(|reader| Ok((reader.text()?, Arc::new(assignment(reader)?))))
}

impl Member {
    pub(super) fn encode(&self, writer: &mut Writer<'_>) {
        writer.option_text(self.instance_id.as_deref());
        writer.option_text(self.rack.as_deref());
        writer.text(&self.client_id);
        writer.text(&self.client_host);
        writer.list(self.topics.iter(), |writer, topic| writer.text(topic));
        writer.option_text(self.pattern.as_deref());
        writer.option_text(self.assignor.as_deref());
        writer.n(self.rebalance_timeout_ms);
        writer.i32(self.epoch);
        writer.i32(self.previous_epoch);
        writer.byte(match self.reconciliation {
            Reconciliation::Stable => 0,
            Reconciliation::Unrevoked => 1,
            Reconciliation::Unreleased => 2,
        });
        put_assignment(writer, &self.assigned);
        put_assignment(writer, &self.revoking);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, ApplyError> {
        Ok(Self {
            instance_id: reader.option(Reader::text)?,
            rack: reader.option(Reader::text)?,
            client_id: reader.text()?,
            client_host: reader.text()?,
            topics: reader.list(Reader::text)?,
            pattern: reader.option(Reader::text)?,
            assignor: reader.option(Reader::text)?,
            rebalance_timeout_ms: reader.n()?,
            epoch: reader.i32()?,
            previous_epoch: reader.i32()?,
            reconciliation: match reader.byte()? {
                0 => Reconciliation::Stable,
                1 => Reconciliation::Unrevoked,
                2 => Reconciliation::Unreleased,
                other => {
                    return Err(ApplyError::Malformed(format!("{other} is no state of a member")));
                }
            },
            assigned: assignment(reader)?,
            revoking: assignment(reader)?,
        })
    }
}

impl Record {
    /// Kafka's name of the group's state.
    pub fn state_name(&self) -> &'static str {
        let settled = |member: &Member| {
            member.reconciliation == Reconciliation::Stable && member.epoch == self.target_epoch
        };
        match self.kind {
            _ if self.members.is_empty() => "Empty",
            Kind::Share => "Stable",
            Kind::Consumer if self.epoch > self.target_epoch => "Assigning",
            Kind::Consumer if self.members.values().all(settled) => "Stable",
            Kind::Consumer => "Reconciling",
        }
    }
}
