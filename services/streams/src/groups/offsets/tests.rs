//! Committed offsets: who may commit, what is found, what goes when.

use std::sync::Arc;

use super::transactional::{PendingRequest, decide_pending};
use super::*;
use crate::groups::classic::{join, leave, sync};
use crate::groups::config::Config;
use crate::groups::coordinator::admin;
use crate::groups::decide::Reply;
use crate::groups::stage::Stage;
use crate::groups::state::Effect;
use crate::groups::{Committed, HeartbeatRequest, JoinRequest, LeavingMember, Protocol, SyncRequest, Topics};

const GROUP: &str = "g";
const WEEK_MS: u64 = 7 * 24 * 60 * 60 * 1_000;

fn stage() -> Stage {
    Stage::new(&[("t", 4), ("u", 2)], Config::default())
}

fn offset(topic: &str, partition: i32, offset: i64) -> ToCommit {
    ToCommit { topic: topic.into(), partition, offset, leader_epoch: 3, metadata: "m".into() }
}

fn by(generation_or_epoch: i32, member_id: &str, instance: Option<&str>) -> Committer {
    Committer { generation_or_epoch, member_id: member_id.into(), instance_id: instance.map(Arc::from) }
}

impl Stage {
    fn commit(&mut self, by: Committer, offsets: &[ToCommit]) -> Result<Vec<Result<(), Code>>, Code> {
        let request =
            CommitRequest { group: GROUP.into(), by, retention_ms: None, offsets: offsets.to_vec() };
        self.commit_request(&request)
    }

    fn commit_request(&mut self, request: &CommitRequest) -> Result<Vec<Result<(), Code>>, Code> {
        let outcomes = self.act(&request.group, |state, cx, out| commit::commit(state, cx, out, request));
        Ok(codes(outcomes.map_err(|error| error.code)?))
    }

    fn pend(
        &mut self,
        producer_id: i64,
        by: Committer,
        offsets: &[ToCommit],
    ) -> Result<Vec<Result<(), Code>>, Code> {
        let request = PendingRequest {
            group: GROUP.into(),
            by,
            producer_id,
            producer_epoch: 1,
            offsets: offsets.to_vec(),
        };
        let outcomes = self.act(GROUP, |state, cx, out| decide_pending(state, cx, out, &request));
        Ok(codes(outcomes.map_err(|error| error.code)?))
    }

    fn end(&mut self, producer_id: i64, commit: bool) {
        let groups: Vec<_> = self.state.groups_of_producer(producer_id).cloned().collect();
        for group in groups {
            self.act(&group, |_, _, out| {
                out.log(Effect::PendingEnded { group: Arc::clone(&group), producer_id, commit });
            });
        }
    }

    fn found(&self, topic: &str, partition: i32, require_stable: bool) -> Result<Option<i64>, Code> {
        let request = FetchRequest {
            group: GROUP.into(),
            member: None,
            places: Some(vec![(topic.into(), partition)]),
            require_stable,
        };
        let fetched = fetch::fetch(&self.state, &request).map_err(|error| error.code)?;
        let [one] = &fetched[..] else { panic!("one place was asked for") };
        one.committed.clone().map(|found| found.map(|found| found.offset)).map_err(|error| error.code)
    }

    fn all(&self) -> usize {
        let request = FetchRequest { group: GROUP.into(), member: None, places: None, require_stable: false };
        fetch::fetch(&self.state, &request).unwrap().len()
    }

    /// A classic group of one static member `a` of instance `i`, in generation 1, that reads `topic`.
    fn with_member(&mut self, topic: &str, completing: bool) {
        let mut metadata = vec![0, 0, 0, 0, 0, 1, 0, topic.len() as u8];
        metadata.extend_from_slice(topic.as_bytes());
        let request = JoinRequest {
            group: GROUP.into(),
            member_id: "".into(),
            instance_id: Some("i".into()),
            client_id: "c".into(),
            client_host: "h".into(),
            session_timeout_ms: 10_000,
            rebalance_timeout_ms: 10_000,
            protocol_type: "consumer".into(),
            protocols: vec![Protocol { name: "range".into(), metadata: metadata.into() }],
            require_known_member_id: false,
            supports_skipping_assignment: true,
        };
        let who = (self.token(), Arc::from("a"));
        self.act(GROUP, |state, cx, out| join::join(state, cx, out, &request, who));
        if completing {
            return;
        }
        let request = SyncRequest {
            group: GROUP.into(),
            member_id: "a".into(),
            instance_id: None,
            generation: 1,
            protocol_type: None,
            protocol_name: None,
            assignments: Vec::new(),
        };
        let token = self.token();
        self.act(GROUP, |state, cx, out| sync::sync(state, cx, out, &request, token));
        assert!(matches!(self.replies.remove(&token), Some(Reply::Sync(Ok(_)))));
    }

