//! Lists of objects, versions and uploads, page by page.

use bole_blobs::Code;
use bole_blobs::objects::deletes::{self, Delete};
use bole_blobs::objects::multipart::{self, Begin};
use bole_blobs::objects::put::Attributes;
use bole_blobs::rules::conditions::DeleteConditions;
use bole_blobs::rules::list::{Marker, Query};

use crate::world::{Node, OWNER, code};

/// All pages of `max` of a list of objects: keys, then prefixes with a star.
fn pages(node: &Node, prefix: &str, delimiter: &str, max: usize) -> Vec<String> {
    let (mut all, mut marker) = (Vec::new(), None::<Marker>);
    loop {
        let query = Query { prefix, delimiter, marker: marker.as_ref(), max };
        let (_, page) = node.run(node.blobs.list_objects("bucket", &query)).unwrap();
        let mut shown: Vec<_> = page.entries.into_iter().map(|listed| listed.key).collect();
        shown.extend(page.prefixes.into_iter().map(|prefix| prefix + "*"));
        shown.sort();
        assert!(shown.len() <= max);
        all.extend(shown);
        marker = page.next;
        if marker.is_none() {
            return all;
        }
    }
}

#[test]
fn objects_are_listed_in_order_over_the_overlay_and_the_store() {
    let node = Node::new();
    node.bucket("bucket");
    node.bucket("before");
    let mut keys: Vec<String> = ["a", "a/b", "a/c", "a\u{1}", "b/", "b/x/y", "b/x/z", "c", "é", "\u{10000}"]
        .map(str::to_owned)
        .to_vec();
    keys.extend((0..40).map(|number| format!("many/{number:03}")));
    for (number, key) in keys.iter().enumerate() {
        node.put("bucket", key, b"body");
        node.put("before", "other", b"body");
        if number == 20 {
            node.checkpoint();
        }
    }
    keys.sort();
    for max in [1, 2, 7, 1_000] {
        assert_eq!(pages(&node, "", "", max), keys, "{max}");
        let folders = ["a", "a\u{1}", "a/*", "b/*", "c", "many/*", "é", "\u{10000}"];
        assert_eq!(pages(&node, "", "/", max), folders, "{max}");
        assert_eq!(pages(&node, "b/", "/", max), ["b/", "b/x/*"], "{max}");
        assert_eq!(pages(&node, "many/01", "", max).len(), 10, "{max}");
    }
    let query = Query { prefix: "", delimiter: "", marker: None, max: 1 };
    assert_eq!(code(node.run(node.blobs.list_objects("none", &query))), Code::NoSuchBucket);
}

#[test]
fn versions_go_on_after_any_of_them() {
    let node = Node::new();
    node.bucket("bucket");
    node.versioning("bucket", true);
    for (key, versions) in [("a", 5), ("a/b", 2), ("b", 3)] {
        for number in 0..versions {
            node.put("bucket", key, &vec![0; number + 1]);
        }
    }
    let asked = Delete { key: "b", version: None, conditions: DeleteConditions::default() };
    node.change(|plan| deletes::delete(plan, "bucket", &asked, OWNER, false)).unwrap();
    let all = node.versions("bucket");
    assert_eq!(all.len(), 11);
    let rest = |key: &str, sub: Option<String>| {
        let marker = Marker { key: key.to_owned(), sub };
        let query = Query { prefix: "", delimiter: "", marker: Some(&marker), max: 1_000 };
        let (_, page) = node.run(node.blobs.list_versions("bucket", &query)).unwrap();
        let told = page
            .entries
            .into_iter()
            .map(|listed| (listed.key, listed.item.version.id(), listed.item.is_latest));
        told.collect::<Vec<_>>()
    };
    let expected = |from: usize| {
        all[from..].iter().map(|(key, id, latest, _)| (key.clone(), *id, *latest)).collect::<Vec<_>>()
    };
    for (at, (key, id, ..)) in all.iter().enumerate() {
        assert_eq!(rest(key, Some(id.to_string())), expected(at + 1), "after {at}");
    }
    assert_eq!(rest("a", None), expected(5));
    // The marker's version is gone: what was behind it is, and what is the newest now is told so.
    let (key, id, ..) = all[8].clone();
    let gone = Delete { key: &key, version: Some(id), conditions: DeleteConditions::default() };
    assert_eq!(all[7].0, "b");
    let newest = Delete { version: Some(all[7].1), ..gone };
    for asked in [gone, newest] {
        node.change(|plan| deletes::delete(plan, "bucket", &asked, OWNER, false)).unwrap();
    }
    let told = rest("b", Some(id.to_string()));
    assert_eq!(told, [("b".to_owned(), all[9].1, true), ("b".to_owned(), all[10].1, false)]);
}

#[test]
fn uploads_are_listed_by_key_and_age() {
    let node = Node::new();
    node.bucket("bucket");
    let begin = |key: &str| {
        let asked = Begin {
            bucket: "bucket",
            key,
            initiator: OWNER,
            attributes: Attributes::default(),
            checksum: None,
        };
        node.change(|plan| multipart::begin(plan, &asked)).unwrap().id().to_string()
    };
    let [b, first, second] = ["b", "a", "a"].map(begin);
    let expected = [("a", first), ("a", second), ("b", b)].map(|(key, id)| (key.to_owned(), id));
    let (mut all, mut marker) = (Vec::new(), None::<Marker>);
    loop {
        let query = Query { prefix: "", delimiter: "", marker: marker.as_ref(), max: 1 };
        let (_, page) = node.run(node.blobs.list_uploads("bucket", &query)).unwrap();
        all.extend(page.entries.into_iter().map(|listed| (listed.key, listed.sub)));
        marker = page.next;
        if marker.is_none() {
            break;
        }
    }
    assert_eq!(all, expected);
}
