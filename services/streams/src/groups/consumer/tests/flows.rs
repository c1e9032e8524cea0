//! The steps of a reconciliation, one by one.

use super::*;

#[test]
fn partitions_move_when_they_were_given_up() {
    let mut stage = stage();
    let first = stage.consumer(&join("a", &["t"])).unwrap();
    assert_eq!((first.member_epoch, first.assignment), (1, Some(parts(1, &[0, 1, 2, 3]))));
    assert_eq!(first.heartbeat_interval_ms, 5_000);
    let before = stage.log.len();
    let quiet = stage.consumer(&beat("a", 1, None)).unwrap();
    assert_eq!((quiet.member_epoch, quiet.assignment), (1, None));
    assert_eq!(stage.log.len(), before, "heartbeats that change nothing log nothing");

    let second = stage.consumer(&join("b", &["t"])).unwrap();
    assert_eq!((second.member_epoch, second.assignment), (2, Some(Assignment::new())), "nothing is free yet");
    assert_eq!(stage.record().state_name(), "Reconciling");
    let told = stage.consumer(&beat("a", 1, None)).unwrap();
    assert_eq!((told.member_epoch, told.assignment), (1, Some(parts(1, &[0, 1]))), "told to give up");
    for owned in [None, Some(parts(1, &[0, 1, 2, 3])), Some(parts(1, &[0, 1, 3]))] {
        let waits = stage.consumer(&beat("a", 1, owned)).unwrap();
        assert_eq!(waits.member_epoch, 1, "not confirmed");
        assert_eq!(stage.consumer(&beat("b", 2, None)).unwrap().assignment, None);
    }
    assert_eq!(stage.consumer(&beat("a", 1, Some(parts(1, &[0, 1])))).unwrap().member_epoch, 2);
    let gets = stage.consumer(&beat("b", 2, None)).unwrap();
    assert_eq!(gets.assignment, Some(parts(1, &[2, 3])));
    assert_eq!(stage.record().state_name(), "Stable");

    stage.restart();
    assert_eq!(stage.consumer(&beat("a", 2, None)).unwrap().assignment, None, "a restart moves nothing");
    stage.consumer(&beat("a", EPOCH_LEAVE, None)).unwrap();
    let gets = stage.consumer(&beat("b", 2, None)).unwrap();
    assert_eq!((gets.member_epoch, gets.assignment), (3, Some(parts(1, &[0, 1, 2, 3]))));
}

#[test]
fn changes_of_topics_reach_members_with_their_next_heartbeat() {
    let mut stage = stage();
    let pattern = HeartbeatRequest { pattern: Some("u|v.*".into()), ..join("a", &[]) };
    assert_eq!(stage.consumer(&pattern).unwrap().assignment, Some(parts(2, &[0, 1])));
    stage.topics.set("x", 3);
    assert_eq!(stage.consumer(&beat("a", 1, None)).unwrap().member_epoch, 1, "nobody reads x");
    stage.topics.set("v1", 1);
    let more = stage.consumer(&beat("a", 1, None)).unwrap();
    assert_eq!(more.member_epoch, 2);
    assert_eq!(more.assignment.unwrap().len(), 2);
    stage.topics.set("v1", 2);
    let more = stage.consumer(&beat("a", 2, None)).unwrap().assignment.unwrap();
    assert_eq!(more[&Fake::id(4)], [0, 1]);
    stage.topics.remove("u");
    let told = stage.consumer(&beat("a", 3, None)).unwrap();
    assert_eq!(told.assignment, Some(parts(4, &[0, 1])));
    assert_eq!(stage.consumer(&beat("a", 3, Some(parts(4, &[0, 1])))).unwrap().member_epoch, 4);
    let named =
        HeartbeatRequest { pattern: Some("".into()), topics: Some(vec!["t".into()]), ..beat("a", 4, None) };
    assert_eq!(stage.consumer(&named).unwrap().assignment, Some(Assignment::new()), "gives v1 up");
    let gets = stage.consumer(&beat("a", 4, Some(Assignment::new()))).unwrap();
    assert_eq!(gets.assignment, Some(parts(1, &[0, 1, 2, 3])));
    let before = stage.log.len();
    stage.restart();
    stage.consumer(&beat("a", 5, None)).unwrap();
    assert_eq!(stage.log.len(), before, "after a restart, topics that are as before cost nothing");
}

