//! The flows of a rebalance, one by one.

use super::*;
use crate::groups::classic::{Phase, find};
use crate::groups::error::Code;

fn phase(stage: &mut Stage) -> Phase {
    let now = stage.now;
    find(&mut stage.state, GROUP, now).unwrap().unwrap().phase
}

#[test]
fn members_join_sync_and_go() {
    let mut stage = stage();
    let first = stage.join(&join_request(""), "a");
    let alone = stage.joined(first).unwrap();
    assert_eq!((alone.generation, &*alone.leader, alone.members.len()), (1, "a", 1));
    let token = stage.sync("a", 1, &[("a", "all")]);
    assert_eq!(&stage.synced(token).unwrap().assignment[..], b"all");
    let second = stage.join(&join_request(""), "b");
    assert_eq!(stage.beat("a", 1).unwrap_err().code, Code::RebalanceInProgress);
    assert!(stage.waiting.contains(&second), "who joins waits for the others");
    let again = stage.join(&join_request("a"), "");
    let (leader, follower) = (stage.joined(again).unwrap(), stage.joined(second).unwrap());
    assert_eq!((leader.generation, leader.members.len(), follower.members.len()), (2, 2, 0));
    let waits = stage.sync("b", 2, &[]);
    assert!(stage.waiting.contains(&waits), "a follower waits for the leader's assignment");
    let token = stage.sync("a", 2, &[("a", "x"), ("b", "y")]);
    assert_eq!(&stage.synced(token).unwrap().assignment[..], b"x");
    assert_eq!(&stage.synced(waits).unwrap().assignment[..], b"y");
    stage.restart();
    assert_eq!(stage.beat("a", 2), Ok(()), "a restart forces nobody to join again");
    let token = stage.sync("b", 2, &[]);
    assert_eq!(&stage.synced(token).unwrap().assignment[..], b"y");
    stage.leave("a", None).unwrap();
    let token = stage.join(&join_request("b"), "");
    assert_eq!(&*stage.joined(token).unwrap().leader, "b");
    stage.leave("b", None).unwrap();
    assert_eq!(phase(&mut stage), Phase::Empty);
}

#[test]
fn silence_ends_sessions_and_rebalances() {
    let mut stage = stage();
    stage.stable(&["a", "b"]);
    for _ in 0..10 {
        stage.pass(SESSION_MS / 2);
        stage
            .beat("a", 2)
            .or_else(|error| if error.code == Code::RebalanceInProgress { Ok(()) } else { Err(error) })
            .unwrap();
    }
    // `b` was silent and is out; `a` was asked to join and has not.
    assert_eq!(phase(&mut stage), Phase::PreparingRebalance);
    let token = stage.join(&join_request("a"), "");
    assert_eq!(stage.joined(token).unwrap().generation, 3);
    // `a` never asks for its assignment: out when the rebalance timeout is over.
    for _ in 0..REBALANCE_MS / 5_000 {
        stage.pass(5_000);
        let _outcome = stage.beat("a", 3);
    }
    assert_eq!(phase(&mut stage), Phase::Empty);
}

#[test]
fn a_late_member_is_left_behind_and_a_static_one_is_waited_for() {
    for (instance, members) in [(None, 1), (Some("i"), 2)] {
        let mut stage = stage();
        stage.stable(&["a"]);
        let late = JoinRequest {
            session_timeout_ms: 300_000,
            instance_id: instance.map(Arc::from),
            ..join_request("")
        };
        stage.join(&late, "b");
        let token = stage.join(&join_request("a"), "");
        let generation = stage.joined(token).unwrap().generation;
        let token = stage.sync("a", generation, &[]);
        stage.synced(token).unwrap();
        let token = stage.sync_with(&SyncRequest {
            instance_id: instance.map(Arc::from),
            ..sync_request("b", generation, &[])
        });
        stage.synced(token).unwrap();
        stage.replies.clear();
        let token = stage.join(&join_request("a"), "");
        stage.pass(REBALANCE_MS);
        let joined = stage.joined(token).unwrap();
        assert_eq!(joined.members.len(), members, "instance {instance:?}");
    }
}

#[test]
fn a_static_member_comes_back_without_a_rebalance() {
    let mut stage = stage();
    stage.join(&static_request("", "i"), "old");
    let token = stage.sync_with(&SyncRequest {
        instance_id: Some("i".into()),
        ..sync_request("old", 1, &[("old", "mine")])
    });
    stage.synced(token).unwrap();
    let token = stage.join(&static_request("", "i"), "new");
    let joined = stage.joined(token).unwrap();
    assert_eq!((joined.generation, joined.skip_assignment, &*joined.leader), (1, true, "new"));
    assert_eq!(joined.members.len(), 1);
    let old = HeartbeatRequest {
        group: GROUP.into(),
        member_id: "old".into(),
        instance_id: Some("i".into()),
        generation: 1,
    };
    let fenced = stage.act(GROUP, |state, cx, out| leave::heartbeat(state, cx, out, &old));
    assert_eq!(fenced.unwrap_err().code, Code::FencedInstanceId);
    stage.restart();
    let token =
        stage.sync_with(&SyncRequest { instance_id: Some("i".into()), ..sync_request("new", 1, &[]) });
    assert_eq!(
        &stage.synced(token).unwrap().assignment[..],
        b"mine",
        "the assignment stays with the instance"
    );
    // A client that cannot skip the assignment is told that another leads, so that it does not assign.
    let old_client = JoinRequest { supports_skipping_assignment: false, ..static_request("", "i") };
    let token = stage.join(&old_client, "newer");
    let joined = stage.joined(token).unwrap();
    assert_eq!((&*joined.leader, joined.skip_assignment, joined.members.len()), ("new", false, 0));
    // Another preference of all members: then there must be a rebalance.
    let changed = JoinRequest { protocols: protocols(&["sticky"]), ..static_request("newer", "i") };
    let token = stage.join(&changed, "");
    assert_eq!(stage.joined(token).unwrap_err().error.code, Code::InconsistentGroupProtocol);
}