    fn beat_for(&mut self, ms: u64) {
        let request =
            HeartbeatRequest { group: GROUP.into(), member_id: "a".into(), instance_id: None, generation: 1 };
        let end = self.now.monotonic_ms + ms;
        while self.now.monotonic_ms < end {
            self.act(GROUP, |state, cx, out| leave::heartbeat(state, cx, out, &request)).unwrap();
            self.pass(9_000);
        }
    }

    fn leave_all(&mut self) {
        let member = LeavingMember { member_id: "a".into(), instance_id: None };
        self.act(GROUP, |state, cx, out| leave::leave(state, cx, out, GROUP, &[member])).unwrap();
    }

    fn expire(&mut self) {
        self.act(GROUP, |state, cx, out| removal::expire(state, cx, out, &GROUP.into()));
    }
}

fn codes(outcomes: Vec<Result<(), Error>>) -> Vec<Result<(), Code>> {
    outcomes.into_iter().map(|outcome| outcome.map_err(|error| error.code)).collect()
}

#[test]
fn who_may_commit() {
    // The group's phase, who commits, what comes of it outside and inside of a transaction.
    let rows = [
        ("none", by(-1, "", None), Ok(()), Ok(())),
        ("none", by(0, "a", None), Err(Code::GroupIdNotFound), Err(Code::GroupIdNotFound)),
        ("empty", by(-1, "", None), Ok(()), Ok(())),
        ("empty", by(1, "a", None), Err(Code::UnknownMemberId), Err(Code::UnknownMemberId)),
        ("stable", by(-1, "", None), Err(Code::UnknownMemberId), Ok(())),
        ("stable", by(1, "a", None), Ok(()), Ok(())),
        ("stable", by(1, "a", Some("i")), Ok(()), Ok(())),
        ("stable", by(1, "a", Some("j")), Err(Code::UnknownMemberId), Err(Code::UnknownMemberId)),
        ("stable", by(1, "b", Some("i")), Err(Code::FencedInstanceId), Err(Code::FencedInstanceId)),
        ("stable", by(1, "b", None), Err(Code::UnknownMemberId), Err(Code::UnknownMemberId)),
        ("stable", by(2, "a", None), Err(Code::IllegalGeneration), Err(Code::IllegalGeneration)),
        ("stable", by(-1, "a", None), Err(Code::IllegalGeneration), Err(Code::IllegalGeneration)),
        ("completing", by(1, "a", None), Err(Code::RebalanceInProgress), Ok(())),
    ];
    for (phase, by, plain, transactional) in rows {
        let make = || {
            let mut stage = stage();
            if phase != "none" {
                stage.with_member("t", phase == "completing");
            }
            if phase == "empty" {
                stage.leave_all();
            }
            stage
        };
        let row = format!("{phase}: {by:?}");
        let mut stage = make();
        let outcome = stage.commit(by.clone(), &[offset("t", 0, 5)]);
        assert_eq!(outcome.map(|outcomes| outcomes[0].unwrap()), plain, "{row}");
        assert_eq!(stage.found("t", 0, true), Ok(plain.is_ok().then_some(5)), "{row}");
        let mut stage = make();
        let outcome = stage.pend(7, by, &[offset("t", 0, 5)]);
        assert_eq!(outcome.map(|outcomes| outcomes[0].unwrap()), transactional, "{row} in a transaction");
        assert_eq!(stage.found("t", 0, false), Ok(None), "{row}: pending offsets are not shown");
    }
    let mut stage = stage();
    let request =
        CommitRequest { group: "".into(), by: Committer::nobody(), retention_ms: None, offsets: Vec::new() };
    assert_eq!(stage.commit_request(&request), Err(Code::InvalidGroupId));
}

