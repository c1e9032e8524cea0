//! What changes a shard of groups: the effects that are logged and applied. Each concerns one group.
//!
//! # Layouts (*persisted*, version 1)
//! Every payload begins with the group's id (`text`); see [`crate::groups::layout`] for the pieces.
//!
//! | kind | effect | then |
//! |-|-|-|
//! | 1 | `GroupRemoved` | nothing |
//! | 2 | `ClassicGeneration` | generation i32, protocol type `option text` |
//! | 3 | `ClassicSettled` | a record as in [`super::classic`] |
//! | 4 | `OffsetsCommitted` | `offsets` as in [`super::offsets`] |
//! | 5 | `OffsetsRemoved` | `list` of `place` as in [`super::offsets`] |
//! | 6 | `PendingAdded` | producer id i64, producer epoch i32, `offsets` |
//! | 7 | `PendingEnded` | producer id i64, commit u8 |
//! | 8 | `ModernEpoch` | kind u8, epoch i32, metadata hash u64 |
//! | 9 | `MemberSet` | member id `text`, `member` as in [`super::modern`] |
//! | 10 | `MemberRemoved` | member id `text` |
//! | 11 | `TargetsSet` | epoch i32, `list` of member id `text` and `assignment` as in [`super::modern`] |
//! | 12 | `ShareChanged` | topic id, partition i32, `update` as in [`super::share`] |
//! | 13 | `ShareRemoved` | `list` of topic id and partition i32 |

use std::sync::Arc;

use bole_log::PayloadKind;
use bole_shard::ApplyError;

use super::modern::{Assignment, Kind};
use super::offsets::{self, OffsetList, Place};
use super::{classic, modern, share};
use crate::groups::layout::{Reader, Writer};
use crate::groups::topics::TopicId;

/// The version of all layouts.
const VERSION: u8 = 1;
const KIND_MAX: u16 = 13;

/// One change of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields' names and the variants' lines say it all")]
pub enum Effect {
    /// The group is gone, with its offsets.
    GroupRemoved { group: Arc<str> },
    /// A classic group announces a generation; members and assignments are still those of the last settled one.
    ClassicGeneration { group: Arc<str>, generation: i32, protocol_type: Option<Arc<str>> },
    /// A classic group has come to rest: its rebalance is complete, or it is empty.
    ClassicSettled { group: Arc<str>, record: Box<classic::Record> },
    /// Offsets were committed.
    OffsetsCommitted { group: Arc<str>, offsets: OffsetList },
    /// Committed offsets were deleted or have expired.
    OffsetsRemoved { group: Arc<str>, places: Vec<Place> },
    /// An open transaction wants to commit offsets.
    PendingAdded { group: Arc<str>, producer_id: i64, producer_epoch: i16, offsets: OffsetList },
    /// A transaction ended: its offsets are committed, or forgotten.
    PendingEnded { group: Arc<str>, producer_id: i64, commit: bool },
    /// A consumer or share group has a new epoch. Makes the group; an empty group of another kind makes room.
    ModernEpoch { group: Arc<str>, kind: Kind, epoch: i32, metadata_hash: u64 },
    /// A member came, or changed.
    MemberSet { group: Arc<str>, member_id: Arc<str>, member: Box<modern::Member> },
    /// A member is gone, and its target.
    MemberRemoved { group: Arc<str>, member_id: Arc<str> },
    /// What members shall have from `epoch` on; those not named keep what they had.
    TargetsSet { group: Arc<str>, epoch: i32, targets: Vec<(Arc<str>, Arc<Assignment>)> },
    /// Records of a partition of a share group have come further.
    ShareChanged { group: Arc<str>, topic: TopicId, partition: i32, update: share::Update },
    /// A share group forgets partitions.
    ShareRemoved { group: Arc<str>, places: Vec<(TopicId, i32)> },
}

impl Effect {
    /// The group that it changes.
    pub const fn group(&self) -> &Arc<str> {
        match self {
            Self::GroupRemoved { group }
            | Self::ClassicGeneration { group, .. }
            | Self::ClassicSettled { group, .. }
            | Self::OffsetsCommitted { group, .. }
            | Self::OffsetsRemoved { group, .. }
            | Self::PendingAdded { group, .. }
            | Self::PendingEnded { group, .. }
            | Self::ModernEpoch { group, .. }
            | Self::MemberSet { group, .. }
            | Self::MemberRemoved { group, .. }
            | Self::TargetsSet { group, .. }
            | Self::ShareChanged { group, .. }
            | Self::ShareRemoved { group, .. } => group,
        }
    }

    /// Whether the group is made if it is not there.
    pub(super) const fn makes_group(&self) -> bool {
        matches!(
            self,
            Self::ClassicGeneration { .. }
                | Self::ClassicSettled { .. }
                | Self::OffsetsCommitted { .. }
                | Self::PendingAdded { .. }
                | Self::ModernEpoch { .. }
        )
    }

    pub(super) const fn touches_producers(&self) -> bool {
        matches!(self, Self::GroupRemoved { .. } | Self::PendingAdded { .. } | Self::PendingEnded { .. })
    }

