//! One group: its members in the form of its kind, its committed offsets, and how effects change them.
//!
//! # Layout (*persisted*, version 1)
//! body u8 (0 classic, 1 consumer or share) and its record; committed `offsets`; `pending` offsets.

use std::collections::BTreeMap;
use std::sync::Arc;

use bole_base::Position;
use bole_shard::ApplyError;

use super::effect::Effect;
use super::offsets::{self, Offsets, Pending};
use super::{classic, modern};
use crate::groups::layout::{Reader, Writer};

/// The members of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A classic group, or one that only has offsets.
    Classic(classic::Record),
    /// A consumer group or a share group.
    Modern(Box<modern::Record>),
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its members.
    pub body: Body,
    /// Its committed offsets.
    pub offsets: Offsets,
    /// Offsets of open transactions, by producer id.
    pub pending: BTreeMap<i64, Pending>,
    /// Where in the journal its last change ends: what replies that show the group wait for. Not part of the state proper.
    pub(crate) position: Position,
}

impl Default for Group {
    fn default() -> Self {
        Self {
            body: Body::Classic(classic::Record::default()),
            offsets: Offsets::default(),
            pending: BTreeMap::new(),
            position: Position::ZERO,
        }
    }
}

impl Group {
    /// The consumer or share group that it is.
    pub fn modern(&self) -> Option<&modern::Record> {
        match &self.body {
            Body::Modern(record) => Some(record),
            Body::Classic(_) => None,
        }
    }

    /// The classic group that it is.
    pub const fn classic(&self) -> Option<&classic::Record> {
        match &self.body {
            Body::Classic(record) => Some(record),
            Body::Modern(_) => None,
        }
    }

    /// The name of its kind: `classic`, `consumer` or `share`.
    pub fn kind_name(&self) -> &'static str {
        self.modern().map_or("classic", |record| record.kind.name())
    }

    /// How many members are kept.
    pub fn members(&self) -> usize {
        match &self.body {
            Body::Classic(record) => record.members.len(),
            Body::Modern(record) => record.members.len(),
        }
    }

    pub(super) fn producers(&self) -> Vec<i64> {
        self.pending.keys().copied().collect()
    }

    pub(super) fn memory_bytes(&self) -> usize {
        const PER_OFFSET: usize = 120;
        const PER_MEMBER: usize = 400;
        const PER_SPAN: usize = 40;
        let pending: usize = self.pending.values().map(|pending| pending.offsets.len()).sum();
        let spans: usize = self
            .modern()
            .map_or(0, |record| record.shares.values().map(|partition| 2 + partition.spans.len()).sum());
        size_of::<Self>()
            + (self.offsets.len() + pending) * PER_OFFSET
            + self.members() * PER_MEMBER
            + spans * PER_SPAN
    }

    pub(super) fn encode(&self, writer: &mut Writer<'_>) {
        match &self.body {
            Body::Classic(record) => {
                writer.byte(0);
                record.encode(writer);
            }
            Body::Modern(record) => {
                writer.byte(1);
                record.encode(writer);
            }
        }
        self.offsets.encode(writer);
        offsets::put_pending(writer, &self.pending);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, ApplyError> {
        let body = match reader.byte()? {
            0 => Body::Classic(classic::Record::decode(reader)?),
            1 => Body::Modern(Box::new(modern::Record::decode(reader)?)),
            other => return Err(ApplyError::Malformed(format!("{other} is no body of a group"))),
        };
        let offsets = Offsets::decode(reader)?;
        let pending = offsets::pending(reader)?;
        Ok(Self { body, offsets, pending, position: Position::ZERO })
    }

    /// The classic record; whatever was there before makes room for it.
    fn classic_mut(&mut self) -> &mut classic::Record {
        if !matches!(self.body, Body::Classic(_)) {
            self.body = Body::Classic(classic::Record::default());
        }
        match &mut self.body {
            Body::Classic(record) => record,
            Body::Modern(_) => unreachable!("it was made a classic group above"),
        }
    }

    fn modern_mut(&mut self) -> Option<&mut modern::Record> {
        match &mut self.body {
            Body::Modern(record) => Some(record),
            Body::Classic(_) => None,
        }
    }

    fn end_transaction(&mut self, producer_id: i64, commit: bool) {
        let Some(pending) = self.pending.remove(&producer_id) else { return };
        if commit {
            pending.offsets.iter().for_each(|(place, committed)| self.offsets.set(place, committed));
        }
    }

    fn add_pending(&mut self, producer_id: i64, producer_epoch: i16, offsets: &offsets::OffsetList) {
        let pending = self.pending.entry(producer_id).or_default();
        pending.producer_epoch = producer_epoch;
        pending.offsets.extend(offsets.iter().cloned());
    }
}

/// Applies an effect to its group. Effects on what is not there make it where they can, and are ignored where they cannot.
pub(super) fn apply(groups: &mut BTreeMap<Arc<str>, Group>, effect: &Effect) {
    let id = effect.group();
    if let Effect::GroupRemoved { .. } = effect {
        groups.remove(id);
        return;
    }
    if effect.makes_group() && !groups.contains_key(id) {
        groups.insert(Arc::clone(id), Group::default());
    }
    let Some(group) = groups.get_mut(id) else { return };
    match effect {
        Effect::GroupRemoved { .. } => {}
        Effect::ClassicGeneration { generation, protocol_type, .. } => {
            let record = group.classic_mut();
            record.generation = *generation;
            record.protocol_type.clone_from(protocol_type);
        }
        Effect::ClassicSettled { record, .. } => *group.classic_mut() = (**record).clone(),
        Effect::OffsetsCommitted { offsets, .. } => {
            offsets.iter().for_each(|(place, committed)| group.offsets.set(place, committed));
        }
        Effect::OffsetsRemoved { places, .. } => places.iter().for_each(|place| group.offsets.remove(place)),
        Effect::PendingAdded { producer_id, producer_epoch, offsets, .. } => {
            group.add_pending(*producer_id, *producer_epoch, offsets);
        }
        Effect::PendingEnded { producer_id, commit, .. } => group.end_transaction(*producer_id, *commit),
        Effect::ModernEpoch { kind, epoch, metadata_hash, .. } => {
            if group.modern().is_none_or(|record| record.kind != *kind) {
                group.body = Body::Modern(Box::new(modern::Record::new(*kind)));
            }
            if let Some(record) = group.modern_mut() {
                record.epoch = *epoch;
                record.metadata_hash = *metadata_hash;
            }
        }
        _ => {
            if let Some(record) = group.modern_mut() {
                apply_modern(record, effect);
            }
        }
    }
}

fn apply_modern(record: &mut modern::Record, effect: &Effect) {
    match effect {
        Effect::MemberSet { member_id, member, .. } => record.set_member(member_id, member),
        Effect::MemberRemoved { member_id, .. } => record.remove_member(member_id),
        Effect::TargetsSet { epoch, targets, .. } => {
            record.target_epoch = *epoch;
            record.targets.extend(targets.iter().cloned());
        }
        Effect::ShareChanged { topic, partition, update, .. } => {
            record.shares.entry((*topic, *partition)).or_default().apply(update);
        }
        Effect::ShareRemoved { places, .. } => {
            places.iter().for_each(|place| {
                record.shares.remove(place);
            });
        }
        _ => unreachable!("effects on classic groups and offsets are applied elsewhere"),
    }
}