#[test]
fn each_offset_is_judged_by_itself() {
    let mut stage = stage();
    let long = ToCommit { metadata: "x".repeat(4_097).into(), ..offset("t", 0, 1) };
    let just = ToCommit { metadata: "x".repeat(4_096).into(), ..offset("t", 1, 1) };
    let outcomes = stage.commit(
        Committer::nobody(),
        &[long, just.clone(), offset("t", 4, 1), offset("t", -1, 1), offset("z", 0, 1), offset("u", 1, 9)],
    );
    let unknown = Err(Code::UnknownTopicOrPartition);
    assert_eq!(
        outcomes.unwrap(),
        [Err(Code::OffsetMetadataTooLarge), Ok(()), unknown, unknown, unknown, Ok(())]
    );
    assert_eq!(stage.all(), 2);
    stage.restart();
    let kept: Vec<_> = stage.state.group(GROUP).unwrap().offsets.iter().collect();
    let expected = Committed {
        offset: 1,
        leader_epoch: 3,
        metadata: just.metadata,
        commit_ms: stage.now.wall_ms,
        expire_ms: None,
    };
    assert_eq!(kept[0], (&Arc::from("t"), 1, &expected), "metadata and epoch come back as they were");
    assert_eq!(stage.found("t", 3, true), Ok(None));
}

#[test]
fn transactions_show_their_offsets_when_they_commit() {
    for commits in [true, false] {
        let mut stage = stage();
        stage.commit(Committer::nobody(), &[offset("t", 0, 1)]).unwrap();
        stage.pend(7, Committer::nobody(), &[offset("t", 0, 10)]).unwrap();
        stage.pend(7, Committer::nobody(), &[offset("t", 1, 11)]).unwrap();
        stage.pend(8, Committer::nobody(), &[offset("u", 0, 20)]).unwrap();
        stage.checkpoint();
        stage.restart();
        assert_eq!(stage.found("t", 0, false), Ok(Some(1)));
        assert_eq!(stage.found("t", 0, true), Err(Code::UnstableOffsetCommit));
        assert_eq!(stage.found("t", 2, true), Ok(None), "others are stable");
        assert_eq!(stage.state.groups_of_producer(7).count(), 1, "the index is restored");
        stage.end(7, commits);
        let expected = if commits { (Some(10), Some(11)) } else { (Some(1), None) };
        assert_eq!((stage.found("t", 0, true), stage.found("t", 1, true)), (Ok(expected.0), Ok(expected.1)));
        assert_eq!(stage.found("u", 0, true), Err(Code::UnstableOffsetCommit), "producer 8 goes on");
        assert_eq!(stage.state.groups_of_producer(7).count(), 0);
        stage.restart();
        assert_eq!(stage.found("t", 0, true), Ok(expected.0));
    }
    let mut stage = stage();
    stage.pend(7, Committer::nobody(), &[offset("t", 0, 10)]).unwrap();
    let older = PendingRequest {
        group: GROUP.into(),
        by: Committer::nobody(),
        producer_id: 7,
        producer_epoch: 0,
        offsets: vec![offset("t", 0, 3)],
    };
    let refused = stage.act(GROUP, |state, cx, out| decide_pending(state, cx, out, &older));
    assert_eq!(refused.unwrap_err().code, Code::InvalidProducerEpoch);
}

#[test]
fn deletion_spares_what_is_read() {
    let places: Vec<(Arc<str>, i32)> =
        vec![("t".into(), 0), ("u".into(), 0), ("u".into(), 1), ("z".into(), 0)];
    let mut stage = stage();
    let group: Arc<str> = GROUP.into();
    let delete = |stage: &mut Stage| {
        let outcomes = stage.act(GROUP, |state, cx, out| removal::delete(state, cx, out, &group, &places));
        outcomes.map(codes).map_err(|error| error.code)
    };
    assert_eq!(delete(&mut stage), Err(Code::GroupIdNotFound));
    stage.commit(Committer::nobody(), &[offset("t", 0, 1), offset("u", 0, 1)]).unwrap();
    stage.with_member("t", false);
    let unknown = Err(Code::UnknownTopicOrPartition);
    assert_eq!(delete(&mut stage).unwrap(), [Err(Code::GroupSubscribedToTopic), Ok(()), Ok(()), unknown]);
    assert_eq!((stage.found("t", 0, true), stage.found("u", 0, true)), (Ok(Some(1)), Ok(None)));
    stage.leave_all();
    assert_eq!(delete(&mut stage).unwrap(), [Ok(()), Ok(()), Ok(()), unknown]);
    assert_eq!(stage.all(), 0);
}

