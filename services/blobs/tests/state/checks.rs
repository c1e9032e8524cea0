//! The check of a folder that no node runs on: bits are flipped in files, and it says in which objects.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use bole_base::{Offset, RealDisk};
use bole_blobs::check::{CHUNKS_DIR, Checked, Options, check};
use bole_blobs::chunks::frame::block_at;
use bole_blobs::chunks::local::Local;
use bole_blobs::chunks::{ChunkId, Home as _};

use crate::world::{Node, body};

/// Writes the chunks as files beside the rows, where a node has them.
fn write_files(node: &Node) {
    let dir = node.folder().join(CHUNKS_DIR);
    let files = Local::open(Arc::new(RealDisk), &dir, 0).unwrap();
    for id in node.chunk_ids() {
        let mut bytes = Vec::new();
        node.chunks.read(id, 0, 1 << 20, &mut bytes).unwrap();
        let mut upload = files.create(id, bytes.len() as u64).unwrap();
        upload.append(&bytes).unwrap();
        upload.finish().unwrap();
    }
}

fn file(node: &Node, id: ChunkId) -> PathBuf {
    node.folder().join(CHUNKS_DIR).join(format!("{:02x}/{id}", id.place()))
}

fn flip(node: &Node, id: ChunkId, at: u64) {
    let mut bytes = fs::read(file(node, id)).unwrap();
    bytes[at as usize] ^= 1;
    fs::write(file(node, id), bytes).unwrap();
}

/// `has_all`: the rows have all that was logged.
fn run(node: &Node, verify: bool, has_all: bool) -> Checked {
    let tail = |_| Some(Offset(if has_all { 0 } else { u64::MAX }));
    let mut told = 0;
    let mut progress = |bytes, total| {
        assert!(bytes <= total);
        told += 1;
    };
    let checked = check(node.folder(), Options { verify, tail: &tail, progress: &mut progress }).unwrap();
    assert_eq!(told, checked.verified);
    assert_eq!(checked.damage, None);
    checked
}

#[test]
fn flipped_bits_and_missing_files_are_told_with_their_objects() {
    let node = Node::new();
    node.bucket("bucket");
    let mut ids = Vec::new();
    for key in ["a", "b", "c", "d"] {
        node.put("bucket", key, &body(1, 200_000));
        ids.push(node.chunk_ids().into_iter().max().unwrap());
    }
    node.put("bucket", "inline", b"short");
    node.run(node.blobs.mark_damaged(ids[3], "by a read")).unwrap();
    node.checkpoint();
    node.put("bucket", "newer than the rows", &body(1, 70_000));
    write_files(&node);
    let sound = run(&node, true, false);
    assert_eq!((sound.chunks, sound.verified, sound.verified_bytes), (5, 4, 800_000));
    assert_eq!((sound.damaged, sound.unsure), (vec![], 0), "a mark of what is sound says nothing");

    flip(&node, ids[0], block_at(2) + 1);
    fs::remove_file(file(&node, ids[1])).unwrap();
    let told = |checked: Checked| {
        let told = checked.damaged.into_iter().map(|chunk| (chunk.id, chunk.objects.join(", ")));
        (told.collect::<Vec<_>>(), checked.unsure)
    };
    let name = |key: &str| format!("bucket/{key} (version null)");
    let (first, second) = ((ids[0], name("a")), (ids[1], name("b")));
    assert_eq!(told(run(&node, true, false)), (vec![first.clone()], 1));
    assert_eq!(told(run(&node, true, true)), (vec![first, second], 0));
    assert_eq!(told(run(&node, false, true)), (vec![(ids[3], name("d"))], 0), "what is marked is told");
    let what = run(&node, true, true).damaged.remove(0).what;
    assert!(what.contains(&ids[0].to_string()) && what.contains("block 2"), "{what}");
}
