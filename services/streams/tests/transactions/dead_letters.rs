//! Dead letters: members of a share group that accept, release and reject records, while nodes end and the power goes. Whatever is given up is in
//! the dead-letter topic once, and nothing else is.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bole_base::{Disk, Durability, RealDisk};
use bole_streams::groups::share::{
    AcknowledgeRequest, Acknowledgement, AcquireRequest, Batch, HeartbeatRequest,
};
use bole_streams::groups::{self, TopicId};
use bole_streams::partition::Partition;
use bole_streams::partition::append::Terms;
use bole_streams::partition::batch::HEAD_BYTES;
use bole_streams::partition::read::{Bounds, Isolation};
use bole_streams::protocol::batch::{Builder, Compression};
use bole_streams::records;
use bole_streams::settings::Settings;
use bole_streams::topics::NewTopic;
use bole_testing::fault_disk::Faults;
use bole_testing::{FaultDisk, Rng};
use parking_lot::Mutex;

use crate::world::{PARTITIONS, TOPICS, World};

const SEEDS: u64 = 20;
const ROUNDS: usize = 4;
const RECORDS: i64 = 40;
const GROUP: &str = "workers";
const DEAD: &str = "a.dead";
const DELIVERIES: u16 = 2;

/// Partition and offset.
type At = (i32, i64);

/// What a member did with a record last, and whether it was told that this is done.
#[derive(Clone, Copy, Debug)]
struct Did {
    kind: Acknowledgement,
    deliveries: u16,
    told: bool,
}

#[derive(Default)]
struct Model {
    last: Mutex<HashMap<At, Did>>,
    /// What was tried at any time.
    rejected: Mutex<BTreeSet<At>>,
}

