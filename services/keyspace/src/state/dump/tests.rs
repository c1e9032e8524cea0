//! Payloads of a real Redis 7.0 (`redis_7_0.txt`: key, payload and items in hexadecimal, a line each), hand-made ones of
//! what that does not write, and anything else.

use proptest::prelude::*;

use super::*;
use crate::state::codec;
use crate::state::effect::tests::parts;
use crate::state::layout::Reader;
use crate::state::slot::{NEVER, Slot};
use crate::state::value::{Limits, Rules};
use crate::state::{IntegerBuffer, Seed};

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn slot(value: &[u8]) -> Slot {
    let rules = Rules { limits: Limits::default(), seed: Seed(1, 2) };
    codec::check(value).unwrap();
    codec::read(&mut Reader::new(value), b"key", NEVER, 0, &rules).unwrap()
}

/// The items as a client of Redis sees them; sorted where their order says nothing.
fn items(view: View<'_>) -> Vec<Vec<u8>> {
    let mut text = IntegerBuffer::new();
    match view {
        View::Bytes(bytes) => vec![bytes.to_vec()],
        View::Integer(integer) => vec![integer.to_string().into_bytes()],
        View::List(list) => list.iter().map(<[u8]>::to_vec).collect(),
        View::Hash(hash) => sorted(hash.iter().map(|(field, value)| [field, b"=", value].concat())),
        View::Set(set) => sorted(set.iter().map(|member| member.bytes(&mut text).to_vec())),
        View::SortedSet(members) => {
            members.iter().map(|(member, score)| [member, format!("={score}").as_bytes()].concat()).collect()
        }
    }
}

fn sorted(items: impl Iterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
    let mut items: Vec<_> = items.collect();
    items.sort();
    items
}

/// The fixture's items in the same form.
fn expected(name: &str, text: &str) -> Vec<Vec<u8>> {
    let plain = text.split(',').map(unhex);
    let pairs = || {
        let items: Vec<_> = text.split(',').map(unhex).collect();
        items.chunks(2).map(|pair| (pair[0].clone(), pair[1].clone())).collect::<Vec<_>>()
    };
    match name.split('_').next() {
        Some("hash") => sorted(pairs().into_iter().map(|(field, value)| [&field[..], b"=", &value].concat())),
        Some("set") => sorted(plain),
        Some("zset") => pairs()
            .into_iter()
            .map(|(member, score)| {
                let score: f64 = String::from_utf8(score).unwrap().parse().unwrap();
                [&member[..], format!("={score}").as_bytes()].concat()
            })
            .collect(),
        _ => plain.collect(),
    }
}

