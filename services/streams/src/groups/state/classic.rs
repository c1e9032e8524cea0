//! What is kept of a classic group: its members and their assignments as of the last completed rebalance.
//!
//! # Layout (*persisted*, version 1)
//! generation i32, settled generation i32, protocol type, protocol name, leader (each `option text`), since u64, `list` of members:
//! member id `text`, instance id `option text`, client id `text`, client host `text`, session timeout `n`, rebalance timeout `n`,
//! metadata `bytes`, assignment `bytes`.

use std::sync::Arc;

use bole_shard::ApplyError;
use bytes::Bytes;

use crate::groups::layout::{Reader, Writer};

/// A classic group at rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// The highest generation that was announced to members.
    pub generation: i32,
    /// The generation whose assignments are below. If it is not `generation`, a rebalance was under way.
    pub settled: i32,
    /// `consumer`, `connect`, …; `None` for a group that only has offsets.
    pub protocol_type: Option<Arc<str>>,
    /// What the members agreed on.
    pub protocol_name: Option<Arc<str>>,
    /// The member that assigns.
    pub leader: Option<Arc<str>>,
    /// When it came to rest, or became empty: milliseconds since the Unix epoch. 0 for a group that only has offsets.
    pub since_ms: u64,
    /// In order of their ids.
    pub members: Vec<Member>,
}

/// A member of a classic group at rest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: Arc<str>,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<Arc<str>>,
    /// What its client calls itself.
    pub client_id: Arc<str>,
    /// Where its client is.
    pub client_host: Arc<str>,
    /// After so long without a sign of life it is removed.
    pub session_timeout_ms: u64,
    /// How long it takes at most to join again.
    pub rebalance_timeout_ms: u64,
    /// Its metadata under the agreed protocol.
    pub metadata: Bytes,
    /// What the leader gave it.
    pub assignment: Bytes,
}

impl Record {
    pub(super) fn encode(&self, writer: &mut Writer<'_>) {
        writer.i32(self.generation);
        writer.i32(self.settled);
        writer.option_text(self.protocol_type.as_deref());
        writer.option_text(self.protocol_name.as_deref());
        writer.option_text(self.leader.as_deref());
        writer.u64(self.since_ms);
        writer.list(self.members.iter(), |writer, member| {
            writer.text(&member.id);
            writer.option_text(member.instance_id.as_deref());
            writer.text(&member.client_id);
            writer.text(&member.client_host);
            writer.n(member.session_timeout_ms);
            writer.n(member.rebalance_timeout_ms);
            writer.bytes(&member.metadata);
            writer.bytes(&member.assignment);
        });
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, ApplyError> {
        Ok(Self {
            generation: reader.i32()?,
            settled: reader.i32()?,
            protocol_type: reader.option(Reader::text)?,
            protocol_name: reader.option(Reader::text)?,
            leader: reader.option(Reader::text)?,
            since_ms: reader.u64()?,
            members: reader.list(|reader| {
                Ok(Member {
                    id: reader.text()?,
                    instance_id: reader.option(Reader::text)?,
                    client_id: reader.text()?,
                    client_host: reader.text()?,
                    session_timeout_ms: reader.n()?,
                    rebalance_timeout_ms: reader.n()?,
                    metadata: reader.bytes()?,
                    assignment: reader.bytes()?,
                })
            })?,
        })
    }
}
