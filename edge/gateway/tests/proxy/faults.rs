//! Instances that hang, reset, lie and die: what clients see of it, what is tried again, and who is left alone.

use crate::support::*;
use bole_gateway::config::Parts;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// No retries, no ejection: each fault is seen as it is.
const BARE: &str = "retries = { attempts = 0 }\nejection = { enabled = false }\ntimeouts = { connect = \"300ms\", first_byte = \"300ms\", read = \"300ms\" }";

#[tokio::test]
async fn each_fault_has_its_answer() {
    let backend = Backend::start(Behaviour::Hang).await;
    let gateway = gateway(&document(&[&backend], BARE)).await;
    let rows: &[(Behaviour, u16, &str)] = &[
        (Behaviour::Hang, 504, "first-byte-timeout"),
        (Behaviour::Close, 502, "upstream-closed"),
        (Behaviour::Reset, 502, "upstream-closed"),
        (Behaviour::Raw(b"\x16\x03\x01garbage\r\n\r\n"), 502, "upstream-garbage"),
        (
            Behaviour::Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
            502,
            "upstream-garbage",
        ),
        (Behaviour::Raw(b"HTTP/1.1 200 OK\r\nBad Header\r\n\r\n"), 502, "upstream-garbage"),
    ];
    for (behaviour, expected, name) in rows {
        backend.behave(behaviour.clone());
        let answer = get(&gateway, "/").await;
        assert_eq!(status(&answer), *expected, "{behaviour:?}: {answer}");
        assert!(answer.contains(&format!("urn:bole:gateway:{name}\"")), "{behaviour:?}: {answer}");
    }
    for behaviour in [Behaviour::Short, Behaviour::Stall] {
        backend.behave(behaviour.clone());
        let mut client = Client::connect(gateway.http()[0]).await;
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let answer = client.rest().await;
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("half"), "{behaviour:?}: {answer}");
    }
    backend.behave(Behaviour::Echo);
    assert_eq!(status(&get(&gateway, "/").await), 200, "and it goes on");
}

#[tokio::test]
async fn instances_that_are_not_there_are_told_apart() {
    let nowhere = { tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap() };
    let text = format!(
        "[services.s]\ninstances = [\"{nowhere}\"]\n{BARE}\n[services.none]\nregistry = true\n[routes.all]\nservice = \"s\"\n[routes.none]\npath = \"/none\"\nservice = \"none\"\n"
    );
    let gateway = gateway(&text).await;
    let answer = get(&gateway, "/").await;
    assert!(status(&answer) == 502 && answer.contains("connect-failed"), "{answer}");
    let answer = get(&gateway, "/none").await;
    assert!(status(&answer) == 503 && answer.contains("no-instance"), "{answer}");
    let metrics = gateway.state();
    assert!(metrics.services["s"].counters.failures.get() > 0);
}

#[tokio::test]
async fn what_is_safe_is_tried_again_elsewhere() {
    let (bad, good) = (Backend::start(Behaviour::Close).await, Backend::start(Behaviour::Echo).await);
    let more = "balance = { algorithm = \"round-robin\" }\nejection = { enabled = false }\nretries = { budget_per_second = 1000.0, statuses = [503] }";
    let gateway = gateway(&document(&[&bad, &good], more)).await;
    for behaviour in [Behaviour::Close, Behaviour::Reset, Behaviour::Status(503)] {
        bad.behave(behaviour.clone());
        for _ in 0..10 {
            assert_eq!(status(&get(&gateway, "/").await), 200, "{behaviour:?}");
        }
        let mut client = Client::connect(gateway.http()[0]).await;
        for _ in 0..4 {
            client.send("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello").await;
            let answer = client.answer().await.unwrap();
            assert!(status(&answer) == 200 && answer.ends_with("hello"), "{behaviour:?}: {answer}");
        }
    }
    assert!(bad.requests() >= 12, "it was asked: {}", bad.requests());
    // A POST may have been done by an instance that did not answer.
    bad.behave(Behaviour::Close);
    let before = bad.requests() + good.requests();
    let mut failed = 0;
    for _ in 0..10 {
        let mut client = Client::connect(gateway.http()[0]).await;
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello").await;
        failed += usize::from(status(&client.answer().await.unwrap()) == 502);
    }
    assert_eq!(failed, 5, "each that reached the bad one");
    assert_eq!(bad.requests() + good.requests() - before, 10, "none was sent twice");
}

