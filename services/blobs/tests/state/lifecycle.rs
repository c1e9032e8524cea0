//! Lifecycle: what goes, when, and what stays.

use std::time::Duration;

use bole_base::{Clock as _, Timestamp};
use bole_blobs::counters::Done;
use bole_blobs::lifecycle::{Step, Walker};
use bole_blobs::limits::LIFECYCLE_ROWS_MAX;
use bole_blobs::objects::bodies::NewBody;
use bole_blobs::objects::deletes::{self, Delete};
use bole_blobs::objects::expiry::Stored;
use bole_blobs::objects::multipart::{self, Begin, PutPart};
use bole_blobs::objects::put::{self, Attributes};
use bole_blobs::objects::{buckets, read, settings};
use bole_blobs::rows::VersionId;
use bole_blobs::rules::conditions::DeleteConditions;
use bole_blobs::rules::lifecycle::{Expiration, Filter, Lifecycle, Noncurrent, Rule};
use bole_blobs::rules::lock::Lock;
use bole_blobs::rules::tags::{Tag, Tags};

use crate::world::{Node, OWNER, body, md5};

const DAY: Duration = Duration::from_hours(24);

fn rule(change: impl FnOnce(&mut Rule)) -> Rule {
    let mut rule = Rule { id: Some("r".to_owned()), enabled: true, ..Rule::default() };
    change(&mut rule);
    rule
}

fn days(days: u32) -> Expiration {
    Expiration { days: Some(days), ..Expiration::default() }
}

fn set(node: &Node, bucket: &str, rules: &[Rule]) {
    let rules = Lifecycle(rules.to_vec());
    node.change(|plan| settings::put(plan, bucket, &rules)).unwrap();
}

/// Goes on until nothing is due; what was done by that.
#[track_caller]
fn go_with(node: &Node, walker: &mut Walker) -> Done {
    let before = node.blobs.counters().read().done;
    while node.run(node.blobs.lifecycle(walker)).unwrap() == Step::Worked {}
    let after = node.blobs.counters().read().done;
    Done {
        expired: after.expired - before.expired,
        removed: after.removed - before.removed,
        aborted: after.aborted - before.aborted,
        locked: after.locked - before.locked,
    }
}

#[track_caller]
fn go(node: &Node) -> Done {
    go_with(node, &mut Walker::default())
}

fn delete(node: &Node, key: &str) {
    let asked = Delete { key, version: None, conditions: DeleteConditions::default() };
    node.change(|plan| deletes::delete(plan, "bucket", &asked, OWNER, false)).unwrap();
}

#[test]
fn objects_expire_at_the_midnight_after_their_days() {
    let node = Node::new();
    node.bucket("bucket");
    node.put("bucket", "small", b"body");
    node.put("bucket", "chunk", &body(1, 70_000));
    // That objects were there before their rules makes no difference.
    set(&node, "bucket", &[rule(|rule| rule.expiration = Some(days(1)))]);
    let mut walker = Walker::default();
    assert_eq!(go_with(&node, &mut walker), Done::default());
    node.clock.advance(DAY + Duration::from_millis(86_399_999));
    assert_eq!(go_with(&node, &mut walker), Done::default());
    assert_eq!(node.keys("bucket").len(), 2);
    node.clock.advance(Duration::from_millis(1));
    node.put("bucket", "new", b"body");
    assert_eq!(go_with(&node, &mut walker), Done { expired: 2, ..Done::default() });
    assert_eq!(node.keys("bucket"), ["new"]);
    assert_eq!((node.reclaim(), node.chunk_ids().len()), (1, 0));
    assert_eq!(go_with(&node, &mut walker), Done::default(), "the round was made");
}

