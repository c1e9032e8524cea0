//! Compaction against a model that remembers everything: what may go, what must stay, and how the rest is read.

use std::collections::{BTreeMap, HashMap};

use bole_base::Durability;
use bole_streams::compaction::plan::Terms;
use bole_streams::partition::batch::{Batch, Fields, HEAD_BYTES};
use bole_streams::partition::read::Isolation;
use bole_streams::protocol::batch::{Builder, Compression, Marker};
use bole_streams::records;
use bole_testing::Rng;
use bytes::Bytes;

use crate::node::Node;

const SEGMENT_BYTES: u64 = 4_000;
/// Producers: the first does not number its batches, the second does, the third and fourth send transactions.
const PRODUCERS: i64 = 4;

const TERMS: Terms = Terms {
    now: 0,
    segment_bytes: SEGMENT_BYTES,
    cleanable_ratio_min: 0.0,
    lag_ms_min: 0,
    lag_ms_max: i64::MAX,
    delete_retention_ms: 0,
    keys_max: 1_000,
};

/// A record as it was appended.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    timestamp: i64,
    key: Bytes,
    value: Option<Bytes>,
    producer: i64,
    /// Set when its transaction ended: whether it counts.
    counts: Option<bool>,
}

#[derive(Default)]
struct World {
    rows: BTreeMap<i64, Row>,
    /// First and last offset of each batch.
    batches: BTreeMap<i64, i64>,
    sequences: HashMap<i64, i32>,
    open: HashMap<i64, bool>,
    now: i64,
}

impl World {
    async fn produce(&mut self, node: &Node, rng: &mut Rng) {
        self.now += rng.below(20) as i64;
        let producer = rng.below(PRODUCERS as u64) as i64;
        if producer >= 2 && rng.one_in(3) && self.open.remove(&producer).is_some() {
            return self.end(node, producer, rng.one_in(2)).await;
        }
        let mut builder = Builder::new().compression(*rng.pick(&Compression::ALL));
        let sequence = self.sequences.entry(producer).or_default();
        if producer > 0 {
            builder = builder.producer(producer, 0, *sequence);
        }
        if producer >= 2 {
            builder = builder.transactional();
            self.open.insert(producer, true);
        }
        let mut rows = Vec::new();
        for _ in 0..=rng.below(6) {
            let key = Bytes::from(rng.below(12).to_string());
            let bytes = 1 + rng.index(120);
            let value = (!rng.one_in(6)).then(|| Bytes::from(rng.bytes(bytes)));
            let timestamp = self.now + rng.below(10) as i64;
            builder.push(timestamp, Some(&key), value.as_deref(), &[(b"h", Some(b"v"))]);
            rows.push(Row { timestamp, key, value, producer, counts: (producer < 2).then_some(true) });
        }
        *sequence += rows.len() as i32;
        let base = node.append(&builder.build().slice(HEAD_BYTES..), SEGMENT_BYTES).await;
        self.batches.insert(base, base + rows.len() as i64 - 1);
        self.rows.extend((base..).zip(rows));
    }

    async fn end(&mut self, node: &Node, producer: i64, commit: bool) {
        let marker = if commit { Marker::Commit } else { Marker::Abort };
        let offset = node.partition.lock().unwrap().state().next_offset;
        let body = marker.batch(producer, 0, 0, self.now).slice(HEAD_BYTES..);
        node.end(&body, commit, SEGMENT_BYTES).await;
        self.batches.insert(offset, offset);
        let undecided = self.rows.values_mut().filter(|row| row.producer == producer && row.counts.is_none());
        undecided.for_each(|row| row.counts = Some(commit));
    }

    /// The newest record of each key, of those that count.
    fn newest(&self) -> HashMap<&Bytes, i64> {
        let counting = self.rows.iter().filter(|(_, row)| row.counts == Some(true));
        counting.map(|(offset, row)| (&row.key, *offset)).collect()
    }
}

fn everything(node: &Node) -> Vec<Batch> {
    let (mut from, mut all) = (node.partition.lock().unwrap().state().log_start, Vec::new());
    loop {
        let (_, read) = node.partition.read(from, Isolation::Uncommitted, 1 << 20).unwrap();
        let Some(last) = read.batches.last() else { return all };
        from = last.last_offset() + 1;
        all.extend(read.batches);
    }
}

