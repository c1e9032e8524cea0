//! Topics keep the kernel's contract of batches over services, and what is published is what a producer could have written.

#![expect(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bole_base::clock::ManualClock;
use bole_base::{Disk, Durability, LogId};
use bole_catalog::Catalog;
use bole_identity::Identity;
use bole_log::MemoryJournal;
use bole_shard::participant::{Participant, Participants, Request, suite};
use bole_shard::{Error, Runtime, runtime};
use bole_streams::partition::files::SegmentFiles;
use bole_streams::partition::read::Isolation;
use bole_streams::protocol::batch::Compression;
use bole_streams::publish::{Publisher, request};
use bole_streams::service::Parts;
use bole_streams::settings::Settings;
use bole_streams::topics::{NewTopic, Topics};
use bole_streams::{Config, Service, groups, hosting, partitioner, records, transactions};
use bole_testing::{FaultDisk, Faults};
use bytes::Bytes;
use tempfile::TempDir;

const PARTITIONS: i32 = 3;

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing is to be waited for"),
    }
}

/// A service on a journal of which everything is durable at once.
struct World {
    service: Arc<Service>,
    publisher: Arc<Publisher>,
    _key: TempDir,
}

impl World {
    fn new() -> Self {
        let key = tempfile::tempdir().unwrap();
        let disk: Arc<dyn Disk> = FaultDisk::new(1, Faults::default());
        let journal = Arc::new(MemoryJournal::new());
        let clock = Arc::new(ManualClock::new());
        let files = Arc::new(SegmentFiles::open(Arc::clone(&disk), "/streams".as_ref()).unwrap());
        let config = runtime::Config::default();
        let runtime = Arc::new(Runtime::new(journal, disk, clock, "/checkpoints".into(), config));
        let catalog = Catalog::host(Arc::clone(&runtime)).unwrap();
        runtime.replay(&[LogId::CATALOG]).unwrap();
        let topics =
            Topics::host(catalog.clone(), Arc::clone(&runtime), Arc::clone(&files), Durability::Sync);
        let make = groups::State::default;
        let group_shards = now(hosting::host(&catalog, &runtime, hosting::GROUPS, 1, make)).unwrap();
        let make = transactions::State::default;
        let transaction_shards =
            now(hosting::host(&catalog, &runtime, hosting::TRANSACTIONS, 1, make)).unwrap();
        let key_file = key.path().join("key");
        let identity = Identity::host(Arc::clone(&runtime), &key_file, "/journal".as_ref()).unwrap();
        now(runtime.recover(&[])).unwrap();
        let service = Service::open(Parts {
            runtime,
            catalog,
            files,
            topics: topics.unwrap(),
            group_shards,
            transaction_shards,
            config: Config::default(),
            identity: Arc::new(identity),
            oauth: None,
            cluster_id: "0123456789abcdefghijkl".to_owned(),
            participants: Vec::new(),
            upserts: Vec::new(),
        });
        let publisher = Arc::new(Publisher::new(Arc::clone(&service)));
        Self { service, publisher, _key: key }
    }

    fn topic(&self, name: &str, given: &[(&str, &str)]) {
        let given = given.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let settings = Settings::with(Durability::Sync, given).unwrap();
        let new = NewTopic { name: name.to_owned(), partitions: PARTITIONS, settings };
        now(self.service.topics.create(&new)).unwrap();
    }

    fn commit(&self, requests: Vec<Request>) -> Result<(), Error> {
        let mut participants = Participants::new(Arc::clone(self.service.runtime.journal()));
        participants.register(Arc::clone(&self.publisher) as Arc<dyn Participant>);
        let mut outbox = participants.outbox();
        for request in requests {
            outbox.send("streams", request)?;
        }
        let runtime = &self.service.runtime;
        now(outbox.commit(runtime, &mut runtime.transaction())).map(drop)
    }

    /// Key and value of each record of each partition.
    fn records(&self, topic: &str) -> Vec<Vec<(Option<Bytes>, Option<Bytes>)>> {
        let topic = self.service.topics.get(topic).unwrap();
        let partitions = topic.partitions();
        let reached = self.service.runtime.journal().reached(Durability::Sync);
        let read = partitions.iter().map(|partition| {
            // What a node does in the background once a batch is durable.
            partition.lock().unwrap().state_mut().advance(reached);
            let (_, read) = partition.read(0, Isolation::Uncommitted, 1 << 20).unwrap();
            let records = read.batches.iter().flat_map(|batch| records::of(batch).unwrap().1);
            records.map(|record| record.map(|record| (record.key, record.value)).unwrap()).collect()
        });
        read.collect()
    }
}

struct Subject(World);

