//! The rules and the state, without locks and journal.

use std::sync::Arc;

use bole_base::Offset;
use bole_log::PayloadKind;
use bole_shard::{Section, State as _};

use super::decide::{End, Init, Mark, Verdict, abort, add, check_member, end, expire, init};
use super::{Effect, Identity, Place, State, Status};
use crate::groups::TopicId;
use crate::limits::{
    GROUPS_PER_TRANSACTION_MAX, PARTITIONS_PER_TRANSACTION_MAX, TRANSACTION_TIMEOUT_MS_MAX,
    TRANSACTIONAL_ID_BYTES_MAX, TRANSACTIONAL_ID_IDLE_MS,
};
use crate::protocol::ErrorCode;

type Outcome = Result<(Identity, Option<Mark>), ErrorCode>;

const NOW: u64 = 1_000_000;

fn who(producer_id: i64, epoch: i16) -> Identity {
    Identity { producer_id, epoch }
}

fn place(number: i32) -> Place {
    (TopicId([7; 16]), number)
}

/// A shard to which decisions are applied as they are made.
#[derive(Default)]
struct World {
    state: State,
    next: u64,
    fresh: i64,
}

impl World {
    fn apply(&mut self, effect: &Effect) {
        let mut bytes = Vec::new();
        effect.encode(&mut bytes);
        let (kind, version) = effect.kind();
        let read = Effect::decode(kind, version, &bytes).unwrap();
        assert_eq!(read, *effect);
        self.state.apply(Offset(self.next), &read);
        self.next += 1;
    }

    fn settle(&mut self, decide: impl Fn(&State, Option<i64>) -> Result<Verdict, crate::Error>) -> Outcome {
        let mut fresh = None;
        loop {
            match decide(&self.state, fresh).map_err(|error| error.code())? {
                Verdict::Keep(identity) => return Ok((identity, None)),
                Verdict::NeedsProducerId => {
                    self.fresh += 1;
                    fresh = Some(self.fresh * 100);
                }
                Verdict::Settle { effect, answer, mark } => {
                    self.apply(&effect);
                    return Ok((answer, mark));
                }
            }
        }
    }

    fn init(&mut self, expected: Option<Identity>) -> Outcome {
        let request = Init { id: Arc::from("t"), timeout_ms: 60_000, expected };
        self.settle(|state, fresh| init(state, &request, fresh, NOW))
    }

    fn end(&mut self, by: Identity, commit: bool, bump: bool) -> Outcome {
        let request = End { id: Arc::from("t"), by, commit, bump };
        self.settle(|state, fresh| end(state, &request, fresh, NOW))
    }

    fn add(&mut self, by: Identity, partitions: &[Place]) -> Result<(), ErrorCode> {
        let id = Arc::from("t");
        let added = add(&self.state, &id, by, partitions, &[], NOW).map_err(|error| error.code())?;
        added.iter().for_each(|effect| self.apply(effect));
        Ok(())
    }

    /// Sets the entry to `identity`, with nothing open.
    fn at(identity: Identity) -> Self {
        let mut world = Self::default();
        let (id, status) = (Arc::from("t"), Status::Empty);
        let effect = Effect::Settled { id, identity, previous: None, timeout_ms: 60_000, status, at_ms: NOW };
        world.apply(&effect);
        world
    }
}

#[test]
fn producers_come_one_after_the_other() {
    let mut world = World::default();
    assert_eq!(world.init(None), Ok((who(100, 0), None)));
    assert_eq!(world.init(None), Ok((who(100, 1), None)));
    assert_eq!(world.add(who(100, 0), &[place(1)]), Err(ErrorCode::ProducerFenced));
    assert_eq!(world.add(who(100, 2), &[place(1)]), Err(ErrorCode::ProducerFenced));
    assert_eq!(world.add(who(99, 1), &[place(1)]), Err(ErrorCode::InvalidProducerIdMapping));
    assert_eq!(world.add(who(100, 1), &[place(1)]), Ok(()));
    let mark = Mark { commit: false, identity: who(100, 2) };
    assert_eq!(world.init(None), Ok((who(100, 2), Some(mark))), "what was open is aborted");
    assert_eq!(world.state.entry("t").unwrap().status, Status::Empty);
    // Going on with what one has: the answer may be asked for twice, unless another came.
    assert_eq!(world.init(Some(who(100, 2))), Ok((who(100, 3), None)));
    assert_eq!(world.init(Some(who(100, 2))), Ok((who(100, 3), None)));
    assert_eq!(world.init(Some(who(100, 1))), Err(ErrorCode::ProducerFenced));
    assert_eq!(world.init(None), Ok((who(100, 4), None)));
    assert_eq!(world.init(Some(who(100, 2))), Err(ErrorCode::ProducerFenced));
    assert_eq!(world.init(Some(who(100, 3))), Err(ErrorCode::ProducerFenced));
}

