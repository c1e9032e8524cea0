//! Buckets and their settings.

use bole_blobs::Code;
use bole_blobs::objects::{buckets, settings};
use bole_blobs::rows::Versioning;
use bole_blobs::rules::cors::Cors;
use bole_blobs::rules::lock::Configuration;
use bole_blobs::rules::tags::{Tag, Tags};

use crate::world::{Node, OWNER, code};

#[test]
fn buckets_come_and_go() {
    let node = Node::new();
    node.bucket("first");
    assert_eq!(code(node.create("first", false)), Code::BucketAlreadyOwnedByYou);
    let other =
        buckets::Create { name: "first", owner: "other", account: "a", region: "", object_lock: false };
    assert_eq!(code(node.change(|plan| buckets::create(plan, &other))), Code::BucketAlreadyExists);
    assert_eq!(code(node.create("No", false)), Code::InvalidBucketName);
    let first = node.read(|plan| buckets::get(plan, "first")).unwrap();
    node.put("first", "k", b"body");
    let delete = |node: &Node, name: &str| node.change(|plan| buckets::delete(plan, name));
    assert_eq!(code(delete(&node, "first")), Code::BucketNotEmpty);
    let asked = bole_blobs::objects::deletes::Delete {
        key: "k",
        version: None,
        conditions: bole_blobs::rules::conditions::DeleteConditions::default(),
    };
    node.change(|plan| bole_blobs::objects::deletes::delete(plan, "first", &asked, OWNER, false)).unwrap();
    let tags = Tags(vec![Tag { key: "k".to_owned(), value: "v".to_owned() }]);
    node.change(|plan| settings::put(plan, "first", &tags)).unwrap();
    delete(&node, "first").unwrap();
    assert_eq!(code(delete(&node, "first")), Code::NoSuchBucket);
    // One of the same name is another, without what the old one had.
    node.bucket("first");
    let again = node.read(|plan| buckets::get(plan, "first")).unwrap();
    assert!(again.id > first.id);
    assert_eq!(code(node.read(|plan| settings::get::<Tags>(plan, "first"))), Code::NoSuchTagSet);
}

#[test]
fn buckets_are_listed_by_name() {
    let node = Node::new();
    for name in ["bbb", "aaa", "abc", "ccc"] {
        node.bucket(name);
    }
    let list = |prefix: &str, after: Option<&str>| {
        let listed = node.read(|plan| buckets::list(plan, prefix, after, |bucket| bucket.owner == OWNER));
        let (buckets, next) = listed.unwrap();
        assert_eq!(next, None);
        buckets.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(list("", None), ["aaa", "abc", "bbb", "ccc"]);
    assert_eq!(list("a", None), ["aaa", "abc"]);
    assert_eq!(list("a", Some("aaa")), ["abc"]);
    assert_eq!(list("b", Some("a")), ["bbb"]);
    let others = node.read(|plan| buckets::list(plan, "", None, |bucket| bucket.owner != OWNER)).unwrap();
    assert_eq!(others.0, []);
}

#[test]
fn settings_are_kept_over_a_restart() {
    let node = Node::new();
    node.bucket("bucket");
    let tags = Tags(vec![Tag { key: "k".to_owned(), value: "v".to_owned() }]);
    node.change(|plan| settings::put(plan, "bucket", &tags)).unwrap();
    assert_eq!(code(node.read(|plan| settings::get::<Cors>(plan, "bucket"))), Code::NoSuchCORSConfiguration);
    assert_eq!(code(node.change(|plan| settings::put(plan, "none", &tags))), Code::NoSuchBucket);
    let node = node.restart();
    assert_eq!(node.read(|plan| settings::get::<Tags>(plan, "bucket")).unwrap(), tags);
    for _ in 0..2 {
        node.change(|plan| settings::delete::<Tags>(plan, "bucket")).unwrap();
    }
    assert_eq!(code(node.read(|plan| settings::get::<Tags>(plan, "bucket"))), Code::NoSuchTagSet);
}

#[test]
fn a_bucket_with_object_lock_keeps_versions() {
    let node = Node::new();
    node.create("locked", true).unwrap();
    node.bucket("plain");
    let suspend = |name: &str| node.change(|plan| buckets::set_versioning(plan, name, false));
    assert_eq!(code(suspend("locked")), Code::InvalidBucketState);
    let on =
        |name: &str| node.change(|plan| settings::put_object_lock(plan, name, &Configuration::default()));
    assert_eq!(code(on("plain")), Code::InvalidBucketState);
    node.versioning("plain", true);
    on("plain").unwrap();
    assert_eq!(code(suspend("plain")), Code::InvalidBucketState);
    let bucket = node.read(|plan| buckets::get(plan, "plain")).unwrap();
    assert_eq!((bucket.versioning, bucket.object_lock), (Versioning::Enabled, true));
}