#[test]
fn payloads_of_redis_are_restored_and_ours_are_too() {
    let mut rows = 0;
    for line in include_str!("redis_7_0.txt").lines() {
        let [name, payload, text] = line.splitn(3, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let mut value = Vec::new();
        restore(&unhex(payload), &mut value).unwrap_or_else(|error| panic!("{name}: {error}"));
        let slot = slot(&value);
        assert_eq!(items(slot.view()), expected(name, text), "{name}");
        let (mut ours, mut again) = (Vec::new(), Vec::new());
        dump(slot.view(), &mut ours);
        restore(&ours, &mut again).unwrap();
        assert_eq!(items(super::tests::slot(&again).view()), expected(name, text), "{name}");
        rows += 1;
    }
    assert!(rows > 20);
}

/// Puts the trailer behind a type and a value.
fn sealed(value: &[u8], version: u16) -> Vec<u8> {
    let mut payload = [value, &version.to_le_bytes()].concat();
    let checksum = crc64::checksum(&payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
    payload
}

#[test]
fn a_set_as_redis_7_2_packs_it_is_restored() {
    let listpack = b"\x10\0\0\0\x03\0\x81a\x02\x05\x01\x82bc\x03\xFF";
    let value = [&[SET_LISTPACK, listpack.len() as u8], &listpack[..]].concat();
    let mut out = Vec::new();
    restore(&sealed(&value, 11), &mut out).unwrap();
    assert_eq!(items(slot(&out).view()), [&b"5"[..], b"a", b"bc"]);
}

#[test]
fn our_payloads_are_those_that_redis_was_seen_to_read() {
    let rows: &[(&[u8], &[u8])] = &[
        (b"\0\x0212", b"\0\xC0\x0C\x09\0"),
        (b"\0\x05hello", b"\0\x05hello\x09\0"),
        (b"\x02\x02\x03two\x011", b"\x01\x02\x03two\xC0\x01\x09\0"),
        (b"\x05\x01\0\0\0\0\0\0\xF8\x3F\x01m", b"\x05\x01\x01m\0\0\0\0\0\0\xF8\x3F\x09\0"),
    ];
    for (value, expected) in rows {
        let mut out = Vec::new();
        dump(slot(value).view(), &mut out);
        let (body, checksum) = out.split_last_chunk().unwrap();
        assert_eq!((body, u64::from_le_bytes(*checksum)), (*expected, crc64::checksum(expected)));
    }
}

#[test]
fn wrong_payloads_are_refused() {
    let rows: &[(Vec<u8>, Error)] = &[
        (b"".to_vec(), Error::Trailer),
        (b"\0\x01a\x09\0".to_vec(), Error::Trailer),
        (b"\0\x01a\x09\0\x01\x02\x03\x04\x05\x06\x07\x08".to_vec(), Error::Trailer),
        (sealed(b"\0\x01a", 13), Error::Trailer),
        (sealed(b"", 9), Error::Data),
        (sealed(b"\0\x02a", 9), Error::Data),
        (sealed(b"\0\x01ab", 9), Error::Data),
        // Empty, odd, and the old ziplists.
        (sealed(b"\x01\0", 9), Error::Data),
        (sealed(b"\x0D\x01a", 9), Error::Data),
        (sealed(b"\x10\x0A\x0A\0\0\0\x01\0\x81a\x02\xFF", 9), Error::Data),
        // A length that no memory could hold.
        (sealed(b"\x02\x81\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01a", 9), Error::Data),
        (sealed(b"\0\xC3\x02\x81\x00\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0a", 9), Error::Data),
        // A score that is not a number.
        (sealed(b"\x05\x01\x01m\0\0\0\0\0\0\xF8\x7F", 9), Error::Data),
    ];
    for (payload, error) in rows {
        assert_eq!(restore(payload, &mut Vec::new()), Err(*error), "{payload:?}");
    }
    // No checksum is as good as a right one.
    assert_eq!(restore(b"\0\x01a\x09\0\0\0\0\0\0\0\0\0", &mut Vec::new()), Ok(()));
}

proptest! {
    #[test]
    fn values_survive_their_payload(parts in parts()) {
        let slot = slot(&parts.value());
        let (mut payload, mut value) = (Vec::new(), Vec::new());
        dump(slot.view(), &mut payload);
        restore(&payload, &mut value).unwrap();
        prop_assert_eq!(items(super::tests::slot(&value).view()), items(slot.view()));
    }

    #[test]
    fn restoring_survives_anything(kind in 0..22_u8, row: prop::sample::Index, at: prop::sample::Index, byte: u8, noise in prop::collection::vec(any::<u8>(), 0..60)) {
        let lines: Vec<_> = include_str!("redis_7_0.txt").lines().filter(|line| line.len() < 4000).collect();
        let mut payload = unhex(lines[row.index(lines.len())].split(' ').nth(1).unwrap());
        payload.truncate(payload.len() - 10);
        let at = at.index(payload.len());
        payload[at] = byte;
        let noise = [&[kind], &noise[..]].concat();
        for value in [&payload, &noise] {
            let mut out = Vec::new();
            if restore(&sealed(value, 10), &mut out).is_ok() {
                slot(&out);
            }
        }
    }
}
