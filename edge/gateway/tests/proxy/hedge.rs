//! Services that are asked twice: who wins, what the loser means, and what bounds it.

use crate::support::*;
use std::time::{Duration, Instant};

const MORE: &str = "balance = { algorithm = \"round-robin\" }\nhedge_after = \"50ms\"\nejection = { enabled = false }\ntimeouts = { first_byte = \"5s\" }\n";

fn hedges(gateway: &bole_gateway::Service) -> [u64; 3] {
    let state = gateway.state();
    let counters = &state.services["s"].counters;
    [&counters.hedges, &counters.hedges_won, &counters.hedges_refused].map(bole_net::metrics::Counter::get)
}

fn in_flight(gateway: &bole_gateway::Service) -> u64 {
    gateway.state().services["s"].set.status().iter().map(|one| u64::from(one.in_flight)).sum()
}

#[tokio::test]
async fn a_slow_instance_is_passed_by_and_not_blamed() {
    let (slow, good) = (Backend::start(Behaviour::Hang).await, Backend::start(Behaviour::Echo).await);
    let more = format!(
        "{MORE}retries = {{ budget_per_second = 1000.0 }}\nbreaker = {{ volume = 1, failure_share = 0.1 }}\n"
    );
    let gateway = gateway(&document(&[&slow, &good], &more)).await;
    let mut client = Client::connect(gateway.http()[0]).await;
    let begun = Instant::now();
    for number in 0..6 {
        let answer = client.get(&format!("/x?n={number}")).await.unwrap();
        assert_eq!(status(&answer), 200, "{answer}");
        let seen = answer.to_lowercase();
        assert!(
            seen.contains(&format!("get /x?n={number} http/1.1")) && seen.contains("host: a.example"),
            "{answer}"
        );
        assert!(seen.contains("x-forwarded-for: 127.0.0.1"), "{answer}");
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "nobody waited for the slow one");
    let [made, won, refused] = hedges(&gateway);
    assert!(made >= 1 && made == won && refused == 0, "{made} {won} {refused}");
    assert_eq!(slow.requests() as u64, made);
    until("losers end", || in_flight(&gateway) == 0).await;
    let state = gateway.state();
    assert_eq!(state.services["s"].counters.failures.get(), 0, "nobody failed");
    // What changes something, or has a body, goes once.
    slow.behave(Behaviour::Slow(Duration::from_millis(300)));
    for _ in 0..2 {
        client.send("POST /y HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab").await;
        assert_eq!(status(&client.answer().await.unwrap()), 200);
    }
    assert_eq!(hedges(&gateway)[0], made);
}

#[tokio::test]
async fn a_failure_does_not_win_while_another_answer_may_come() {
    let (slow, bad) = (
        Backend::start(Behaviour::Slow(Duration::from_millis(400))).await,
        Backend::start(Behaviour::Status(500)).await,
    );
    let more = format!("{MORE}retries = {{ attempts = 0, budget_per_second = 1000.0 }}\n");
    let gateway = gateway(&document(&[&slow, &bad], &more)).await;
    let mut client = Client::connect(gateway.http()[0]).await;
    let mut good = 0;
    for _ in 0..4 {
        good += usize::from(status(&client.get("/").await.unwrap()) == 200);
    }
    // Who began at the slow one gets its answer; who began at the bad one has its answer at once.
    let [made, won, _] = hedges(&gateway);
    assert_eq!((good as u64, won), (made, 0));
    assert!(made >= 1);
}

#[tokio::test]
async fn the_budget_of_retries_and_the_number_of_instances_bound_it() {
    let slow = [Backend::start(Behaviour::Hang).await, Backend::start(Behaviour::Hang).await];
    let more = MORE.replace("5s", "200ms")
        + "retries = { attempts = 0, budget_per_second = 0.0, budget_ratio = 0.1 }\n";
    let poor = gateway(&document(&[&slow[0], &slow[1]], &more)).await;
    for _ in 0..3 {
        assert_eq!(status(&get(&poor, "/").await), 504);
    }
    assert_eq!(hedges(&poor), [0, 0, 3]);
    assert_eq!(slow[0].requests() + slow[1].requests(), 3);
    let more = MORE.replace("5s", "200ms") + "retries = { attempts = 0, budget_per_second = 1000.0 }\n";
    let lonely = gateway(&document(&[&slow[0]], &more)).await;
    assert_eq!(status(&get(&lonely, "/").await), 504);
    assert_eq!(hedges(&lonely), [0, 0, 1]);
    let both = gateway(&document(&[&slow[0], &slow[1]], &more)).await;
    let answer = get(&both, "/").await;
    assert!(status(&answer) == 504 && answer.contains("first-byte-timeout"), "{answer}");
    assert_eq!(hedges(&both), [1, 0, 0]);
}