#[test]
fn filters_say_what_expires() {
    let tag = |value: &str| Tag { key: "k".to_owned(), value: value.to_owned() };
    let filtered = |change: &dyn Fn(&mut Filter)| {
        rule(|rule| {
            rule.expiration = Some(days(1));
            change(&mut rule.filter);
        })
    };
    for (rules, left) in [
        (vec![], vec!["a/long", "a/x", "b/x", "tagged"]),
        (vec![filtered(&|filter| filter.prefix = Some("a/".to_owned()))], vec!["b/x", "tagged"]),
        (vec![filtered(&|filter| filter.tags = vec![tag("v")])], vec!["a/long", "a/x", "b/x"]),
        (vec![filtered(&|filter| filter.tags = vec![tag("w")])], vec!["a/long", "a/x", "b/x", "tagged"]),
        (vec![filtered(&|filter| filter.size_greater = Some(4))], vec!["a/x", "b/x", "tagged"]),
        (vec![filtered(&|filter| filter.size_less = Some(5))], vec!["a/long"]),
        (
            vec![
                filtered(&|filter| filter.prefix = Some("a/l".to_owned())),
                filtered(&|filter| filter.prefix = Some("b".to_owned())),
            ],
            vec!["a/x", "tagged"],
        ),
        (
            vec![rule(|rule| {
                rule.expiration = Some(days(1));
                rule.enabled = false;
            })],
            vec!["a/long", "a/x", "b/x", "tagged"],
        ),
        (
            vec![rule(|rule| {
                rule.expiration = Some(Expiration { date_ms: Some(0), ..Expiration::default() });
            })],
            vec![],
        ),
    ] {
        let node = Node::new();
        node.bucket("bucket");
        node.put("bucket", "a/x", b"body");
        node.put("bucket", "a/long", b"longer");
        node.put("bucket", "b/x", b"body");
        let mut asked = node.put_with("bucket", "tagged", b"body");
        asked.attributes.tags = Tags(vec![tag("v")]);
        node.change(|plan| put::put(plan, &asked)).unwrap();
        set(&node, "bucket", &rules);
        node.clock.advance(DAY * 2);
        go(&node);
        assert_eq!(node.keys("bucket"), left, "{rules:?}");
    }
}

#[test]
fn with_versions_objects_expire_behind_markers_and_older_versions_go() {
    let node = Node::new();
    node.bucket("bucket");
    node.versioning("bucket", true);
    for round in 0..5 {
        node.put("bucket", "k", &body(round, 70_000));
    }
    node.put("bucket", "deleted", b"body");
    delete(&node, "deleted");
    let noncurrent = Noncurrent { days: 3, newer: Some(2) };
    let rules = [rule(|rule| {
        rule.expiration = Some(days(1));
        rule.noncurrent = Some(noncurrent);
    })];
    set(&node, "bucket", &rules);
    node.clock.advance(DAY * 2);
    assert_eq!(go(&node), Done { expired: 1, ..Done::default() });
    let versions = node.versions("bucket");
    let of = |key: &str| -> Vec<_> {
        versions.iter().filter(|version| version.0 == key).map(|version| version.3).collect()
    };
    assert_eq!(of("k"), [None, Some(70_000), Some(70_000), Some(70_000), Some(70_000), Some(70_000)]);
    let marker = node.read(|plan| read::head(plan, "bucket", "k", Some(versions[2].1))).unwrap();
    assert_eq!(marker.version.owner, OWNER, "a marker belongs to the bucket's owner");
    // Of the five that are noncurrent now the two newest are kept.
    node.clock.advance(DAY * 2);
    assert_eq!(go(&node), Done { removed: 3, ..Done::default() });
    assert_eq!(node.reclaim(), 3);
    node.clock.advance(DAY * 20);
    assert_eq!(go(&node), Done::default());
    let newer = rule(|rule| rule.noncurrent = Some(Noncurrent { days: 3, newer: None }));
    set(&node, "bucket", &[newer]);
    assert_eq!(go(&node), Done { removed: 3, ..Done::default() });
    let markers = node.versions("bucket");
    assert!(markers.iter().all(|version| version.3.is_none()) && markers.len() == 2, "{markers:?}");
    // Markers that are alone go as well where a rule says so.
    let alone = Expiration { expired_object_delete_marker: Some(true), ..Expiration::default() };
    set(&node, "bucket", &[rule(|rule| rule.expiration = Some(alone))]);
    assert_eq!(go(&node), Done { removed: 2, ..Done::default() });
    assert_eq!(node.versions("bucket"), []);
    node.change(|plan| buckets::delete(plan, "bucket")).unwrap();
}