fn set(rows: &[(&str, &str)]) -> BTreeMap<String, String> {
    rows.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// Appends a batch to a partition of the topic, and waits until it is shown.
async fn produce(world: &World, index: i32, builder: &Builder) {
    let partition = source(world, index).1;
    let body = builder.build().slice(HEAD_BYTES..);
    let mut transaction = world.service.runtime.transaction();
    transaction.set_time(world.service.runtime.tick());
    let terms = Terms { segment_bytes: 4_096, segment_ms: i64::MAX, expected_offset: None };
    let appended = partition.append(&mut transaction, &body, &terms).await.unwrap();
    world.service.appended(&partition, &appended, builder.count().into(), HEAD_BYTES + body.len());
    while partition.lock().unwrap().state().has_hidden() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn prepare(world: &World) {
    let topics = &world.service.topics;
    let rows = set(&[
        ("share.dead.letter.topic", DEAD),
        ("share.delivery.count.limit", "2"),
        ("share.retry.backoff.ms", "1000"),
    ]);
    topics.alter(TOPICS[0].0, false, |_| Ok(rows)).await.unwrap();
    let rows = set(&[("share.auto.offset.reset", "earliest")]);
    topics.alter_group(GROUP, false, |_| Ok(rows)).await.unwrap();
    for index in 0..PARTITIONS {
        for number in 0..RECORDS {
            let mut builder = Builder::new();
            let value = number.to_string();
            builder.push(1_000 + number, Some(b"k"), Some(value.as_bytes()), &[(b"own", Some(b"h"))]);
            produce(world, index, &builder).await;
        }
    }
}

fn source(world: &World, index: i32) -> ((TopicId, i32), Arc<Partition>) {
    let topic = world.service.topics.get(TOPICS[0].0).unwrap();
    ((TopicId(topic.id.0), index), topic.partition(index).unwrap())
}

async fn join(world: &World, member: &str) -> Result<(), groups::Error> {
    let request = HeartbeatRequest {
        group: GROUP.into(),
        member_id: member.into(),
        member_epoch: 0,
        rack: None,
        topics: Some(vec![TOPICS[0].0.into()]),
        client_id: "c".into(),
        client_host: "h".into(),
    };
    world.service.groups.share_heartbeat(&request).await.map(drop)
}

/// Acquires records of one partition and does something with each. How many there were.
async fn work(
    world: &World,
    model: &Model,
    member: &str,
    index: i32,
    rng: &mut Rng,
    settle: bool,
) -> Result<usize, groups::Error> {
    let (groups, (place, partition)) = (&world.service.groups, source(world, index));
    let group: Arc<str> = GROUP.into();
    let bounds = Bounds::of(&partition.lock().expect("no partition is quarantined"));
    let log = (bounds.log_start, bounds.below(Isolation::Uncommitted));
    let Some(from) = groups.share_position(&group, place, log).await? else { return Ok(0) };
    let request = AcquireRequest {
        group: Arc::clone(&group),
        member_id: member.into(),
        place,
        from,
        to: log.1,
        batches: (from..log.1).map(|offset| (offset, offset)).collect(),
        max_records: 1 + rng.below(8),
        strict: true,
        delayed: Vec::new(),
    };
    let acquired = groups.acquire(&request).await?;
    let mut count = 0;
    for range in acquired {
        for offset in range.first..=range.last {
            use Acknowledgement::{Accept, Reject, Release};
            let kind =
                if settle { *rng.pick(&[Accept, Reject]) } else { *rng.pick(&[Accept, Release, Reject]) };
            let (at, deliveries) = ((index, offset), range.deliveries);
            model.last.lock().insert(at, Did { kind, deliveries, told: false });
            if kind == Reject {
                model.rejected.lock().insert(at);
            }
            let (group, batches) =
                (Arc::clone(&group), vec![Batch { first: offset, last: offset, kinds: vec![kind] }]);
            let request = AcknowledgeRequest { group, member_id: member.into(), place, batches };
            groups.acknowledge(&request).await?;
            model.last.lock().insert(at, Did { kind, deliveries, told: true });
            count += 1;
        }
    }
    Ok(count)
}

/// The letters: where each record was, how often it was delivered, and why it is there.
async fn letters(world: &World) -> Vec<(At, u16, String)> {
    let mut found = Vec::new();
    let Some(topic) = world.service.topics.get(DEAD) else { return found };
    for partition in topic.partitions().iter() {
        while partition.lock().unwrap().state().has_hidden() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let mut from = 0;
        loop {
            let (_, read) = partition.read(from, Isolation::Uncommitted, 1 << 20).unwrap();
            let Some(last) = read.batches.last() else { break };
            from = last.last_offset() + 1;
            for batch in &read.batches {
                for record in records::of(batch).unwrap().1 {
                    let record = record.unwrap();
                    let headers: Vec<(String, String)> = record
                        .headers()
                        .map(|header| {
                            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                            (text(&header.key), text(&header.value.unwrap()))
                        })
                        .collect();
                    let get = |name: &str| {
                        headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap()
                    };
                    let offset: i64 = get("__dlq.errors.offset").parse().unwrap();
                    assert_eq!(get("own"), "h", "its own headers are kept");
                    assert_eq!(
                        (get("__dlq.errors.topic"), get("__dlq.errors.group")),
                        ("a".into(), GROUP.into())
                    );
                    assert_eq!(record.key.as_deref(), Some(b"k".as_slice()));
                    assert_eq!(record.value.as_deref(), Some(offset.to_string().as_bytes()));
                    assert_eq!(record.timestamp, 1_000 + offset);
                    let at = (get("__dlq.errors.partition").parse().unwrap(), offset);
                    let deliveries = get("__dlq.errors.delivery.count").parse().unwrap();
                    found.push((at, deliveries, get("__dlq.errors.message")));
                }
            }
        }
    }
    found
}

/// No letter is there twice, or for a record that was processed, or without a reason.
fn check(found: &[(At, u16, String)], model: &Model, seed: u64) -> BTreeSet<At> {
    let mut seen = BTreeSet::new();
    let (last, rejected) = (model.last.lock(), model.rejected.lock());
    for (at, deliveries, message) in found {
        assert!(seen.insert(*at), "seed {seed}: {at:?} was written twice");
        let did = last.get(at).copied();
        let accepted = did.is_some_and(|did| did.told && did.kind == Acknowledgement::Accept);
        assert!(!accepted, "seed {seed}: {at:?} was processed");
        match message.as_str() {
            "Offset rejected by client." => assert!(rejected.contains(at), "seed {seed}: {at:?}"),
            "Offset delivery count exceeded the threshold." => {
                assert_eq!(*deliveries, DELIVERIES, "seed {seed}: {at:?}");
            }
            other => panic!("seed {seed}: {at:?}: {other}"),
        }
    }
    seen
}

async fn live(
    world: Arc<World>,
    model: Arc<Model>,
    member: String,
    mut rng: Rng,
) -> Result<(), groups::Error> {
    join(&world, &member).await?;
    for _ in 0..4 {
        let index = rng.below(PARTITIONS as u64) as i32;
        work(&world, &model, &member, index, &mut rng, false).await?;
        world.clock.advance(Duration::from_millis(rng.below(900)));
    }
    Ok(())
}

/// How a round ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// Everybody has finished.
    Quiet,
    /// Everybody stops in the middle of anything.
    Kill,
    /// The same, and what no fsync has reached is lost.
    PowerCut,
}

/// Every second seed has a disk that loses power.
async fn run(seed: u64) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let mut rng = Rng::new(seed);
    let model = Arc::new(Model::default());
    let mut fault_disk = (seed % 2 == 1).then(|| FaultDisk::new(seed, Faults::default()));
    let disk: Arc<dyn Disk> = match &fault_disk {
        Some(disk) => Arc::clone(disk) as _,
        None => Arc::new(RealDisk),
    };
    let mut world = Arc::new(World::open_on(dir.path(), disk).await);
    prepare(&world).await;
    for round in 0..ROUNDS {
        let lives: Vec<_> = (0..3)
            .map(|number| {
                let member = format!("m{round}-{number}");
                tokio::spawn(live(Arc::clone(&world), Arc::clone(&model), member, rng.fork()))
            })
            .collect();
        let ending = match &fault_disk {
            _ if rng.one_in(2) => Ending::Quiet,
            Some(_) => Ending::PowerCut,
            None => Ending::Kill,
        };
        if ending != Ending::Quiet {
            for _ in 0..rng.below(300) {
                tokio::task::yield_now().await;
            }
        }
        let cut = fault_disk.as_ref().filter(|_| ending == Ending::PowerCut).map(|disk| disk.crash(&mut rng));
        if ending != Ending::Quiet {
            lives.iter().for_each(tokio::task::JoinHandle::abort);
        }
        for life in lives {
            let ended = life.await;
            assert!(matches!(ended, Ok(Ok(()))) || ending != Ending::Quiet, "seed {seed}: {ended:?}");
        }
        if cut.is_none() {
            check(&letters(&world).await, &model, seed);
        }
        let open = Arc::into_inner(world).expect("nobody else has the world");
        world = Arc::new(match cut {
            Some(disk) => {
                fault_disk = Some(Arc::clone(&disk));
                open.reopen(disk).await
            }
            None => open.restart(rng.one_in(3)).await,
        });
    }
    finish(&world, &model, &mut rng, seed).await
}

