//! The coordinator on a journal: nothing is answered before it is durable, time is served, batches of others take part.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bole_base::clock::ManualClock;
use bole_base::{Clock, Durability, LogId, SystemClock};
use bole_log::MemoryJournal;
use bole_shard::{Runtime, Shard, runtime};
use bole_testing::{FaultDisk, Faults};
use bytes::Bytes;

use super::*;
use crate::groups::offsets::transactional::{self, PendingRequest};
use crate::groups::offsets::{CommitRequest, Committer, FetchRequest, ToCommit};
use crate::groups::topics::Fake;
use crate::groups::{HeartbeatRequest, JoinRequest, Protocol, SyncRequest, consumer, share};

const SHARDS: u64 = 4;

struct Home {
    journal: Arc<MemoryJournal>,
    coordinator: Arc<Coordinator>,
}

fn now<T>(future: impl Future<Output = T>) -> T {
    match poll(&mut Box::pin(future)) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("everything is there, so nothing has to be waited for"),
    }
}

fn poll<F: Future>(future: &mut std::pin::Pin<Box<F>>) -> Poll<F::Output> {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

fn open(journal: MemoryJournal, clock: Arc<dyn Clock>) -> Home {
    let journal = Arc::new(journal);
    let disk = FaultDisk::new(1, Faults::default());
    let config = runtime::Config::default();
    let shared = Arc::clone(&journal);
    let runtime = Arc::new(Runtime::new(shared, disk, clock, "/data".into(), config));
    let shard = |index: u64| {
        let id = LogId(LogId::FIRST_DATASET.0 + index);
        Arc::new(Shard::new(id, format!("default/streams/groups#{index}"), State::default()))
    };
    let shards: Vec<_> = (0..SHARDS).map(shard).collect();
    for shard in &shards {
        runtime.host(Arc::clone(shard) as Arc<_>).unwrap();
    }
    recover(&journal, &runtime);
    let config = Config { session_timeout_min_ms: 10, ..Config::default() };
    let topics = Arc::new(Fake::new(&[("t", 4)]));
    let parts = Parts { runtime, shards, topics, config, class: Durability::Sync, seed: 7 };
    Home { journal, coordinator: Coordinator::open(parts) }
}

/// Recovery waits for its announcements to be fsynced, which a journal by hand does only when told.
fn recover(journal: &MemoryJournal, runtime: &Runtime) {
    let mut recovery = Box::pin(runtime.recover(&[]));
    while poll(&mut recovery).is_pending() {
        journal.sync();
    }
}

fn commit(group: &str, offset: i64) -> CommitRequest {
    CommitRequest {
        group: group.into(),
        by: Committer::nobody(),
        retention_ms: None,
        offsets: vec![to_commit(offset)],
    }
}

fn to_commit(offset: i64) -> ToCommit {
    ToCommit { topic: "t".into(), partition: 0, offset, leader_epoch: -1, metadata: "".into() }
}

fn fetch(group: &str) -> FetchRequest {
    FetchRequest { group: group.into(), member: None, places: None, require_stable: true }
}

fn join(group: &str, session_timeout_ms: u64) -> JoinRequest {
    JoinRequest {
        group: group.into(),
        member_id: "".into(),
        instance_id: None,
        client_id: "c".into(),
        client_host: "h".into(),
        session_timeout_ms,
        rebalance_timeout_ms: session_timeout_ms,
        protocol_type: "consumer".into(),
        protocols: vec![Protocol { name: "range".into(), metadata: Bytes::new() }],
        require_known_member_id: false,
        supports_skipping_assignment: true,
    }
}

fn sync(group: &str, member_id: &Arc<str>, generation: i32) -> SyncRequest {
    SyncRequest {
        group: group.into(),
        member_id: Arc::clone(member_id),
        instance_id: None,
        generation,
        protocol_type: None,
        protocol_name: None,
        assignments: Vec::new(),
    }
}

impl Home {
    fn offset(&self, group: &str) -> Option<i64> {
        let found = now(self.coordinator.fetch_offsets(&fetch(group))).unwrap();
        found.first().and_then(|found| found.committed.clone().unwrap()).map(|found| found.offset)
    }

    fn reopened(self) -> Self {
        let journal = self.journal.crash(self.journal.end());
        open(journal, Arc::new(ManualClock::new()))
    }
}

#[test]
fn nothing_is_answered_before_it_is_durable() {
    let home = open(MemoryJournal::by_hand(), Arc::new(ManualClock::new()));
    let coordinator = &home.coordinator;
    let request = commit("g", 5);
    let mut committing = Box::pin(coordinator.commit_offsets(&request));
    assert!(poll(&mut committing).is_pending());
    let request = fetch("g");
    let mut fetching = Box::pin(coordinator.fetch_offsets(&request));
    assert!(poll(&mut fetching).is_pending(), "who sees the offset waits for it, too");
    home.journal.sync();
    assert!(poll(&mut committing).is_ready() && poll(&mut fetching).is_ready());

    let request = join("h", 10_000);
    let mut joining = Box::pin(coordinator.join_group(&request));
    assert!(poll(&mut joining).is_pending(), "the generation is announced when it is durable");
    home.journal.sync();
    let Poll::Ready(Ok(joined)) = poll(&mut joining) else { panic!("the member has joined") };
    let request = sync("h", &joined.member_id, joined.generation);
    let mut syncing = Box::pin(coordinator.sync_group(&request));
    assert!(poll(&mut syncing).is_pending());
    let beat = HeartbeatRequest {
        group: "h".into(),
        member_id: joined.member_id,
        instance_id: None,
        generation: joined.generation,
    };
    home.journal.sync();
    assert!(matches!(poll(&mut syncing), Poll::Ready(Ok(_))));
    let end = home.journal.end();
    assert_eq!(now(coordinator.heartbeat(&beat)), Ok(()));
    assert_eq!(home.journal.end(), end, "heartbeats log nothing");
}

#[test]
fn a_restart_keeps_members_and_offsets() {
    let home = open(MemoryJournal::new(), Arc::new(ManualClock::new()));
    let groups: Vec<String> = (0..20).map(|number| format!("group-{number}")).collect();
    let mut members = Vec::new();
    for group in &groups {
        now(home.coordinator.commit_offsets(&commit(group, 7))).unwrap()[0].clone().unwrap();
        let joined = now(home.coordinator.join_group(&join(group, 10_000))).unwrap();
        now(home.coordinator.sync_group(&sync(group, &joined.member_id, 1))).unwrap();
        members.push(joined.member_id);
    }
    let ids: std::collections::BTreeSet<_> = members.iter().collect();
    assert_eq!(ids.len(), groups.len(), "ids differ");
    let home = home.reopened();
    for (group, member) in groups.iter().zip(&members) {
        assert_eq!(home.offset(group), Some(7));
        let beat = HeartbeatRequest {
            group: group.as_str().into(),
            member_id: Arc::clone(member),
            instance_id: None,
            generation: 1,
        };
        assert_eq!(now(home.coordinator.heartbeat(&beat)), Ok(()));
    }
    let listed = now(home.coordinator.list_groups(&["STABLE".into()], &["Classic".into()])).unwrap();
    assert_eq!(listed.len(), groups.len());
    for (states, kinds) in [(vec!["Empty".to_owned()], vec![]), (vec![], vec!["share".to_owned()])] {
        assert_eq!(now(home.coordinator.list_groups(&states, &kinds)).unwrap(), []);
    }
}

#[test]
fn a_transaction_over_several_shards_ends_as_one_batch() {
    for commits in [true, false] {
        let home = open(MemoryJournal::new(), Arc::new(ManualClock::new()));
        let coordinator = &home.coordinator;
        let groups: Vec<String> = (0..12).map(|number| format!("group-{number}")).collect();
        for group in &groups {
            let request = PendingRequest {
                group: group.as_str().into(),
                by: Committer::nobody(),
                producer_id: 9,
                producer_epoch: 0,
                offsets: vec![to_commit(3)],
            };
            now(coordinator.add_pending_offsets(&request)).unwrap()[0].clone().unwrap();
        }
        let mut transaction = coordinator.runtime.transaction();
        let mut locked: Vec<_> = coordinator.shards().iter().map(|shard| shard.lock().unwrap()).collect();
        let space = locked.iter().map(|locked| transactional::end_space(locked.state(), 9)).sum();
        transaction.reserve(space).unwrap();
        let changed: Vec<_> = locked
            .iter_mut()
            .map(|locked| {
                transactional::push_end(locked, &mut transaction, Durability::Sync, 9, commits).unwrap()
            })
            .collect();
        assert_eq!(changed.iter().flatten().count(), groups.len());
        let position = transaction.append().unwrap();
        for (locked, groups) in locked.iter_mut().zip(&changed) {
            transactional::appended(locked, groups, position);
        }
        drop(locked);
        let home = home.reopened();
        for group in &groups {
            assert_eq!(home.offset(group), commits.then_some(3));
        }
    }
}

#[test]
fn a_full_journal_makes_wait_and_a_failed_one_is_said() {
    let home = open(MemoryJournal::new(), Arc::new(ManualClock::new()));
    let mut hog = home.coordinator.runtime.transaction();
    hog.reserve(1_000).unwrap();
    home.journal.set_bytes_max(1_000);
    let request = commit("g", 5);
    let mut committing = Box::pin(home.coordinator.commit_offsets(&request));
    assert!(poll(&mut committing).is_pending());
    assert_eq!(home.coordinator.shards()[0].lock().unwrap().state().len(), 0, "nothing was applied");
    drop(hog);
    assert!(matches!(poll(&mut committing), Poll::Ready(Ok(_))));
    home.journal.set_disk_full(true);
    let refused = now(home.coordinator.commit_offsets(&request)).unwrap_err();
    assert_eq!(refused.code, Code::CoordinatorNotAvailable, "{refused}");
    assert_eq!(home.offset("g"), Some(5), "reads go on");
}

#[test]
fn consumer_groups_answer_when_their_epoch_is_durable() {
    let home = open(MemoryJournal::by_hand(), Arc::new(ManualClock::new()));
    let joins = consumer::HeartbeatRequest {
        group: "c".into(),
        rebalance_timeout_ms: Some(60_000),
        topics: Some(vec!["t".into()]),
        owned: Some(BTreeMap::new()),
        ..consumer::HeartbeatRequest::default()
    };
    let mut joining = Box::pin(home.coordinator.consumer_heartbeat(&joins));
    assert!(poll(&mut joining).is_pending());
    home.journal.sync();
    let Poll::Ready(Ok(joined)) = poll(&mut joining) else { panic!("the member has joined") };
    assert_eq!((joined.member_epoch, joined.assignment.map(|all| all.len())), (1, Some(1)));
    assert!(!joined.member_id.is_empty(), "it got an id");
    let beat = consumer::HeartbeatRequest {
        group: "c".into(),
        member_id: Arc::clone(&joined.member_id),
        member_epoch: 1,
        ..consumer::HeartbeatRequest::default()
    };
    let end = home.journal.end();
    assert_eq!(now(home.coordinator.consumer_heartbeat(&beat)).unwrap().assignment, None);
    assert_eq!(home.journal.end(), end, "heartbeats log nothing");
    drop(joining);
    let home = home.reopened();
    assert_eq!(now(home.coordinator.consumer_heartbeat(&beat)).unwrap().member_epoch, 1);
    let described = now(home.coordinator.describe_consumer_group(&"c".into())).unwrap();
    assert_eq!((described.state, described.members.len()), ("Stable", 1));
    let refused = now(home.coordinator.join_group(&join("c", 10_000))).unwrap_err();
    assert_eq!(refused.error.code, Code::InconsistentGroupProtocol);
}

#[test]
fn acknowledgements_are_durable_and_acquisitions_cost_nothing() {
    let home = open(MemoryJournal::by_hand(), Arc::new(ManualClock::new()));
    let (coordinator, group): (_, Arc<str>) = (&home.coordinator, "s".into());
    let place = (Fake::id(1), 0);
    let joins = share::HeartbeatRequest {
        group: Arc::clone(&group),
        member_id: "m".into(),
        topics: Some(vec!["t".into()]),
        ..share::HeartbeatRequest::default()
    };
    let mut joining = Box::pin(coordinator.share_heartbeat(&joins));
    assert!(poll(&mut joining).is_pending());
    home.journal.sync();
    assert!(matches!(poll(&mut joining), Poll::Ready(Ok(_))));
    let mut beginning = Box::pin(coordinator.share_position(&group, place, (0, 0)));
    assert!(poll(&mut beginning).is_pending(), "where the group begins is kept");
    home.journal.sync();
    assert!(matches!(poll(&mut beginning), Poll::Ready(Ok(None))));
    let end = home.journal.end();
    assert_eq!(now(coordinator.share_position(&group, place, (0, 10))), Ok(Some(0)));
    let request = share::AcquireRequest {
        group: Arc::clone(&group),
        member_id: "m".into(),
        place,
        from: 0,
        to: 10,
        batches: vec![(0, 9)],
        max_records: 10,
        strict: false,
        delayed: Vec::new(),
    };
    let acquired = now(coordinator.acquire(&request)).unwrap();
    assert_eq!(acquired, [share::Acquired { first: 0, last: 9, deliveries: 1 }]);
    assert_eq!(home.journal.end(), end, "acquiring logs nothing");
    let request = share::AcknowledgeRequest {
        group: Arc::clone(&group),
        member_id: "m".into(),
        place,
        batches: vec![share::Batch { first: 0, last: 4, kinds: vec![share::Acknowledgement::Accept] }],
    };
    let mut acknowledging = Box::pin(coordinator.acknowledge(&request));
    assert!(poll(&mut acknowledging).is_pending());
    home.journal.sync();
    assert_eq!(poll(&mut acknowledging), Poll::Ready(Ok(())));
    drop((joining, beginning, acknowledging));
    let home = home.reopened();
    let offsets = now(home.coordinator.describe_share_offsets(&group, None)).unwrap();
    assert_eq!((offsets.len(), offsets[0].start), (1, Some(5)));
    let listed = now(home.coordinator.list_groups(&[], &["share".into()])).unwrap();
    assert_eq!((listed.len(), listed[0].state), (1, "Stable"));
}

#[tokio::test]
async fn time_is_served_by_one_task() {
    let home = open(MemoryJournal::new(), Arc::new(SystemClock::new()));
    let driver = tokio::spawn(Arc::clone(&home.coordinator).run_timers());
    let mut members = Vec::new();
    for number in 0..50 {
        let group = format!("group-{number}");
        let joined = home.coordinator.join_group(&join(&group, 30 + number)).await.unwrap();
        home.coordinator.sync_group(&sync(&group, &joined.member_id, 1)).await.unwrap();
        members.push(group);
    }
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let empty = home.coordinator.list_groups(&["Empty".into()], &[]).await.unwrap();
        if empty.len() == members.len() {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "silent members are removed");
        tokio::task::yield_now().await;
    }
    driver.abort();
}
