//! What changes a shard of coordinators. Each effect concerns one transactional id.
//!
//! # Layouts (*persisted*, version 1)
//! Every payload begins with the id (`text`); for the other pieces see [`super::state`] and [`crate::groups::layout`].
//!
//! | kind | effect | then |
//! |-|-|-|
//! | 1 | `Settled` | `identity`, `option` previous `identity`, timeout u64 (ms), status u8, time u64 (ms since the Unix epoch) |
//! | 2 | `Added` | time u64, `list` of `place`, `list` of group `text` |
//! | 3 | `Forgotten` | nothing |

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bole_log::PayloadKind;
use bole_shard::ApplyError;

use super::state::{Entry, Identity, Place, Status, identity, place, put_identity, put_place};
use crate::groups::layout::{Reader, Writer};

const VERSION: u8 = 1;

/// One change of one transactional id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A producer came, or a transaction ended: nothing is open.
    Settled {
        /// The transactional id.
        id: Arc<str>,
        /// Who may write now.
        identity: Identity,
        /// See [`Entry::previous`].
        previous: Option<Identity>,
        /// See [`Entry::timeout_ms`].
        timeout_ms: u64,
        /// Any but `Ongoing`.
        status: Status,
        /// Now.
        at_ms: u64,
    },
    /// A transaction takes in partitions or groups; it is begun if none is open.
    Added {
        /// The transactional id.
        id: Arc<str>,
        /// Now.
        at_ms: u64,
        /// Partitions.
        partitions: Vec<Place>,
        /// Groups.
        groups: Vec<Arc<str>>,
    },
    /// The id was idle for so long that it is forgotten.
    Forgotten {
        /// The transactional id.
        id: Arc<str>,
    },
}

impl Effect {
    /// The transactional id that it changes.
    pub const fn id(&self) -> &Arc<str> {
        match self {
            Self::Settled { id, .. } | Self::Added { id, .. } | Self::Forgotten { id } => id,
        }
    }

    /// The number and version of the layout.
    pub const fn kind(&self) -> (PayloadKind, u8) {
        let kind = match self {
            Self::Settled { .. } => 1,
            Self::Added { .. } => 2,
            Self::Forgotten { .. } => 3,
        };
        (PayloadKind(kind), VERSION)
    }

    /// Bytes of the payload.
    pub fn payload_bytes(&self) -> usize {
        let mut bytes = Vec::new();
        self.encode(&mut bytes);
        bytes.len()
    }

    /// Appends the payload to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut writer = Writer(out);
        writer.text(self.id());
        match self {
            Self::Settled { identity, previous, timeout_ms, status, at_ms, .. } => {
                put_identity(&mut writer, *identity);
                writer.option(*previous, put_identity);
                writer.u64(*timeout_ms);
                status.encode(&mut writer);
                writer.u64(*at_ms);
            }
            Self::Added { at_ms, partitions, groups, .. } => {
                writer.u64(*at_ms);
                writer.list(partitions.iter(), |writer, place| put_place(writer, *place));
                writer.list(groups.iter(), |writer, group| writer.text(group));
            }
            Self::Forgotten { .. } => {}
        }
    }

    /// Reads a payload back. Survives any bytes; takes memory in proportion to them.
    pub fn decode(kind: PayloadKind, version: u8, payload: &[u8]) -> Result<Self, ApplyError> {
        if version != VERSION || !(1..=3).contains(&kind.0) {
            return Err(ApplyError::Unknown { kind: kind.0, version });
        }
        let mut reader = Reader::new(payload);
        let id = reader.text()?;
        let effect = match kind.0 {
            1 => Self::Settled {
                id,
                identity: identity(&mut reader)?,
                previous: reader.option(identity)?,
                timeout_ms: reader.u64()?,
                status: Status::decode(&mut reader)?,
                at_ms: reader.u64()?,
            },
            2 => Self::Added {
                id,
                at_ms: reader.u64()?,
                partitions: reader.list(place)?,
                groups: reader.list(Reader::text)?,
            },
            _ => Self::Forgotten { id },
        };
        reader.end()?;
        Ok(effect)
    }

    /// Changes the entry of the id. An addition to an id that is not there changes nothing.
    pub(super) fn apply(&self, entries: &mut BTreeMap<Arc<str>, Entry>) {
        match self {
            Self::Settled { id, identity, previous, timeout_ms, status, at_ms } => {
                let entry = Entry {
                    identity: *identity,
                    previous: *previous,
                    timeout_ms: *timeout_ms,
                    status: *status,
                    start_ms: 0,
                    updated_ms: *at_ms,
                    partitions: BTreeSet::new(),
                    groups: BTreeSet::new(),
                };
                entries.insert(Arc::clone(id), entry);
            }
            Self::Added { id, at_ms, partitions, groups } => {
                let Some(entry) = entries.get_mut(id) else { return };
                if entry.status != Status::Ongoing {
                    entry.status = Status::Ongoing;
                    entry.start_ms = *at_ms;
                }
                entry.updated_ms = *at_ms;
                entry.partitions.extend(partitions);
                entry.groups.extend(groups.iter().cloned());
            }
            Self::Forgotten { id } => drop(entries.remove(id)),
        }
    }
}