impl suite::Subject for Subject {
    fn runtime(&self) -> Arc<Runtime> {
        Arc::clone(&self.0.service.runtime)
    }
    fn participant(&self) -> Arc<dyn Participant> {
        Arc::clone(&self.0.publisher) as Arc<dyn Participant>
    }
    fn good(&self, number: u64) -> Request {
        request("plain", Some(Bytes::from(number.to_string())), Some(Bytes::from_static(b"v")))
    }
    fn invalid(&self) -> Option<Request> {
        Some(request("compacted", None, Some(Bytes::from_static(b"v"))))
    }
    fn seen(&self) -> Vec<u64> {
        let number = |(key, _): (Option<Bytes>, _)| {
            std::str::from_utf8(&key.unwrap()).unwrap().parse::<u64>().unwrap()
        };
        let mut seen: Vec<u64> = self.0.records("plain").into_iter().flatten().map(number).collect();
        seen.sort_unstable();
        seen
    }
}

#[test]
fn topics_keep_the_contract_of_participants() {
    suite::run(&|| {
        let world = World::new();
        world.topic("plain", &[]);
        world.topic("compacted", &[("cleanup.policy", "compact")]);
        Box::new(Subject(world))
    });
}

#[expect(clippy::unnecessary_wraps, reason = "keys and values are options where it is used")]
fn bytes(text: &str) -> Option<Bytes> {
    Some(Bytes::copy_from_slice(text.as_bytes()))
}

#[test]
fn records_of_one_batch_stand_in_their_order_where_a_client_would_put_them() {
    for compression in ["producer", "zstd"] {
        let world = World::new();
        world.topic("t", &[("compression.type", compression)]);
        let mut expected = vec![Vec::new(); PARTITIONS as usize];
        let mut requests = Vec::new();
        for number in 0..30 {
            let (key, value) = match number % 3 {
                0 => (bytes(&format!("k{}", number % 4)), bytes(&number.to_string())),
                1 => (None, bytes(&number.to_string())),
                _ => (bytes(&number.to_string()), None),
            };
            let hashed = key.as_ref().or(value.as_ref()).unwrap();
            expected[partitioner::of_key(hashed, PARTITIONS) as usize].push((key.clone(), value.clone()));
            requests.push(request("t", key, value));
        }
        world.commit(requests).unwrap();
        assert_eq!(world.records("t"), expected);
        for partition in world.service.topics.get("t").unwrap().partitions().iter() {
            let (_, read) = partition.read(0, Isolation::Uncommitted, 1 << 20).unwrap();
            assert_eq!(read.batches.len(), 1, "one batch for each partition");
            let (header, _) = records::of(&read.batches[0]).unwrap();
            let wanted = if compression == "zstd" { Compression::Zstd } else { Compression::None };
            assert_eq!(header.attributes.compression().unwrap(), wanted);
        }
    }
}

#[test]
fn what_a_topic_does_not_take_refuses_the_batch() {
    let long = "x".repeat(2_000);
    for (settings, made, part) in [
        (&[("cleanup.policy", "compact")][..], request("t", None, bytes("v")), "every record needs a key"),
        (&[("max.message.bytes", "1000")], request("t", bytes("k"), bytes(&long)), "\"t\""),
        (&[], request("u", bytes("k"), bytes("v")), "no topic \"u\""),
        (&[], Request { operation: "send".to_owned(), ..request("t", None, None) }, "no operation \"send\""),
        (
            &[],
            Request { arguments: vec![Bytes::from_static(b"kv")], ..request("t", None, None) },
            "1 arguments",
        ),
    ] {
        let world = World::new();
        world.topic("t", settings);
        let outcome = world.commit(vec![request("t", bytes("a"), bytes("b")), made]);
        assert!(matches!(&outcome, Err(Error::Refused(text)) if text.contains(part)), "{outcome:?}: {part}");
        assert!(world.records("t").iter().all(Vec::is_empty));
    }
}

#[test]
fn a_topic_that_was_deleted_meanwhile_refuses_the_batch() {
    let world = World::new();
    world.topic("t", &[]);
    let mut participants = Participants::new(Arc::clone(world.service.runtime.journal()));
    participants.register(Arc::clone(&world.publisher) as Arc<dyn Participant>);
    let mut outbox = participants.outbox();
    outbox.send("streams", request("t", bytes("k"), bytes("v"))).unwrap();
    now(world.service.topics.delete("t")).unwrap();
    world.topic("t", &[]);
    let runtime = &world.service.runtime;
    let outcome = now(outbox.commit(runtime, &mut runtime.transaction()));
    assert!(matches!(&outcome, Err(Error::Refused(text)) if text.contains("no topic \"t\"")), "{outcome:?}");
}

#[test]
fn a_large_batch_needs_no_file_and_is_one_transaction() {
    for bytes_each in [10_000, 300_000] {
        let world = World::new();
        world.topic("t", &[]);
        let long = "x".repeat(bytes_each);
        let requests = (0..3).map(|number| request("t", bytes(&number.to_string()), bytes(&long)));
        world.commit(requests.collect()).unwrap();
        let records: Vec<_> = world.records("t").into_iter().flatten().collect();
        assert_eq!(records.len(), 3);
        assert!(
            records.iter().all(|(_, value)| value.as_ref().is_some_and(|value| value.len() == bytes_each))
        );
        let named = world.service.topics.named_files().unwrap();
        assert!(named.iter().all(|file| !world.service.files.path(*file).exists()), "nothing was written");
    }
}
