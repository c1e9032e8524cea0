//! Events: each change that somebody listens to has one, in the batch of its entry.

use bole_blobs::events::Asker;
use bole_blobs::objects::attributes::{self, Which};
use bole_blobs::objects::copies::{self, Copy, From};
use bole_blobs::objects::deletes::{self, Delete};
use bole_blobs::objects::put::{self, Attributes};
use bole_blobs::objects::settings;
use bole_blobs::rows::VersionId;
use bole_blobs::rules::conditions::{Conditions, DeleteConditions};
use bole_blobs::rules::events::{Kind, Notification, Notifications};
use bole_blobs::rules::tags::Tags;

use crate::world::{Node, OWNER};

fn listen(node: &Node, bucket: &str, topic: &str, events: &[&str], suffix: Option<&str>) {
    let notification = Notification {
        id: "n".to_owned(),
        kind: Kind::Topic,
        destination: format!("arn:bole:streams:::{topic}"),
        events: events.iter().map(|name| (*name).to_owned()).collect(),
        prefix: None,
        suffix: suffix.map(str::to_owned),
    };
    node.change(|plan| settings::put(plan, bucket, &Notifications(vec![notification.clone()]))).unwrap();
}

const ALL: [&str; 5] = [
    "s3:ObjectCreated:*",
    "s3:ObjectRemoved:*",
    "s3:LifecycleExpiration:*",
    "s3:ObjectTagging:*",
    "s3:ObjectAcl:Put",
];

/// The records of a topic: the event's name, the key and the rest of the record.
fn records(node: &Node, topic: &str) -> Vec<(String, String, serde_json::Value)> {
    let one = |value: &bytes::Bytes| {
        let message: serde_json::Value = serde_json::from_slice(value).unwrap();
        let record = message["Records"][0].clone();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        (text(&record["eventName"]), text(&record["s3"]["object"]["key"]), record)
    };
    node.topics.values(topic).iter().map(one).collect()
}

fn names(node: &Node, topic: &str) -> Vec<String> {
    records(node, topic).into_iter().map(|(name, key, _)| format!("{name} {key}")).collect()
}

fn delete(node: &Node, key: &str, version: Option<VersionId>) {
    let asked = Delete { key, version, conditions: DeleteConditions::default() };
    node.change(|plan| deletes::delete(plan, "bucket", &asked, OWNER, false)).unwrap();
}

#[test]
fn each_change_has_its_event_wherever_the_topic_is() {
    for topic in ["below", "above"] {
        let node = Node::new();
        node.bucket("bucket");
        node.put("bucket", "before", b"body");
        listen(&node, "bucket", topic, &ALL, None);
        node.put("bucket", "a b", b"body");
        let copy = Copy {
            from: From {
                bucket: "bucket",
                key: "a b",
                version: None,
                conditions: Conditions::default(),
                read: None,
            },
            bucket: "bucket",
            key: "copy",
            conditions: Conditions::default(),
            attributes: Attributes { owner: OWNER.to_owned(), ..Attributes::default() },
            replace_meta: false,
            replace_tags: false,
            digests: None,
            body: None,
        };
        node.change(|plan| copies::copy(plan, &copy)).unwrap();
        let which = Which { bucket: "bucket", key: "copy", version: None };
        node.change(|plan| attributes::put_tags(plan, &which, &Tags::default())).unwrap();
        delete(&node, "copy", None);
        delete(&node, "never there", None);
        node.versioning("bucket", true);
        let made = node.put("bucket", "k", b"longer body");
        delete(&node, "k", None);
        delete(&node, "k", made.id);
        let expected = [
            "ObjectCreated:Put a+b",
            "ObjectCreated:Copy copy",
            "ObjectTagging:Put copy",
            "ObjectRemoved:Delete copy",
            "ObjectCreated:Put k",
            "ObjectRemoved:DeleteMarkerCreated k",
            "ObjectRemoved:Delete k",
        ];
        assert_eq!(names(&node, topic), expected, "{topic}");
        let all = records(&node, topic);
        let (first, last) = (&all[0].2, &all[6].2);
        assert_eq!(first["s3"]["object"]["size"], 4);
        assert_eq!(first["s3"]["object"]["versionId"], serde_json::Value::Null);
        assert_eq!(first["userIdentity"]["principalId"], OWNER);
        assert_eq!(last["s3"]["object"]["versionId"], made.id.unwrap().to_string());
        let order: Vec<_> = all.iter().map(|one| one.2["s3"]["object"]["sequencer"].as_str()).collect();
        assert!(order.is_sorted_by(|a, b| a < b), "{order:?}");
        assert_eq!(node.blobs.counters().read().told, 7);
        let node = node.restart();
        assert_eq!(names(&node, topic), expected, "{topic} after a restart");
    }
}

