//! Effects survive their layouts, and decoding survives anything.

use proptest::prelude::*;

use super::*;

/// What effects of all kinds are made of.
#[derive(Clone, Debug)]
pub(in crate::state) struct Parts {
    pub(in crate::state) kind: u16,
    pub(in crate::state) key: Vec<u8>,
    pub(in crate::state) items: Vec<Vec<u8>>,
    pub(in crate::state) scores: Vec<f64>,
    pub(in crate::state) indices: Vec<u64>,
    pub(in crate::state) number: u64,
    pub(in crate::state) other: u64,
    pub(in crate::state) flag: bool,
    pub(in crate::state) deadline: Option<u64>,
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => (0..12_u8).prop_map(|byte| vec![b'a' + byte]),
        2 => (-9..9_i64).prop_map(|integer| integer.to_string().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..80),
    ]
}

pub(in crate::state) fn parts() -> impl Strategy<Value = Parts> {
    let lists = (
        prop::collection::vec(bytes(), 0..8),
        prop::collection::vec((-4..5_i32).prop_map(f64::from), 8),
        prop::collection::btree_set(0..12_u64, 0..5),
    );
    let numbers = (0..14_u64, 0..14_u64, any::<bool>(), prop::option::of(1..1000_u64));
    (prop_oneof![9 => 1..20_u16, 1 => Just(21)], 0..6_u8, lists, numbers).prop_map(
        |(kind, key, (items, scores, indices), numbers)| Parts {
            kind,
            key: vec![b'k', key],
            items,
            scores,
            indices: indices.into_iter().collect(),
            number: numbers.0,
            other: numbers.1,
            flag: numbers.2,
            deadline: numbers.3,
        },
    )
}

impl Parts {
    /// A value as `Put` takes it.
    pub(in crate::state) fn value(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self.number % 6 {
            1 => {
                out.push(1);
                out.extend_from_slice(&self.other.to_le_bytes());
            }
            kind @ 2..=5 if self.items.len() > 1 => {
                let count = if kind == 3 { self.items.len() / 2 } else { self.items.len() };
                let items = if kind == 3 { count * 2 } else { count };
                out.push(kind as u8);
                put_varint(&mut out, count as u64);
                for (item, score) in self.items.iter().zip(&self.scores).take(items) {
                    if kind == 5 {
                        out.extend_from_slice(&score.to_le_bytes());
                    }
                    put_bytes(&mut out, item);
                }
            }
            _ => {
                out.push(0);
                put_bytes(&mut out, &self.items.concat());
            }
        }
        out
    }

