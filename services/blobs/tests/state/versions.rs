//! Versions, delete markers and null versions, in S3's order.

use bole_blobs::Code;
use bole_blobs::objects::deletes::{self, Delete, Deleted};
use bole_blobs::objects::{attributes, read};
use bole_blobs::rows::VersionId;
use bole_blobs::rules::conditions::DeleteConditions;
use bole_blobs::rules::tags::{Tag, Tags};
use bole_blobs::state::Result;

use crate::world::{Node, OWNER, code};

fn delete(node: &Node, key: &str, version: Option<VersionId>) -> Result<Deleted> {
    let asked = Delete { key, version, conditions: DeleteConditions::default() };
    node.change(|plan| deletes::delete(plan, "bucket", &asked, OWNER, false))
}

/// The sizes of a key's versions, the newest first; nothing for a delete marker. Exactly the first is the latest.
fn sizes(node: &Node, key: &str) -> Vec<Option<u64>> {
    let versions: Vec<_> = node.versions("bucket").into_iter().filter(|(found, ..)| found == key).collect();
    let latest: Vec<_> = versions.iter().map(|(_, _, is_latest, _)| *is_latest).collect();
    let expected: Vec<_> = (0..versions.len()).map(|at| at == 0).collect();
    assert_eq!(latest, expected, "{versions:?}");
    versions.into_iter().map(|(.., bytes)| bytes).collect()
}

#[test]
fn an_enabled_bucket_keeps_all_versions() {
    let node = Node::new();
    node.bucket("bucket");
    node.put("bucket", "k", b"1");
    node.versioning("bucket", true);
    let second = node.put("bucket", "k", b"22").id.unwrap();
    let third = node.put("bucket", "k", b"333").id.unwrap();
    assert_eq!(sizes(&node, "k"), [Some(3), Some(2), Some(1)]);
    let marker = delete(&node, "k", None).unwrap();
    assert!(marker.is_marker);
    assert_eq!(sizes(&node, "k"), [None, Some(3), Some(2), Some(1)]);
    assert_eq!((code(node.get("bucket", "k", None)), node.keys("bucket").len()), (Code::NoSuchKey, 0));
    assert_eq!(code(node.get("bucket", "k", marker.version)), Code::MethodNotAllowed);
    for (id, body) in [(second, "22"), (third, "333"), (VersionId::Null, "1")] {
        assert_eq!(node.get("bucket", "k", Some(id)).unwrap(), body.as_bytes());
    }
    // Without the marker the newest that is left is the current one again.
    assert_eq!(delete(&node, "k", marker.version).unwrap(), Deleted { is_marker: true, ..marker });
    assert_eq!(node.get("bucket", "k", None).unwrap(), b"333");
    delete(&node, "k", Some(third)).unwrap();
    assert_eq!(node.get("bucket", "k", None).unwrap(), b"22");
    // One in the middle, one that is not there, and the rest.
    node.put("bucket", "k", b"4444");
    delete(&node, "k", Some(second)).unwrap();
    assert_eq!(sizes(&node, "k"), [Some(4), Some(1)]);
    let gone = delete(&node, "k", Some(second)).unwrap();
    assert_eq!(gone, Deleted { version: Some(second), is_marker: false });
    assert_eq!(code(node.get("bucket", "k", Some(second))), Code::NoSuchVersion);
    let newest = node.versions("bucket")[0].1;
    delete(&node, "k", Some(newest)).unwrap();
    assert_eq!(node.get("bucket", "k", None).unwrap(), b"1");
    delete(&node, "k", Some(VersionId::Null)).unwrap();
    assert_eq!(node.versions("bucket"), []);
    node.change(|plan| bole_blobs::objects::buckets::delete(plan, "bucket")).unwrap();
}

