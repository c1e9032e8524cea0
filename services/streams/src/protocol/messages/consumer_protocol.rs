//! What consumers put into `JoinGroup` and `SyncGroup`: the topics that a member wants, and the partitions that it gets.
//!
//! A version of two bytes stands before each. Versions above the last known one are read as the last: newer clients may only add
//! fields at the end.

use bytes::Bytes;

use crate::protocol::decoder::{DecodeError, Decoder, Problem};
use crate::protocol::encoder::{EncodeError, Encoder};
use crate::protocol::message::structures;
use crate::protocol::rule::Versions;
use crate::protocol::text::Text;
use crate::protocol::wire::{Form, Wire};

/// The versions that can be written. Above the last, the fields of the last are read.
pub const VERSIONS: Versions = Versions::new(0, 3);

structures! {
    ConsumerProtocol;

    /// What a member wants: the `metadata` of a `JoinGroup` protocol.
    struct Subscription {
        topics: Vec<Text>, always();
        /// The assignor's own.
        user_data: Option<Bytes>, always();
        /// What the member has, for assignors that move little.
        owned_partitions: Vec<TopicPartition>, since(1).ignorable();
        /// The generation in which it was given, or -1.
        generation_id: i32 = -1, since(2).ignorable();
        /// Where the member runs.
        rack_id: Option<Text>, since(3).ignorable();
    }

    /// What a member gets: its `assignment` in `SyncGroup`.
    struct Assignment {
        assigned_partitions: Vec<TopicPartition>, always();
        /// The assignor's own.
        user_data: Option<Bytes>, always();
    }

    /// Partitions of one topic.
    struct TopicPartition {
        topic: Text, always();
        partitions: Vec<i32>, always();
    }
}

fn decode<T: Wire>(bytes: Bytes) -> Result<(T, i16), DecodeError> {
    let mut decoder = Decoder::new(bytes);
    decoder.at("ConsumerProtocol version");
    let version = decoder.i16()?;
    let Versions { min, max } = VERSIONS;
    if version < min {
        return Err(decoder.error(Problem::UnknownVersion { version, min, max }));
    }
    let value = T::read(&mut decoder, Form::new(version.min(max), false))?;
    Ok((value, version))
}

fn encode<T: Wire>(value: &T, version: i16) -> Result<Bytes, EncodeError> {
    let Versions { min, max } = VERSIONS;
    if !VERSIONS.contains(version) {
        return Err(EncodeError::UnknownVersion { name: "ConsumerProtocol", version, min, max });
    }
    let mut encoder = Encoder::new();
    encoder.put_i16(version);
    value.write(&mut encoder, Form::new(version, false))?;
    Ok(encoder.finish()?.into_bytes())
}

impl Subscription {
    /// Reads a subscription and the version in which it came.
    pub fn decode(bytes: Bytes) -> Result<(Subscription, i16), DecodeError> {
        decode(bytes)
    }

    /// Writes the version and the subscription.
    pub fn encode(&self, version: i16) -> Result<Bytes, EncodeError> {
        encode(self, version)
    }
}

impl Assignment {
    /// Reads an assignment and the version in which it came.
    pub fn decode(bytes: Bytes) -> Result<(Assignment, i16), DecodeError> {
        decode(bytes)
    }

    /// Writes the version and the assignment.
    pub fn encode(&self, version: i16) -> Result<Bytes, EncodeError> {
        encode(self, version)
    }
}