#[test]
fn many_versions_of_a_key_are_counted_over_pages() {
    let node = Node::new();
    node.bucket("bucket");
    node.versioning("bucket", true);
    let count = LIFECYCLE_ROWS_MAX + 50;
    for _ in 0..count {
        node.put("bucket", "k", b"body");
    }
    let noncurrent = Noncurrent { days: 1, newer: Some(100) };
    set(&node, "bucket", &[rule(|rule| rule.noncurrent = Some(noncurrent))]);
    node.clock.advance(DAY * 2);
    assert_eq!(go(&node).removed, count as u64 - 101);
    assert_eq!(node.versions("bucket").len(), 101);
}

#[test]
fn a_suspended_buckets_objects_expire_behind_null_markers() {
    let node = Node::new();
    node.bucket("bucket");
    node.put("bucket", "k", b"body");
    node.versioning("bucket", false);
    set(&node, "bucket", &[rule(|rule| rule.expiration = Some(days(1)))]);
    node.clock.advance(DAY * 2);
    assert_eq!(go(&node).expired, 1);
    assert_eq!(node.versions("bucket"), [("k".to_owned(), VersionId::Null, true, None)]);
    // Alone, and old enough by the same rule.
    node.clock.advance(DAY * 2);
    assert_eq!((go(&node).removed, node.versions("bucket").len()), (1, 0));
}

#[test]
fn what_is_locked_stays() {
    let node = Node::new();
    node.create("bucket", true).unwrap();
    let mut asked = node.put_with("bucket", "k", b"body");
    asked.attributes.lock = Lock { legal_hold: Some(true), retention: None };
    node.change(|plan| put::put(plan, &asked)).unwrap();
    node.put("bucket", "k", b"newer");
    let noncurrent = Noncurrent { days: 1, newer: None };
    set(&node, "bucket", &[rule(|rule| rule.noncurrent = Some(noncurrent))]);
    node.clock.advance(DAY * 2);
    assert_eq!(go(&node), Done { locked: 1, ..Done::default() });
    assert_eq!(node.versions("bucket").len(), 2);
}

#[test]
fn uploads_that_nobody_completes_are_aborted() {
    let node = Node::new();
    node.bucket("bucket");
    let attributes = Attributes { owner: OWNER.to_owned(), ..Attributes::default() };
    let begin = Begin { bucket: "bucket", key: "k", initiator: OWNER, attributes, checksum: None };
    let upload = node.change(|plan| multipart::begin(plan, &begin)).unwrap().id();
    let bytes = body(1, 70_000);
    let body: NewBody = node.body(&bytes);
    let part =
        PutPart { bucket: "bucket", key: "k", upload, number: 1, body, md5: md5(&bytes), checksum: None };
    node.change(|plan| multipart::put_part(plan, &part)).unwrap();
    set(&node, "bucket", &[rule(|rule| rule.abort_days = Some(7))]);
    let look = |node: &Node| node.read(|plan| multipart::upload(plan, "bucket", "k", upload));
    let told = node.read(|plan| {
        Stored::named(plan, "bucket")?.abort(
            "k",
            &multipart::upload(plan, "bucket", "k", upload)?,
            node.blobs.day(),
        )
    });
    let at = Timestamp(node.clock.now().0 + 8 * 86_400_000);
    assert_eq!(told.unwrap(), Some((at, "r".to_owned())));
    node.clock.advance(DAY * 7 + Duration::from_millis(86_399_999));
    assert_eq!((go(&node).aborted, look(&node).is_ok()), (0, true));
    node.clock.advance(Duration::from_millis(1));
    assert_eq!((go(&node).aborted, look(&node).is_ok(), node.reclaim()), (1, false, 1));
}