    /// The number and version of the layout.
    pub const fn kind(&self) -> (PayloadKind, u8) {
        let kind = match self {
            Self::GroupRemoved { .. } => 1,
            Self::ClassicGeneration { .. } => 2,
            Self::ClassicSettled { .. } => 3,
            Self::OffsetsCommitted { .. } => 4,
            Self::OffsetsRemoved { .. } => 5,
            Self::PendingAdded { .. } => 6,
            Self::PendingEnded { .. } => 7,
            Self::ModernEpoch { .. } => 8,
            Self::MemberSet { .. } => 9,
            Self::MemberRemoved { .. } => 10,
            Self::TargetsSet { .. } => 11,
            Self::ShareChanged { .. } => 12,
            Self::ShareRemoved { .. } => 13,
        };
        (PayloadKind(kind), VERSION)
    }

    /// Appends the payload to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer(out);
        writer.text(self.group());
        match self {
            Self::GroupRemoved { .. } => {}
            Self::ClassicGeneration { generation, protocol_type, .. } => {
                writer.i32(*generation);
                writer.option_text(protocol_type.as_deref());
            }
            Self::ClassicSettled { record, .. } => record.encode(&mut writer),
            Self::OffsetsCommitted { offsets, .. } => offsets::put_list(&mut writer, offsets),
            Self::OffsetsRemoved { places, .. } => writer.list(places.iter(), offsets::put_place),
            Self::PendingAdded { producer_id, producer_epoch, offsets, .. } => {
                writer.i64(*producer_id);
                writer.i32(i32::from(*producer_epoch));
                offsets::put_list(&mut writer, offsets);
            }
            Self::PendingEnded { producer_id, commit, .. } => {
                writer.i64(*producer_id);
                writer.byte(*commit as u8);
            }
            Self::ModernEpoch { kind, epoch, metadata_hash, .. } => {
                modern::put_kind(&mut writer, *kind);
                writer.i32(*epoch);
                writer.u64(*metadata_hash);
            }
            Self::MemberSet { member_id, member, .. } => {
                writer.text(member_id);
                member.encode(&mut writer);
            }
            Self::MemberRemoved { member_id, .. } => writer.text(member_id),
            Self::TargetsSet { epoch, targets, .. } => {
                writer.i32(*epoch);
                modern::put_targets(&mut writer, targets.iter().map(|(id, target)| (id, target)));
            }
            Self::ShareChanged { topic, partition, update, .. } => {
                writer.topic_id(*topic);
                writer.i32(*partition);
                update.encode(&mut writer);
            }
            Self::ShareRemoved { places, .. } => writer.list(places.iter(), |writer, (topic, partition)| {
                writer.topic_id(*topic);
                writer.i32(*partition);
            }),
        }
    }

    /// Reads a payload back. Survives any bytes; takes memory in proportion to them.
    pub fn decode(kind: PayloadKind, version: u8, payload: &[u8]) -> Result<Self, ApplyError> {
        if version != VERSION || !(1..=KIND_MAX).contains(&kind.0) {
            return Err(ApplyError::Unknown { kind: kind.0, version });
        }
        let mut reader = Reader::new(payload);
        let effect = Self::decode_body(kind.0, &mut reader)?;
        reader.end()?;
        Ok(effect)
    }

    fn decode_body(kind: u16, reader: &mut Reader<'_>) -> Result<Self, ApplyError> {
        let group = reader.text()?;
        Ok(match kind {
            1 => Self::GroupRemoved { group },
            2 => Self::ClassicGeneration {
                group,
                generation: reader.i32()?,
                protocol_type: reader.option(Reader::text)?,
            },
            3 => Self::ClassicSettled { group, record: Box::new(classic::Record::decode(reader)?) },
            4 => Self::OffsetsCommitted { group, offsets: offsets::list(reader)? },
            5 => Self::OffsetsRemoved { group, places: reader.list(offsets::place)? },
            6 => Self::PendingAdded {
                group,
                producer_id: reader.i64()?,
                producer_epoch: offsets::producer_epoch(reader)?,
                offsets: offsets::list(reader)?,
            },
            7 => Self::PendingEnded { group, producer_id: reader.i64()?, commit: reader.flag()? },
            8 => Self::ModernEpoch {
                group,
                kind: modern::kind(reader)?,
                epoch: reader.i32()?,
                metadata_hash: reader.u64()?,
            },
            9 => Self::MemberSet {
                group,
                member_id: reader.text()?,
                member: Box::new(modern::Member::decode(reader)?),
            },
            10 => Self::MemberRemoved { group, member_id: reader.text()? },
            11 => Self::TargetsSet { group, epoch: reader.i32()?, targets: modern::targets(reader)? },
            12 => Self::ShareChanged {
                group,
                topic: reader.topic_id()?,
                partition: reader.i32()?,
                update: share::Update::decode(reader)?,
            },
            _ => Self::ShareRemoved {
                group,
                places: reader.list(|reader| Ok((reader.topic_id()?, reader.i32()?)))?,
            },
        })
    }
}
