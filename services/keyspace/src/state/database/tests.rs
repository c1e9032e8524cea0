//! A database against a model; and the argument for fuzzy checkpoints: sections written at any time, restored, and the
//! log replayed over them, are the state.

mod model;

use std::collections::BTreeMap;

use bole_log::PayloadKind;
use model::{Model, contents};
use proptest::prelude::*;

use super::*;
use crate::state::effect::Items;
use crate::state::effect::tests::{Parts, parts};

const SEED: Seed = Seed(1, 2);

fn database() -> Database {
    Database::new(SEED, Limits::default())
}

#[test]
fn strings_are_set_changed_and_removed() {
    let mut database = database();
    let hash = database.hash(b"k");
    let mut buffer = IntegerBuffer::new();
    let long = vec![7; 20_000];
    let steps: &[(Effect<'_>, Option<&[u8]>, &str)] = &[
        (Effect::SetString { key: b"k", value: b"12", deadline: None }, Some(b"12"), "int"),
        (Effect::Append { key: b"k", value: b"a" }, Some(b"12a"), "raw"),
        (Effect::SetRange { key: b"k", offset: 5, value: b"z" }, Some(b"12a\0\0z"), "raw"),
        (Effect::SetString { key: b"k", value: b"word", deadline: Some(10) }, Some(b"word"), "embstr"),
        (Effect::SetDeadline { key: b"k", deadline: Some(5) }, None, ""),
        (Effect::SetDeadline { key: b"k", deadline: None }, Some(b"word"), "embstr"),
        (Effect::Delete { key: b"k" }, None, ""),
        (Effect::Append { key: b"k", value: b"" }, Some(b""), "embstr"),
        (Effect::SetString { key: b"k", value: &long, deadline: None }, Some(&long), "raw"),
        (Effect::SetString { key: b"k", value: &[7; 45], deadline: Some(8) }, Some(&[7; 45]), "raw"),
        (Effect::SetString { key: b"k", value: b"-0", deadline: None }, Some(b"-0"), "embstr"),
        (
            Effect::SetString { key: b"k", value: b"-9223372036854775808", deadline: None },
            Some(b"-9223372036854775808"),
            "int",
        ),
        (
            Effect::SetString { key: b"k", value: b"9223372036854775808", deadline: None },
            Some(b"9223372036854775808"),
            "embstr",
        ),
    ];
    for (offset, (effect, expected, encoding)) in steps.iter().enumerate() {
        database.apply(Offset(offset as u64), effect);
        let entry = database.lookup(hash, b"k", 7);
        assert_eq!(entry.and_then(|entry| entry.string(&mut buffer)), *expected, "{effect:?}");
        assert_eq!(entry.map_or("", |entry| entry.encoding()), *encoding, "{effect:?}");
    }
}

#[derive(Clone, Debug)]
enum Change {
    One(Parts),
    Fill(u16, u16, Option<u64>),
    Drop(u16, u16),
    Sections(u8),
    Restart,
    Flush,
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        12 => parts().prop_map(Change::One),
        3 => (0..1500_u16, 1..900_u16, prop::option::of(1..1000_u64)).prop_map(|(from, len, at)| Change::Fill(from, len, at)),
        2 => (0..1500_u16, 1..1200_u16).prop_map(|(from, len)| Change::Drop(from, len)),
        6 => (1..5_u8).prop_map(Change::Sections),
        1 => Just(Change::Restart),
        1 => Just(Change::Flush),
    ]
}

#[derive(Clone, Debug)]
struct Written {
    section: Section,
    bytes: Vec<u8>,
}

/// What a shard's runtime does with a state: logs its effects and keeps a checkpoint of it.
struct Runtime {
    database: Database,
    model: Model,
    log: Vec<(PayloadKind, Vec<u8>)>,
    /// The last whole checkpoint, and the offset that it began at.
    image: Vec<Written>,
    image_start: u64,
    /// The checkpoint under way: its sections, where it goes on, and where it began.
    pending: Vec<Written>,
    cursor: u64,
    start: u64,
}

impl Runtime {
    fn new() -> Self {
        Self {
            database: database(),
            model: Model::default(),
            log: Vec::new(),
            image: Vec::new(),
            image_start: 0,
            pending: Vec::new(),
            cursor: 0,
            start: 0,
        }
    }