    /// The effect, as a leader makes it.
    pub(in crate::state) fn with<R>(&self, with: impl FnOnce(Effect<'_>) -> R) -> R {
        let (key, flag, deadline) = (&self.key[..], self.flag, self.deadline);
        let items: Vec<&[u8]> = self.items.iter().map(|item| &item[..]).collect();
        let scored: Vec<(f64, &[u8])> = self.scores.iter().copied().zip(items.iter().copied()).collect();
        let value = &self.items.concat()[..];
        let stored = self.value();
        let list = Items::Args(&items);
        with(match self.kind {
            1 => Effect::SetString { key, value, deadline },
            2 => Effect::Append { key, value },
            3 => Effect::SetRange { key, offset: self.number, value },
            4 => Effect::Delete { key },
            5 => Effect::Expired { key },
            21 => Effect::Evicted { key },
            6 => Effect::SetDeadline { key, deadline },
            7 => Effect::HashSet { key, pairs: Items::Args(&items[items.len() % 2..]) },
            8 => Effect::HashDelete { key, fields: list },
            9 => Effect::ListPush { key, front: flag, values: list },
            10 => Effect::ListPop { key, front: flag, count: self.number },
            11 => Effect::ListSet { key, index: self.number, value },
            12 => Effect::ListInsert { key, index: self.number, value },
            13 => Effect::ListRemove { key, indices: Indices::Args(&self.indices) },
            14 => Effect::ListTrim { key, start: self.number, len: self.other },
            15 => Effect::SetAdd { key, members: list },
            16 => Effect::SetRemove { key, members: list },
            17 => Effect::SortedAdd { key, members: Scored::Args(&scored) },
            18 => Effect::SortedRemove { key, members: list },
            19 => Effect::Put { key, deadline, value: &stored },
            _ => Effect::Flush,
        })
    }
}

proptest! {
    #[test]
    fn effects_survive_their_layout(parts in parts()) {
        parts.with(|effect| {
            let mut payload = Vec::new();
            effect.encode(&mut payload);
            let (kind, version) = effect.kind();
            let decoded = Effect::decode(kind, version, &payload).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(decoded, effect);
            let mut again = Vec::new();
            decoded.encode(&mut again);
            prop_assert_eq!(&again, &payload);
            prop_assert_eq!(decoded.kind(), effect.kind());
            Ok(())
        })?;
    }

    #[test]
    fn decoding_survives_anything(parts in parts(), kind in 0..24_u16, at: prop::sample::Index, byte: u8, cut: bool) {
        let mut payload = Vec::new();
        parts.with(|effect| effect.encode(&mut payload));
        if !payload.is_empty() {
            let at = at.index(payload.len());
            payload[at] = byte;
            if cut {
                payload.truncate(at);
            }
        }
        for kind in [kind, parts.kind] {
            // What decodes can be applied.
            if let Ok(effect) = Effect::decode(PayloadKind(kind), 1, &payload) {
                let mut database = crate::state::Database::new(crate::state::Seed(1, 1), crate::state::Limits::default());
                bole_shard::State::apply(&mut database, bole_base::Offset(0), &effect);
                bole_shard::State::apply(&mut database, bole_base::Offset(1), &effect);
            }
        }
    }

    #[test]
    fn decoding_survives_noise(kind in 0..24_u16, payload in prop::collection::vec(any::<u8>(), 0..60)) {
        let _ = Effect::decode(PayloadKind(kind), 1, &payload);
        let _ = crate::state::codec::check(&payload);
    }
}

/// The layouts never change: what was logged once is read the same forever.
#[test]
fn layouts_are_those_of_version_1() {
    let rows: &[(Effect<'_>, u16, &[u8])] = &[
        (Effect::SetString { key: b"k", value: b"v", deadline: None }, 1, b"\x01k\0v"),
        (Effect::SetString { key: b"k", value: b"v", deadline: Some(2) }, 1, b"\x01k\x01\x02\0\0\0\0\0\0\0v"),
        (Effect::Append { key: b"k", value: b"v" }, 2, b"\x01kv"),
        (Effect::SetRange { key: b"k", offset: 300, value: b"v" }, 3, b"\x01k\xAC\x02v"),
        (Effect::Delete { key: b"k" }, 4, b"\x01k"),
        (Effect::Expired { key: b"k" }, 5, b"\x01k"),
        (Effect::SetDeadline { key: b"k", deadline: None }, 6, b"\x01k\0"),
        (Effect::HashSet { key: b"k", pairs: Items::Args(&[b"f", b"v"]) }, 7, b"\x01k\x02\x01f\x01v"),
        (Effect::HashDelete { key: b"k", fields: Items::Args(&[b"f"]) }, 8, b"\x01k\x01\x01f"),
        (Effect::ListPush { key: b"k", front: true, values: Items::Args(&[b"v"]) }, 9, b"\x01k\x01\x01\x01v"),
        (Effect::ListPop { key: b"k", front: false, count: 3 }, 10, b"\x01k\0\x03"),
        (Effect::ListSet { key: b"k", index: 4, value: b"v" }, 11, b"\x01k\x04v"),
        (Effect::ListInsert { key: b"k", index: 4, value: b"v" }, 12, b"\x01k\x04v"),
        (Effect::ListRemove { key: b"k", indices: Indices::Args(&[1, 5]) }, 13, b"\x01k\x02\x01\x05"),
        (Effect::ListTrim { key: b"k", start: 1, len: 2 }, 14, b"\x01k\x01\x02"),
        (Effect::SetAdd { key: b"k", members: Items::Args(&[b"m"]) }, 15, b"\x01k\x01\x01m"),
        (Effect::SetRemove { key: b"k", members: Items::Args(&[b"m"]) }, 16, b"\x01k\x01\x01m"),
        (
            Effect::SortedAdd { key: b"k", members: Scored::Args(&[(1.0, b"m")]) },
            17,
            b"\x01k\x01\0\0\0\0\0\0\xF0\x3F\x01m",
        ),
        (Effect::SortedRemove { key: b"k", members: Items::Args(&[b"m"]) }, 18, b"\x01k\x01\x01m"),
        (Effect::Put { key: b"k", deadline: None, value: b"\x02\x01\x01e" }, 19, b"\x01k\0\x02\x01\x01e"),
        (Effect::Flush, 20, b""),
        (Effect::Evicted { key: b"k" }, 21, b"\x01k"),
    ];
    for (effect, kind, payload) in rows {
        let mut out = Vec::new();
        effect.encode(&mut out);
        assert_eq!((effect.kind(), &out[..]), ((PayloadKind(*kind), 1), *payload), "{effect:?}");
        assert_eq!(Effect::decode(PayloadKind(*kind), 1, payload).as_ref(), Ok(effect));
        assert!(Effect::decode(PayloadKind(*kind), 2, payload).is_err());
    }
}

#[test]
fn wrong_payloads_are_refused() {
    let rows: &[(u16, &[u8])] = &[
        (0, b""),
        (22, b""),
        (21, b""),
        (1, b""),
        (1, b"\x05k"),
        (1, b"\x01k\x02v"),
        (4, b"\x01kk"),
        (7, b"\x01k\x01\x01f"),
        (9, b"\x01k\x02\0"),
        (15, b"\x01k\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x01m"),
        (15, b"\x01k\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02"),
        (3, b"\x01k\xFF\xFF\xFF\xFF\x0Fv"),
        (17, b"\x01k\x01\0\0\0\0\0\0\xF8\x7F\x01m"),
        (19, b"\x01k\0\x02\0"),
        (19, b"\x01k\0\x09"),
        (20, b"x"),
    ];
    for (kind, payload) in rows {
        assert!(Effect::decode(PayloadKind(*kind), 1, payload).is_err(), "{kind} {payload:?}");
    }
}
