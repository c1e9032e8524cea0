//! The kernel's own implementations and fakes of `Participant`, `Upserts` and `Changes` run the contract suites.

use std::collections::BTreeMap;
use std::sync::Arc;

use bole_base::{Durability, LogId};
use bole_log::MemoryJournal;
use bole_shard::changes::{Changes, Details, Feeds, Projection, Shown, suite as changes};
use bole_shard::participant::suite::{self as participants, FakeParticipant, note};
use bole_shard::participant::upserts::suite::{self as upserts, FakeUpserts};
use bole_shard::participant::upserts::{Upsert, Upserts};
use bole_shard::participant::{Participant, Participants, Request};
use bole_shard::{Error, Runtime, Shard, runtime};
use bole_testing::{FaultDisk, Faults, Rng};
use bytes::Bytes;

use crate::ranges::{Effect, Ranges};
use crate::world::{Kind, World, log};

struct Fake {
    runtime: Arc<Runtime>,
    participant: Arc<FakeParticipant>,
}

fn fake_on(journal: Arc<MemoryJournal>, disk: Arc<FaultDisk>) -> Fake {
    let clock = Arc::new(bole_base::clock::ManualClock::new());
    let runtime = Runtime::new(journal, disk, clock, "/data".into(), runtime::Config::default());
    let participant = FakeParticipant::host(&runtime, LogId(16), 3, Durability::Sync).unwrap();
    let mut future = Box::pin(runtime.recover(&[]));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(future.as_mut().poll(&mut context).is_ready());
    drop(future);
    Fake { runtime: Arc::new(runtime), participant: Arc::new(participant) }
}

fn texts(participant: &FakeParticipant) -> Vec<Bytes> {
    let ledgers = participant.ledgers().iter();
    ledgers.flat_map(|ledger| ledger.read(|ledger| ledger.0.clone()).unwrap()).collect()
}

impl participants::Subject for Fake {
    fn runtime(&self) -> Arc<Runtime> {
        Arc::clone(&self.runtime)
    }
    fn participant(&self) -> Arc<dyn Participant> {
        Arc::clone(&self.participant) as Arc<dyn Participant>
    }
    fn good(&self, number: u64) -> Request {
        note(number % 3, &number.to_string())
    }
    fn invalid(&self) -> Option<Request> {
        Some(note(2, "refuse"))
    }
    fn seen(&self) -> Vec<u64> {
        let texts = texts(&self.participant);
        let mut seen: Vec<u64> =
            texts.iter().map(|text| std::str::from_utf8(text).unwrap().parse().unwrap()).collect();
        seen.sort_unstable();
        seen
    }
}

#[test]
fn the_fake_participant_keeps_the_contract() {
    participants::run(&|| {
        Box::new(fake_on(Arc::new(MemoryJournal::new()), FaultDisk::new(1, Faults::default())))
    });
}

#[test]
fn commits_wait_for_space_and_are_whole_after_a_crash() {
    let journal = Arc::new(MemoryJournal::new());
    let fake = fake_on(Arc::clone(&journal), FaultDisk::new(1, Faults::default()));
    let mut outboxes = Participants::new(Arc::clone(fake.runtime.journal()));
    outboxes.register(Arc::clone(&fake.participant) as Arc<dyn Participant>);
    let mut outbox = outboxes.outbox();
    (0..3).for_each(|ledger| outbox.send("fake", note(ledger, "text")).unwrap());
    let mut transaction = fake.runtime.transaction();
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    journal.set_bytes_max(500);
    let retained = bole_log::Journal::retained_bytes(&*journal);
    let free = 500 - retained;
    assert!(bole_log::Journal::try_admit(&*journal, free).unwrap());
    let mut commit = Box::pin(outbox.commit(&fake.runtime, &mut transaction));
    assert!(commit.as_mut().poll(&mut context).is_pending(), "no space");
    assert_eq!(texts(&fake.participant), Vec::<Bytes>::new(), "nothing happened, and no lock is held");
    bole_log::Journal::return_admitted(&*journal, free);
    assert!(commit.as_mut().poll(&mut context).is_ready());
    let kept = Arc::new(journal.crash(journal.end()));
    kept.set_bytes_max(1 << 30);
    let again = fake_on(kept, FaultDisk::new(2, Faults::default()));
    assert_eq!(texts(&again.participant), ["text"; 3]);
}