#[tokio::test]
async fn a_post_is_tried_again_where_nothing_was_connected() {
    let good = Backend::start(Behaviour::Echo).await;
    let nowhere = { tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap() };
    let text = format!(
        "[services.s]\ninstances = [\"{nowhere}\", \"{}\"]\nbalance = {{ algorithm = \"round-robin\" }}\nejection = {{ enabled = false }}\nretries = {{ budget_per_second = 1000.0 }}\n[routes.all]\nservice = \"s\"\n",
        good.address
    );
    let gateway = gateway(&text).await;
    for _ in 0..6 {
        let mut client = Client::connect(gateway.http()[0]).await;
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello").await;
        assert_eq!(status(&client.answer().await.unwrap()), 200);
    }
    assert_eq!(good.requests(), 6);
}

#[tokio::test]
async fn a_hanging_instance_costs_one_try_where_tries_are_bounded() {
    let (bad, good) = (Backend::start(Behaviour::Hang).await, Backend::start(Behaviour::Echo).await);
    let more = "balance = { algorithm = \"round-robin\" }\nejection = { enabled = false }\nretries = { per_try = \"200ms\", budget_per_second = 1000.0 }";
    let gateway = gateway(&document(&[&bad, &good], more)).await;
    for _ in 0..4 {
        assert_eq!(status(&get(&gateway, "/").await), 200);
    }
    assert!(bad.requests() >= 2);
}