/// Everything is processed or given up; then exactly what was given up is in the dead-letter topic.
async fn finish(world: &World, model: &Model, rng: &mut Rng, seed: u64) -> usize {
    join(world, "last").await.unwrap();
    let group: Arc<str> = GROUP.into();
    for round in 0.. {
        assert!(round < 3_000, "seed {seed}: it does not come to an end");
        let mut count = 0;
        for index in 0..PARTITIONS {
            count += work(world, model, "last", index, rng, true).await.unwrap();
        }
        let offsets = world.service.groups.describe_share_offsets(&group, None).await.unwrap();
        if offsets.len() == PARTITIONS as usize && offsets.iter().all(|at| at.start == Some(RECORDS)) {
            break;
        }
        if count == 0 {
            world.clock.advance(Duration::from_millis(500));
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    let found = letters(world).await;
    let seen = check(&found, model, seed);
    let last = model.last.lock();
    for at in (0..PARTITIONS).flat_map(|index| (0..RECORDS).map(move |offset| (index, offset))) {
        let did = last[&at];
        let given_up = match did.kind {
            Acknowledgement::Reject => true,
            Acknowledgement::Release => did.deliveries >= DELIVERIES,
            _ => false,
        };
        if did.told && given_up {
            assert!(seen.contains(&at), "seed {seed}: {at:?} is lost, {did:?}");
        }
    }
    found.len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_up_is_written_once_whenever_the_node_ends() {
    let mut found = 0;
    for seed in 0..SEEDS {
        found += run(seed).await;
    }
    assert!(found > 100, "{found} letters are too few to show anything");
}

/// Rejects every record of partition 0 up to before `to`.
async fn reject(world: &World, to: i64) {
    let (groups, (place, partition)) = (&world.service.groups, source(world, 0));
    let group: Arc<str> = GROUP.into();
    let log = (Bounds::of(&partition.lock().unwrap()).log_start, to);
    while let Some(from) = groups.share_position(&group, place, log).await.unwrap() {
        let request = AcquireRequest {
            group: Arc::clone(&group),
            member_id: "m".into(),
            place,
            from,
            to,
            batches: vec![(from, to - 1)],
            max_records: 500,
            strict: true,
            delayed: Vec::new(),
        };
        for range in groups.acquire(&request).await.unwrap() {
            let kinds = vec![Acknowledgement::Reject];
            let batches = vec![Batch { first: range.first, last: range.last, kinds }];
            let (group, member_id) = (Arc::clone(&group), "m".into());
            let request = AcknowledgeRequest { group, member_id, place, batches };
            groups.acknowledge(&request).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn letters_of_any_size_are_written_and_those_of_records_that_are_gone_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path()).await;
    let topics = &world.service.topics;
    // A compacted topic takes no letters: they wait.
    let dead = Settings::with(Durability::Async, set(&[("cleanup.policy", "compact")])).unwrap();
    topics.create(&NewTopic { name: DEAD.to_owned(), partitions: 1, settings: dead }).await.unwrap();
    let rows = set(&[("share.dead.letter.topic", DEAD)]);
    topics.alter(TOPICS[0].0, false, |_| Ok(rows)).await.unwrap();
    let rows = set(&[("share.auto.offset.reset", "earliest")]);
    topics.alter_group(GROUP, false, |_| Ok(rows)).await.unwrap();
    let headers: [(&[u8], Option<&[u8]>); 1] = [(b"own", Some(b"h"))];
    let mut values = Rng::new(1);
    let value = |number: i64, bytes: usize, rng: &mut Rng| {
        let mut value = format!("{number} ").into_bytes();
        value.extend(rng.bytes(bytes));
        value
    };
    // Each alone is more than a batch of letters holds; then more than one batch has letters.
    let mut sent = Vec::new();
    for (codec, count, bytes) in [(Compression::Zstd, 3, 400_000), (Compression::None, 1_200, 300)] {
        let mut builder = Builder::new().compression(codec);
        for _ in 0..count {
            let number = sent.len() as i64;
            let value = value(number, bytes, &mut values);
            builder.push(1_000 + number, None, Some(&value), &headers);
            sent.push(value);
        }
        produce(&world, 0, &builder).await;
    }
    join(&world, "m").await.unwrap();
    reject(&world, sent.len() as i64).await;
    while world.service.metrics.dead_letters_stuck.load(Ordering::Relaxed) == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (place, source) = source(&world, 0);
    let mut transaction = world.service.runtime.transaction();
    transaction.set_time(world.service.runtime.tick());
    source.start_at(&mut transaction, 1).await.unwrap();
    let rows = set(&[("cleanup.policy", "delete")]);
    topics.alter(DEAD, false, |_| Ok(rows)).await.unwrap();
    let group: Arc<str> = GROUP.into();
    let wanted = Some(sent.len() as i64);
    while world.service.groups.describe_share_offsets(&group, Some(&[place])).await.unwrap()[0].start
        != wanted
    {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let dead = topics.get(DEAD).unwrap().partition(0).unwrap();
    while dead.lock().unwrap().state().has_hidden() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let (mut from, mut found) = (0, Vec::new());
    while let Some(batch) = dead.read(from, Isolation::Uncommitted, 0).unwrap().1.batches.first() {
        found.extend(records::of(batch).unwrap().1.map(|record| record.unwrap().value.unwrap().to_vec()));
        from = batch.last_offset() + 1;
    }
    assert_eq!(found.len(), sent.len() - 1, "retention has removed the first");
    assert!(found == sent[1..], "in their order");
    // The group's start has moved already when the last batch becomes durable and is counted.
    let metrics = &world.service.metrics;
    while metrics.dead_letters_stuck.load(Ordering::Relaxed) > 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(metrics.dead_letters.load(Ordering::Relaxed), found.len() as u64);
}
