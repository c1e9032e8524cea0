//! Where bytes are, who holds them, and when their chunks go.

use bole_blobs::Code;
use bole_blobs::objects::copies::{self, Copy, From};
use bole_blobs::objects::deletes::{self, Delete};
use bole_blobs::objects::put::{self, Attributes};
use bole_blobs::objects::read;
use bole_blobs::rules::conditions::{Conditions, DeleteConditions};
use bole_blobs::rules::encryption::Encryption;
use bole_blobs::rules::tags::{Tag, Tags};

use crate::world::{Node, OWNER, body, code};

fn delete(node: &Node, bucket: &str, key: &str) {
    let asked = Delete { key, version: None, conditions: DeleteConditions::default() };
    node.change(|plan| deletes::delete(plan, bucket, &asked, OWNER, false)).unwrap();
}

fn copy_of<'a>(from: &'a str, to: &'a str) -> Copy<'a> {
    Copy {
        from: From {
            bucket: "bucket",
            key: from,
            version: None,
            conditions: Conditions::default(),
            read: None,
        },
        bucket: "bucket",
        key: to,
        conditions: Conditions::default(),
        attributes: Attributes { owner: OWNER.to_owned(), ..Attributes::default() },
        replace_meta: false,
        replace_tags: false,
        digests: None,
        body: None,
    }
}

#[test]
fn bodies_come_back_whatever_their_size_and_survive_a_restart() {
    let node = Node::new();
    node.bucket("bucket");
    let sizes = [0, 1, 100, 101, 70_000, 300_000];
    for size in sizes {
        let made = node.put("bucket", &format!("k{size}"), &body(1, size));
        assert_eq!(made.id, None, "without versions no id is told");
    }
    let check = |node: &Node| {
        for size in sizes {
            assert_eq!(node.get("bucket", &format!("k{size}"), None).unwrap(), body(1, size), "{size}");
        }
    };
    check(&node);
    let node = node.restart();
    check(&node);
    node.checkpoint();
    let node = node.restart();
    check(&node);
    let open = node.run(node.blobs.open("bucket", "k300000", None)).unwrap();
    for range in [0..1, 65_535..65_537, 299_999..400_000, 5..5] {
        let expected = &body(1, 300_000)[range.start as usize..(range.end as usize).min(300_000)];
        assert_eq!(node.bytes(&open, range.clone()), expected, "{range:?}");
    }
}

#[test]
fn overwritten_and_deleted_bodies_go_once_nobody_reads_them() {
    let node = Node::new();
    node.bucket("bucket");
    node.put("bucket", "k", &body(1, 70_000));
    let open = node.run(node.blobs.open("bucket", "k", None)).unwrap();
    node.put("bucket", "k", &body(2, 80_000));
    assert_eq!((node.reclaim(), node.chunk_ids().len()), (0, 2), "it is read");
    assert_eq!(node.bytes(&open, 0..u64::MAX), body(1, 70_000), "an overwrite cuts no reader off");
    drop(open);
    assert_eq!((node.reclaim(), node.chunk_ids().len()), (1, 1));
    delete(&node, "bucket", "k");
    assert_eq!(code(node.get("bucket", "k", None)), Code::NoSuchKey);
    assert_eq!((node.reclaim(), node.chunk_ids().len(), node.blobs.holds().count()), (1, 0, 0));
    assert_eq!(node.reclaim(), 0);
}

#[test]
fn what_a_crash_left_is_swept_and_nothing_else() {
    let node = Node::new();
    node.bucket("bucket");
    node.put("bucket", "kept", &body(1, 70_000));
    let _never_named = node.body(&body(2, 70_000));
    node.put("bucket", "garbage", &body(3, 70_000));
    delete(&node, "bucket", "garbage");
    let sweep =
        |node: &Node| -> u64 { (0..=255).map(|place| node.blobs.sweep(place).unwrap().removed).sum() };
    assert_eq!((sweep(&node), node.chunk_ids().len()), (0, 3), "its writer may be alive");
    let node = node.restart();
    let _being_written = node.body(&body(4, 70_000));
    assert_eq!((sweep(&node), node.chunk_ids().len()), (1, 3));
    assert_eq!((node.reclaim(), node.chunk_ids().len()), (1, 2));
    assert_eq!(node.get("bucket", "kept", None).unwrap(), body(1, 70_000));
    let named = node.blobs.named_chunks().unwrap();
    assert_eq!(named.iter().filter(|(_, is_named)| *is_named).count(), 1, "{named:?}");
}

