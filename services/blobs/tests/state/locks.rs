//! Object lock is honoured by everything that takes a version away.

use std::time::Duration;

use bole_blobs::Code;
use bole_blobs::objects::attributes::{self, Which};
use bole_blobs::objects::deletes::{self, Delete};
use bole_blobs::objects::{put, settings};
use bole_blobs::rows::VersionId;
use bole_blobs::rules::conditions::DeleteConditions;
use bole_blobs::rules::lock::{Configuration, DefaultRetention, Lock, Mode, Retention};
use bole_blobs::state::Result;

use crate::world::{Node, OWNER, code};

/// When a manual clock begins.
const NOW: u64 = 1_767_225_600_000;

fn node() -> Node {
    let node = Node::new();
    node.create("bucket", true).unwrap();
    node
}

fn delete(node: &Node, version: Option<VersionId>, bypass: bool) -> Result<()> {
    let asked = Delete { key: "k", version, conditions: DeleteConditions::default() };
    node.change(|plan| deletes::delete(plan, "bucket", &asked, OWNER, bypass).map(drop))
}

fn put(node: &Node, lock: Lock) -> Option<VersionId> {
    let mut asked = node.put_with("bucket", "k", b"body");
    asked.attributes.lock = lock;
    node.change(|plan| put::put(plan, &asked)).unwrap().id
}

fn until(mode: Mode, ms: u64) -> Lock {
    Lock { retention: Some(Retention { mode, until_ms: ms }), legal_hold: None }
}

#[test]
fn locked_versions_stay() {
    let node = node();
    let governed = put(&node, until(Mode::Governance, NOW + 10));
    let complied = put(&node, until(Mode::Compliance, NOW + 10));
    let held = put(&node, Lock { legal_hold: Some(true), retention: None });
    for version in [governed, complied, held] {
        assert_eq!(code(delete(&node, version, false)), Code::AccessDenied);
    }
    assert_eq!(code(delete(&node, complied, true)), Code::AccessDenied);
    assert_eq!(code(delete(&node, held, true)), Code::AccessDenied);
    delete(&node, None, false).unwrap();
    assert_eq!(node.versions("bucket").len(), 4, "a delete marker is always allowed");
    delete(&node, governed, true).unwrap();
    // Deletes of many are judged one by one.
    let asked =
        [complied, held].map(|version| Delete { key: "k", version, conditions: DeleteConditions::default() });
    let outcomes = node.run(node.blobs.delete_many(None, "bucket", &asked, OWNER, |_| Ok(true))).unwrap();
    let refused =
        |outcome: &Result<_, bole_blobs::Error>| outcome.as_ref().unwrap_err().code == Code::AccessDenied;
    assert!(outcomes.iter().all(refused), "{outcomes:?}");
    node.clock.advance(Duration::from_millis(10));
    delete(&node, complied, false).unwrap();
    let which = Which { bucket: "bucket", key: "k", version: held };
    node.change(|plan| attributes::put_legal_hold(plan, &which, false)).unwrap();
    delete(&node, held, false).unwrap();
}

#[test]
fn retentions_are_extended_and_not_shortened() {
    let node = node();
    let version = put(&node, until(Mode::Governance, NOW + 100));
    let which = Which { bucket: "bucket", key: "k", version };
    let set = |mode, ms, bypass| {
        let retention = Retention { mode, until_ms: NOW + ms };
        node.change(|plan| attributes::put_retention(plan, &which, Some(retention), bypass).map(drop))
    };
    assert_eq!(code(set(Mode::Governance, 50, false)), Code::AccessDenied);
    set(Mode::Governance, 150, false).unwrap();
    set(Mode::Governance, 50, true).unwrap();
    set(Mode::Compliance, 60, true).unwrap();
    assert_eq!(code(set(Mode::Compliance, 50, true)), Code::AccessDenied);
    let lock = node.read(|plan| attributes::lock(plan, &which)).unwrap();
    assert_eq!(lock, until(Mode::Compliance, NOW + 60));
}

#[test]
fn the_default_retention_counts_where_a_put_says_none() {
    let node = node();
    let default = DefaultRetention { mode: Mode::Compliance, days: Some(2), years: None };
    let configuration = Configuration { default: Some(default) };
    node.change(|plan| settings::put_object_lock(plan, "bucket", &configuration)).unwrap();
    let lock_of = |version| {
        let which = Which { bucket: "bucket", key: "k", version };
        node.read(|plan| attributes::lock(plan, &which)).unwrap()
    };
    assert_eq!(lock_of(put(&node, Lock::default())), until(Mode::Compliance, NOW + 2 * 86_400_000));
    let own = until(Mode::Governance, NOW + 1);
    assert_eq!(lock_of(put(&node, own)), own);
}

#[test]
fn locks_need_object_lock() {
    let node = node();
    node.bucket("plain");
    let mut asked = node.put_with("plain", "k", b"body");
    asked.attributes.lock = until(Mode::Governance, NOW + 1);
    assert_eq!(code(node.change(|plan| put::put(plan, &asked))), Code::InvalidRequest);
    node.put("plain", "k", b"body");
    let which = Which { bucket: "plain", key: "k", version: None };
    let hold = node.change(|plan| attributes::put_legal_hold(plan, &which, true));
    assert_eq!(code(hold), Code::InvalidRequest);
    assert_eq!(code(node.read(|plan| attributes::lock(plan, &which))), Code::InvalidRequest);
    let mut past = node.put_with("bucket", "k", b"body");
    past.attributes.lock = until(Mode::Governance, NOW);
    assert_eq!(code(node.change(|plan| put::put(plan, &past))), Code::InvalidArgument);
}
