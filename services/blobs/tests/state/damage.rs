//! Chunks that are damaged: marked, refused, told, and sound again; and the walk that finds them.

use std::time::Duration;

use bole_blobs::chunks::frame::{BLOCK_BYTES, block_at};
use bole_blobs::chunks::{ChunkId, Home as _};
use bole_blobs::damage::Name;
use bole_blobs::objects::copies::{self, Copy, From};
use bole_blobs::objects::deletes::{self, Delete};
use bole_blobs::objects::multipart::{self, Begin, Complete, Listed, PutPart};
use bole_blobs::objects::put::Attributes;
use bole_blobs::rows::values::Etag;
use bole_blobs::rules::conditions::{Conditions, DeleteConditions};
use bole_blobs::scrub::Scrubber;
use bole_blobs::state::Error;
use bole_blobs::{Code, error};

use crate::world::{Node, OWNER, body, code, md5};

/// The chunk that came last.
fn newest(node: &Node) -> ChunkId {
    node.chunk_ids().into_iter().max().unwrap()
}

fn flip(node: &Node, id: ChunkId, at: u64) {
    node.chunks.damage(id, |bytes| bytes[at as usize] ^= 4);
}

/// What a read of `range` is refused with.
fn refused(node: &Node, key: &str, range: std::ops::Range<u64>) -> Option<Code> {
    let open = node.run(node.blobs.open("bucket", key, None)).unwrap();
    open.segments(&range).err().map(|error: error::Error| error.code)
}

fn scrub(node: &Node, scrubber: &mut Scrubber) {
    node.run(scrubber.begin()).unwrap();
    while scrubber.is_running() {
        node.run(scrubber.step(100_000)).unwrap();
    }
}

fn marked(node: &Node) -> Vec<ChunkId> {
    node.blobs.damaged().unwrap().into_iter().map(|(id, _)| id).collect()
}

fn delete(node: &Node, key: &str) {
    let asked = Delete { key, version: None, conditions: DeleteConditions::default() };
    node.change(|plan| deletes::delete(plan, "bucket", &asked, OWNER, false)).unwrap();
}

fn copy_of<'a>(from: &'a str, to: &'a str) -> Copy<'a> {
    let conditions = Conditions::default();
    Copy {
        from: From { bucket: "bucket", key: from, version: None, conditions, read: None },
        bucket: "bucket",
        key: to,
        conditions,
        attributes: Attributes { owner: OWNER.to_owned(), ..Attributes::default() },
        replace_meta: false,
        replace_tags: false,
        digests: None,
        body: None,
    }
}

#[test]
fn the_walk_finds_each_damaged_chunk_and_reads_are_refused_from_then_on() {
    let node = Node::new();
    node.bucket("bucket");
    let damage: [(&str, &dyn Fn(ChunkId)); 5] = [
        ("header", &|id| flip(&node, id, 3)),
        ("first", &|id| flip(&node, id, block_at(0) + 5)),
        ("last", &|id| flip(&node, id, block_at(2) + 8)),
        ("cut", &|id| node.chunks.damage(id, |bytes| bytes.truncate(150_000))),
        ("missing", &|id| node.chunks.remove(id).unwrap()),
    ];
    node.put("bucket", "sound", &body(1, 150_000));
    let mut expected = Vec::new();
    for (key, damage) in damage {
        node.put("bucket", key, &body(2, 150_000));
        expected.push(newest(&node));
        damage(newest(&node));
    }
    let mut scrubber = Scrubber::open(node.blobs.clone()).unwrap();
    assert!(scrubber.is_due(Duration::from_secs(1_000_000)), "there was none yet");
    scrub(&node, &mut scrubber);
    let found = *scrubber.scrub();
    assert_eq!((found.chunks, found.damaged, found.bytes_total), (6, 5, 900_000));
    assert!(!scrubber.is_due(Duration::from_secs(1)));
    // The marks are in the log.
    drop(scrubber);
    let node = node.restart();
    assert_eq!(marked(&node), expected);
    for key in ["header", "first", "last", "cut", "missing"] {
        assert_eq!(refused(&node, key, 0..1), Some(Code::InternalError), "{key}");
        let copy = node.change(|plan| copies::copy(plan, &copy_of(key, "copy")));
        assert_eq!(code(copy), Code::InternalError, "{key}");
    }
    assert_eq!(node.get("bucket", "sound", None).unwrap(), body(1, 150_000));
    let holders = node.blobs.holders(marked(&node)).unwrap();
    let names: Vec<_> = holders.found.iter().map(|holder| (holder.chunk, holder.name.to_string())).collect();
    let keys = ["header", "first", "last", "cut", "missing"].into_iter();
    let mut told: Vec<_> =
        expected.iter().copied().zip(keys.map(|key| format!("bucket/{key} (version null)"))).collect();
    told.sort_by(|a, b| a.1.cmp(&b.1));
    assert_eq!((names, holders.is_cut), (told, false));
    // An overwrite and a delete take the mark away with the chunk.
    node.put("bucket", "first", &body(3, 150_000));
    delete(&node, "last");
    assert_eq!(marked(&node), [expected[0], expected[3], expected[4]]);
    assert_eq!(node.get("bucket", "first", None).unwrap(), body(3, 150_000));
    assert_eq!(node.reclaim(), 2);
    assert!(!node.run(node.blobs.mark_damaged(expected[1], "late")).unwrap(), "nothing names it any more");
}