impl Projection for Ranges {
    fn project(effect: &Effect) -> Option<Shown> {
        let bytes = |number: &u64| Some(Bytes::copy_from_slice(&number.to_le_bytes()));
        match effect {
            Effect::Add(key, by) => Some(("add", bytes(key), Details::none().number("by", *by))),
            Effect::Remove(key) => Some(("remove", bytes(key), Details::none())),
            Effect::Flush => Some(("flush", None, Details::none())),
            Effect::Boom => None,
        }
    }
}

struct Shelved {
    fake: Fake,
    shelf: Arc<FakeUpserts>,
}

impl upserts::Subject for Shelved {
    fn runtime(&self) -> Arc<Runtime> {
        Arc::clone(&self.fake.runtime)
    }
    fn upserts(&self) -> Arc<dyn Upserts> {
        Arc::clone(&self.shelf) as Arc<dyn Upserts>
    }
    fn beside(&self) -> Arc<FakeParticipant> {
        Arc::clone(&self.fake.participant)
    }
    fn dataset(&self) -> String {
        "0".to_owned()
    }
    fn no_dataset(&self) -> String {
        "1".to_owned()
    }
    fn write(&self, key: u64, value: Option<u64>) -> Upsert {
        Upsert { key: key.to_string().into(), value: value.map(|value| value.to_string().into()) }
    }
    fn invalid(&self) -> Upsert {
        Upsert { key: Bytes::from_static(b"9"), value: Some(Bytes::from_static(b"refuse")) }
    }
    fn seen(&self) -> BTreeMap<u64, u64> {
        let number = |bytes: &Bytes| std::str::from_utf8(bytes).unwrap().parse().unwrap();
        let shelf = self.shelf.shelf().lock().unwrap();
        shelf.state().get().0.iter().map(|(key, value)| (number(key), number(value))).collect()
    }
}

#[test]
fn the_fake_of_upserts_keeps_the_contract() {
    // Its log is above those of the ledgers, and below them: logs are locked in order.
    for log in [LogId(15), LogId(1 << 40)] {
        upserts::run(&|| {
            let fake = fake_on(Arc::new(MemoryJournal::new()), FaultDisk::new(1, Faults::default()));
            let shelf = Arc::new(FakeUpserts::host(&fake.runtime, log).unwrap());
            Box::new(Shelved { fake, shelf })
        });
    }
}

struct Fed {
    world: World,
    feeds: Feeds,
}

impl changes::Subject for Fed {
    fn changes(&self) -> &dyn Changes {
        &self.feeds
    }
    fn dataset(&self) -> String {
        "default/test/ranges".to_owned()
    }
    fn write(&self, number: u64) -> (Option<Bytes>, Details) {
        let effect = if number % 5 == 4 { Effect::Remove(number) } else { Effect::Add(number, 1) };
        self.world.write(&[(0, effect.clone())], Durability::Async).unwrap();
        let (_, key, details) = Ranges::project(&effect).unwrap();
        (key, details)
    }
    fn sync(&self) {
        self.world.home.turn();
    }
    fn trim(&self, force: bool) {
        self.world.checkpoint().unwrap();
        let gave_way = |totals: runtime::CheckpointTotals| totals.pins_broken + totals.kept_trims;
        while force && gave_way(self.world.runtime.checkpoint_totals()) == 0 {
            self.world.add(0, 1, 1).unwrap();
            self.world.home.turn();
            self.world.home.run(self.world.runtime.checkpoint_due()).unwrap();
        }
    }
}

#[test]
fn feeds_of_shards_keep_the_contract() {
    // The local journal frees whole segments, so this suite's exact gaps are those of the memory journal.
    changes::run(&|| {
        let world = World::new(Kind::Memory, 2, 1);
        let feeds = Feeds::new(world.home.journal(), world.runtime.pins().clone());
        feeds.add("default/test/ranges", 0, &world.shards[0]).unwrap();
        Box::new(Fed { world, feeds })
    });
}

struct FakeFed(changes::FakeChanges);

