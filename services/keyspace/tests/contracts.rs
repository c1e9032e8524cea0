//! The keyspace keeps the kernel's contracts of feeds and of batches over services.

#[path = "support/service.rs"]
mod service;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bole_base::clock::ManualClock;
use bole_base::{Durability, LogId};
use bole_keyspace::Service;
use bole_keyspace::state::Effect;
use bole_log::MemoryJournal;
use bole_shard::changes::{Changes, Cursor, Details, Feeds, suite as changes};
use bole_shard::participant::{Participant, Participants, Request, suite as participants};
use bole_shard::{Error, Hosted, Runtime, runtime};
use bole_testing::{FaultDisk, Faults};
use bytes::Bytes;

const DATASET: &str = "default/keyspace/0";

/// Runs a future, fsyncing whenever it waits.
fn run<T>(journal: &MemoryJournal, future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    for _ in 0..1_000 {
        if let std::task::Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
        journal.sync();
    }
    panic!("it waits for what never comes");
}

/// A keyspace on `journal`, hosted and recovered.
fn keyspace(journal: &Arc<MemoryJournal>, config: runtime::Config) -> Arc<Service> {
    let clock = Arc::new(ManualClock::new());
    let disk = FaultDisk::new(1, Faults::default());
    let runtime =
        Arc::new(Runtime::new(Arc::<MemoryJournal>::clone(journal), disk, clock, "/data".into(), config));
    let service = service::service_on(Arc::clone(&runtime), 4, bole_keyspace::Config::default());
    for dataset in service.databases.datasets() {
        for shard in &dataset.shards {
            runtime.host(Arc::clone(shard) as Arc<dyn Hosted>).expect("it is hosted");
        }
    }
    run(journal, runtime.recover(&[])).expect("there is nothing to recover");
    service
}

