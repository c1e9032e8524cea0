//! A small state for these tests: numbers under numbers, in segments that split, one section each. `Add` is not idempotent, so
//! an effect that is applied twice, or not at all, shows.

use std::collections::BTreeMap;

use bole_base::Offset;
use bole_log::PayloadKind;
use bole_shard::{ApplyError, Section, State, Step};

const KEYS_PER_SEGMENT: usize = 4;
const SEGMENTS_PER_LOOK: usize = 3;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    Add(u64, u64),
    Remove(u64),
    Flush,
    /// Panics in apply.
    Boom,
}

pub(crate) type Contents = BTreeMap<u64, u64>;

/// What an effect means, without segments: the model.
pub(crate) fn step(contents: &mut Contents, effect: &Effect) {
    match effect {
        Effect::Add(key, by) => {
            let value = contents.entry(*key).or_default();
            *value = value.wrapping_add(*by);
        }
        Effect::Remove(key) => drop(contents.remove(key)),
        Effect::Flush => contents.clear(),
        Effect::Boom => panic!("boom"),
    }
}

struct Segment {
    start: u64,
    end: u64,
    floor: Offset,
    touched: Offset,
    contents: Contents,
}

#[derive(Default)]
pub(crate) struct Ranges {
    segments: Vec<Segment>,
    /// The widest sections, for states that shall look large.
    pub(crate) padding: usize,
}

impl Ranges {
    pub(crate) fn contents(&self) -> Contents {
        self.segments.iter().flat_map(|segment| &segment.contents).map(|(k, v)| (*k, *v)).collect()
    }

    fn ensure(&mut self) {
        if self.segments.is_empty() {
            let (floor, touched) = (Offset::ZERO, Offset::ZERO);
            self.segments.push(Segment {
                start: 0,
                end: u64::MAX,
                floor,
                touched,
                contents: Contents::new(),
            });
        }
    }

    fn index(&self, key: u64) -> usize {
        self.segments.partition_point(|segment| segment.end < key)
    }

    fn split(&mut self, index: usize) {
        let segment = &mut self.segments[index];
        let Some(middle) = segment.contents.keys().nth(KEYS_PER_SEGMENT / 2).copied() else { return };
        let upper = Segment {
            start: middle,
            end: segment.end,
            floor: segment.floor,
            touched: segment.touched,
            contents: segment.contents.split_off(&middle),
        };
        segment.end = middle - 1;
        self.segments.insert(index + 1, upper);
    }
}

impl State for Ranges {
    type Effect<'a> = Effect;

    fn kind(_: &Effect) -> (PayloadKind, u8) {
        (PayloadKind(77), 1)
    }

    fn encode(effect: &Effect, out: &mut Vec<u8>) {
        let (tag, key, by) = match effect {
            Effect::Add(key, by) => (1, *key, *by),
            Effect::Remove(key) => (2, *key, 0),
            Effect::Flush => (3, 0, 0),
            Effect::Boom => (4, 0, 0),
        };
        out.push(tag);
        out.extend_from_slice(&key.to_le_bytes());
        out.extend_from_slice(&by.to_le_bytes());
    }

    fn decode(kind: PayloadKind, version: u8, payload: &[u8]) -> Result<Effect, ApplyError> {
        if kind != PayloadKind(77) || version != 1 {
            return Err(ApplyError::Unknown { kind: kind.0, version });
        }
        let word = |at: usize| {
            let bytes = payload.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
            bytes.map(u64::from_le_bytes).ok_or_else(|| ApplyError::Malformed("too short".into()))
        };
        Ok(match payload.first() {
            Some(1) => Effect::Add(word(1)?, word(9)?),
            Some(2) => Effect::Remove(word(1)?),
            Some(3) => Effect::Flush,
            Some(4) => Effect::Boom,
            other => return Err(ApplyError::Malformed(format!("tag {other:?}"))),
        })
    }

    fn apply(&mut self, offset: Offset, effect: &Effect) {
        self.ensure();
        let touched = match effect {
            Effect::Add(key, _) | Effect::Remove(key) => {
                let index = self.index(*key);
                index..index + 1
            }
            _ => 0..self.segments.len(),
        };
        for index in touched.rev() {
            let segment = &mut self.segments[index];
            if offset >= segment.floor {
                step(&mut segment.contents, effect);
                segment.touched = offset.next();
                if segment.contents.len() > KEYS_PER_SEGMENT {
                    self.split(index);
                }
            }
        }
    }

    fn next_section(&mut self, cursor: u64, since: Offset, out: &mut Vec<u8>) -> Step {
        self.ensure();
        let first = self.index(cursor);
        for segment in self.segments.iter().skip(first).take(SEGMENTS_PER_LOOK) {
            if since == Offset::ZERO || segment.touched > since {
                for (key, value) in &segment.contents {
                    out.extend_from_slice(&key.to_le_bytes());
                    out.extend_from_slice(&value.to_le_bytes());
                }
                out.resize(out.len() + self.padding * 16, 0xFF);
                let range = Some((segment.start, segment.end));
                return Step { section: range, next: segment.end.checked_add(1) };
            }
        }
        let last = self.segments.get(first + SEGMENTS_PER_LOOK - 1).or_else(|| self.segments.last());
        Step { section: None, next: last.and_then(|segment| segment.end.checked_add(1)) }
    }

    fn restore(&mut self, section: Section, bytes: &[u8]) -> Result<(), ApplyError> {
        let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
        let pairs = bytes.chunks_exact(16).map(|pair| (word(&pair[..8]), word(&pair[8..])));
        let contents: Contents = pairs.filter(|pair| *pair != (u64::MAX, u64::MAX)).collect();
        if contents.keys().any(|key| !(section.start..=section.end).contains(key)) {
            return Err(ApplyError::Malformed("a key outside of its section".into()));
        }
        let Section { start, end, offset } = section;
        self.segments.push(Segment { start, end, floor: offset, touched: Offset::ZERO, contents });
        Ok(())
    }

    fn memory_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.contents.len() as u64 * 16).sum()
    }
}