#[tokio::test]
async fn all_of_a_request_has_a_bound() {
    let backend = Backend::start(Behaviour::Stall).await;
    let gateway =
        gateway(&document(&[&backend], "timeouts = { total = \"300ms\" }\nretries = { attempts = 0 }")).await;
    let begun = std::time::Instant::now();
    let mut client = Client::connect(gateway.http()[0]).await;
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(client.rest().await.ends_with("half"));
    backend.behave(Behaviour::Hang);
    let answer = get(&gateway, "/").await;
    assert!(status(&answer) == 504 && answer.contains("total-timeout"), "{answer}");
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn retries_have_a_budget() {
    let backend = Backend::start(Behaviour::Close).await;
    let other = Backend::start(Behaviour::Close).await;
    let more = "ejection = { enabled = false }\nretries = { attempts = 1, budget_ratio = 0.2, budget_per_second = 0.0 }";
    let gateway = gateway(&document(&[&backend, &other], more)).await;
    for _ in 0..50 {
        assert_eq!(status(&get(&gateway, "/").await), 502);
    }
    let tries = backend.requests() + other.requests();
    assert!((50..=60).contains(&tries), "50 requests and at most a fifth more: {tries}");
}

#[tokio::test]
async fn who_fails_is_ejected_and_who_is_down_is_not_asked() {
    let (bad, good) = (Backend::start(Behaviour::Status(500)).await, Backend::start(Behaviour::Echo).await);
    let more = "balance = { algorithm = \"round-robin\", panic_threshold = 0.0 }\nretries = { attempts = 0 }";
    let gateway = gateway(&document(&[&bad, &good], more)).await;
    let mut failed = 0;
    for _ in 0..60 {
        failed += usize::from(status(&get(&gateway, "/").await) == 500);
    }
    assert_eq!(failed, 5, "five in a row, then nobody asks it");
    assert_eq!(gateway.state().services["s"].counters.ejections.get(), 1);

    let probed = "balance = { algorithm = \"round-robin\", panic_threshold = 0.0 }\nejection = { enabled = false }\nretries = { attempts = 0 }\nhealth = { probe = { http = { path = \"/healthz\" } }, interval = \"50ms\", fall = 1, rise = 1 }";
    gateway.apply(read(&document(&[&bad, &good], probed))).await.unwrap();
    let set = gateway.state().services["s"].set.clone();
    let well = |set: &bole_gateway::upstream::set::Set| {
        set.status()
            .iter()
            .filter(|status| status.condition == bole_edge_core::health::Condition::Well)
            .count()
    };
    until("the probe finds it", || well(&set) == 1).await;
    for _ in 0..10 {
        assert_eq!(status(&get(&gateway, "/").await), 200);
    }
    bad.behave(Behaviour::Echo);
    until("it is well again", || well(&set) == 2).await;
    assert!(bad.seen().iter().any(|seen| seen.starts_with("GET /healthz")));
}

/// Clients that ask on and on; how many answers were good and bad.
struct Load {
    stop: Arc<AtomicBool>,
    good: Arc<AtomicUsize>,
    bad: Arc<AtomicUsize>,
    clients: tokio::task::JoinSet<()>,
}

impl Load {
    fn start(gateway: &bole_gateway::Service, clients: usize) -> Self {
        let (stop, good, bad) =
            (Arc::<AtomicBool>::default(), Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..clients {
            let (stop, good, bad, address) = (stop.clone(), good.clone(), bad.clone(), gateway.http()[0]);
            tasks.spawn(async move {
                let mut client = Client::connect(address).await;
                while !stop.load(Ordering::SeqCst) {
                    match client.get("/").await {
                        Some(answer) if status(&answer) == 200 => good.fetch_add(1, Ordering::SeqCst),
                        answer => {
                            if answer.is_none_or(|answer| answer.contains("Connection: close")) {
                                client = Client::connect(address).await;
                            }
                            bad.fetch_add(1, Ordering::SeqCst)
                        }
                    };
                }
            });
        }
        Self { stop, good, bad, clients: tasks }
    }

    async fn goes_on(&self, more: usize) {
        let wanted = self.good.load(Ordering::SeqCst) + more;
        until("answers", || self.good.load(Ordering::SeqCst) >= wanted).await;
    }

    async fn stop(mut self) -> (usize, usize) {
        self.stop.store(true, Ordering::SeqCst);
        while self.clients.join_next().await.is_some() {}
        (self.good.load(Ordering::SeqCst), self.bad.load(Ordering::SeqCst))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn additions_and_drains_under_load_fail_nothing() {
    let slow = || Backend::start(Behaviour::Slow(Duration::from_millis(3)));
    let (one, two, three) = (slow().await, slow().await, slow().await);
    let gateway = gateway(&document(&[&one, &two], "retries = { attempts = 0 }")).await;
    let load = Load::start(&gateway, 16);
    load.goes_on(200).await;
    for _ in 0..5 {
        // One more, then one drains, then it is taken out.
        gateway.apply(read(&document(&[&one, &two, &three], "retries = { attempts = 0 }"))).await.unwrap();
        load.goes_on(100).await;
        let drained = document(&[&one, &two, &three], "retries = { attempts = 0 }").replace(
            &format!("\"{}\"", one.address),
            &format!("{{ address = \"{}\", drain = true }}", one.address),
        );
        gateway.apply(read(&drained)).await.unwrap();
        load.goes_on(100).await;
        let before = one.requests();
        load.goes_on(200).await;
        assert!(one.requests() <= before + 16, "only what was under way when it drained");
        gateway.apply(read(&document(&[&two, &three], "retries = { attempts = 0 }"))).await.unwrap();
        load.goes_on(100).await;
    }
    let (good, bad) = load.stop().await;
    assert!(good > 2_000);
    assert_eq!(bad, 0, "of {good}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_instance_costs_nothing_where_retries_are_allowed() {
    let slow = || Backend::start(Behaviour::Slow(Duration::from_millis(3)));
    let (one, two, three) = (slow().await, slow().await, slow().await);
    let gateway = gateway_with(
        &document(&[&one, &two, &three], "retries = { budget_per_second = 100.0 }"),
        Parts::default(),
        |_| {},
    )
    .await;
    let load = Load::start(&gateway, 16);
    load.goes_on(300).await;
    one.kill();
    load.goes_on(600).await;
    let (good, bad) = load.stop().await;
    assert_eq!(bad, 0, "GETs are tried again: of {good}");
}
