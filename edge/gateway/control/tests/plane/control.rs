//! What the control plane keeps, and who hears of it.

use crate::support::{Node, instance};
use bole_gateway_control::Trial;
use bole_gateway_control::control::{Carried, Source, Wish};
use bole_gateway_control::entry::{Instance, Part};
use bole_gateway_control::{Error, limits};
use bole_gateway_document::Document;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

fn at(revision: u64) -> Wish {
    Wish { expected: Some(revision), dry_run: false }
}

/// A gateway that cannot carry out services whose name has an `x`, and wants to see secrets in clear.
struct NoX;

impl Trial for NoX {
    fn attempt(&self, document: Document) -> futures_util::future::BoxFuture<'_, Vec<String>> {
        let text = serde_json::to_string(&document).expect("it is JSON");
        assert!(!text.contains("sealed:"), "{text}");
        let names = document.services.keys().filter(|name| name.contains('x'));
        let problems = names.map(|name| format!("services.{name}: cannot be")).collect();
        Box::pin(async move { problems })
    }
}

#[tokio::test]
async fn what_the_gateway_cannot_carry_out_is_not_kept() {
    let node = Node::start(Source::Kept).await;
    node.control.try_with(Arc::new(NoX));
    let service = || json!({ "instances": ["127.0.0.1:1"] });
    node.put(Part::Services, "a", service()).await;
    let before = node.view();
    for dry_run in [true, false] {
        let wish = Wish { expected: None, dry_run };
        let refused = node.control.put(Part::Services, "x", service(), wish).await;
        let told = |all: &[String]| all == ["services.x: cannot be"];
        assert!(matches!(&refused, Err(Error::Invalid(all)) if told(all)), "{refused:?}");
        let text = "[services.x1]\nregistry = true\n[services.x2]\nregistry = true\n";
        let document = Document::from_toml(text).expect("it is right");
        let refused = node.control.replace(&document, wish).await;
        assert!(matches!(&refused, Err(Error::Invalid(all)) if all.len() == 2), "{refused:?}");
    }
    // A dry run of what could be says what it would, and changes nothing.
    let dry = Wish { expected: None, dry_run: true };
    assert_eq!(node.control.put(Part::Services, "b", service(), dry).await.expect("it could be"), (true, 1));
    assert_eq!(node.control.remove(Part::Services, "a", dry).await.expect("it could be"), 1);
    assert_eq!(node.control.put(Part::Services, "a", service(), dry).await.expect("it is"), (false, 1));
    let secret = json!({ "jwt": { "issuer": "https://i", "secret": "clear-secret-of-32-bytes-at-least" } });
    node.put(Part::Logins, "tokens", secret).await;
    node.control.remove(Part::Logins, "tokens", Wish::default()).await.expect("it is there");
    let after = node.view();
    assert_eq!((after.revision, &after.document), (before.revision + 2, &before.document));
}

#[tokio::test]
async fn what_hinders_already_can_be_mended_one_after_the_other() {
    let node = Node::start(Source::Kept).await;
    for name in ["x1", "x2"] {
        node.put(Part::Services, name, json!({ "registry": true })).await;
    }
    let problems = ["services.x1: cannot be", "services.x2: cannot be"].map(str::to_owned).to_vec();
    node.control.set_carried(Carried { revision: 2, problems });
    node.control.try_with(Arc::new(NoX));
    node.control.remove(Part::Services, "x1", Wish::default()).await.expect("nothing new hinders");
    let refused = node.control.put(Part::Services, "x3", json!({ "registry": true }), Wish::default()).await;
    assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
}

