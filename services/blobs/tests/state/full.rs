//! A full disk, and a journal that fails.

use bole_base::Kind;
use bole_blobs::Code;
use bole_blobs::chunks::writer::Writer;
use bole_blobs::objects::deletes::{self, Delete};
use bole_blobs::objects::put;
use bole_blobs::rules::conditions::DeleteConditions;
use bole_blobs::state::Error;

use crate::world::{Node, OWNER, body};

#[test]
fn a_full_disk_refuses_puts_and_serves_reads() {
    let node = Node::new();
    node.bucket("bucket");
    node.put("bucket", "k", &body(1, 70_000));
    let asked = node.put_with("bucket", "k", b"body");
    node.journal.set_disk_full(true);
    let error = node.change(|plan| put::put(plan, &asked)).unwrap_err();
    assert_eq!((error.kind(), error.refusal().code), (Kind::Full, Code::ServiceUnavailable), "{error}");
    assert!(!error.may_have_happened());
    assert_eq!(node.get("bucket", "k", None).unwrap(), body(1, 70_000));
    node.journal.set_disk_full(false);
    node.change(|plan| put::put(plan, &asked)).unwrap();
    // Where only chunks find no room, a delete makes some.
    node.chunks.set_room(0);
    let id = node.run(node.blobs.new_chunk()).unwrap();
    let error = Error::from(Writer::create(&node.chunks, id, 1_000).err().unwrap());
    assert_eq!((error.kind(), error.refusal().code), (Kind::Full, Code::ServiceUnavailable), "{error}");
    let asked = Delete { key: "k", version: None, conditions: DeleteConditions::default() };
    node.change(|plan| deletes::delete(plan, "bucket", &asked, OWNER, false)).unwrap();
    assert_eq!((node.reclaim(), node.chunk_ids().len()), (1, 0));
}

#[test]
fn what_is_not_known_to_be_durable_is_told_so_and_its_chunk_stays() {
    let node = Node::new();
    node.bucket("bucket");
    let asked = node.put_with("bucket", "k", &body(1, 70_000));
    let placed = node.run(node.blobs.append(None, 100, |plan| put::put(plan, &asked))).unwrap();
    node.journal.fail("the disk is gone");
    let error = node.run(node.blobs.durable(placed.position)).unwrap_err();
    assert!(error.may_have_happened(), "{error}");
    assert_eq!(error.refusal().code, Code::InternalError);
    // A read does not show it either.
    let error = node.get("bucket", "k", None).unwrap_err();
    assert!(matches!(error, Error::Shard(_)), "{error}");
    let error = node.change(|plan| put::put(plan, &asked)).unwrap_err();
    assert!(!matches!(error, Error::Refused(_)), "{error}");
}