/// Applies and appends effects on keys of one shard, as one transaction that takes `space` bytes.
fn write(service: &Service, shard: usize, effects: &[Effect<'_>], space: usize) {
    let mut transaction = service.runtime.transaction();
    transaction.set_time(service.runtime.tick());
    transaction.reserve(space).expect("there is space");
    let mut locked = service.databases.dataset(0).shards[shard].lock().expect("it is sound");
    for effect in effects {
        locked.push(&mut transaction, Durability::Async, effect).expect("it is taken");
    }
    locked.appended(transaction.append().expect("it is appended"));
}

/// A key of shard 0.
fn key(service: &Service, number: u64) -> Vec<u8> {
    let dataset = service.databases.dataset(0);
    let mut tries = (0..).map(|salt| format!("{number}:{salt}").into_bytes());
    tries.find(|key| dataset.shard_of(key) == 0).expect("one in four keys is the shard's")
}

struct Fed {
    journal: Arc<MemoryJournal>,
    service: Arc<Service>,
    feeds: Feeds,
}

impl Fed {
    fn new() -> Self {
        let journal = Arc::new(MemoryJournal::by_hand());
        let config =
            runtime::Config { retained_bytes_max: 2_000, pinned_bytes_max: 4_000, ..Default::default() };
        let service = keyspace(&journal, config);
        let feeds = Feeds::new(Arc::clone(service.runtime.journal()), service.runtime.pins().clone());
        service.databases.show(&feeds).expect("they are shown");
        Self { journal, service, feeds }
    }
}

impl changes::Subject for Fed {
    fn changes(&self) -> &dyn Changes {
        &self.feeds
    }
    fn dataset(&self) -> String {
        DATASET.to_owned()
    }
    fn write(&self, number: u64) -> (Option<Bytes>, Details) {
        let key = key(&self.service, number);
        if number % 5 == 4 {
            write(&self.service, 0, &[Effect::Delete { key: &key }], 1 << 10);
            return (Some(Bytes::from(key)), Details::none());
        }
        let value = number.to_string().into_bytes();
        write(&self.service, 0, &[Effect::SetString { key: &key, value: &value, deadline: None }], 1 << 10);
        (Some(Bytes::from(key)), Details::none().bytes("value", &value))
    }
    fn sync(&self) {
        self.journal.sync();
    }
    fn trim(&self, force: bool) {
        self.journal.sync();
        run(&self.journal, self.service.runtime.checkpoint(&[LogId::FIRST_DATASET])).expect("a checkpoint");
        let mut number = 1_000;
        let gave_way = |totals: runtime::CheckpointTotals| totals.pins_broken + totals.kept_trims;
        while force && gave_way(self.service.runtime.checkpoint_totals()) == 0 {
            changes::Subject::write(self, number);
            self.journal.sync();
            run(&self.journal, self.service.runtime.checkpoint_due()).expect("a checkpoint");
            number += 1;
        }
    }
}

#[test]
fn databases_keep_the_contract_of_feeds() {
    changes::run(&|| Box::new(Fed::new()));
}

#[test]
fn a_large_transaction_shows_each_of_its_changes() {
    let fed = Fed::new();
    let value = vec![b'x'; 200 << 10];
    let keys: Vec<Vec<u8>> = (0..5).map(|number| key(&fed.service, number)).collect();
    for count in [2, 5] {
        let start = fed.journal_tail();
        let effects: Vec<Effect<'_>> = keys[..count]
            .iter()
            .map(|key| Effect::SetString { key, value: &value, deadline: None })
            .collect();
        // Whatever they take, so much is announced that they become one entry; the larger one is stored beside the journal.
        write(&fed.service, 0, &effects, 600 << 10);
        fed.journal.sync();
        let feed = fed.feeds.read(DATASET, 0, start, usize::MAX).expect("a read");
        let shown: Vec<_> = feed.changes.iter().map(|change| (change.offset, change.key.clone())).collect();
        let expected: Vec<_> =
            keys[..count].iter().map(|key| (start.offset, Some(Bytes::from(key.clone())))).collect();
        assert_eq!(shown, expected);
        let details = Details::none().bytes("value", &value);
        assert!(feed.changes.iter().all(|change| change.details == details));
        assert_eq!(feed.next.offset, start.offset.next());
    }
}

impl Fed {
    fn journal_tail(&self) -> Cursor {
        self.journal.sync();
        Cursor::at(bole_log::Journal::tail(&*self.journal, LogId::FIRST_DATASET))
    }
}

struct Asked {
    service: Arc<Service>,
}

impl Asked {
    fn new() -> Self {
        let service = keyspace(&Arc::new(MemoryJournal::new()), runtime::Config::default());
        write(
            &service,
            0,
            &[Effect::SetString { key: &key(&service, 0), value: b"text", deadline: None }],
            1 << 10,
        );
        Self { service }
    }

    /// The value at a key, and its deadline, as one text.
    fn look(&self, key: &[u8]) -> Option<String> {
        let dataset = self.service.databases.dataset(0);
        let locked = dataset.shards[dataset.shard_of(key)].lock().expect("it is sound");
        let data = &locked.state().data;
        let entry = data.lookup(data.hash(key), key, self.service.now())?;
        let deadline = entry.deadline().map_or_else(String::new, |deadline| format!(" until {deadline}"));
        Some(shown(entry) + &deadline)
    }
}

/// What a value is to a test.
fn shown(entry: bole_keyspace::state::Entry<'_>) -> String {
    use bole_keyspace::state::View;
    match entry.view() {
        View::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        View::Integer(integer) => integer.to_string(),
        View::Hash(hash) => {
            let pairs: BTreeMap<_, _> =
                hash.iter().map(|(field, value)| (field.to_vec(), value.to_vec())).collect();
            let pairs = pairs.iter().map(|(field, value)| {
                format!("{}={}", String::from_utf8_lossy(field), String::from_utf8_lossy(value))
            });
            pairs.collect::<Vec<_>>().join(",")
        }
        _ => panic!("no request makes this"),
    }
}

fn request(operation: &str, words: &[&[u8]]) -> Request {
    let arguments = words.iter().map(|word| Bytes::copy_from_slice(word)).collect();
    Request { operation: operation.to_owned(), dataset: "0".to_owned(), arguments }
}

impl participants::Subject for Asked {
    fn runtime(&self) -> Arc<Runtime> {
        Arc::clone(&self.service.runtime)
    }
    fn participant(&self) -> Arc<dyn Participant> {
        Arc::clone(&self.service) as Arc<dyn Participant>
    }
    fn good(&self, number: u64) -> Request {
        request("hset", &[format!("good:{number}").as_bytes(), b"field", b"value"])
    }
    fn invalid(&self) -> Option<Request> {
        Some(request("hset", &[&key(&self.service, 0), b"field", b"value"]))
    }
    fn seen(&self) -> Vec<u64> {
        (0..100).filter(|number| self.look(format!("good:{number}").as_bytes()).is_some()).collect()
    }
}

#[test]
fn the_keyspace_keeps_the_contract_of_participants() {
    participants::run(&|| Box::new(Asked::new()));
}

#[test]
fn requests_do_what_they_say_each_on_top_of_those_before_it() {
    let later = 1_u64 << 50;
    let deadline = later.to_string();
    let deadline = deadline.as_bytes();
    let until = |text: &str| Some(format!("{text} until {later}"));
    let rows: Vec<(Vec<Request>, Result<Option<String>, &str>)> = vec![
        (vec![request("set", &[b"k", b"v"])], Ok(Some("v".into()))),
        (vec![request("set", &[b"k", b"12", deadline])], Ok(until("12"))),
        (vec![request("expire", &[b"k", deadline])], Ok(None)),
        (vec![request("set", &[b"k", b"v"]), request("expire", &[b"k", deadline])], Ok(until("v"))),
        (vec![request("set", &[b"k", b"v"]), request("expire", &[b"k", b"0"])], Ok(None)),
        (vec![request("set", &[b"k", b"v"]), request("del", &[b"k"])], Ok(None)),
        (
            vec![request("del", &[b"k"]), request("hset", &[b"k", b"f", b"1", b"g", b"2"])],
            Ok(Some("f=1,g=2".into())),
        ),
        (
            vec![
                request("set", &[b"k", b"v"]),
                request("expire", &[b"k", b"0"]),
                request("hset", &[b"k", b"f", b"1"]),
                request("hset", &[b"k", b"f", b"3"]),
            ],
            Ok(Some("f=3".into())),
        ),
        (
            vec![request("set", &[b"k", b"v"]), request("hset", &[b"k", b"f", b"1"])],
            Err("\"k\" holds no hash"),
        ),
        (vec![request("hset", &[b"k", b"f"])], Err("2 arguments")),
        (vec![request("hset", &[b"k"])], Err("1 arguments")),
        (vec![request("del", &[b"k", b"l"])], Err("2 arguments")),
        (vec![request("expire", &[b"k", b"soon"])], Err("\"soon\" is no deadline")),
        (vec![request("incr", &[b"k"])], Err("no operation \"incr\"")),
        (vec![Request { dataset: "16".into(), ..request("del", &[b"k"]) }], Err("no database \"16\"")),
    ];
    for (requests, expected) in rows {
        let asked = Asked::new();
        let runtime = Arc::clone(&asked.service.runtime);
        let mut participants = Participants::new(Arc::clone(runtime.journal()));
        participants.register(Arc::clone(&asked.service) as Arc<dyn Participant>);
        let mut outbox = participants.outbox();
        let what = format!("{requests:?}");
        let sent = requests.into_iter().try_for_each(|request| outbox.send("keyspace", request));
        let journal = MemoryJournal::new();
        let mut transaction = runtime.transaction();
        let outcome = sent.and_then(|()| run(&journal, outbox.commit(&runtime, &mut transaction)));
        match (outcome, expected) {
            (Ok(_), Ok(expected)) => assert_eq!(asked.look(b"k"), expected, "{what}"),
            (Err(Error::Refused(text)), Err(part)) => assert!(text.contains(part), "{what}: {text}"),
            (outcome, expected) => panic!("{what}: {outcome:?}, not {expected:?}"),
        }
    }
}

#[test]
fn a_swap_between_request_and_commit_refuses_the_batch_and_a_watch_sees_it() {
    let asked = Asked::new();
    let runtime = Arc::clone(&asked.service.runtime);
    let mut participants = Participants::new(Arc::clone(runtime.journal()));
    participants.register(Arc::clone(&asked.service) as Arc<dyn Participant>);
    let mut outbox = participants.outbox();
    outbox.send("keyspace", request("set", &[b"k", b"v"])).expect("it is sent");
    let dirty = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let dataset = asked.service.databases.dataset(0);
    let shard = &dataset.shards[dataset.shard_of(b"k")];
    shard.lock().expect("it is sound").state_mut().watch(b"k", &dirty);
    let journal = MemoryJournal::new();
    let mut transaction = runtime.transaction();
    asked.service.databases.swap(0, 1);
    let refused = run(&journal, outbox.commit(&runtime, &mut transaction));
    assert!(matches!(refused, Err(Error::Refused(text)) if text.contains("swapped")));
    assert!(!dirty.load(Ordering::Acquire));
    asked.service.databases.swap(0, 1);
    let committed = run(&journal, outbox.commit(&runtime, &mut transaction)).expect("it is whole");
    assert!(dirty.load(Ordering::Acquire));
    let locked = shard.lock().expect("it is sound");
    let data = &locked.state().data;
    assert_eq!(data.position(data.hash(b"k")), committed.position.0, "who reads it waits for the batch");
}
