//! What happens to records.

use Acknowledgement::{Accept, Gap, Reject, Release, Renew};

use super::*;

#[test]
fn a_group_begins_where_it_is_told() {
    for (reset, position) in [(OffsetReset::Earliest, Some(5)), (OffsetReset::Latest, None)] {
        let mut stage = stage();
        stage.topics.set_overrides(Overrides { share_offset_reset: Some(reset), ..Overrides::default() });
        assert_eq!(stage.position((5, 20)), Ok(position));
        stage.restart();
        let expected = position.or(Some(20));
        assert_eq!(stage.position((5, 30)), Ok(expected), "the beginning is kept");
    }
    let mut stage = stage();
    let group = GROUP.into();
    let refused =
        stage.act(GROUP, |state, cx, out| position(state, cx, out, &group, (Fake::id(1), 2), (0, 1)));
    assert_eq!(refused.unwrap_err().code, Code::UnknownTopicOrPartition);
}

#[test]
fn records_go_to_one_member_and_come_back() {
    let mut stage = stage();
    assert_eq!(stage.fetch("a", 30, 10, 5), [(0, 9, 1)], "a batch is not cut");
    assert_eq!(stage.fetch("b", 30, 10, 15), [(10, 29, 1)], "what is left of a batch comes along");
    assert_eq!(stage.fetch("c", 30, 10, 15), []);
    assert_eq!(stage.acknowledge("b", 10, 10, Accept), Ok(()));
    assert_eq!(stage.share().start, 0, "the start waits for the first record");
    assert_eq!(stage.acknowledge("a", 0, 3, Accept), Ok(()));
    assert_eq!(stage.acknowledge("a", 4, 5, Release), Ok(()));
    assert_eq!(stage.acknowledge("a", 6, 7, Reject), Ok(()));
    assert_eq!(stage.share().start, 4);
    assert_eq!(stage.fetch("c", 30, 10, 15), [(4, 5, 2)], "delivered for the second time");
    assert_eq!(stage.acknowledge("c", 4, 5, Accept), Ok(()));
    assert_eq!(stage.share().start, 8, "rejected ones are passed over");
    stage.pass(LOCK_MS);
    assert_eq!(stage.acknowledge("a", 8, 9, Accept), Err(Code::InvalidRecordState), "too late");
    assert_eq!(stage.fetch("c", 30, 10, 100), [(8, 9, 2), (11, 29, 2)]);
    assert_eq!(stage.acknowledge("c", 0, 9, Accept), Ok(()), "what is below the start does not matter");
    assert_eq!(stage.acknowledge("c", 11, 29, Accept), Ok(()));
    assert_eq!((stage.share().start, stage.share().spans.len()), (30, 0));
}

#[test]
fn each_offset_may_have_its_own_acknowledgement() {
    let mut stage = stage();
    assert_eq!(stage.fetch("a", 5, 5, 5), [(0, 4, 1)]);
    let kinds = vec![Accept, Gap, Release, Accept, Renew];
    stage.acknowledge_batches("a", vec![Batch { first: 0, last: 4, kinds }]).unwrap();
    assert_eq!(stage.share().start, 2);
    stage.pass(LOCK_MS - 1);
    assert_eq!(stage.acknowledge("a", 4, 4, Renew), Ok(()), "the lock began anew");
    stage.pass(LOCK_MS - 1);
    assert_eq!(stage.fetch("b", 5, 5, 5), [(2, 2, 2)]);
    stage.pass(1);
    assert_eq!(stage.fetch("b", 5, 5, 5), [(4, 4, 2)]);
}

#[test]
fn a_record_is_archived_after_its_last_delivery() {
    for by_timeout in [true, false] {
        let mut stage = stage();
        for delivery in 1..=5 {
            assert_eq!(stage.fetch("a", 1, 1, 1), [(0, 0, delivery)]);
            if by_timeout {
                stage.pass(LOCK_MS);
            } else {
                stage.acknowledge("a", 0, 0, Release).unwrap();
            }
        }
        assert_eq!(stage.fetch("a", 1, 1, 1), []);
        assert_eq!(stage.share().start, 1);
    }
}