    fn run(&mut self, effect: Effect<'_>) {
        let mut payload = Vec::new();
        effect.encode(&mut payload);
        self.database.apply(Offset(self.log.len() as u64), &effect);
        self.model.apply(&effect);
        self.log.push((effect.kind().0, payload));
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::One(parts) => parts.with(|effect| self.run(effect)),
            Change::Fill(from, len, deadline) => {
                for number in from..from + len {
                    let (key, value) = (number.to_be_bytes(), [b'v'; 20]);
                    self.run(Effect::SetString { key: &key, value: &value, deadline });
                }
            }
            Change::Drop(from, len) => {
                for number in from..from + len {
                    self.run(Effect::Delete { key: &number.to_be_bytes() });
                }
            }
            Change::Sections(count) => (0..count).for_each(|_| self.write_section()),
            Change::Restart => {
                self.database = self.recovered();
                // What was under way is lost.
                self.pending.clear();
                self.cursor = 0;
            }
            Change::Flush => self.run(Effect::Flush),
        }
    }

    fn write_section(&mut self) {
        let offset = Offset(self.log.len() as u64);
        if self.cursor == 0 && self.pending.is_empty() {
            self.start = offset.0;
        }
        let since = if self.image.is_empty() { 0 } else { self.image_start };
        let mut bytes = Vec::new();
        let step = self.database.next_section(self.cursor, Offset(since), &mut bytes);
        if let Some((start, end)) = step.section {
            self.pending.push(Written { section: Section { start, end, offset }, bytes });
        }
        match step.next {
            Some(next) => self.cursor = next,
            None => self.finish(),
        }
    }

    /// New sections cover old ones, which keep what is left of their ranges.
    fn finish(&mut self) {
        for new in self.pending.drain(..) {
            let (start, end) = (new.section.start, new.section.end);
            let mut kept = Vec::new();
            for old in self.image.drain(..) {
                let (first, last) = (old.section.start, old.section.end);
                if first < start {
                    let mut part = old.clone();
                    part.section.end = last.min(start.wrapping_sub(1));
                    kept.push(part);
                }
                if last > end {
                    let mut part = old;
                    part.section.start = first.max(end.wrapping_add(1));
                    kept.push(part);
                }
            }
            kept.push(new);
            self.image = kept;
        }
        self.image.sort_by_key(|written| written.section.start);
        (self.image_start, self.cursor) = (self.start, 0);
    }

    fn recovered(&self) -> Database {
        let mut database = database();
        for written in &self.image {
            database.restore(written.section, &written.bytes).unwrap();
        }
        let from = if self.image.is_empty() { 0 } else { self.image_start as usize };
        for (offset, (kind, payload)) in self.log.iter().enumerate().skip(from) {
            database.apply(Offset(offset as u64), &Effect::decode(*kind, 1, payload).unwrap());
        }
        database
    }
}

/// The sums that are kept are those that there are.
fn check_totals(database: &Database) {
    let mut totals = Totals::default();
    let mut segments = 0;
    for segment in database.table.segments() {
        segments += segment.len();
        for slot in segment.iter() {
            totals.change(Share::NOTHING, Share::of(slot));
            assert!(slot.deadline() >= segment.meta.deadline);
        }
    }
    assert_eq!(segments, database.len());
    assert_eq!(totals.bytes, database.totals.bytes);
    assert_eq!((totals.volatile, totals.deadlines), (database.totals.volatile, database.totals.deadlines));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn sections_and_the_log_are_the_state(changes in prop::collection::vec(change(), 1..60)) {
        let mut runtime = Runtime::new();
        for change in changes {
            runtime.change(change);
        }
        let expected = runtime.model.keys();
        prop_assert_eq!(&contents(&runtime.database), expected);
        check_totals(&runtime.database);
        let recovered = runtime.recovered();
        prop_assert_eq!(&contents(&recovered), expected);
        check_totals(&recovered);
        // And after the checkpoint under way is whole.
        runtime.write_section();
        while runtime.cursor != 0 {
            runtime.write_section();
        }
        let recovered = runtime.recovered();
        prop_assert_eq!(&contents(&recovered), runtime.model.keys());
    }

    #[test]
    fn few_keys_of_all_types_are_as_in_the_model(changes in prop::collection::vec(parts(), 1..200)) {
        let mut runtime = Runtime::new();
        for parts in changes {
            parts.with(|effect| runtime.run(effect));
            prop_assert_eq!(&contents(&runtime.database), runtime.model.keys());
        }
        check_totals(&runtime.database);
    }

    #[test]
    fn restoring_survives_noise(bytes in prop::collection::vec(any::<u8>(), 0..80), start: u64, end: u64) {
        let section = Section { start, end, offset: Offset(1) };
        let _ = database().restore(section, &bytes);
        let whole = Section { start: 0, end: u64::MAX, offset: Offset(1) };
        let head = [&[1], &0_u64.to_le_bytes()[..], &u64::MAX.to_le_bytes(), &bytes].concat();
        let _ = database().restore(whole, &head);
    }
}