#[tokio::test]
async fn objects_survive_a_restart_and_are_seen_as_they_change() {
    let node = Node::start(Source::Kept).await;
    let mut watch = node.control.watch();
    assert_eq!(node.put(Part::Services, "s", json!({ "instances": ["127.0.0.1:1"] })).await, (true, 1));
    assert_eq!(node.put(Part::Routes, "r", json!({ "service": "s", "path": "/a" })).await, (true, 2));
    assert_eq!(node.put(Part::Routes, "r", json!({ "service": "s", "path": "/a" })).await, (false, 2));
    assert!(watch.has_changed().expect("the control lives"));
    let view = watch.borrow_and_update().clone();
    assert_eq!((view.revision, view.document.routes["r"].path.as_deref()), (2, Some("/a")));

    let node = node.restart().await;
    assert_eq!(node.view().document, view.document);
    let stale = node.control.put(Part::Routes, "r", json!({ "service": "s" }), at(1)).await;
    assert!(matches!(stale, Err(Error::Stale { is: 2, expected: 1 })), "{stale:?}");
    assert_eq!(node.control.remove(Part::Routes, "r", at(2)).await.expect("it is there"), 3);
    let missing = node.control.remove(Part::Routes, "r", Wish::default()).await;
    assert!(matches!(missing, Err(Error::Missing { what: "route", .. })), "{missing:?}");
}

#[tokio::test]
async fn what_would_be_wrong_changes_nothing() {
    let node = Node::start(Source::Kept).await;
    node.put(Part::Services, "s", json!({ "instances": ["127.0.0.1:1"] })).await;
    let before = node.view();
    let refused = node.control.put(Part::Routes, "r", json!({ "colour": "red" }), Wish::default()).await;
    assert!(matches!(&refused, Err(Error::Invalid(all)) if all.join(" ").contains("colour")), "{refused:?}");
    let long = "x".repeat(limits::OBJECT_BYTES_MAX);
    let refused = node.control.put(Part::Routes, "r", json!({ "path": long }), Wish::default()).await;
    assert!(matches!(refused, Err(Error::Limit(_))), "{refused:?}");
    let after = node.view();
    assert_eq!((after.revision, after.document), (before.revision, before.document));
}

#[tokio::test]
async fn a_whole_document_replaces_what_differs() {
    let node = Node::start(Source::Kept).await;
    node.put(Part::Services, "old", json!({ "instances": ["127.0.0.1:1"] })).await;
    let text = "[services.s]\ninstances = [\"127.0.0.1:1\"]\n[routes.r]\nservice = \"s\"\n";
    let document = Document::from_toml(text).expect("it is right");
    assert_eq!(node.control.replace(&document, Wish::default()).await.expect("it is right"), (3, 4));
    assert_eq!(*node.view().document, document);
    assert_eq!(node.control.replace(&document, Wish::default()).await.expect("it is right"), (0, 4));
}

#[tokio::test]
async fn a_document_from_a_file_is_not_changed_by_requests() {
    let node = Node::start(Source::File("gateway.toml".to_owned())).await;
    node.control.take(Document::from_toml("[services.s]\nregistry = true").expect("it is right"));
    let refused = node.control.put(Part::Services, "t", json!({ "registry": true }), Wish::default()).await;
    assert!(matches!(refused, Err(Error::FromFile(_))), "{refused:?}");
    node.control.register("s", "one", instance(1)).await.expect("instances are not in the file");
    let view = node.view();
    assert_eq!((view.document.services.len(), view.instances["s"].len()), (1, 1));
    node.control.refuse(vec!["line 1 is wrong".to_owned()]);
    let view = node.view();
    assert_eq!((view.document.services.len(), view.problems.len()), (1, 1));
}

