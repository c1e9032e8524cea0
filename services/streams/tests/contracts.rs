//! Groups keep the kernel's contract of batches over services.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bole_base::clock::ManualClock;
use bole_base::{Durability, LogId};
use bole_log::MemoryJournal;
use bole_shard::participant::{Participant, Participants, Request, suite};
use bole_shard::{Error, Hosted, Runtime, Shard, runtime};
use bole_streams::groups::coordinator::participant::{Move, commit_request};
use bole_streams::groups::coordinator::{Coordinator, Parts};
use bole_streams::groups::{self, Topic, TopicId, Topics};
use bole_testing::{FaultDisk, Faults};
use bytes::Bytes;

const ID: TopicId = TopicId([7; 16]);
const GROUPS: u64 = 100;

/// One topic of three partitions, and positions that the node keeps in groups of some name.
struct OneTopic;

impl Topics for OneTopic {
    fn by_name(&self, name: &str) -> Option<Topic> {
        (name == "t").then(|| Topic { id: ID, name: name.into(), partitions: 3 })
    }
    fn by_id(&self, id: TopicId) -> Option<Topic> {
        (id == ID).then(|| Topic { id: ID, name: "t".into(), partitions: 3 })
    }
    fn names(&self) -> Vec<Arc<str>> {
        vec!["t".into()]
    }
    fn version(&self) -> u64 {
        1
    }
    fn keeps_offsets(&self, group: &str) -> bool {
        group.starts_with("kept.")
    }
}

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("nothing is to be waited for"),
    }
}

struct Asked {
    runtime: Arc<Runtime>,
    groups: Arc<Coordinator>,
}

impl Asked {
    fn new() -> Self {
        let (clock, disk) = (Arc::new(ManualClock::new()), FaultDisk::new(1, Faults::default()));
        let journal = Arc::new(MemoryJournal::new());
        let runtime = Runtime::new(journal, disk, clock, "/data".into(), runtime::Config::default());
        let runtime = Arc::new(runtime);
        let shard = |number: u64| {
            let log = LogId(LogId::FIRST_DATASET.0 + number);
            Arc::new(Shard::new(log, format!("groups#{number}"), groups::State::default()))
        };
        let shards: Vec<_> = (0..3).map(shard).collect();
        for shard in &shards {
            runtime.host(Arc::clone(shard) as Arc<dyn Hosted>).expect("it is hosted");
        }
        now(runtime.recover(&[])).expect("there is nothing to recover");
        let groups = Coordinator::open(Parts {
            runtime: Arc::clone(&runtime),
            shards,
            topics: Arc::new(OneTopic),
            config: groups::Config::default(),
            class: Durability::Async,
            seed: 1,
        });
        Self { runtime, groups }
    }

    fn offsets(&self, group: &str) -> BTreeMap<i32, i64> {
        let locked = self.groups.shards()[self.groups.shard_of(group)].lock().expect("it is sound");
        let Some(group) = locked.state().group(group) else { return BTreeMap::new() };
        group.offsets.iter().map(|(_, partition, committed)| (partition, committed.offset)).collect()
    }
}

fn to(from: Option<i64>, to: i64) -> Move {
    Move { partition: 0, from, to }
}

impl suite::Subject for Asked {
    fn runtime(&self) -> Arc<Runtime> {
        Arc::clone(&self.runtime)
    }
    fn participant(&self) -> Arc<dyn Participant> {
        Arc::clone(&self.groups) as Arc<dyn Participant>
    }
    fn good(&self, number: u64) -> Request {
        commit_request(&format!("kept.{number}"), "t", ID, &[to(None, 5)])
    }
    fn invalid(&self) -> Option<Request> {
        Some(commit_request("kept.1000", "t", ID, &[to(Some(3), 5)]))
    }
    fn seen(&self) -> Vec<u64> {
        (0..GROUPS).filter(|number| !self.offsets(&format!("kept.{number}")).is_empty()).collect()
    }
}

#[test]
fn groups_keep_the_contract_of_participants() {
    suite::run(&|| Box::new(Asked::new()));
}

#[test]
fn a_position_moves_only_from_where_it_is() {
    let request = |moves: &[Move]| commit_request("kept.1", "t", ID, moves);
    let words = |words: &[&str]| Request {
        arguments: words.iter().map(|word| Bytes::copy_from_slice(word.as_bytes())).collect(),
        ..request(&[])
    };
    let other = Move { partition: 2, from: None, to: 9 };
    let id = "BwcHBwcHBwcHBwcHBwcHBw";
    // Requests of one batch; the offsets then, or a part of the refusal.
    let rows: Vec<(Vec<Request>, Result<&[(i32, i64)], &str>)> = vec![
        (vec![request(&[to(None, 5)])], Ok(&[(0, 5)])),
        (vec![request(&[to(None, 5), other])], Ok(&[(0, 5), (2, 9)])),
        (vec![request(&[to(None, 5)]), request(&[to(Some(5), 6)])], Ok(&[(0, 6)])),
        (vec![request(&[to(None, 5)]), request(&[to(None, 6)])], Err("is 5, not none; it was moved")),
        (vec![request(&[to(Some(4), 5)])], Err("is none, not 4")),
        (vec![request(&[Move { partition: 3, ..other }])], Err("partition 3 does not exist")),
        (vec![commit_request("kept.1", "t", TopicId([8; 16]), &[other])], Err("no topic \"t\" with the id")),
        (vec![commit_request("kept.1", "u", ID, &[other])], Err("no topic \"u\" with the id")),
        (vec![commit_request("mine", "t", ID, &[other])], Err("no position of its own in group \"mine\"")),
        (vec![request(&[])], Err("2 arguments")),
        (vec![words(&["t", id, "0", "-1"])], Err("4 arguments")),
        (vec![words(&["t", id, "0", "-1", "x"])], Err("\"x\" is no number")),
        (vec![words(&["t", "id", "0", "-1", "1"])], Err("\"id\" is no topic id")),
    ];
    for (requests, expected) in rows {
        let asked = Asked::new();
        let mut participants = Participants::new(Arc::clone(asked.runtime.journal()));
        participants.register(Arc::clone(&asked.groups) as Arc<dyn Participant>);
        let mut outbox = participants.outbox();
        let what = format!("{requests:?}");
        let sent = requests.into_iter().try_for_each(|request| outbox.send("streams.groups", request));
        let mut transaction = asked.runtime.transaction();
        let outcome = sent.and_then(|()| now(outbox.commit(&asked.runtime, &mut transaction)));
        match (outcome, expected) {
            (Ok(_), Ok(offsets)) => {
                assert_eq!(asked.offsets("kept.1"), offsets.iter().copied().collect(), "{what}");
            }
            (Err(Error::Refused(text)), Err(part)) => {
                assert!(text.contains(part), "{what}: {text}");
                assert_eq!(asked.offsets("kept.1"), BTreeMap::new(), "{what}");
            }
            (outcome, expected) => panic!("{what}: {outcome:?}, not {expected:?}"),
        }
    }
}