#[test]
fn an_event_is_there_with_its_entry_or_not_at_all() {
    for topic in ["below", "above"] {
        let node = Node::new();
        node.bucket("bucket");
        listen(&node, "bucket", topic, &ALL, None);
        node.put("bucket", "durable", b"body");
        let asked = node.put_with("bucket", "lost", b"body");
        node.run(node.blobs.append(Some(OWNER), 100, |plan| put::put(plan, &asked))).unwrap();
        assert_eq!(names(&node, topic).len(), 2, "it is seen once it is appended");
        // What is appended and not fsynced goes, object and event.
        let node = node.restart();
        assert_eq!(
            (node.keys("bucket"), names(&node, topic)),
            (vec!["durable".to_owned()], vec!["ObjectCreated:Put durable".to_owned()])
        );
    }
}

#[test]
fn filters_and_requests_are_in_the_records() {
    let node = Node::new();
    node.bucket("bucket");
    listen(&node, "bucket", "above", &["s3:ObjectCreated:Put"], Some(".jpg"));
    for key in ["a.jpg", "a.png"] {
        let asked = node.put_with("bucket", key, b"body");
        let asker = Asker { requester: None, source_address: "192.0.2.7", request_id: "R1" };
        node.run(node.blobs.change(asker, 100, |plan| put::put(plan, &asked))).unwrap();
    }
    delete(&node, "a.jpg", None);
    assert_eq!(names(&node, "above"), ["ObjectCreated:Put a.jpg"]);
    let record = &records(&node, "above")[0].2;
    assert_eq!(record["requestParameters"]["sourceIPAddress"], "192.0.2.7");
    assert_eq!(record["responseElements"]["x-amz-request-id"], "R1");
    assert_eq!(record["userIdentity"]["principalId"], "Anonymous");
}

#[test]
fn a_topic_that_has_gone_fails_no_put() {
    let node = Node::new();
    node.bucket("bucket");
    listen(&node, "bucket", "above", &ALL, None);
    node.topics.set_gone("above", true);
    node.put("bucket", "k", b"body");
    assert_eq!((node.keys("bucket").len(), names(&node, "above").len()), (1, 0));
    let counts = node.blobs.counters().read();
    assert_eq!((counts.told, counts.left_out), (0, 1));
    node.topics.set_gone("above", false);
    node.put("bucket", "k", b"body");
    assert_eq!(names(&node, "above"), ["ObjectCreated:Put k"]);
}

#[test]
fn bulk_deletes_are_told_one_by_one() {
    let node = Node::new();
    node.bucket("bucket");
    let keys: Vec<String> = (0..600).map(|key| format!("{key:04}{}", "x".repeat(400))).collect();
    let puts: Vec<_> = keys.iter().map(|key| node.put_with("bucket", key, b"body")).collect();
    for some in puts.chunks(100) {
        node.change(|plan| some.iter().try_for_each(|one| put::put(plan, one).map(drop))).unwrap();
    }
    listen(&node, "bucket", "below", &ALL, None);
    let deletes: Vec<_> = keys
        .iter()
        .map(|key| Delete { key, version: None, conditions: DeleteConditions::default() })
        .collect();
    let outcomes = node.run(node.blobs.delete_many(Some(OWNER), "bucket", &deletes, OWNER, |_| Ok(false)));
    assert!(outcomes.unwrap().iter().all(Result::is_ok));
    let expected: Vec<_> = keys.iter().map(|key| format!("ObjectRemoved:Delete {key}")).collect();
    assert_eq!(names(&node, "below"), expected);
}
