//! Chunks in two homes: they move while they are read, written and deleted, and nothing of them is lost or left.

use std::sync::Arc;

use bole_base::Kind;
use bole_blobs::chunks::homes::{HomeNumber, Homes};
use bole_blobs::chunks::memory::Memory;
use bole_blobs::chunks::{ChunkId, Home};
use bole_blobs::migrate::{Counted, Cursor, Stray};
use bole_blobs::objects::deletes::{self, Delete};
use bole_blobs::rules::conditions::DeleteConditions;

use crate::world::{Node, OWNER, body};

const BUCKET: &str = "bucket";
const BYTES: usize = 70_000;

/// A node whose chunks go to `current`.
fn move_in(node: &mut Node, cluster: &Memory, current: HomeNumber) {
    let local = Arc::new(node.chunks.clone()) as Arc<dyn Home>;
    node.rehome(Homes::with_cluster(local, Arc::new(cluster.clone()), current));
}

fn ids(memory: &Memory) -> Vec<ChunkId> {
    (0..=u8::MAX).flat_map(|place| memory.list(place).unwrap()).collect()
}

fn strays(node: &Node) -> Vec<Stray> {
    let (mut cursor, mut all) = (Cursor::default(), Vec::new());
    loop {
        all.extend(node.blobs.strays(&mut cursor).unwrap());
        if cursor.is_at_start() {
            return all;
        }
    }
}

fn migrate(node: &Node) -> Counted {
    let strays = strays(node);
    for stray in &strays {
        node.blobs.copy(stray).unwrap();
    }
    node.run(node.blobs.moved(&strays)).unwrap()
}

fn delete(node: &Node, key: &str) {
    let asked = Delete { key, version: None, conditions: DeleteConditions::default() };
    node.change(|plan| deletes::delete(plan, BUCKET, &asked, OWNER, false)).unwrap();
}

fn start() -> (Node, Memory) {
    let mut node = Node::new();
    let cluster = Memory::default();
    node.bucket(BUCKET);
    node.put(BUCKET, "a", &body(1, BYTES));
    node.put(BUCKET, "b", &body(2, BYTES));
    node.put(BUCKET, "inline", &body(3, 50));
    move_in(&mut node, &cluster, HomeNumber::CLUSTER);
    (node, cluster)
}

#[test]
fn chunks_move_there_and_back() {
    let (node, cluster) = start();
    node.put(BUCKET, "c", &body(4, BYTES));
    assert_eq!((node.chunk_ids().len(), ids(&cluster).len()), (2, 1), "new ones go to the cluster");
    let check = |node: &Node| {
        for (key, seed, bytes) in [("a", 1, BYTES), ("b", 2, BYTES), ("inline", 3, 50), ("c", 4, BYTES)] {
            assert_eq!(node.get(BUCKET, key, None).unwrap(), body(seed, bytes), "{key}");
        }
    };
    check(&node);
    let two = Counted { chunks: 2, bytes: 2 * BYTES as u64 };
    assert_eq!((node.blobs.count_strays().unwrap(), migrate(&node)), (two, two));
    assert_eq!(
        (node.blobs.count_strays().unwrap(), migrate(&node)),
        (Counted::default(), Counted::default())
    );
    check(&node);
    assert_eq!((node.reclaim(), node.chunk_ids().len(), ids(&cluster).len()), (2, 0, 3));
    check(&node);
    let mut node = node.restart();
    move_in(&mut node, &cluster, HomeNumber::LOCAL);
    assert_eq!(node.blobs.count_in(HomeNumber::CLUSTER).unwrap().chunks, 3);
    assert!(node.blobs.uses_cluster().unwrap());
    check(&node);
    assert_eq!(migrate(&node).chunks, 3);
    assert!(node.blobs.uses_cluster().unwrap(), "its garbage is there");
    assert_eq!((node.reclaim(), node.chunk_ids().len(), ids(&cluster).len()), (3, 3, 0));
    assert!(!node.blobs.uses_cluster().unwrap());
    check(&node);
}