#[test]
fn deleted_topics_take_their_offsets_along() {
    let mut stage = stage();
    stage.commit(Committer::nobody(), &[offset("t", 0, 1), offset("t", 1, 1), offset("u", 0, 1)]).unwrap();
    let gone = [stage.topics.by_name("t").unwrap()];
    stage.topics.remove("t");
    stage.act(GROUP, |state, _, out| removal::forget_topics(state, out, &GROUP.into(), &gone));
    assert_eq!((stage.all(), stage.found("u", 0, true)), (1, Ok(Some(1))));
}

#[test]
fn offsets_of_an_empty_group_expire() {
    let mut stage = stage();
    stage.commit(Committer::nobody(), &[offset("t", 0, 1), offset("u", 0, 1)]).unwrap();
    stage.with_member("t", false);
    stage.beat_for(20_000);
    stage.now.wall_ms += WEEK_MS;
    stage.expire();
    assert_eq!(stage.all(), 1, "what is read stays, what is not read any more goes");
    stage.leave_all();
    stage.now.wall_ms += WEEK_MS - 1;
    stage.expire();
    assert_eq!(stage.all(), 1, "the week begins when the group becomes empty");
    stage.pend(7, Committer::nobody(), &[offset("t", 0, 3)]).unwrap();
    stage.now.wall_ms += 1;
    stage.expire();
    assert_eq!(stage.all(), 1, "an open transaction keeps its partitions");
    stage.end(7, false);
    stage.expire();
    assert!(stage.state.group(GROUP).is_none(), "a group without members and offsets goes");
    stage.restart();
    assert!(stage.state.is_empty());
    // The client may say how long.
    let request = CommitRequest {
        group: GROUP.into(),
        by: Committer::nobody(),
        retention_ms: Some(1_000),
        offsets: vec![offset("t", 0, 1)],
    };
    stage.commit_request(&request).unwrap();
    stage.now.wall_ms += 999;
    stage.expire();
    assert_eq!(stage.all(), 1);
    stage.now.wall_ms += 1;
    stage.expire();
    assert!(stage.state.is_empty());
}

#[test]
fn groups_are_described_and_deleted() {
    let mut stage = stage();
    let group: Arc<str> = GROUP.into();
    let delete = |stage: &mut Stage, id: &Arc<str>| {
        let outcome = stage.act(id, |state, cx, out| admin::delete(state, cx.now, out, id));
        outcome.map_err(|error| error.code)
    };
    let describe = |stage: &mut Stage| {
        let now = stage.now;
        admin::describe(&mut stage.state, now, GROUP).map_err(|error| error.code)
    };
    assert_eq!(delete(&mut stage, &"".into()), Err(Code::InvalidGroupId));
    assert_eq!(delete(&mut stage, &group), Err(Code::GroupIdNotFound));
    assert_eq!(describe(&mut stage), Err(Code::GroupIdNotFound));
    stage.with_member("t", true);
    let described = describe(&mut stage).unwrap();
    assert_eq!(
        (described.state, described.members.len(), &*described.protocol),
        ("CompletingRebalance", 1, "")
    );
    assert!(described.members[0].metadata.is_empty());
    assert_eq!(delete(&mut stage, &group), Err(Code::NonEmptyGroup));
    stage.leave_all();
    assert_eq!(describe(&mut stage).unwrap().state, "Empty");
    stage.commit(Committer::nobody(), &[offset("t", 0, 1)]).unwrap();
    assert_eq!(delete(&mut stage, &group), Ok(()));
    assert_eq!((stage.all(), stage.state.len()), (0, 0));
    stage.with_member("t", false);
    let described = describe(&mut stage).unwrap();
    assert_eq!(
        (described.state, &*described.protocol, &*described.protocol_type),
        ("Stable", "range", "consumer")
    );
    assert!(!described.members[0].metadata.is_empty());
}