/// Puts so many objects.
fn fill(node: &Node, count: usize) {
    for from in (0..count).step_by(200) {
        let keys: Vec<String> = (from..count.min(from + 200)).map(|key| format!("{key:05}")).collect();
        let puts: Vec<_> = keys.iter().map(|key| node.put_with("bucket", key, b"body")).collect();
        node.change(|plan| puts.iter().try_for_each(|one| put::put(plan, one).map(drop))).unwrap();
    }
}

#[test]
fn a_round_goes_on_where_it_kept_its_place() {
    let node = Node::new();
    node.bucket("bucket");
    let count = LIFECYCLE_ROWS_MAX * 2 + 10;
    fill(&node, count);
    set(&node, "bucket", &[rule(|rule| rule.expiration = Some(days(1)))]);
    node.clock.advance(DAY * 2);
    let mut walker = Walker::default();
    // The search, the delete markers of which there are none, a page.
    for _ in 0..3 {
        assert_eq!(node.run(node.blobs.lifecycle(&mut walker)).unwrap(), Step::Worked);
    }
    assert_eq!(node.keys("bucket").len(), count - LIFECYCLE_ROWS_MAX);
    // Another setting ends the walk, which keeps its place first.
    node.change(|plan| settings::put(plan, "bucket", &Tags::default())).unwrap();
    node.run(node.blobs.lifecycle(&mut walker)).unwrap();
    // What comes into what was walked through waits for the next round.
    node.put("bucket", "00000", b"body");
    let node = node.restart();
    node.clock.advance(Duration::from_millis(1));
    assert_eq!(go(&node).expired, (count - LIFECYCLE_ROWS_MAX) as u64);
    assert_eq!(node.blobs.counters().read().looked_at, (count - LIFECYCLE_ROWS_MAX) as u64);
    assert_eq!(node.keys("bucket"), ["00000"]);
    let node = node.restart();
    assert_eq!((go(&node), node.blobs.counters().read().rounds), (Done::default(), 0), "it was made");
}

#[test]
fn what_had_no_room_is_tried_again() {
    let node = Node::new();
    node.bucket("bucket");
    node.versioning("bucket", true);
    node.put("bucket", "k", b"body");
    set(&node, "bucket", &[rule(|rule| rule.expiration = Some(days(1)))]);
    node.clock.advance(DAY * 2);
    node.journal.set_disk_full(true);
    let mut walker = Walker::default();
    assert_eq!(go_with(&node, &mut walker), Done::default());
    node.journal.set_disk_full(false);
    assert_eq!(go_with(&node, &mut walker), Done::default(), "not at once");
    node.clock.advance(Duration::from_mins(1));
    assert_eq!(go_with(&node, &mut walker).expired, 1);
}

#[test]
fn a_bucket_that_is_another_by_now_is_left_alone() {
    let node = Node::new();
    node.bucket("bucket");
    node.put("bucket", "k", b"body");
    set(&node, "bucket", &[rule(|rule| rule.expiration = Some(days(1)))]);
    node.clock.advance(DAY * 2);
    let mut walker = Walker::default();
    node.run(node.blobs.lifecycle(&mut walker)).unwrap();
    delete(&node, "k");
    node.change(|plan| buckets::delete(plan, "bucket")).unwrap();
    node.bucket("bucket");
    node.put("bucket", "k", b"body");
    assert_eq!(go_with(&node, &mut walker), Done::default());
    assert_eq!(node.keys("bucket"), ["k"]);
}
