//! Every refusal.

use super::*;
use crate::groups::consumer::describe::describe;
use crate::groups::state::modern::Kind;

/// Member `a` in epoch 3 (before: 2) with partitions of `t`, and static member `s` of instance `i`.
fn settled() -> Stage {
    let mut stage = stage();
    let first = stage.consumer(&join("a", &["t"])).unwrap();
    stage.consumer(&join_static("s", "i")).unwrap();
    let revoking = stage.consumer(&beat("a", first.member_epoch, Some(parts(1, &[0, 1, 2, 3])))).unwrap();
    let kept = revoking.assignment.unwrap();
    let epoch = stage.consumer(&beat("a", first.member_epoch, Some(kept))).unwrap().member_epoch;
    assert_eq!(epoch, 2);
    stage
}

fn name(text: &str) -> Arc<str> {
    Arc::from(text)
}

#[test]
fn malformed_heartbeats_are_refused() {
    let long = "x".repeat(1_025);
    let rows: Vec<(&str, HeartbeatRequest, Code)> = vec![
        ("no group id", HeartbeatRequest { group: "".into(), ..join("b", &["t"]) }, Code::InvalidRequest),
        ("no member id", join("", &["t"]), Code::InvalidRequest),
        ("long member id", join(&long, &["t"]), Code::InvalidRequest),
        (
            "empty instance",
            HeartbeatRequest { instance_id: Some(name("")), ..join("b", &["t"]) },
            Code::InvalidRequest,
        ),
        ("empty rack", HeartbeatRequest { rack: Some(name("")), ..join("b", &["t"]) }, Code::InvalidRequest),
        (
            "no timeout",
            HeartbeatRequest { rebalance_timeout_ms: None, ..join("b", &["t"]) },
            Code::InvalidRequest,
        ),
        ("owns", HeartbeatRequest { owned: Some(parts(1, &[0])), ..join("b", &["t"]) }, Code::InvalidRequest),
        ("owned unsaid", HeartbeatRequest { owned: None, ..join("b", &["t"]) }, Code::InvalidRequest),
        ("no topics", HeartbeatRequest { topics: None, ..join("b", &["t"]) }, Code::InvalidRequest),
        ("epoch", beat("a", -3, None), Code::InvalidRequest),
        ("away without instance", beat("a", EPOCH_LEAVE_STATIC, None), Code::InvalidRequest),
        (
            "assignor",
            HeartbeatRequest { assignor: Some(name("sticky")), ..join("b", &["t"]) },
            Code::UnsupportedAssignor,
        ),
        (
            "pattern",
            HeartbeatRequest { pattern: Some(name("(")), ..join("b", &["t"]) },
            Code::InvalidRegularExpression,
        ),
        (
            "unbalanced",
            HeartbeatRequest { pattern: Some(name("a)|(b")), ..join("b", &["t"]) },
            Code::InvalidRegularExpression,
        ),
        (
            "huge pattern",
            HeartbeatRequest { pattern: Some(name("((a{1000}){1000})")), ..join("b", &["t"]) },
            Code::InvalidRegularExpression,
        ),
    ];
    check_refusals(rows);
}

#[test]
fn heartbeats_that_come_at_the_wrong_time_are_refused() {
    let rows: Vec<(&str, HeartbeatRequest, Code)> = vec![
        ("no group", HeartbeatRequest { group: "other".into(), ..beat("a", 2, None) }, Code::GroupIdNotFound),
        (
            "leaves no group",
            HeartbeatRequest { group: "other".into(), ..beat("a", EPOCH_LEAVE, None) },
            Code::GroupIdNotFound,
        ),
        ("unknown", beat("z", 2, None), Code::UnknownMemberId),
        ("unknown leaves", beat("z", EPOCH_LEAVE, None), Code::UnknownMemberId),
        ("ahead", beat("a", 3, None), Code::FencedMemberEpoch),
        ("behind, unsaid", beat("a", 1, None), Code::FencedMemberEpoch),
        ("behind, owns more", beat("a", 1, Some(parts(1, &[0, 1, 2, 3]))), Code::FencedMemberEpoch),
        ("in use", join_static("s2", "i"), Code::UnreleasedInstanceId),
        (
            "unknown instance",
            HeartbeatRequest { instance_id: Some(name("j")), ..beat("s", 2, None) },
            Code::UnknownMemberId,
        ),
        (
            "fenced",
            HeartbeatRequest { instance_id: Some(name("i")), ..beat("s2", 2, None) },
            Code::FencedInstanceId,
        ),
        (
            "fenced leaves",
            HeartbeatRequest { instance_id: Some(name("i")), ..beat("s2", EPOCH_LEAVE_STATIC, None) },
            Code::FencedInstanceId,
        ),
    ];
    check_refusals(rows);
}

fn check_refusals(rows: Vec<(&str, HeartbeatRequest, Code)>) {
    for (row, request, code) in rows {
        let mut stage = settled();
        let before = stage.log.len();
        let refused = stage.consumer(&request).unwrap_err();
        assert_eq!(refused.code, code, "{row}: {refused}");
        assert_eq!(stage.log.len(), before, "{row}: a refusal changes nothing");
    }
}

#[test]
fn a_lost_answer_is_given_again() {
    let mut stage = settled();
    let again = stage.consumer(&beat("a", 1, Some(parts(1, &[0, 1])))).unwrap();
    assert_eq!(again.member_epoch, 2);
    assert_eq!(stage.consumer(&join("a", &["t"])).unwrap().assignment, Some(parts(1, &[0, 1])));
}

#[test]
fn a_full_group_takes_nobody_but_those_who_come_back() {
    let mut stage = settled();
    stage.config.consumer_members_max = 2;
    assert_eq!(stage.consumer(&join("b", &["t"])).unwrap_err().code, Code::GroupMaxSizeReached);
    let away = HeartbeatRequest { instance_id: Some("i".into()), ..beat("s", EPOCH_LEAVE_STATIC, None) };
    stage.consumer(&away).unwrap();
    stage.consumer(&join_static("s2", "i")).unwrap();
}

#[test]
fn groups_of_other_kinds_are_refused() {
    let mut stage = stage();
    stage.consumer(&join("a", &["t"])).unwrap();
    let refused = describe(&stage.state, GROUP, Kind::Share).unwrap_err();
    assert_eq!(refused.code, Code::GroupIdNotFound, "{refused}");
    assert_eq!(describe(&stage.state, "other", Kind::Consumer).unwrap_err().code, Code::GroupIdNotFound);
    let described = describe(&stage.state, GROUP, Kind::Consumer).unwrap();
    assert_eq!((described.state, described.epoch, described.assignor), ("Stable", 1, "uniform"));
    assert_eq!(*described.members[0].target, parts(1, &[0, 1, 2, 3]));
}