impl changes::Subject for FakeFed {
    fn changes(&self) -> &dyn Changes {
        &self.0
    }
    fn dataset(&self) -> String {
        "default/fake/feed".to_owned()
    }
    fn write(&self, number: u64) -> (Option<Bytes>, Details) {
        let key = Some(Bytes::from(number.to_string()));
        let details = Details::none().number("number", number);
        self.0.push("default/fake/feed", "set", key.clone(), details.clone());
        (key, details)
    }
    fn sync(&self) {
        self.0.sync();
    }
    fn trim(&self, force: bool) {
        self.0.trim(force);
    }
}

#[test]
fn the_fake_feed_keeps_the_contract() {
    changes::run(&|| {
        let fake = changes::FakeChanges::default();
        fake.add("default/fake/feed");
        Box::new(FakeFed(fake))
    });
}

#[test]
fn identity_has_no_feed_and_a_quarantined_shard_shows_why() {
    let world = World::new(Kind::Memory, 1, 1);
    let feeds = Feeds::new(world.home.journal(), world.runtime.pins().clone());
    let identity = Arc::new(Shard::new(LogId::IDENTITY, "default/identity", Ranges::default()));
    let refused = feeds.add("default/identity", 0, &identity);
    assert!(matches!(refused, Err(Error::Refused(text)) if text.contains("identity")));
    feeds.add("d", 0, &world.shards[0]).unwrap();
    world.shards[0].quarantine("the test says so".to_owned());
    let read = feeds.read("d", 0, bole_shard::changes::Cursor::default(), 1);
    assert!(matches!(read, Err(Error::Quarantined { reason, .. }) if reason.contains("the test says so")));
}

#[test]
fn feeds_continue_across_opens_and_leave_out_deposed_leaders() {
    let mut world = World::new(Kind::Local, 1, 1);
    let mut cursor = bole_shard::changes::Cursor::default();
    let mut rng = Rng::new(3);
    for round in 0..4 {
        let position = world.add(0, round, 1).unwrap();
        let journal = world.home.journal();
        world.home.run(bole_log::wait::reached(&*journal, Durability::Sync, position)).unwrap();
        world = world.crash_and_check(&mut rng);
        let feeds = Feeds::new(world.home.journal(), world.runtime.pins().clone());
        feeds.add("d", 0, &world.shards[0]).unwrap();
        let feed = feeds.read("d", 0, cursor, usize::MAX).unwrap();
        let keys: Vec<_> = feed.changes.iter().map(|change| change.key.as_ref().unwrap()[0]).collect();
        assert_eq!(keys, [round as u8]);
        cursor = feed.next;
        assert_eq!(cursor.epoch.0, round as u32 + 2);
        assert_eq!(cursor.offset, world.home.journal().tail(log(0)));
    }
}

/// A start on a full disk announces no epoch, so the journal knows nothing of a log that was trimmed whole.
#[test]
fn a_feed_without_entries_ends_where_its_checkpoint_does() {
    let world = World::new(Kind::Local, 1, 2);
    for number in 0..5 {
        world.add(0, number, 1).unwrap();
    }
    world.home.turn();
    world.checkpoint().unwrap();
    let end = world.shards[0].checkpoint();
    let World { disk, shards, .. } = world;
    let journal = Arc::new(MemoryJournal::by_hand());
    let feeds = Feeds::new(Arc::clone(&journal) as Arc<dyn bole_log::Journal>, bole_shard::Pins::default());
    feeds.add("d", 0, &shards[0]).unwrap();
    assert_eq!(feeds.bounds("d", 0).unwrap(), bole_shard::changes::Bounds { first: end, tail: end });
    let at = |offset| feeds.read("d", 0, bole_shard::changes::Cursor::at(offset), 1);
    assert_eq!(at(end).unwrap().gap, None);
    let gap = bole_log::Gap { from: bole_base::Offset(2), to: end };
    assert_eq!(at(gap.from).unwrap().gap, Some(gap));
    assert!(at(end.next()).is_err());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let cursor = bole_shard::changes::Cursor::at(end);
    assert!(feeds.poll_ready("d", 0, cursor, &mut context).is_pending());
    drop(disk);
}