#[test]
fn a_static_member_keeps_its_partitions_while_it_is_away() {
    let mut stage = stage();
    stage.consumer(&join_static("s", "i")).unwrap();
    let away = HeartbeatRequest { instance_id: Some("i".into()), ..beat("s", EPOCH_LEAVE_STATIC, None) };
    assert_eq!(stage.consumer(&away).unwrap().member_epoch, EPOCH_LEAVE_STATIC);
    stage.restart();
    let back = stage.consumer(&join_static("s2", "i")).unwrap();
    assert_eq!((back.member_epoch, back.assignment), (1, Some(parts(1, &[0, 1, 2, 3]))), "no new epoch");
    assert_eq!(stage.record().members.len(), 1);
    let away = HeartbeatRequest { instance_id: Some("i".into()), ..beat("s2", EPOCH_LEAVE_STATIC, None) };
    stage.consumer(&away).unwrap();
    stage.pass(45_000);
    assert!(stage.record().members.is_empty(), "it did not come back in time");
}

#[test]
fn silent_and_slow_members_are_out() {
    let mut stage = stage();
    stage.consumer(&join("a", &["t"])).unwrap();
    stage.consumer(&join("b", &["t"])).unwrap();
    stage.consumer(&beat("a", 1, None)).unwrap();
    // `a` lives, but does not give up; `b` is silent.
    for _ in 0..9 {
        stage.pass(5_000);
        stage.consumer(&beat("a", 1, None)).unwrap();
    }
    assert_eq!(stage.record().members.keys().map(|id| &**id).collect::<Vec<_>>(), ["a"]);
    for _ in 0..3 {
        stage.pass(5_000);
        let _outcome = stage.consumer(&beat("a", 1, None));
    }
    assert!(stage.record().members.is_empty(), "the rebalance timeout of 60 s is over");
    assert_eq!(stage.consumer(&beat("a", 1, None)).unwrap_err().code, Code::UnknownMemberId);
}

#[test]
fn an_operator_can_set_the_sessions_of_a_group() {
    let mut stage = stage();
    stage.topics.set_overrides(crate::groups::Overrides {
        consumer_session_timeout_ms: Some(1_000),
        consumer_heartbeat_interval_ms: Some(100),
        ..Default::default()
    });
    assert_eq!(stage.consumer(&join("a", &["t"])).unwrap().heartbeat_interval_ms, 100);
    stage.pass(1_000);
    assert!(stage.record().members.is_empty());
}

#[test]
fn a_thousand_members_come_to_rest_with_few_heartbeats() {
    let mut stage = Stage::new(&[("t", 2_000)], Config::default());
    let ids: Vec<String> = (0..1_000).map(|number| format!("m{number:04}")).collect();
    let mut states: Vec<(i32, Assignment)> = Vec::new();
    for id in &ids {
        let joined = stage.consumer(&join(id, &["t"])).unwrap();
        states.push((joined.member_epoch, joined.assignment.unwrap()));
    }
    let mut rounds = 0;
    while stage.record().state_name() != "Stable" {
        rounds += 1;
        assert!(rounds <= 4, "one round to tell, one to confirm, one to get");
        for (id, (epoch, owned)) in ids.iter().zip(&mut states) {
            let answer = stage.consumer(&beat(id, *epoch, Some(owned.clone()))).unwrap();
            *epoch = answer.member_epoch;
            if let Some(assignment) = answer.assignment {
                *owned = assignment;
            }
        }
    }
    assert!(states.iter().all(|(_, owned)| owned.values().map(Vec::len).sum::<usize>() == 2));
    let before = stage.log.len();
    for (id, (epoch, _)) in ids.iter().zip(&states) {
        stage.consumer(&beat(id, *epoch, None)).unwrap();
    }
    assert_eq!(stage.log.len(), before);
}