#[test]
fn ends_follow_the_protocol_of_the_client() {
    use ErrorCode::{InvalidProducerIdMapping, InvalidTxnState, ProducerFenced};
    let (e0, e1) = (who(5, 0), who(5, 1));
    let mark = |commit, identity| Some(Mark { commit, identity });
    // What happened before (none; open; ended by commit; ended by abort), the request, its outcome.
    let rows: &[(&str, Identity, bool, bool, Outcome)] = &[
        ("", e0, true, false, Err(InvalidTxnState)),
        ("", e0, false, false, Err(InvalidTxnState)),
        ("", e0, true, true, Err(InvalidTxnState)),
        ("", e0, false, true, Ok((e1, None))),
        ("", who(6, 0), true, true, Err(InvalidProducerIdMapping)),
        ("open", e0, true, false, Ok((e0, mark(true, e0)))),
        ("open", e0, false, false, Ok((e0, mark(false, e0)))),
        ("open", e0, true, true, Ok((e1, mark(true, e1)))),
        ("open", e0, false, true, Ok((e1, mark(false, e1)))),
        ("open", e1, true, true, Err(ProducerFenced)),
        ("commit 1", e0, true, false, Ok((e0, None))),
        ("commit 1", e0, false, false, Err(InvalidTxnState)),
        ("abort 1", e0, false, false, Ok((e0, None))),
        ("abort 1", e0, true, false, Err(InvalidTxnState)),
        ("commit 2", e0, true, true, Ok((e1, None))),
        ("commit 2", e0, false, true, Err(ProducerFenced)),
        ("commit 2", e1, true, true, Err(InvalidTxnState)),
        ("commit 2", e1, false, true, Ok((who(5, 2), None))),
        ("abort 2", e0, false, true, Ok((e1, None))),
        ("abort 2", e0, true, true, Err(ProducerFenced)),
        ("commit 2", e0, true, false, Err(ProducerFenced)),
    ];
    for (before, by, commit, bump, expected) in rows {
        let mut world = World::at(e0);
        if !before.is_empty() {
            world.add(e0, &[place(0)]).unwrap();
        }
        if let Some((how, version)) = before.split_once(' ') {
            world.end(e0, how == "commit", version == "2").unwrap();
        }
        let outcome = world.end(*by, *commit, *bump);
        assert_eq!(outcome, *expected, "after {before:?}: {by:?} commit {commit} bump {bump}");
    }
}

#[test]
fn epochs_run_out_and_a_new_producer_id_follows() {
    let last = who(5, i16::MAX - 1);
    let mark = |commit| Some(Mark { commit, identity: who(5, i16::MAX) });
    let open = || {
        let mut world = World::at(last);
        world.add(last, &[place(0)]).unwrap();
        world
    };
    assert_eq!(World::at(who(5, i16::MAX - 2)).init(None), Ok((last, None)));
    assert_eq!(World::at(last).init(None), Ok((who(100, 0), None)));
    assert_eq!(open().init(None), Ok((who(100, 0), mark(false))));
    let mut world = open();
    assert_eq!(world.end(last, true, true), Ok((who(100, 0), mark(true))));
    assert_eq!(world.end(last, true, true), Ok((who(100, 0), None)), "the same answer again");
    assert_eq!(world.init(Some(last)), Ok((who(100, 0), None)));
    let world = open();
    let verdict = expire(world.state.entry("t").unwrap(), &Arc::from("t"), NOW + TRANSACTIONAL_ID_IDLE_MS);
    let Verdict::Settle { effect, answer, mark: marked } = verdict else { panic!("{verdict:?}") };
    assert_eq!((answer, marked), (who(5, i16::MAX), mark(false)));
    let mut world = open();
    world.apply(&effect);
    assert_eq!(world.init(None), Ok((who(100, 0), None)));
}