#[test]
fn a_file_that_is_put_back_is_served_again_after_the_next_walk() {
    let node = Node::new();
    node.bucket("bucket");
    node.put("bucket", "k", &body(1, 200_000));
    let id = newest(&node);
    flip(&node, id, block_at(1));
    let mut scrubber = Scrubber::open(node.blobs.clone()).unwrap();
    scrub(&node, &mut scrubber);
    assert_eq!(refused(&node, "k", 0..1), Some(Code::InternalError));
    flip(&node, id, block_at(1));
    assert_eq!(refused(&node, "k", 0..1), Some(Code::InternalError), "the mark stays");
    scrub(&node, &mut scrubber);
    assert_eq!((marked(&node).len(), scrubber.scrub().damaged), (0, 0));
    assert_eq!(node.get("bucket", "k", None).unwrap(), body(1, 200_000));
    // A mark that comes while the chunk is under way is not taken off by what was read before it.
    node.run(scrubber.begin()).unwrap();
    node.run(scrubber.step(20_000)).unwrap();
    assert!(node.run(node.blobs.mark_damaged(id, "by a read")).unwrap());
    while scrubber.is_running() {
        node.run(scrubber.step(100_000)).unwrap();
    }
    assert_eq!(marked(&node), [id]);
}

#[test]
fn a_walk_goes_on_where_it_was() {
    let node = Node::new();
    node.bucket("bucket");
    let size = 10 * BLOCK_BYTES;
    for key in ["a", "b", "c"] {
        node.put("bucket", key, &body(1, size));
    }
    let mut scrubber = Scrubber::open(node.blobs.clone()).unwrap();
    node.run(scrubber.begin()).unwrap();
    node.run(scrubber.step(16 * BLOCK_BYTES as u64)).unwrap();
    let before = *scrubber.scrub();
    assert!(before.chunks == 1 && before.chunk_bytes > 0, "{before:?}");
    node.run(scrubber.save()).unwrap();
    drop(scrubber);
    // What was verified is not read again, and what was not, is.
    let ids = node.chunk_ids();
    let mut ids = ids;
    ids.sort_unstable();
    flip(&node, ids[0], block_at(0));
    flip(&node, ids[1], block_at(9));
    let node = node.restart();
    let mut scrubber = Scrubber::open(node.blobs.clone()).unwrap();
    assert_eq!(*scrubber.scrub(), before);
    scrub(&node, &mut scrubber);
    let after = *scrubber.scrub();
    assert_eq!((after.chunks, after.damaged, marked(&node)), (3, 1, vec![ids[1]]));
    assert!(after.bytes < 3 * size as u64 && after.begun_ms == before.begun_ms, "{after:?}");
    // The chunk that it is in the middle of may be gone.
    node.run(scrubber.begin()).unwrap();
    node.run(scrubber.step(100)).unwrap();
    delete(&node, "a");
    scrub(&node, &mut scrubber);
    assert_eq!(marked(&node), [ids[1]]);
}

#[test]
fn nothing_is_logged_where_there_is_nothing_to_verify() {
    let node = Node::new();
    node.bucket("bucket");
    let end = node.journal.end();
    let mut scrubber = Scrubber::open(node.blobs.clone()).unwrap();
    scrub(&node, &mut scrubber);
    assert_eq!((node.journal.end(), scrubber.is_running()), (end, false));
}

#[test]
fn parts_that_are_damaged_are_told_and_make_no_object() {
    let node = Node::new();
    node.bucket("bucket");
    let attributes = Attributes { owner: OWNER.to_owned(), ..Attributes::default() };
    let begin = Begin { bucket: "bucket", key: "k", initiator: OWNER, attributes, checksum: None };
    let upload = node.change(|plan| multipart::begin(plan, &begin)).unwrap();
    let put = |number: u16, bytes: &[u8]| {
        let part = PutPart {
            bucket: "bucket",
            key: "k",
            upload: upload.id(),
            number,
            body: node.body(bytes),
            md5: md5(bytes),
            checksum: None,
        };
        node.change(|plan| multipart::put_part(plan, &part)).unwrap();
        Listed { number, etag: Etag::of(md5(bytes)).text(), checksum: None }
    };
    let complete = |parts: &[Listed]| {
        let conditions = Conditions::default();
        let asked = Complete {
            bucket: "bucket",
            key: "k",
            upload: upload.id(),
            parts,
            checksum: None,
            bytes: None,
            conditions,
            part_bytes_min: 1,
        };
        node.change(|plan| multipart::complete(plan, &asked))
    };
    let mut parts = vec![put(1, &body(1, 70_000)), put(2, &body(2, 70_000))];
    let id = newest(&node);
    flip(&node, id, block_at(1));
    let mut scrubber = Scrubber::open(node.blobs.clone()).unwrap();
    scrub(&node, &mut scrubber);
    let holders = node.blobs.holders([id]).unwrap().found;
    let name = Name::Part { upload: upload.id().to_string(), number: 2 };
    assert_eq!(holders.into_iter().map(|holder| holder.name).collect::<Vec<_>>(), [name]);
    assert!(matches!(complete(&parts), Err(Error::Refused(refusal)) if refusal.code == Code::InternalError));
    parts[1] = put(2, &body(3, 70_000));
    complete(&parts).unwrap();
    assert_eq!(node.get("bucket", "k", None).unwrap(), [body(1, 70_000), body(3, 70_000)].concat());
    // One damaged part of an object: the others are served, and the object is told.
    let id = newest(&node);
    node.run(node.blobs.mark_damaged(id, "by hand")).unwrap();
    assert_eq!(
        (refused(&node, "k", 0..70_000), refused(&node, "k", 0..70_001)),
        (None, Some(Code::InternalError))
    );
    let holders = node.blobs.holders([id]).unwrap().found;
    assert!(
        matches!(&holders[..], [one] if one.name.to_string() == "bucket/k (version null)"),
        "{holders:?}"
    );
}