#[test]
fn a_crash_costs_one_delivery_at_most() {
    let mut stage = stage();
    assert_eq!(stage.fetch("a", 1, 1, 1), [(0, 0, 1)]);
    stage.acknowledge("a", 0, 0, Release).unwrap();
    assert_eq!(stage.fetch("a", 1, 1, 1), [(0, 0, 2)]);
    stage.restart();
    assert_eq!(stage.acknowledge("a", 0, 0, Accept), Err(Code::InvalidRecordState), "the lock is gone");
    assert_eq!(stage.fetch("b", 1, 1, 1), [(0, 0, 2)], "two, not three; never one");
}

#[test]
fn a_closed_session_gives_back_what_was_not_looked_at() {
    let mut stage = stage();
    stage.session("a", 0, &[place()], &[]).unwrap();
    assert_eq!(stage.fetch("a", 10, 10, 10), [(0, 9, 1)]);
    stage.acknowledge("a", 0, 4, Accept).unwrap();
    stage.release("a");
    assert_eq!(stage.fetch("b", 10, 10, 10), [(5, 9, 1)]);
}

#[test]
fn offsets_without_records_are_passed_over() {
    let mut stage = stage();
    assert_eq!(stage.position((0, 30)), Ok(Some(0)));
    assert_eq!(stage.acquire("a", 0, 30, vec![(5, 9), (20, 24)], 100), [(5, 9, 1), (20, 24, 1)]);
    assert_eq!(stage.share().start, 5);
    stage.acknowledge("a", 5, 9, Accept).unwrap();
    assert_eq!(stage.share().start, 20);
    stage.acknowledge("a", 20, 24, Accept).unwrap();
    assert_eq!(stage.position((0, 30)), Ok(Some(25)));
    assert_eq!(stage.acquire("a", 25, 30, Vec::new(), 100), [], "only control records are left");
    assert_eq!((stage.share().start, stage.position((0, 30))), (30, Ok(None)));
}

#[test]
fn records_that_retention_deleted_are_forgotten() {
    let mut stage = stage();
    assert_eq!(stage.fetch("a", 30, 10, 20), [(0, 19, 1)]);
    assert_eq!(stage.position((15, 30)), Ok(Some(20)));
    assert_eq!(stage.share().start, 15);
    assert_eq!(stage.acknowledge("a", 0, 19, Accept), Ok(()));
    assert_eq!(stage.share().start, 20);
}

#[test]
fn limits_are_kept() {
    let mut stage = stage();
    stage.config.share_in_flight_max = 15;
    assert_eq!(stage.fetch("a", 100, 10, 100), [(0, 19, 1)], "the bound is met within a batch");
    assert_eq!(stage.position((0, 100)), Ok(None));
    stage.acknowledge("a", 10, 19, Accept).unwrap();
    assert_eq!(stage.fetch("b", 100, 10, 100), [(20, 29, 1)], "done records do not count");
    stage.acknowledge("b", 20, 29, Accept).unwrap();
    let strict = AcquireRequest {
        group: GROUP.into(),
        member_id: "b".into(),
        place: place(),
        from: 30,
        to: 40,
        batches: vec![(30, 39)],
        max_records: 3,
        strict: true,
        delayed: Vec::new(),
    };
    assert_eq!(stage.acquire_request(&strict), [(30, 32, 1)]);
    assert_eq!(stage.position((0, 100)), Ok(Some(33)));
    assert_eq!(stage.acquire_request(&AcquireRequest { from: 33, ..strict }), [(33, 35, 1)]);
}

#[test]
fn a_deleted_topic_is_forgotten_with_its_locks() {
    let mut stage = stage();
    stage.fetch("a", 10, 10, 10);
    let topic = crate::groups::Topics::by_id(&stage.topics, Fake::id(1)).unwrap();
    let group = GROUP.into();
    stage.act(GROUP, |state, _, out| {
        crate::groups::offsets::removal::forget_topics(state, out, &group, &[topic]);
    });
    stage.pass(LOCK_MS);
    assert!(stage.share_record().shares.is_empty());
    assert_eq!(locks::next_deadline(&stage.state, GROUP), None);
}