#[test]
fn a_transaction_that_is_open_for_too_long_loses_its_producer() {
    let mut world = World::at(who(5, 3));
    world.add(who(5, 3), &[place(0)]).unwrap();
    let id = Arc::from("t");
    assert_eq!(world.state.due(NOW + 59_999, 9), [] as [Arc<str>; 0]);
    assert_eq!(world.state.due(NOW + 60_000, 9), [Arc::clone(&id)]);
    let entry = world.state.entry("t").unwrap();
    assert_eq!(expire(entry, &id, NOW + 59_999), Verdict::Keep(who(5, 3)));
    let verdict = expire(entry, &id, NOW + 60_000);
    let Verdict::Settle { effect, answer, mark } = verdict else { panic!("{verdict:?}") };
    assert_eq!((answer, mark), (who(5, 4), Some(Mark { commit: false, identity: who(5, 4) })));
    world.apply(&effect);
    for bump in [false, true] {
        for commit in [false, true] {
            assert_eq!(world.end(who(5, 3), commit, bump), Err(ErrorCode::ProducerFenced));
        }
    }
    assert_eq!(world.init(Some(who(5, 3))), Err(ErrorCode::ProducerFenced));
    assert_eq!(world.state.due(NOW + TRANSACTIONAL_ID_IDLE_MS + 59_999, 9), [] as [Arc<str>; 0]);
    assert_eq!(world.state.due(NOW + TRANSACTIONAL_ID_IDLE_MS + 60_000, 9), [Arc::clone(&id)]);
    world.apply(&Effect::Forgotten { id });
    assert!(world.state.is_empty() && world.state.due(u64::MAX, 9).is_empty());
}

#[test]
fn what_is_too_much_is_refused() {
    let id: Arc<str> = Arc::from("t");
    let mut world = World::at(who(5, 0));
    let all: Vec<Place> = (0..PARTITIONS_PER_TRANSACTION_MAX as i32).map(place).collect();
    assert_eq!(world.add(who(5, 0), &all), Ok(()));
    assert_eq!(world.add(who(5, 0), &all), Ok(()), "they are in already");
    assert_eq!(world.add(who(5, 0), &[place(-1)]), Err(ErrorCode::PolicyViolation));
    let groups: Vec<Arc<str>> = (0..=GROUPS_PER_TRANSACTION_MAX).map(|n| n.to_string().into()).collect();
    let code = |groups: &[Arc<str>]| {
        add(&world.state, &id, who(5, 0), &[], groups, NOW).err().map(|error| error.code())
    };
    assert_eq!(code(&groups[1..]), None);
    assert_eq!(code(&groups), Some(ErrorCode::PolicyViolation));
    let mut timeouts = World::default();
    for (timeout_ms, id, expected) in [
        (0, "t", Some(ErrorCode::InvalidTransactionTimeout)),
        (-1, "t", Some(ErrorCode::InvalidTransactionTimeout)),
        (TRANSACTION_TIMEOUT_MS_MAX + 1, "t", Some(ErrorCode::InvalidTransactionTimeout)),
        (TRANSACTION_TIMEOUT_MS_MAX, "t", None),
        (1, "", Some(ErrorCode::InvalidRequest)),
        (1, &"x".repeat(TRANSACTIONAL_ID_BYTES_MAX + 1), Some(ErrorCode::InvalidRequest)),
    ] {
        let request = Init { id: Arc::from(id), timeout_ms, expected: None };
        let outcome = timeouts.settle(|state, fresh| init(state, &request, fresh, NOW));
        assert_eq!(outcome.err(), expected, "{timeout_ms} {id:.9}");
    }
}

/// The largest end of a transaction fits into what one batch takes as entries of their own.
#[test]
fn the_largest_end_is_one_batch() {
    use crate::groups::limits::NAME_BYTES_MAX;
    use crate::partition::append::ExtentSizes;
    use crate::partition::batch::HEAD_BYTES;
    const ENTRY_BYTES: usize = 96;
    let marker = crate::protocol::batch::Marker::Commit.batch(i64::MAX, i16::MAX, i32::MAX, i64::MAX);
    let marker = ExtentSizes::of(bole_base::Durability::Sync).space_for(marker.len() - HEAD_BYTES);
    let own = 2 * ENTRY_BYTES + TRANSACTIONAL_ID_BYTES_MAX;
    let groups = GROUPS_PER_TRANSACTION_MAX * (NAME_BYTES_MAX + ENTRY_BYTES);
    let total = PARTITIONS_PER_TRANSACTION_MAX * marker + groups + own;
    assert!(total <= 512 << 10, "{total} bytes");
}

#[test]
fn members_are_known_while_the_transaction_is_open() {
    let mut world = World::at(who(5, 0));
    let check = |world: &World, by, number| {
        check_member(&world.state, "t", by, "it", |entry| entry.partitions.contains(&place(number)))
            .map_err(|error| error.code())
    };
    assert_eq!(check(&world, who(5, 0), 1), Err(ErrorCode::InvalidTxnState));
    world.add(who(5, 0), &[place(1)]).unwrap();
    assert_eq!(check(&world, who(5, 0), 1), Ok(()));
    assert_eq!(check(&world, who(5, 0), 2), Err(ErrorCode::InvalidTxnState));
    assert_eq!(check(&world, who(5, 1), 1), Err(ErrorCode::ProducerFenced));
    world.end(who(5, 0), true, false).unwrap();
    assert_eq!(check(&world, who(5, 0), 1), Err(ErrorCode::InvalidTxnState));
}