#[test]
fn an_id_that_was_handed_out_holds_up_the_generation_until_its_time_is_over() {
    let mut stage = stage();
    stage.stable(&["a"]);
    let first = JoinRequest { require_known_member_id: true, ..join_request("") };
    let token = stage.join(&first, "b");
    assert_eq!(stage.joined(token).unwrap_err().error.code, Code::MemberIdRequired);
    let token = stage.join(&join_request("a"), "");
    assert!(stage.waiting.contains(&token));
    stage.pass(SESSION_MS);
    assert_eq!(stage.joined(token).unwrap().generation, 2);
    let token = stage.join(&join_request("b"), "");
    assert_eq!(stage.joined(token).unwrap_err().error.code, Code::UnknownMemberId, "too late");
}

#[test]
fn the_initial_delay_collects_members_as_long_as_they_come() {
    let mut stage = stage();
    stage.config.initial_rebalance_delay_ms = 3_000;
    let mut tokens = vec![stage.join(&join_request(""), "a")];
    stage.pass(2_000);
    tokens.push(stage.join(&join_request(""), "b"));
    stage.pass(2_000);
    tokens.push(stage.join(&join_request(""), "c"));
    stage.pass(1_999);
    assert_eq!(stage.waiting.len(), 3);
    stage.pass(3_001);
    for token in tokens {
        assert_eq!(stage.joined(token).unwrap().generation, 1);
    }
}

#[test]
fn the_protocol_with_most_votes_wins() {
    let rows: [(&[&[&str]], &str); 4] = [
        (&[&["range"]], "range"),
        (&[&["a", "b"], &["b", "a"], &["b", "a"]], "b"),
        (&[&["a", "b", "c"], &["c", "b"]], "b"),
        (&[&["x", "b", "c"], &["c", "b"]], "b"),
    ];
    for (members, expected) in rows {
        let mut stage = stage();
        stage.config.initial_rebalance_delay_ms = 1;
        let mut tokens = Vec::new();
        for (index, names) in members.iter().enumerate() {
            let request = JoinRequest { protocols: protocols(names), ..join_request("") };
            tokens.push(stage.join(&request, &index.to_string()));
        }
        stage.pass(3);
        for token in tokens {
            assert_eq!(stage.joined(token).unwrap().protocol_name.as_deref(), Some(expected), "{members:?}");
        }
    }
}

#[test]
fn a_generation_that_was_announced_is_not_used_again_after_a_restart() {
    let mut stage = stage();
    stage.stable(&["a", "b"]);
    let tokens = [stage.join(&join_request("a"), ""), stage.join(&join_request("b"), "")];
    for token in tokens {
        assert_eq!(stage.joined(token).unwrap().generation, 3);
    }
    stage.restart();
    assert_eq!(stage.beat("a", 2).unwrap_err().code, Code::IllegalGeneration);
    assert_eq!(stage.beat("a", 3).unwrap_err().code, Code::RebalanceInProgress);
    let tokens = [stage.join(&join_request("a"), ""), stage.join(&join_request("b"), "")];
    for token in tokens {
        assert_eq!(stage.joined(token).unwrap().generation, 4);
    }
}

#[test]
fn a_thousand_members_rebalance_with_little_logged() {
    let mut stage = stage();
    stage.config.initial_rebalance_delay_ms = 1_000;
    let ids: Vec<String> = (0..1_000).map(|number| format!("m{number:04}")).collect();
    let tokens: Vec<_> = ids.iter().map(|id| stage.join(&join_request(""), id)).collect();
    stage.pass(2_000);
    let mut leaders = 0;
    for token in tokens {
        let joined = stage.joined(token).unwrap();
        assert_eq!(joined.generation, 1);
        leaders += usize::from(joined.members.len() == 1_000);
    }
    assert_eq!(leaders, 1);
    assert_eq!(stage.log.len(), 1, "one entry announces the generation");
    let followers: Vec<_> = ids[1..].iter().map(|id| stage.sync(id, 1, &[])).collect();
    let assignments: Vec<_> = ids.iter().map(|id| (id.as_str(), "part")).collect();
    let leader = stage.sync(&ids[0], 1, &assignments);
    for token in followers.into_iter().chain([leader]) {
        assert_eq!(&stage.synced(token).unwrap().assignment[..], b"part");
    }
    assert_eq!(stage.log.len(), 2, "one entry settles it");
    for id in &ids {
        assert_eq!(stage.beat(id, 1), Ok(()));
    }
    assert_eq!(stage.log.len(), 2, "heartbeats log nothing");
}