#[test]
fn expired_keys_are_found_once_they_are_due() {
    let mut database = database();
    for number in 0..5000_u32 {
        let deadline = (number % 2 == 0).then_some(1000 + u64::from(number));
        let effect = Effect::SetString { key: &number.to_be_bytes(), value: b"v", deadline };
        database.apply(Offset(u64::from(number)), &effect);
    }
    assert_eq!((database.volatile_len(), database.average_ttl(1000)), (2500, 2499));
    assert!(!database.expired(999, 100, |_| panic!("none is due")));
    let mut offset = 5000;
    for now in [1000, 2000, 2001, 6000] {
        let mut rounds = 0;
        loop {
            let mut due = Vec::new();
            database.expired(now, 100, |key| due.push(key.to_vec()));
            for key in &due {
                let hash = database.hash(key);
                assert!(matches!(database.find(hash, key, now), Found::Expired));
                assert!(database.lookup(hash, key, now).is_none());
                database.apply(Offset(offset), &Effect::Expired { key });
                offset += 1;
            }
            rounds += 1;
            if due.is_empty() {
                break;
            }
        }
        assert!(rounds < 100);
        let left = (0..5000).filter(|number| number % 2 == 1 || 1000 + number > now).count();
        assert_eq!(database.len(), left);
        check_totals(&database);
    }
}

#[test]
fn positions_and_floors_stay_with_their_keys() {
    let mut database = database();
    let mut position = 0;
    for number in 0..3000_u32 {
        let key = number.to_be_bytes();
        let hash = database.hash(&key);
        database
            .apply(Offset(u64::from(number)), &Effect::SetString { key: &key, value: b"v", deadline: None });
        position += 10;
        database.set_position(hash, position);
        assert!(database.position(hash) == position && database.position_max() == position);
    }
    database.apply(Offset(3000), &Effect::Flush);
    assert_eq!((database.position(7), database.len(), database.take_old().len()), (position, 0, 1));
    database.set_position_all(position + 10);
    assert_eq!(database.position(9), position + 10);
}

#[test]
fn large_values_are_written_to_and_copied() {
    let mut database = database();
    let hash = database.hash(b"k");
    let mut buffer = IntegerBuffer::new();
    let members: Vec<Vec<u8>> = (0..2000).map(|number: u32| number.to_string().into_bytes()).collect();
    let members: Vec<&[u8]> = members.iter().map(|member| &member[..]).collect();
    for (offset, chunk) in members.chunks(100).enumerate() {
        database.apply(Offset(offset as u64), &Effect::Append { key: b"k", value: &[b'x'; 1000] });
        database.apply(Offset(offset as u64), &Effect::SetAdd { key: b"s", members: Items::Args(chunk) });
    }
    let string = database.lookup(hash, b"k", 0).unwrap();
    assert_eq!(string.string(&mut buffer).unwrap(), vec![b'x'; 20_000]);
    let mut value = Vec::new();
    database.lookup(database.hash(b"s"), b"s", 0).unwrap().put_value(&mut value);
    database.apply(Offset(50), &Effect::Put { key: b"k", deadline: Some(9), value: &value });
    let copy = database.lookup(hash, b"k", 0).unwrap();
    let View::Set(set) = copy.view() else { panic!("{copy:?} is no set") };
    assert_eq!((set.len(), copy.deadline(), copy.encoding()), (2000, Some(9), "hashtable"));
    assert!(members.iter().all(|member| set.contains(member)));
    let contents: BTreeMap<_, _> = contents(&database);
    assert_eq!(contents.len(), 2);
    check_totals(&database);
}
