//! Buckets on a real node: an event for each object, whenever the node is killed; and lifecycle with short days.

#[path = "../../../services/blobs/tests/door/client.rs"]
#[expect(dead_code, reason = "this client of another crate's tests can do more than is needed here")]
pub(crate) mod client;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Sender};
use std::time::{Duration, Instant};

use client::{Answer, ask};

use crate::node::{Node, PATIENCE};

const CLIENTS: u64 = 3;
const KILLS: u64 = 4;

fn address(node: &Node) -> SocketAddr {
    node.blobs.parse().unwrap()
}

fn done(answer: Answer) -> Answer {
    assert!(answer.status < 300, "{} {}", answer.status, answer.text());
    answer
}

fn listen(node: &Node) {
    let document = "<NotificationConfiguration><QueueConfiguration><Queue>arn:bole:streams:::photos</Queue>\
                    <Event>s3:ObjectCreated:*</Event><Event>s3:LifecycleExpiration:*</Event>\
                    </QueueConfiguration></NotificationConfiguration>";
    assert_eq!(node.bole(&["topic", "create", "photos", "--partitions", "3"], "").code, 0);
    done(ask("PUT", "/photos").send(address(node)));
    done(ask("PUT", "/photos?notification").body(document).send(address(node)));
}

/// Puts objects until the node is gone. Those that were acknowledged are told.
fn load(address: SocketAddr, next: &AtomicU64, told: &Sender<u64>, over: &AtomicBool) {
    while !over.load(Ordering::Relaxed) {
        let number = next.fetch_add(1, Ordering::Relaxed);
        // Every fifth is a chunk.
        let bytes = if number.is_multiple_of(5) { 70_000 } else { 100 };
        let path = format!("/photos/{number:06}");
        let put = ask("PUT", &path).body(vec![7; bytes]);
        let Ok(answer) = std::panic::catch_unwind(|| put.send(address)) else { return };
        assert_eq!(answer.status, 200, "{}", answer.text());
        told.send(number).unwrap();
    }
}

fn objects(node: &Node) -> BTreeSet<u64> {
    let mut all = BTreeSet::new();
    loop {
        let after = all.last().map_or(String::new(), |last: &u64| format!("&start-after={last:06}"));
        let page = done(ask("GET", &format!("/photos?list-type=2{after}")).send(address(node))).text();
        let keys = page.split("<Key>").skip(1).map(|rest| rest.split_once("</Key>").unwrap().0);
        let before = all.len();
        all.extend(keys.map(|key| key.parse::<u64>().unwrap()));
        if all.len() == before {
            return all;
        }
    }
}

#[test]
fn each_object_has_one_event_whenever_the_node_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut node = Node::start(folder.path());
    listen(&node);
    let next = Arc::new(AtomicU64::new(1));
    let mut acknowledged = BTreeSet::new();
    for round in 0..KILLS {
        let over = Arc::new(AtomicBool::new(false));
        let (tell, told) = mpsc::channel();
        let at = address(&node);
        let clients: Vec<_> = (0..CLIENTS)
            .map(|_| {
                let (next, tell, over) = (Arc::clone(&next), tell.clone(), Arc::clone(&over));
                std::thread::spawn(move || load(at, &next, &tell, &over))
            })
            .collect();
        drop(tell);
        acknowledged.extend((0..15 * (round + 1)).map(|_| told.recv_timeout(PATIENCE).expect("puts go on")));
        // Dropping a node kills it.
        drop(node);
        over.store(true, Ordering::Relaxed);
        clients.into_iter().for_each(|client| client.join().unwrap());
        acknowledged.extend(told);
        node = Node::start(folder.path());
    }
    let there = objects(&node);
    let lost: Vec<_> = acknowledged.difference(&there).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    let out = node.bole(&["consume", "photos", "--exit-at-end", "--format", "%k\\n"], "").out;
    let events = out.lines().filter_map(|line| line.strip_prefix("photos/"));
    let mut events: Vec<u64> = events.map(|key| key.parse().unwrap()).collect();
    events.sort_unstable();
    assert_eq!(
        events,
        there.into_iter().collect::<Vec<_>>(),
        "each object has one event, and no other has any"
    );
}

#[test]
fn lifecycle_deletes_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let node = Node::start_with(folder.path(), "127.0.0.1:0", &["blobs.lifecycle_day_seconds=1"]);
    listen(&node);
    let rules = "<LifecycleConfiguration><Rule><ID>all</ID><Status>Enabled</Status><Filter><Prefix></Prefix></Filter>\
                 <Expiration><Days>1</Days></Expiration></Rule></LifecycleConfiguration>";
    done(ask("PUT", "/photos/k").body("body").send(address(&node)));
    done(ask("PUT", "/photos?lifecycle").body(rules).send(address(&node)));
    let deadline = Instant::now() + PATIENCE;
    while ask("HEAD", "/photos/k").send(address(&node)).status != 404 {
        assert!(Instant::now() < deadline, "it does not expire");
        std::thread::sleep(Duration::from_millis(100));
    }
    let out = node.bole(&["consume", "photos", "--exit-at-end"], "").out;
    assert!(out.contains("LifecycleExpiration:Delete"), "{out}");
    let status = node.bole(&["status"], "").out;
    assert!(status.contains("1 expired") && status.contains("events: 3 published, 0 left out"), "{status}");
}
