//! Every refusal, and the group's members.

use super::*;

#[test]
fn heartbeats_are_refused() {
    let rows: Vec<(&str, HeartbeatRequest, Code)> = vec![
        ("group id", HeartbeatRequest { group: "".into(), ..beat("b", 0) }, Code::InvalidRequest),
        ("member id", beat("", 0), Code::InvalidRequest),
        ("rack", HeartbeatRequest { rack: Some("".into()), ..beat("b", 0) }, Code::InvalidRequest),
        ("topics", HeartbeatRequest { topics: None, ..beat("b", 0) }, Code::InvalidRequest),
        ("no topics", HeartbeatRequest { topics: Some(Vec::new()), ..beat("b", 0) }, Code::InvalidRequest),
        ("epoch", beat("a", -2), Code::InvalidRequest),
        ("no group", HeartbeatRequest { group: "other".into(), ..beat("a", 1) }, Code::GroupIdNotFound),
        ("unknown", beat("z", 1), Code::UnknownMemberId),
        ("unknown leaves", beat("z", EPOCH_LEAVE), Code::UnknownMemberId),
        ("ahead", beat("a", 2), Code::FencedMemberEpoch),
        ("full", beat("b", 0), Code::GroupMaxSizeReached),
    ];
    for (row, request, code) in rows {
        let mut stage = stage();
        stage.config.share_members_max = 1;
        let before = stage.log.len();
        let refused = stage.share_beat(&request).unwrap_err();
        assert_eq!(refused.code, code, "{row}: {refused}");
        assert_eq!(stage.log.len(), before, "{row}");
    }
}

#[test]
fn members_share_partitions_and_time_out() {
    let mut stage = stage();
    for member in ["b", "c"] {
        assert!(stage.share_beat(&beat(member, 0)).unwrap().assignment.is_some());
    }
    let moved = stage.share_beat(&beat("a", 1)).unwrap();
    assert_eq!(moved.member_epoch, 3);
    assert!(moved.assignment.is_some(), "it has less than before");
    let before = stage.log.len();
    assert_eq!(stage.share_beat(&beat("a", 1)).unwrap().member_epoch, 3, "a lost answer is given again");
    assert_eq!(stage.share_beat(&beat("a", 3)).unwrap().assignment, None);
    assert_eq!(stage.log.len(), before);
    assert_eq!(stage.share_record().state_name(), "Stable");
    stage.restart();
    stage.pass(44_000);
    stage.share_beat(&beat("a", 3)).unwrap();
    stage.pass(2_000);
    assert_eq!(stage.share_record().members.len(), 1);
    stage.share_beat(&beat("a", EPOCH_LEAVE)).unwrap();
    assert_eq!(stage.share_record().state_name(), "Empty");
}

#[test]
fn sessions_count_their_requests() {
    let mut stage = stage();
    let other = (Fake::id(1), 1);
    assert_eq!(stage.session("a", 1, &[], &[]), Err(Code::ShareSessionNotFound));
    assert_eq!(stage.session("a", -1, &[], &[]), Err(Code::ShareSessionNotFound));
    assert_eq!(stage.session("a", 0, &[place()], &[]).unwrap().partitions, [place()]);
    assert_eq!(stage.session("a", 2, &[], &[]), Err(Code::InvalidShareSessionEpoch));
    assert_eq!(stage.session("a", 1, &[other, place()], &[]).unwrap().partitions, [place(), other]);
    assert_eq!(stage.session("a", 1, &[], &[]), Err(Code::InvalidShareSessionEpoch), "a doubled request");
    assert_eq!(stage.session("a", 2, &[], &[place()]).unwrap().partitions, [other]);
    stage.config.share_sessions_max = 1;
    assert_eq!(stage.session("b", 0, &[], &[]), Err(Code::ShareSessionLimitReached));
    assert!(stage.session("a", 0, &[], &[]).unwrap().partitions.is_empty(), "a session may begin anew");
    let acknowledges = SessionRequest {
        group: GROUP.into(),
        member_id: "a".into(),
        epoch: 0,
        add: Vec::new(),
        forget: Vec::new(),
        may_open: false,
    };
    assert_eq!(stage.session_request(&acknowledges), Err(Code::InvalidShareSessionEpoch));
    assert!(stage.session("a", -1, &[], &[]).unwrap().closed);
    assert_eq!(stage.session("a", 1, &[], &[]), Err(Code::ShareSessionNotFound));
    let nowhere = SessionRequest { group: "other".into(), may_open: true, ..acknowledges };
    assert_eq!(stage.session_request(&nowhere), Err(Code::GroupIdNotFound));
}