#[test]
fn numbers_of_chunks_never_come_twice() {
    let mut node = Node::new();
    let mut ids = Vec::new();
    for _ in 0..3 {
        for _ in 0..3 {
            ids.push(node.run(node.blobs.new_chunk()).unwrap().counter);
        }
        node = node.restart();
    }
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

#[test]
fn a_copy_is_on_the_same_chunk_until_both_are_gone() {
    let node = Node::new();
    node.bucket("bucket");
    for (from, to, size) in [("a", "b", 70_000), ("c", "d", 50), ("e", "f", 0)] {
        node.put("bucket", from, &body(1, size));
        let chunks = node.chunk_ids().len();
        let copied = node.change(|plan| copies::copy(plan, &copy_of(from, to))).unwrap();
        assert_eq!((copied.source_id, copied.made.id), (None, None));
        assert_eq!(node.chunk_ids().len(), chunks, "no byte is moved");
        delete(&node, "bucket", from);
        assert_eq!(node.reclaim(), 0);
        assert_eq!(node.get("bucket", to, None).unwrap(), body(1, size));
        delete(&node, "bucket", to);
        assert_eq!((node.reclaim(), node.chunk_ids().len()), (chunks, 0));
    }
}

#[test]
fn copies_take_or_replace_what_goes_with_a_body() {
    let node = Node::new();
    node.bucket("bucket");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let tags = |key: &str| Tags(vec![Tag { key: key.to_owned(), value: String::new() }]);
    let mut asked = node.put_with("bucket", "a", &body(1, 70_000));
    asked.attributes.meta.user = vec![pair("m", "source")];
    asked.attributes.tags = tags("source");
    node.change(|plan| put::put(plan, &asked)).unwrap();
    for (replace_meta, replace_tags) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut copy = copy_of("a", "b");
        (copy.replace_meta, copy.replace_tags) = (replace_meta, replace_tags);
        copy.attributes.meta.user = vec![pair("m", "copy")];
        copy.attributes.tags = tags("copy");
        let made = node.change(|plan| copies::copy(plan, &copy)).unwrap().made.version;
        let object = made.object().unwrap();
        let expected = |replace| if replace { "copy" } else { "source" };
        assert_eq!(object.meta.user, [pair("m", expected(replace_meta))]);
        assert_eq!(object.tags, tags(expected(replace_tags)));
    }
    // Onto itself only with something new; the body stays.
    assert_eq!(code(node.change(|plan| copies::copy(plan, &copy_of("a", "a")))), Code::InvalidRequest);
    let itself = Copy { replace_meta: true, ..copy_of("a", "a") };
    node.change(|plan| copies::copy(plan, &itself)).unwrap();
    assert_eq!((node.reclaim(), node.get("bucket", "a", None).unwrap()), (0, body(1, 70_000)));
    // Conditions on the source and the target, and a source that is another by now.
    let with = |change: &dyn Fn(&mut Copy<'static>)| {
        let mut copy = copy_of("a", "b");
        change(&mut copy);
        code(node.change(|plan| copies::copy(plan, &copy)))
    };
    assert_eq!(with(&|copy| copy.from.conditions.if_match = Some("x")), Code::PreconditionFailed);
    assert_eq!(with(&|copy| copy.conditions.if_none_match = Some("*")), Code::PreconditionFailed);
    let customer = || Some(Encryption::Customer { key_md5: "k".to_owned() });
    assert_eq!(with(&|copy| copy.attributes.encryption = customer()), Code::OperationAborted);
    assert_eq!(with(&|copy| copy.from.key = "none"), Code::NoSuchKey);
    assert_eq!(with(&|copy| copy.from.bucket = "none"), Code::NoSuchBucket);
    assert_eq!(with(&|copy| copy.from.read = Some(bole_blobs::rows::Seq(1))), Code::OperationAborted);
}

#[test]
fn puts_are_judged_by_what_is_there() {
    let node = Node::new();
    node.bucket("bucket");
    let put = |key: &'static str, conditions: Conditions<'static>| {
        let asked = put::Put { conditions, ..node.put_with("bucket", key, b"body") };
        node.change(|plan| put::put(plan, &asked)).map(|made| made.version.object().unwrap().etag.text())
    };
    let none = Conditions { if_none_match: Some("*"), ..Conditions::default() };
    let etag = put("k", none).unwrap();
    assert_eq!(code(put("k", none)), Code::PreconditionFailed);
    let with = |etag: &'static str| Conditions { if_match: Some(etag), ..Conditions::default() };
    assert_eq!(code(put("k", with("other"))), Code::PreconditionFailed);
    assert_eq!(code(put("none", with("other"))), Code::NoSuchKey);
    assert_eq!(put("k", with(etag.clone().leak())).unwrap(), etag);
    assert_eq!(code(put("", Conditions::default())), Code::InvalidArgument);
    assert_eq!(code(put("k".repeat(1_025).leak(), Conditions::default())), Code::KeyTooLongError);
    let mut asked = node.put_with("bucket", "k", b"body");
    asked.attributes.meta.user = vec![("n".to_owned(), "v".repeat(2_048))];
    assert_eq!(code(node.change(|plan| put::put(plan, &asked))), Code::MetadataTooLarge);
    let head = node.read(|plan| read::head(plan, "bucket", "k", None)).unwrap();
    assert_eq!(head.version.object().unwrap().etag.text(), etag);
    assert_eq!(code(node.read(|plan| read::head(plan, "none", "k", None))), Code::NoSuchBucket);
}
