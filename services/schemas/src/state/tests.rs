//! Snapshots of sections at different moments, and replay over them, give the state again.

use bole_base::Offset;
use bole_shard::whole::Held;
use bole_shard::{Section, State as _};
use proptest::prelude::*;

use super::{State, Version};
use crate::compatibility::Level;
use crate::entry::{Change, Settings, Stored};
use crate::mode::Mode;
use crate::schema::{Key, Kind, Reference};

fn stored(number: u8) -> Stored {
    let reference =
        Reference { name: "n".to_owned(), subject: "a".to_owned(), version: i32::from(number % 3) };
    Stored {
        key: Key([number; 32]),
        kind: Kind::Avro,
        text: format!("text {number}"),
        references: vec![reference],
    }
}

fn change() -> impl Strategy<Value = Change> {
    let subject = || prop::sample::select(vec!["a", "b", "c", "orders-value"]).prop_map(str::to_owned);
    let versions = || prop::collection::vec(1..6, 0..3);
    prop_oneof![
        3 => (subject(), 1..6, 1..300_u32, any::<bool>(), any::<u8>()).prop_map(|(subject, version, id, new, number)| {
            Change::Register { subject, version, id, schema: new.then(|| stored(number % 8)) }
        }),
        1 => (subject(), versions()).prop_map(|(subject, versions)| Change::Hide { subject, versions }),
        1 => (subject(), versions(), prop::collection::vec(1..300_u32, 0..3))
            .prop_map(|(subject, versions, schemas)| Change::Remove { subject, versions, schemas }),
        1 => (prop::option::of(subject()), prop::option::of(Just(Settings { level: Some(Level::Full), normalize: None })))
            .prop_map(|(subject, settings)| Change::Configure { subject, settings }),
        1 => (prop::option::of(subject()), prop::option::of(Just(Mode::Import)))
            .prop_map(|(subject, mode)| Change::SetMode { subject, mode }),
    ]
}

/// All that a state shows, indexes included.
fn shown(state: &State) -> String {
    let mut indexes: Vec<String> = Vec::new();
    indexes.extend(state.by_key.iter().map(|entry| format!("{entry:?}")));
    indexes.extend(state.uses.iter().map(|entry| format!("{entry:?}")));
    indexes.extend(state.referrers.iter().map(|entry| format!("{entry:?}")));
    indexes.sort();
    format!("{:?} {:?} {:?} {} {indexes:?}", state.schemas, state.subjects, state.globals, state.text_bytes)
}

fn apply(state: &mut State, offset: usize, change: &Change) {
    let payload = change.encode();
    let effect = Held::Owned(Change::decode(&payload).unwrap());
    state.apply(Offset(offset as u64), &effect);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Changes go on between one section and the next, as they do in a checkpoint.
    #[test]
    fn a_checkpoint_taken_while_changes_go_on_restores(changes in prop::collection::vec(change(), 1..40), pace in 1..64_usize) {
        let mut state = State::default();
        let mut sections = Vec::new();
        let (mut cursor, mut done, mut steps) = (Some(0), 0, 0);
        while let Some(at) = cursor {
            let mut bytes = Vec::new();
            let step = state.next_section(at, Offset::ZERO, &mut bytes);
            if let Some((start, end)) = step.section {
                sections.push((Section { start, end, offset: Offset(done as u64) }, bytes));
            }
            cursor = step.next;
            steps += 1;
            if steps % pace == 0 && done < changes.len() {
                apply(&mut state, done, &changes[done]);
                done += 1;
            }
        }
        prop_assert_eq!(sections.len(), 512);
        for (offset, change) in changes.iter().enumerate().skip(done) {
            apply(&mut state, offset, change);
        }
        let mut restored = State::default();
        for (section, bytes) in &sections {
            restored.restore(*section, bytes).unwrap();
        }
        for (offset, change) in changes.iter().enumerate() {
            apply(&mut restored, offset, change);
        }
        prop_assert_eq!(shown(&restored), shown(&state));
    }

    #[test]
    fn any_bytes_are_a_change_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = Change::decode(&bytes);
        let mut state = State::default();
        let _ = state.restore(Section { start: 0, end: 0, offset: Offset::ZERO }, &bytes);
    }
}

#[test]
fn only_touched_sections_are_written_again() {
    let mut state = State::default();
    let register = Change::Register { subject: "a".to_owned(), version: 1, id: 1, schema: Some(stored(1)) };
    apply(&mut state, 5, &register);
    let count = |state: &mut State, since| {
        let (mut cursor, mut found) = (Some(0), 0);
        while let Some(at) = cursor {
            let step = state.next_section(at, Offset(since), &mut Vec::new());
            found += usize::from(step.section.is_some());
            cursor = step.next;
        }
        found
    };
    assert_eq!(count(&mut state, 5), 3, "its schema, its subject, and what concerns all");
    assert_eq!(count(&mut state, 6), 0);
    assert_eq!(state.subject("a").unwrap().versions[&1], Version { id: 1, hidden: false });
}