/// What is left is a part of what was, and has all that must stay.
fn check_contents(world: &World, all: &[Batch]) {
    let mut left = BTreeMap::new();
    for batch in all {
        assert_eq!(world.batches.get(&batch.base_offset), Some(&batch.last_offset()), "offsets stay");
        let (header, found) = records::of(batch).unwrap();
        bole_streams::protocol::batch::verify(&records::whole(batch), &header).unwrap();
        if header.attributes.is_control() {
            continue;
        }
        for record in found {
            let record = record.unwrap();
            let row = &world.rows[&record.offset];
            let same = (row.timestamp, Some(&row.key), &row.value);
            assert_eq!((record.timestamp, record.key.as_ref(), &record.value), same, "{}", record.offset);
            assert_eq!(record.headers().count(), 1);
            left.insert(record.offset, row);
        }
    }
    for (key, offset) in world.newest() {
        let stays = left.contains_key(&offset) || world.rows[&offset].value.is_none();
        assert!(stays, "the newest record of {key:?} at {offset} is gone");
    }
    let undecided = world.rows.iter().filter(|(_, row)| row.counts.is_none());
    undecided
        .for_each(|(offset, _)| assert!(left.contains_key(offset), "{offset} is of an open transaction"));
}

/// Reads from every offset, and looks for every time.
fn check_reads(node: &Node, all: &[Batch], rng: &mut Rng) {
    let next = node.partition.lock().unwrap().state().high_watermark;
    for from in 0..next {
        let size = *rng.pick(&[0, 500, 1 << 20]);
        let (_, read) = node.partition.read(from, Isolation::Uncommitted, size).unwrap();
        let first = all.iter().position(|batch| batch.last_offset() >= from);
        let expected = first.map_or(&[][..], |first| &all[first..]);
        assert_eq!(read.batches.is_empty(), expected.is_empty(), "from {from}");
        assert_eq!(read.batches, expected[..read.batches.len()], "from {from}");
    }
    let time = |batch: &Batch| batch.fields().max_timestamp();
    for timestamp in all.iter().map(time).chain([0, i64::MAX]) {
        let found = node.partition.find_timestamp(timestamp, Isolation::Uncommitted).unwrap();
        let expected = all.iter().find(|batch| time(batch) >= timestamp);
        assert_eq!(found.as_ref(), expected, "the first batch at {timestamp}");
    }
}