#[test]
fn acknowledgements_are_refused_as_a_whole() {
    use Acknowledgement::{Accept, Release};
    let batch = |first, last, kinds: &[Acknowledgement]| Batch { first, last, kinds: kinds.to_vec() };
    let rows = [
        ("two kinds for three", vec![batch(0, 2, &[Accept, Accept])], Code::InvalidRequest),
        ("no kind", vec![batch(0, 2, &[])], Code::InvalidRequest),
        ("backwards", vec![batch(2, 0, &[Accept])], Code::InvalidRequest),
        ("negative", vec![batch(-1, 0, &[Accept])], Code::InvalidRequest),
        ("endless", vec![batch(0, i64::MAX, &[Accept])], Code::InvalidRequest),
        ("overlap", vec![batch(0, 2, &[Accept]), batch(2, 3, &[Accept])], Code::InvalidRequest),
        ("of another", vec![batch(0, 4, &[Accept]), batch(10, 10, &[Accept])], Code::InvalidRecordState),
        ("of nobody", vec![batch(0, 4, &[Accept]), batch(25, 25, &[Release])], Code::InvalidRecordState),
    ];
    for (row, batches, code) in rows {
        let mut stage = stage();
        assert_eq!(stage.fetch("a", 20, 10, 10), [(0, 9, 1)]);
        assert_eq!(stage.fetch("b", 20, 10, 10), [(10, 19, 1)]);
        assert_eq!(stage.acknowledge_batches("a", batches), Err(code), "{row}");
        assert_eq!(stage.share().start, 0, "{row}: nothing was taken");
        assert_eq!(stage.acknowledge("a", 0, 9, Accept), Ok(()), "{row}");
        assert_eq!(stage.share().start, 10, "{row}");
    }
    let mut stage = stage();
    assert_eq!(stage.acknowledge("a", 0, 0, Accept), Err(Code::UnknownTopicOrPartition));
}

#[test]
fn operators_set_starts_of_groups_without_members() {
    let mut stage = stage();
    let group: Arc<str> = GROUP.into();
    assert_eq!(stage.fetch("a", 20, 10, 10), [(0, 9, 1)]);
    let unknown = (Fake::id(9), 0);
    let alter = |stage: &mut Stage| {
        let starts = [(place(), 15), (unknown, 1), (place(), -1)];
        let outcomes = stage.act(GROUP, |state, cx, out| offsets::alter(state, cx, out, &group, &starts));
        outcomes.map(|outcomes| {
            outcomes.into_iter().map(|outcome| outcome.map_err(|error| error.code)).collect::<Vec<_>>()
        })
    };
    let delete = |stage: &mut Stage| {
        let topics = [Fake::id(1), Fake::id(9)];
        let outcomes = stage.act(GROUP, |state, cx, out| offsets::delete(state, cx, out, &group, &topics));
        outcomes.map(|outcomes| {
            outcomes.into_iter().map(|outcome| outcome.map_err(|error| error.code)).collect::<Vec<_>>()
        })
    };
    assert_eq!(alter(&mut stage).unwrap_err().code, Code::NonEmptyGroup);
    assert_eq!(delete(&mut stage).unwrap_err().code, Code::NonEmptyGroup);
    stage.share_beat(&beat("a", EPOCH_LEAVE)).unwrap();
    let missing = Err(Code::UnknownTopicOrPartition);
    assert_eq!(alter(&mut stage).unwrap(), [Ok(()), missing, Err(Code::InvalidRequest)]);
    let shown = offsets::describe(&stage.state, GROUP, Some(&[place(), unknown])).unwrap();
    assert_eq!((shown[0].start, shown[0].state_epoch, shown[1].start), (Some(15), 1, None));
    assert_eq!(stage.acknowledge("a", 15, 15, Acknowledgement::Accept), Err(Code::InvalidRecordState));
    stage.restart();
    assert_eq!(stage.position((0, 20)), Ok(Some(15)));
    assert_eq!(delete(&mut stage).unwrap(), [Ok(()), missing]);
    assert_eq!(offsets::describe(&stage.state, GROUP, None).unwrap(), []);
    assert_eq!(offsets::describe(&stage.state, "other", None).unwrap_err().code, Code::GroupIdNotFound);
}