#[test]
fn who_reads_is_not_cut_off() {
    let (node, cluster) = start();
    let open = node.run(node.blobs.open(BUCKET, "a", None)).unwrap();
    assert_eq!(migrate(&node).chunks, 2);
    assert_eq!((node.reclaim(), node.chunk_ids().len()), (1, 1), "the old copy is held");
    assert_eq!(node.bytes(&open, 0..u64::MAX), body(1, BYTES));
    delete(&node, "a");
    assert_eq!((node.reclaim(), ids(&cluster).len()), (0, 2));
    assert_eq!(node.bytes(&open, 0..u64::MAX), body(1, BYTES), "both copies are garbage, and held");
    drop(open);
    assert_eq!((node.reclaim(), node.chunk_ids().len(), ids(&cluster).len()), (2, 0, 1));
}

#[test]
fn what_is_deleted_on_its_way_goes_in_both_homes() {
    let (node, cluster) = start();
    let found = strays(&node);
    found.iter().for_each(|stray| node.blobs.copy(stray).unwrap());
    delete(&node, "a");
    assert_eq!((node.reclaim(), node.chunk_ids().len()), (0, 2), "it is held by who moves it");
    assert_eq!(node.run(node.blobs.moved(&found)).unwrap().chunks, 1);
    drop(found);
    assert_eq!((node.reclaim(), node.chunk_ids().len(), ids(&cluster).len()), (3, 0, 1));
    assert_eq!(node.get(BUCKET, "b", None).unwrap(), body(2, BYTES));
}

#[test]
fn what_a_crash_left_is_swept_and_moves_again() {
    let (node, cluster) = start();
    strays(&node).iter().for_each(|stray| node.blobs.copy(stray).unwrap());
    assert_eq!((node.chunk_ids().len(), ids(&cluster).len()), (2, 2));
    let mut node = node.restart();
    move_in(&mut node, &cluster, HomeNumber::CLUSTER);
    let removed = |node: &Node| (0..=255).map(|place| node.blobs.sweep(place).unwrap().removed).sum::<u64>();
    assert_eq!((removed(&node), node.chunk_ids().len(), ids(&cluster).len()), (2, 2, 0));
    // What is there already does not hold a move up.
    strays(&node).iter().for_each(|stray| node.blobs.copy(stray).unwrap());
    assert_eq!(migrate(&node).chunks, 2);
    // The old copies are garbage, which the sweep leaves to the reclaimer.
    let mut node = node.restart();
    move_in(&mut node, &cluster, HomeNumber::CLUSTER);
    assert_eq!((removed(&node), node.reclaim()), (0, 2));
    assert_eq!((node.chunk_ids().len(), ids(&cluster).len()), (0, 2));
    assert_eq!(node.get(BUCKET, "a", None).unwrap(), body(1, BYTES));
}

#[test]
fn a_chunk_that_comes_back_waits_until_its_old_copy_is_gone() {
    let (mut node, cluster) = start();
    assert_eq!(migrate(&node).chunks, 2);
    move_in(&mut node, &cluster, HomeNumber::LOCAL);
    assert_eq!((node.blobs.count_strays().unwrap().chunks, strays(&node).len()), (2, 0));
    assert_eq!((node.reclaim(), node.chunk_ids().len()), (2, 0));
    assert_eq!(migrate(&node).chunks, 2);
    assert_eq!((node.reclaim(), node.chunk_ids().len(), ids(&cluster).len()), (2, 2, 0));
    assert_eq!(node.get(BUCKET, "b", None).unwrap(), body(2, BYTES));
}

#[test]
fn damage_is_not_moved() {
    let (node, cluster) = start();
    let found = strays(&node);
    node.chunks.damage(found[0].stored.id, |bytes| bytes[100] ^= 1);
    let outcomes: Vec<_> =
        found.iter().map(|stray| node.blobs.copy(stray).map_err(|error| error.kind())).collect();
    assert_eq!(outcomes, [Err(Kind::Corrupt), Ok(())]);
    assert_eq!(ids(&cluster), [found[1].stored.id], "half a copy is removed");
    // A full home takes nothing, and loses nothing.
    cluster.set_room(10);
    assert_eq!(node.blobs.copy(&found[1]).map_err(|error| error.kind()), Err(Kind::Full));
}

#[test]
fn the_cluster_is_remembered() {
    let (node, _) = start();
    assert!(!node.blobs.knows_cluster().unwrap());
    node.run(node.blobs.remember_cluster(true)).unwrap();
    let node = node.restart();
    assert!(node.blobs.knows_cluster().unwrap());
    node.run(node.blobs.remember_cluster(false)).unwrap();
    assert!(!node.blobs.knows_cluster().unwrap());
}