/// After a run whose map held all keys, and which is not disturbed: one record a key, none of aborted transactions.
fn check_clean(world: &World, node: &Node, all: &[Batch]) {
    let clean = node.partition.lock().unwrap().state().segments.compacted_below(1);
    let mut keys = HashMap::new();
    for batch in all.iter().filter(|batch| batch.base_offset < clean && !batch.fields().is_control()) {
        for record in records::of(batch).unwrap().1 {
            let offset = record.unwrap().offset;
            let row = &world.rows[&offset];
            assert_eq!(row.counts, Some(true), "{offset} is not of an ended transaction that counts");
            assert_eq!(keys.insert(row.key.clone(), offset), None, "two records of {:?}", row.key);
        }
    }
    let state_of = node.partition.lock().unwrap();
    for producer in state_of.state().producers.all().into_values() {
        let Some(sent) = producer.sent.back() else { continue };
        let kept = all.iter().find(|batch| batch.base_offset == sent.base_offset);
        let sequence = kept.map(|batch| batch.fields().base_sequence());
        assert_eq!(sequence, Some(sent.first_sequence), "the newest batch of each producer stays");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_left_is_right_in_any_mix_of_rounds() {
    for seed in 0..4 {
        let class = if seed % 2 == 0 { Durability::Async } else { Durability::Sync };
        let dir = tempfile::tempdir().unwrap();
        let (mut rng, mut world) = (Rng::new(seed), World::default());
        let mut runs = 0;
        for _ in 0..4 {
            let node = Node::open(dir.path(), class).await;
            for _ in 0..if class == Durability::Sync { 30 } else { 90 } {
                world.produce(&node, &mut rng).await;
            }
            if rng.one_in(2) {
                node.runtime.checkpoint_all().await.unwrap();
                node.partition.lock().unwrap().state_mut().evict(i64::MAX);
            }
            let terms = Terms {
                now: world.now,
                lag_ms_min: *rng.pick(&[0, 100]),
                delete_retention_ms: *rng.pick(&[0, 50, 10_000]),
                keys_max: *rng.pick(&[7, 1_000, 1_000]),
                ..TERMS
            };
            let ran = node.compact(terms).await;
            runs += u32::from(ran);
            node.clean();
            let all = everything(&node);
            check_contents(&world, &all);
            check_reads(&node, &all, &mut rng);
            if ran && terms.keys_max > 7 {
                check_clean(&world, &node, &all);
            }
        }
        assert!(runs > 2, "seed {seed}: {runs} runs");
        let node = Node::open(dir.path(), class).await;
        let all = everything(&node);
        check_contents(&world, &all);
        check_reads(&node, &all, &mut rng);
    }
}

async fn put(node: &Node, producer: Option<i32>, key: &str, value: Option<&str>) -> i64 {
    let mut builder = Builder::new();
    if let Some(sequence) = producer {
        builder = builder.producer(9, 0, sequence).transactional();
    }
    builder.push(100, Some(key.as_bytes()), value.map(str::as_bytes), &[]);
    // A segment holds one batch.
    node.append(&builder.build().slice(HEAD_BYTES..), 1).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tombstones_and_markers_stay_until_their_horizon() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::open(dir.path(), Durability::Async).await;
    put(&node, None, "gone", Some("1")).await;
    put(&node, None, "gone", None).await;
    put(&node, Some(0), "aborted", Some("2")).await;
    node.end(&Marker::Abort.batch(9, 0, 0, 100).slice(HEAD_BYTES..), false, 1).await;
    put(&node, None, "kept", Some("3")).await;
    // When a run is; the offsets that are left of the batches above. The aborted batch stays as the newest of its producer, without its record.
    let rows = [
        (1_000, vec![1, 2, 3, 4]),
        // The tombstone's horizon was set by the first run, the marker's is by none: its transaction's batch is still there.
        (1_049, vec![1, 2, 3, 4]),
        (1_050, vec![2, 3, 4]),
        (9_000, vec![2, 3, 4]),
    ];
    for ((now, expected), next) in rows.into_iter().zip(6..) {
        // Something new is dirty, and what is sealed is compacted.
        put(&node, None, &format!("new at {now}"), Some("4")).await;
        assert!(node.compact(Terms { now, delete_retention_ms: 50, segment_bytes: 1, ..TERMS }).await);
        node.clean();
        let left: Vec<_> = everything(&node).iter().map(|batch| batch.base_offset).collect();
        let expected: Vec<_> = expected.into_iter().chain(5..next).collect();
        assert_eq!(left, expected, "at {now}");
    }
    // A newer batch of the producer lets the empty one go, then the marker gets its horizon, then it goes.
    put(&node, Some(1), "kept", Some("5")).await;
    node.end(&Marker::Commit.batch(9, 0, 0, 100).slice(HEAD_BYTES..), true, 1).await;
    put(&node, None, "last", Some("6")).await;
    for (now, marker) in [(10_000, true), (10_010, true), (10_100, false)] {
        put(&node, None, &format!("new at {now}"), Some("7")).await;
        assert!(node.compact(Terms { now, delete_retention_ms: 50, segment_bytes: 1, ..TERMS }).await);
        let left: Vec<_> = everything(&node).iter().map(|batch| batch.base_offset).collect();
        assert_eq!((left.contains(&2), left.contains(&3)), (false, marker), "at {now}: {left:?}");
    }
    assert_eq!(node.partition.aborted(0, i64::MAX).unwrap(), [], "nobody needs to know of it any more");
    let fields: Vec<Fields> = everything(&node).iter().map(Batch::fields).collect();
    assert!(fields.iter().any(Fields::is_control), "the marker of the records that are there stays");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_all_records_go_offsets_go_on() {
    for restart in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let mut node = Node::open(dir.path(), Durability::Sync).await;
        for at in 0..3 {
            put(&node, None, &at.to_string(), Some("1")).await;
        }
        let mut transaction = node.runtime.transaction();
        let position = node.partition.start_at(&mut transaction, i64::MAX).await.unwrap().unwrap();
        node.partition.reached(&**node.runtime.journal(), position).await.unwrap();
        node.clean();
        assert_eq!(std::fs::read_dir(dir.path().join("streams")).unwrap().count(), 0, "no file is left");
        if restart {
            node.runtime.checkpoint_all().await.unwrap();
            drop(transaction);
            drop(node);
            node = Node::open(dir.path(), Durability::Sync).await;
        }
        let bounds = node.partition.read(3, Isolation::Uncommitted, 100).unwrap().0;
        assert_eq!((bounds.log_start, bounds.next), (3, 3));
        assert_eq!(put(&node, None, "new", Some("1")).await, 3);
        assert_eq!(node.all(100).iter().map(|(base, _)| *base).collect::<Vec<_>>(), [3]);
    }
}
