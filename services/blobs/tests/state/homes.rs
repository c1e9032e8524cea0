//! Chunks in two homes: they move while they are read, written and deleted, and nothing of them is lost or left.

use std::sync::Arc;

use bole_base::Kind;
use bole_blobs::chunks::homes::{HomeNumber, Homes};
use bole_blobs::chunks::memory::Memory;
use bole_blobs::chunks::{ChunkId, Home};
use bole_blobs::migrate::{Counted, Cursor, Stray};
use bole_blobs::objects::bodies::NewBody;
use bole_blobs::objects::deletes::{self, Delete};
use bole_blobs::objects::put;
use bole_blobs::rows::Kept;
use bole_blobs::rows::keys::{self, CHUNKS};
use bole_blobs::rules::conditions::DeleteConditions;
use bole_blobs::rules::encryption::Encryption;
use bole_blobs::scrub::Scrubber;
use bole_blobs::seal::Cipher;

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
    cluster.remove(found[1].stored.id).unwrap();
    cluster.set_room(10);
    assert_eq!(node.blobs.copy(&found[1]).map_err(|error| error.kind()), Err(Kind::Full));
}

/// What a home has of a chunk.
fn stored(memory: &Memory, id: ChunkId) -> Vec<u8> {
    let mut out = Vec::new();
    memory.read(id, 0, 1 << 20, &mut out).unwrap();
    out
}

#[test]
fn a_sealed_chunk_moves_as_it_is() {
    let (node, cluster) = start();
    let NewBody::Chunk(written) = node.body(&body(5, BYTES)) else { panic!("it is a chunk") };
    assert_eq!(ids(&cluster), [written.id]);
    let mut put = node.put_with(BUCKET, "sealed", b"");
    // Of the cipher, the state knows nothing but that it is kept.
    let cipher = Cipher::Customer { salt: [7; 32] };
    put.body = NewBody::SealedChunk(written, cipher, BYTES as u64 - 32);
    put.attributes.encryption = Some(Encryption::Customer { key_md5: "m".to_owned() });
    node.change(|plan| put::put(plan, &put)).unwrap();
    let before = stored(&cluster, written.id);
    let mut node = node.restart();
    move_in(&mut node, &cluster, HomeNumber::LOCAL);
    assert_eq!(migrate(&node).chunks, 1);
    assert_eq!(node.reclaim(), 1);
    assert!(stored(&node.chunks, written.id) == before, "the same bytes");
    let kept =
        node.blobs.look(|plan| plan.named_row::<Kept>(CHUNKS, &keys::chunk(written.id))).unwrap().value;
    assert_eq!(kept, Kept { count: 1, bytes: BYTES as u64, cipher: Some(cipher), home: HomeNumber::LOCAL });
}

#[test]
fn the_walk_finds_damage_in_each_home() {
    let (node, cluster) = start();
    node.put(BUCKET, "c", &body(4, BYTES));
    let (here, there) = (node.chunk_ids()[0], ids(&cluster)[0]);
    let walk = || {
        let mut scrubber = Scrubber::open(node.blobs.clone()).unwrap();
        node.run(scrubber.begin()).unwrap();
        while scrubber.is_running() {
            node.run(scrubber.step(1 << 20)).unwrap();
        }
        let marked = node.blobs.damaged().unwrap();
        (scrubber.scrub().chunks, marked.into_iter().map(|(id, _)| id).collect::<Vec<ChunkId>>())
    };
    assert_eq!(walk(), (3, vec![]));
    node.chunks.damage(here, |bytes| bytes[100] ^= 1);
    cluster.damage(there, |bytes| bytes[100] ^= 1);
    assert_eq!(walk(), (3, vec![here, there]));
    cluster.damage(there, |bytes| bytes[100] ^= 1);
    assert_eq!(walk(), (3, vec![here]));
    // What is damaged stays where it is, with its mark, until it is deleted.
    let moved: Vec<Stray> =
        strays(&node).into_iter().filter(|stray| node.blobs.copy(stray).is_ok()).collect();
    assert_eq!(node.run(node.blobs.moved(&moved)).unwrap().chunks, 1);
    drop(moved);
    assert_eq!((walk(), node.reclaim(), node.chunk_ids()), ((3, vec![here]), 1, vec![here]));
    delete(&node, "a");
    delete(&node, "b");
    assert_eq!((walk(), node.reclaim()), ((1, vec![]), 2));
    assert_eq!((node.chunk_ids(), ids(&cluster)), (vec![], vec![there]));
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
