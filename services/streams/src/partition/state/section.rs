//! A partition's state as a checkpoint holds it. *Persisted*, version 1; little-endian.
//!
//! ```text
//! | u32 version | i64 next | i64 log start | i64 flushed |
//! | u32 n | n × (i32 epoch, i64 start) |
//! | u32 n | n × segment (44 bytes, see entry.rs) |
//! | u32 n | n × (i64 id, i16 epoch, i64 last timestamp, i64 transaction start or −1, u8 m, m × (i32 first, i32 last, i64 offset, i64 timestamp)) |
//! | u32 n | n × (i64 producer, i64 first, i64 last): aborted transactions |
//! | u32 n | n × (u32 bytes, payload of kind 1, see entry.rs): batches that are not flushed |
//! ```

use super::super::entry::{Append, Effect, Reader, encode_segment};
use super::super::producers::{Producer, REMEMBERED_BATCHES, Sent};
use super::super::segments::Segments;
use super::{Aborted, State};
use bole_shard::State as _;

const VERSION: u32 = 1;

pub(super) fn encode(state: &State, out: &mut Vec<u8>) {
    out.extend(VERSION.to_le_bytes());
    for offset in [state.next_offset, state.log_start, state.flushed] {
        out.extend(offset.to_le_bytes());
    }
    out.extend((state.epochs.len() as u32).to_le_bytes());
    for (epoch, start) in &state.epochs {
        out.extend(epoch.to_le_bytes());
        out.extend(start.to_le_bytes());
    }
    encode_segments(state, out);
    encode_producers(state, out);
    out.extend((state.aborted.len() as u32).to_le_bytes());
    for aborted in &state.aborted {
        for number in [aborted.producer_id, aborted.first, aborted.last] {
            out.extend(number.to_le_bytes());
        }
    }
    encode_tail(state, out);
}

fn encode_segments(state: &State, out: &mut Vec<u8>) {
    out.extend((state.segments.len() as u32).to_le_bytes());
    state.segments.iter().for_each(|segment| encode_segment(segment, out));
}

fn encode_producers(state: &State, out: &mut Vec<u8>) {
    out.extend((state.producers.len() as u32).to_le_bytes());
    for (id, producer) in state.producers.all() {
        out.extend(id.to_le_bytes());
        out.extend(producer.epoch.to_le_bytes());
        out.extend(producer.last_timestamp.to_le_bytes());
        out.extend(producer.transaction_start.unwrap_or(-1).to_le_bytes());
        out.push(producer.sent.len() as u8);
        for sent in &producer.sent {
            out.extend(sent.first_sequence.to_le_bytes());
            out.extend(sent.last_sequence.to_le_bytes());
            out.extend(sent.base_offset.to_le_bytes());
            out.extend(sent.timestamp.to_le_bytes());
        }
    }
}

fn encode_tail(state: &State, out: &mut Vec<u8>) {
    let first = state.tail.partition_point(|tail| tail.end() <= state.flushed);
    out.extend(((state.tail.len() - first) as u32).to_le_bytes());
    for tail in state.tail.range(first..) {
        let at = out.len();
        out.extend([0; 4]);
        State::encode(&Effect::Append(tail.append.clone()), out);
        let bytes = (out.len() - at - 4) as u32;
        out[at..at + 4].copy_from_slice(&bytes.to_le_bytes());
    }
}

/// Fills an empty state; `None` if the bytes are malformed.
pub(super) fn decode(state: &mut State, bytes: &[u8]) -> Option<()> {
    let mut reader = Reader(bytes);
    if reader.u32()? != VERSION {
        return None;
    }
    state.next_offset = reader.i64()?;
    state.log_start = reader.i64()?;
    state.flushed = reader.i64()?;
    for _ in 0..reader.count(12)? {
        state.epochs.push((reader.i32()?, reader.i64()?));
    }
    let mut segments = Segments::default();
    for _ in 0..reader.count(44)? {
        segments.restore(reader.segment()?);
    }
    state.segments = segments;
    for _ in 0..reader.count(27)? {
        let id = reader.i64()?;
        state.producers.restore(id, producer(&mut reader)?);
    }
    for _ in 0..reader.count(24)? {
        let (producer_id, first, last) = (reader.i64()?, reader.i64()?, reader.i64()?);
        state.aborted.push_back(Aborted { producer_id, first, last });
    }
    for _ in 0..reader.count(4)? {
        let bytes = reader.u32()? as usize;
        state.hold(append(reader.take(bytes)?)?);
    }
    let sound = state.log_start <= state.next_offset && state.flushed <= state.next_offset;
    (reader.0.is_empty() && sound).then_some(())
}

fn producer(reader: &mut Reader<'_>) -> Option<Producer> {
    let mut producer =
        Producer { epoch: reader.i16()?, last_timestamp: reader.i64()?, ..Producer::default() };
    let start = reader.i64()?;
    producer.transaction_start = (start >= 0).then_some(start);
    let count = usize::from(reader.u8()?);
    if count > REMEMBERED_BATCHES {
        return None;
    }
    for _ in 0..count {
        producer.sent.push_back(Sent {
            first_sequence: reader.i32()?,
            last_sequence: reader.i32()?,
            base_offset: reader.i64()?,
            timestamp: reader.i64()?,
        });
    }
    Some(producer)
}

fn append(payload: &[u8]) -> Option<Append> {
    let (kind, version) = Effect::APPEND;
    match Effect::decode(kind, version, payload).ok()? {
        Effect::Append(append) => Some(append),
        _ => None,
    }
}