#[tokio::test]
async fn instances_come_drain_and_go() {
    let node = Node::start(Source::Kept).await;
    node.put(Part::Services, "s", json!({ "registry": true })).await;
    node.put(Part::Services, "fixed", json!({ "instances": ["127.0.0.1:1"] })).await;
    assert!(node.control.register("s", "one", instance(1)).await.expect("there is room"));
    assert!(!node.control.register("s", "one", instance(1)).await.expect("that is a heartbeat"));
    node.control.drain("s", "one", true).await.expect("it is there");
    assert!(node.view().instances["s"]["one"].drain);
    for (service, expected) in [("fixed", "registry"), ("none", "does not exist")] {
        let error = node.control.register(service, "one", instance(1)).await.expect_err(service);
        assert!(error.to_string().contains(expected), "{error}");
    }
    let wrong = Instance { weight: 0, address: "nowhere".to_owned(), ..instance(1) };
    let error = node.control.register("s", "two", wrong).await.expect_err("nothing of it is right");
    assert!(matches!(&error, Error::Invalid(all) if all.len() == 2), "{error}");
    node.control.deregister("s", "one").await.expect("it is there");
    assert!(node.view().instances.is_empty());
    assert!(matches!(node.control.heartbeat("s", "one").await, Err(Error::Missing { .. })));
}

#[tokio::test]
async fn who_is_silent_is_taken_out_and_a_restart_takes_out_nobody() {
    let node = Node::start(Source::Kept).await;
    node.put(Part::Services, "s", json!({ "registry": true })).await;
    node.control.register("s", "one", instance(1)).await.expect("there is room");
    node.control.register("s", "two", instance(2)).await.expect("there is room");
    node.clock.advance(Duration::from_secs(9));
    let node = node.restart().await;
    node.clock.advance(Duration::from_secs(9));
    node.control.sweep().await.expect("the shard is well");
    assert_eq!(node.view().instances["s"].len(), 2, "each has a whole lease after a restart");
    node.control.heartbeat("s", "two").await.expect("it is there");
    node.clock.advance(Duration::from_secs(1));
    node.control.sweep().await.expect("the shard is well");
    assert_eq!(node.view().instances["s"].keys().collect::<Vec<_>>(), ["two"]);
    let node = node.restart().await;
    assert_eq!(
        node.view().instances["s"].keys().collect::<Vec<_>>(),
        ["two"],
        "it is logged that one is gone"
    );
}

#[tokio::test]
async fn who_flaps_is_refused_and_others_are_not() {
    let node = Node::start(Source::Kept).await;
    node.put(Part::Services, "s", json!({ "registry": true })).await;
    for turn in 0..limits::CHANGES_PER_MINUTE {
        node.control.register("s", "one", instance(1 + (turn % 2) as u16)).await.expect("that is allowed");
    }
    let refused = node.control.register("s", "one", instance(9)).await;
    assert!(matches!(refused, Err(Error::Limit(_))), "{refused:?}");
    node.control.register("s", "two", instance(9)).await.expect("another one may");
    assert_eq!(node.view().instances["s"].len(), 2);
}

#[tokio::test]
async fn secrets_are_not_in_what_is_kept() {
    let node = Node::start(Source::Kept).await;
    node.put(Part::Consumers, "shop", json!({ "keys": ["clear-key"], "password": "clear-password" })).await;
    node.put(Part::Logins, "tokens", json!({ "jwt": { "secret": "clear-secret-of-32-bytes-at-least" } }))
        .await;
    let node = node.restart().await;
    let mut document = (*node.view().document).clone();
    let kept = serde_json::to_string(&document).expect("it is JSON");
    assert!(!kept.contains("clear"), "{kept}");
    assert!(node.control.open_secrets(&mut document).is_empty());
    let opened = serde_json::to_string(&document).expect("it is JSON");
    assert!(opened.contains("clear-secret-of-32-bytes-at-least"), "{opened}");
    // A whole document is kept without its secrets as well, and the same once more changes nothing.
    let text = "[consumers.shop]\nkeys = [\"clear-key\"]\npassword = \"clear-password\"\nsigning = { a = \"clear-signing\" }\n";
    let document = Document::from_toml(text).expect("it is right");
    let (changed, _) = node.control.replace(&document, Wish::default()).await.expect("it is right");
    assert_eq!(changed, 2);
    let kept = serde_json::to_string(&*node.view().document).expect("it is JSON");
    assert!(!kept.contains("clear"), "{kept}");
    let (changed, _) = node.control.replace(&document, Wish::default()).await.expect("it is right");
    assert_eq!(changed, 0);
}