#[test]
fn sections_come_back_and_effects_below_them_are_ignored() {
    let mut world = World::default();
    for number in 0..500 {
        let id: Arc<str> = format!("id-{number}").into();
        let request = Init { id: Arc::clone(&id), timeout_ms: 1 + number, expected: None };
        let (by, _) = world.settle(|state, fresh| init(state, &request, fresh, NOW)).unwrap();
        if number % 3 == 0 {
            let group = Arc::from("g");
            let added = add(&world.state, &id, by, &[place(number)], &[group], NOW).unwrap().unwrap();
            world.apply(&added);
        }
    }
    let (mut restored, mut cursor, mut seen) = (State::default(), Some(0), 0);
    while let Some(at) = cursor {
        let mut bytes = Vec::new();
        let step = world.state.next_section(at, Offset::ZERO, &mut bytes);
        if let Some((start, end)) = step.section {
            assert_eq!(start, if seen == 0 { 0 } else { at }, "sections tile the space");
            restored.restore(Section { start, end, offset: Offset(world.next) }, &bytes).unwrap();
            for cut in 1..bytes.len().min(200) {
                let _refused = State::default()
                    .restore(Section { start, end, offset: Offset::ZERO }, &bytes[..bytes.len() - cut]);
            }
            seen += 1;
        }
        cursor = step.next;
    }
    assert_eq!(seen, 256);
    assert!(restored.entries().eq(world.state.entries()));
    assert_eq!((restored.len(), &restored.due(u64::MAX, 999)), (500, &world.state.due(u64::MAX, 999)));
    restored.apply(Offset(0), &Effect::Forgotten { id: Arc::from("id-1") });
    assert_eq!(restored.len(), 500, "the section holds it already");
    let none = restored.next_section(0, Offset(world.next), &mut Vec::new());
    assert_eq!(none.section, None, "nothing has changed since");
}

#[test]
fn no_other_bytes_are_effects() {
    let id: Arc<str> = Arc::from("t");
    let settled = Effect::Settled {
        id: Arc::clone(&id),
        identity: who(1, 2),
        previous: Some(who(3, 4)),
        timeout_ms: 5,
        status: Status::Aborted,
        at_ms: 6,
    };
    let added =
        Effect::Added { id: Arc::clone(&id), at_ms: 7, partitions: vec![place(8)], groups: vec!["g".into()] };
    for effect in [settled, added, Effect::Forgotten { id }] {
        let mut bytes = Vec::new();
        effect.encode(&mut bytes);
        let (kind, version) = effect.kind();
        for cut in 0..bytes.len() {
            assert!(Effect::decode(kind, version, &bytes[..cut]).is_err(), "{effect:?} cut at {cut}");
        }
        bytes.push(0);
        assert!(Effect::decode(kind, version, &bytes).is_err());
        assert!(Effect::decode(kind, version + 1, &bytes).is_err());
        assert!(Effect::decode(PayloadKind(4), 1, &bytes).is_err());
    }
}

#[test]
fn an_operator_aborts_what_hangs() {
    let by = who(5, 3);
    let id: Arc<str> = Arc::from("t");
    let holds = |number| move |entry: &super::Entry| entry.partitions.contains(&place(number));
    // The epoch that is named, the partition, what is done.
    for (epoch, number, expected) in [
        (3, 1, Ok(Some(Mark { commit: false, identity: who(5, 4) }))),
        (3, 2, Ok(Some(Mark { commit: false, identity: who(5, 4) }))),
        (3, 9, Ok(None)),
        (2, 1, Err(ErrorCode::InvalidProducerEpoch)),
        (4, 1, Err(ErrorCode::InvalidProducerEpoch)),
    ] {
        let mut world = World::at(by);
        let run = |state: &State| abort(state.entry("t").unwrap(), &id, who(5, epoch), holds(number), NOW);
        assert_eq!(run(&world.state), Ok(Verdict::Keep(by)), "nothing is open");
        world.add(by, &[place(1), place(2)]).unwrap();
        let outcome = world.settle(|state, _| run(state)).map(|(_, mark)| mark);
        assert_eq!(outcome, expected, "epoch {epoch}, partition {number}");
        let ended = matches!(outcome, Ok(Some(_)));
        assert_eq!(world.end(by, true, false).is_err(), ended, "its producer is fenced");
    }
}
