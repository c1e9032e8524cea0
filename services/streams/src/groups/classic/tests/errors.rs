//! Every refusal of the classic operations.

use super::*;
use crate::groups::error::Code;

/// A group `g` in generation 2 with leader `a`, `b`, and static member `s` of instance `i`.
fn settled(phase: &str) -> Stage {
    let mut stage = stage();
    stage.join(&join_request(""), "a");
    stage.join(&join_request(""), "b");
    stage.join(&static_request("", "i"), "s");
    stage.join(&join_request("a"), "");
    stage.replies.clear();
    if phase == "completing" {
        return stage;
    }
    for id in ["b", "s", "a"] {
        let token = stage.sync(id, 2, &[("a", "1"), ("b", "2"), ("s", "3")]);
        stage.replies.remove(&token);
    }
    stage.replies.clear();
    if phase == "preparing" {
        stage.join(&join_request("a"), "");
    }
    stage
}

#[test]
fn joins_are_refused() {
    let long = "x".repeat(1_025);
    let rows: Vec<(&str, JoinRequest, Code)> = vec![
        ("empty id", JoinRequest { group: "".into(), ..join_request("") }, Code::InvalidGroupId),
        ("long id", JoinRequest { group: long.as_str().into(), ..join_request("") }, Code::InvalidGroupId),
        (
            "long client",
            JoinRequest { client_id: long.as_str().into(), ..join_request("") },
            Code::InvalidRequest,
        ),
        (
            "short session",
            JoinRequest { session_timeout_ms: 5_999, ..join_request("") },
            Code::InvalidSessionTimeout,
        ),
        (
            "long session",
            JoinRequest { session_timeout_ms: 1_800_001, ..join_request("") },
            Code::InvalidSessionTimeout,
        ),
        ("no group", JoinRequest { group: "other".into(), ..join_request("a") }, Code::UnknownMemberId),
        ("unknown", join_request("z"), Code::UnknownMemberId),
        (
            "other type",
            JoinRequest { protocol_type: "connect".into(), ..join_request("") },
            Code::InconsistentGroupProtocol,
        ),
        (
            "other protocol",
            JoinRequest { protocols: protocols(&["sticky"]), ..join_request("") },
            Code::InconsistentGroupProtocol,
        ),
        (
            "no protocol",
            JoinRequest { group: "new".into(), protocols: Vec::new(), ..join_request("") },
            Code::InconsistentGroupProtocol,
        ),
        (
            "no type",
            JoinRequest { group: "new".into(), protocol_type: "".into(), ..join_request("") },
            Code::InconsistentGroupProtocol,
        ),
        (
            "protocols",
            JoinRequest { protocols: protocols(&["p"; 65]), ..join_request("") },
            Code::InvalidRequest,
        ),
        (
            "needs id",
            JoinRequest { require_known_member_id: true, ..join_request("") },
            Code::MemberIdRequired,
        ),
        ("fenced", static_request("a", "i"), Code::FencedInstanceId),
        ("unknown instance", static_request("a", "j"), Code::UnknownMemberId),
    ];
    for (name, request, code) in rows {
        let mut stage = settled("stable");
        let token = stage.join(&request, "fresh");
        let refused = stage.joined(token).unwrap_err();
        assert_eq!(refused.error.code, code, "{name}: {refused}");
        let id = if code == Code::MemberIdRequired { "fresh" } else { &request.member_id };
        assert_eq!(&*refused.member_id, id, "{name}");
        assert!(stage.beat("a", 2).is_ok(), "{name}: the group goes on");
        assert_eq!(stage.state.live.groups.len(), 1, "{name}: a refused join makes no group");
    }
}

#[test]
fn a_full_group_takes_nobody() {
    for phase in ["preparing", "completing", "stable"] {
        let mut stage = settled(phase);
        stage.config.classic_members_max = if phase == "preparing" { 1 } else { 3 };
        let token = stage.join(&join_request(""), "fresh");
        assert_eq!(stage.joined(token).unwrap_err().error.code, Code::GroupMaxSizeReached, "{phase}");
    }
}

#[test]
fn heartbeats_and_syncs_are_refused() {
    let rows = [
        ("stable", "", "a", None, 2, Err(Code::InvalidGroupId)),
        ("stable", "other", "a", None, 2, Err(Code::UnknownMemberId)),
        ("stable", GROUP, "z", None, 2, Err(Code::UnknownMemberId)),
        ("stable", GROUP, "a", None, 1, Err(Code::IllegalGeneration)),
        ("stable", GROUP, "a", None, 3, Err(Code::IllegalGeneration)),
        ("stable", GROUP, "a", Some("i"), 2, Err(Code::FencedInstanceId)),
        ("stable", GROUP, "a", Some("j"), 2, Err(Code::UnknownMemberId)),
        ("stable", GROUP, "s", Some("i"), 2, Ok(())),
        ("preparing", GROUP, "b", None, 2, Err(Code::RebalanceInProgress)),
        ("stable", GROUP, "b", None, 2, Ok(())),
    ];
    for (phase, group, member, instance, generation, expected) in rows {
        let row = format!("{phase} {group} {member} {instance:?} {generation}");
        let mut stage = settled(phase);
        let beat = HeartbeatRequest {
            group: group.into(),
            member_id: member.into(),
            instance_id: instance.map(Arc::from),
            generation,
        };
        let outcome = stage.act(group, |state, cx, out| leave::heartbeat(state, cx, out, &beat));
        assert_eq!(outcome.map_err(|error| error.code), expected, "heartbeat {row}");
        let request = SyncRequest {
            group: group.into(),
            instance_id: instance.map(Arc::from),
            ..sync_request(member, generation, &[])
        };
        let token = stage.sync_with(&request);
        assert_eq!(stage.synced(token).map(|_| ()).map_err(|error| error.code), expected, "sync {row}");
    }
    let mut stage = settled("completing");
    assert_eq!(stage.beat("b", 2), Ok(()), "a heartbeat while assignments are awaited is fine");
    for (kind, name) in [(Some("connect"), None), (None, Some("sticky"))] {
        let request = SyncRequest {
            protocol_type: kind.map(Arc::from),
            protocol_name: name.map(Arc::from),
            ..sync_request("b", 2, &[])
        };
        let token = stage.sync_with(&request);
        assert_eq!(stage.synced(token).unwrap_err().code, Code::InconsistentGroupProtocol);
    }
}

#[test]
fn leaves_are_answered_one_by_one() {
    let rows = [
        ("a", None, Ok(())),
        ("z", None, Err(Code::UnknownMemberId)),
        ("a", Some("i"), Err(Code::FencedInstanceId)),
        ("a", Some("j"), Err(Code::UnknownMemberId)),
        ("", Some("i"), Ok(())),
        ("", Some("j"), Err(Code::UnknownMemberId)),
        ("s", Some("i"), Ok(())),
        ("pending", None, Ok(())),
    ];
    for (member, instance, expected) in rows {
        let mut stage = settled("stable");
        let first = JoinRequest { require_known_member_id: true, ..join_request("") };
        stage.join(&first, "pending");
        let outcome = stage.leave(member, instance).map_err(|error| error.code);
        assert_eq!(outcome, expected, "{member} {instance:?}");
        let rebalances = stage.beat("b", 2).is_err();
        assert_eq!(rebalances, expected.is_ok() && member != "pending", "{member} {instance:?}");
    }
    let mut stage = settled("stable");
    let refused = stage.act("other", |state, cx, out| leave::leave(state, cx, out, "other", &[]));
    assert_eq!(refused.unwrap_err().code, Code::UnknownMemberId);
}