#[test]
fn a_suspended_bucket_has_one_null_version_a_key() {
    let node = Node::new();
    node.bucket("bucket");
    node.versioning("bucket", true);
    node.put("bucket", "k", b"1");
    node.versioning("bucket", false);
    let null = node.put("bucket", "k", b"22");
    assert_eq!(null.id, Some(VersionId::Null));
    assert_eq!(sizes(&node, "k"), [Some(2), Some(1)]);
    node.put("bucket", "k", b"333");
    assert_eq!(sizes(&node, "k"), [Some(3), Some(1)]);
    // A null delete marker takes the place of the null version.
    let marker = delete(&node, "k", None).unwrap();
    assert_eq!(marker, Deleted { version: Some(VersionId::Null), is_marker: true });
    assert_eq!(sizes(&node, "k"), [None, Some(1)]);
    delete(&node, "k", None).unwrap();
    assert_eq!(sizes(&node, "k"), [None, Some(1)], "one null version");
    node.put("bucket", "k", b"4444");
    assert_eq!(sizes(&node, "k"), [Some(4), Some(1)]);
    // It stays where it is when others come before it, and is replaced from there.
    node.versioning("bucket", true);
    node.put("bucket", "k", b"55555");
    assert_eq!(sizes(&node, "k"), [Some(5), Some(4), Some(1)]);
    assert_eq!(node.get("bucket", "k", Some(VersionId::Null)).unwrap(), b"4444");
    node.versioning("bucket", false);
    node.put("bucket", "k", b"666666");
    assert_eq!(sizes(&node, "k"), [Some(6), Some(5), Some(1)]);
    let marker = delete(&node, "other", None).unwrap();
    assert!(marker.is_marker, "also where there was nothing");
    assert_eq!(sizes(&node, "other"), [None]);
    let node = node.restart();
    assert_eq!(sizes(&node, "k"), [Some(6), Some(5), Some(1)]);
}

#[test]
fn versions_that_are_not_current_can_be_edited() {
    let node = Node::new();
    node.bucket("bucket");
    node.versioning("bucket", true);
    let old = node.put("bucket", "k", b"1").id;
    node.put("bucket", "k", b"2");
    let tags = Tags(vec![Tag { key: "t".to_owned(), value: String::new() }]);
    let which = |version| attributes::Which { bucket: "bucket", key: "k", version };
    let id = node.change(|plan| attributes::put_tags(plan, &which(old), &tags)).unwrap();
    assert_eq!(id, old);
    let tags_of = |version| {
        let (_, version) = node.read(|plan| attributes::get(plan, &which(version))).unwrap();
        version.object().unwrap().tags.clone()
    };
    assert_eq!((tags_of(old), tags_of(None)), (tags.clone(), Tags::default()));
    node.change(|plan| attributes::delete_tags(plan, &which(old))).unwrap();
    assert_eq!(tags_of(old), Tags::default());
    let marker = delete(&node, "k", None).unwrap().version;
    let put = |version| code(node.change(|plan| attributes::put_tags(plan, &which(version), &tags)));
    assert_eq!((put(None), put(marker)), (Code::NoSuchKey, Code::MethodNotAllowed));
    let head = node.read(|plan| read::head(plan, "bucket", "k", None)).unwrap();
    assert!(head.version.object().is_none(), "a head says that it is a delete marker");
}

#[test]
fn many_are_deleted_in_few_entries_and_each_is_judged() {
    let node = Node::new();
    node.bucket("bucket");
    let keys: Vec<String> = (0..1_000).map(|number| format!("{number:01024}")).collect();
    for key in &keys[..300] {
        node.put("bucket", key, b"body");
    }
    let no = DeleteConditions::default();
    let mut deletes: Vec<_> = keys.iter().map(|key| Delete { key, version: None, conditions: no }).collect();
    deletes[5].conditions.if_match = Some("other");
    let may = |delete: &Delete<'_>| {
        if delete.key == keys[7] {
            return Err(bole_blobs::Error::new(Code::AccessDenied, "no"));
        }
        Ok(false)
    };
    let run = |deletes: &[Delete<'_>]| {
        node.run(node.blobs.delete_many(Some(OWNER), "bucket", deletes, OWNER, may)).unwrap()
    };
    let outcomes = run(&deletes);
    assert_eq!(outcomes.len(), 1_000);
    let refused: Vec<_> = (0..1_000).filter(|at| outcomes[*at].is_err()).collect();
    assert_eq!(refused, [5, 7]);
    assert_eq!(node.keys("bucket"), [keys[5].clone(), keys[7].clone()]);
    // With versions each gets a marker, also where a key comes twice.
    node.versioning("bucket", true);
    let twice = [deletes[1], deletes[1], deletes[2]];
    assert!(run(&twice).iter().all(|outcome| outcome.as_ref().is_ok_and(|deleted| deleted.is_marker)));
    assert_eq!(node.versions("bucket").len(), 2 + 3);
    deletes.push(deletes[0]);
    let outcome = node.run(node.blobs.delete_many(None, "bucket", &deletes, OWNER, may));
    assert_eq!(code(outcome), Code::MalformedXML);
}