#[tokio::test]
async fn what_is_of_a_connection_stays_there() {
    let backend = Backend::start(Behaviour::Raw(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close, x-hop, set-cookie\r\nX-Hop: 1\r\nSet-Cookie: a=b\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    ))
    .await;
    let gateway = gateway(&document(&[&backend], MORE)).await;
    for version in ["1.0", "1.1"] {
        let mut client = Client::connect(gateway.http()[0]).await;
        client.send(format!("GET / HTTP/{version}\r\nHost: a\r\nConnection: close\r\n\r\n")).await;
        let answer = client.rest().await.to_lowercase();
        assert!(status(&answer) == 200 && answer.contains("set-cookie: a=b"), "{answer}");
        assert!(!answer.contains("x-hop: "), "{answer}");
        assert_eq!(answer.contains("transfer-encoding"), version == "1.1", "{answer}");
        let body = answer.split("\r\n\r\n").nth(1).unwrap();
        assert_eq!(body.starts_with("hello"), version == "1.0", "{answer}");
    }
}

#[tokio::test]
async fn long_answers_pass_through_and_compression_and_cors_are_the_routes() {
    let backend = Backend::start(Behaviour::Raw(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nSet-Cookie: a=b\r\nContent-Length: 10\r\n\r\n0123456789",
    ))
    .await;
    let text = document(&[&backend], MORE) + "cors = { origins = [\"https://b.example\"] }\n";
    let gateway = gateway(&text).await;
    let mut client = Client::connect(gateway.http()[0]).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\nOrigin: https://b.example\r\n\r\n").await;
    let answer = client.answer().await.unwrap().to_lowercase();
    assert!(answer.ends_with("0123456789") && answer.contains("set-cookie: a=b"), "{answer}");
    assert!(answer.contains("access-control-allow-origin: https://b.example"), "{answer}");
    client.send("HEAD / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    let answer = client.rest().await.to_lowercase();
    assert!(
        status(&answer) == 200 && answer.contains("content-length: 10") && answer.ends_with("\r\n\r\n"),
        "{answer}"
    );
}

#[tokio::test]
async fn a_percentile_is_learned_and_does_not_sink() {
    let (slow, good) = (Backend::start(Behaviour::Echo).await, Backend::start(Behaviour::Echo).await);
    let more = MORE.replace("50ms", "p60") + "retries = { budget_per_second = 1000.0 }\n";
    let gateway = gateway(&document(&[&slow, &good], &more)).await;
    let mut client = Client::connect(gateway.http()[0]).await;
    let wait = || gateway.state().services["s"].hedge_after();
    slow.behave(Behaviour::Slow(Duration::from_millis(40)));
    for _ in 0..98 {
        assert_eq!(status(&client.get("/").await.unwrap()), 200);
        assert_eq!(wait(), None);
    }
    assert_eq!(hedges(&gateway)[0], 0, "it is not known yet what is slow");
    // Half of them took 40 ms: that is what 60 of 100 take.
    for _ in 0..2 {
        assert_eq!(status(&client.get("/").await.unwrap()), 200);
    }
    let learned = wait().expect("a hundred answers came");
    assert!(learned >= Duration::from_millis(40), "{learned:?}");
    // From now on half of the requests are given up at the one that hangs; each still counts as at least as slow as it was waited for.
    slow.behave(Behaviour::Hang);
    for _ in 0..60 {
        assert_eq!(status(&client.get("/").await.unwrap()), 200);
    }
    let [made, won, _] = hedges(&gateway);
    assert!(made >= 20 && won == made, "{made} {won}");
    assert!(wait().is_some_and(|wait| wait >= learned), "{:?}", wait());
}
