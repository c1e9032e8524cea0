//! What goes wrong: how it is told, how long is waited, and that it ends.

use crate::authority::{DIRECTORY, Fault};
use crate::support::*;
use bole_gateway_acme::limits::{ORDER_TIMEOUT, POLL_TIMEOUT};
use bole_gateway_acme::status::Phase;
use std::sync::atomic::Ordering;

/// One fault at a path: words of what is told of it, and seconds that are waited, from and to.
type Row = (&'static str, Fault, &'static str, (i64, i64));

const ROWS: &[Row] = &[
    ("/directory", Fault::Unreached, "connection refused", (3, 7)),
    ("/directory", Fault::Garbage, "cannot be read", (3, 7)),
    ("/directory", Fault::Page(502, None), "authority.test answered 502", (3, 7)),
    ("/directory", Fault::Page(503, Some("120")), "authority.test answered 503", (120, 127)),
    ("/directory", Fault::Hang, "not done within", (3, 7)),
    ("/new-nonce", Fault::Page(500, None), "answered 500", (3, 7)),
    ("/new-account", Fault::Problem(403, "unauthorized", None), "unauthorized: as the test wants", (45, 76)),
    ("/new-account", Fault::Lost, "connection reset", (3, 7)),
    ("/new-account", Fault::Problem(400, "malformed", None), "malformed: ", (45, 76)),
    ("/new-order", Fault::Problem(429, "rateLimited", Some("3600")), "rateLimited: ", (3_600, 3_781)),
    ("/new-order", Fault::Problem(429, "rateLimited", None), "rateLimited: ", (45, 76)),
    ("/new-order", Fault::Problem(400, "rejectedIdentifier", None), "rejectedIdentifier", (45, 76)),
    ("/new-order", Fault::Garbage, "cannot be read", (3, 7)),
    ("/new-order", Fault::Hang, "not done within", (3, 7)),
    ("/authorization", Fault::Unreached, "connection refused", (3, 7)),
    ("/challenge", Fault::Lost, "connection reset", (3, 7)),
    ("/challenge", Fault::Problem(500, "serverInternal", None), "serverInternal", (45, 76)),
    ("/order", Fault::Hang, "not done within", (3, 7)),
    ("/finalize", Fault::Problem(403, "orderNotReady", None), "orderNotReady", (45, 76)),
    ("/finalize", Fault::Lost, "connection reset", (3, 7)),
    ("/certificate", Fault::Page(500, None), "answered 500", (3, 7)),
    ("/certificate", Fault::Garbage, "cannot be used", (45, 76)),
];

#[tokio::test(start_paused = true)]
async fn each_fault_is_told_waited_after_and_got_over() {
    for (path, fault, words, (least, most)) in ROWS {
        let world = World::new();
        world.authority.fault(path, fault.clone());
        let gateway = world.gateway();
        gateway.acme.want(wanted(&settings(), &[("shop", &["a.test"])])).await;
        let failing = gateway.until("shop", |status| status.phase == Phase::Failing).await;
        let told = failing.last_error.unwrap();
        assert!(told.contains(words), "{path} {fault:?}: {told}");
        let wait = failing.next.unwrap() - world.time.seconds();
        assert!((*least..=*most).contains(&wait), "{path} {fault:?}: {wait} s");
        assert!(gateway.acme.slot("shop").shown().is_none());
        let good = gateway.good("shop").await;
        assert_eq!((good.failures, good.last_error), (0, None), "{path} {fault:?}");
        assert_eq!(world.authority.known.lock().accounts.len(), 1, "{path} {fault:?}");
        assert_eq!(gateway.acme.proofs().file("a.test", "/.well-known/acme-challenge/token-0-0"), None);
    }
    assert!(ORDER_TIMEOUT > POLL_TIMEOUT * 2);
}

#[tokio::test(start_paused = true)]
async fn stale_nonces_are_no_failures() {
    let world = World::new();
    for path in ["/new-account", "/new-order", "/finalize"] {
        world.authority.fault(path, Fault::Problem(400, "badNonce", None));
    }
    let gateway = world.gateway();
    gateway.acme.want(wanted(&settings(), &[("shop", &["a.test"])])).await;
    gateway.good("shop").await;
    assert!(gateway.metrics.render().contains("result=\"failed\"} 0"));
}

#[tokio::test(start_paused = true)]
async fn failures_in_a_row_are_waited_after_longer_and_longer() {
    let world = World::new();
    let gateway = world.gateway();
    gateway.acme.want(wanted(&settings(), &[("shop", &["unreachable.test"])])).await;
    let mut waits = Vec::new();
    for failures in 1..=12 {
        let failing = gateway.until("shop", |status| status.failures == failures).await;
        let told = failing.last_error.unwrap();
        assert_eq!(told, "unreachable.test: connection: 192.0.2.1: connection refused");
        waits.push(failing.next.unwrap() - world.time.seconds());
    }
    assert!(waits[0] <= 76 && waits.windows(2).take(4).all(|pair| pair[1] > pair[0]), "{waits:?}");
    assert!(waits.iter().all(|wait| *wait <= 6 * 3_600 * 5 / 4 + 1), "{waits:?}");
    assert!(waits[11] > 3 * 3_600, "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn what_an_authority_must_not_do_is_refused() {
    let world = World::new();
    let gateway = world.gateway();
    world.authority.known.lock().offers = Some("dns-01");
    gateway.acme.want(wanted(&settings(), &[("shop", &["a.test"])])).await;
    let failing = gateway.until("shop", |status| status.failures == 1).await;
    assert!(failing.last_error.unwrap().contains("offers no http-01"));
    world.authority.known.lock().offers = None;
    world.authority.known.lock().wrong_name = Some("evil.test");
    let failing = gateway.until("shop", |status| status.failures == 2).await;
    let told = failing.last_error.unwrap();
    assert!(told.contains("it is not for \"a.test\", only for evil.test"), "{told}");
    assert!(gateway.acme.slot("shop").shown().is_none());
    world.authority.known.lock().wrong_name = None;
    gateway.good("shop").await;
}

#[tokio::test(start_paused = true)]
async fn an_authority_that_forgot_everything_is_told_again() {
    let world = World::new();
    let gateway = world.gateway();
    gateway.acme.want(wanted(&settings(), &[("shop", &["a.test"])])).await;
    let first = gateway.good("shop").await;
    let key = world.authority.known.lock().accounts.values().next().cloned();
    world.authority.known.lock().accounts.clear();
    gateway.until("shop", |status| status.not_after > first.not_after).await;
    let known = world.authority.known.lock();
    assert_eq!(known.accounts.values().next().cloned(), key, "by the same key");
    assert_eq!(known.accounts.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_kept_is_not_asked_for() {
    let world = World::new();
    world.memory.fails.store(true, Ordering::SeqCst);
    let gateway = world.gateway();
    gateway.acme.want(wanted(&settings(), &[("shop", &["a.test"])])).await;
    let failing = gateway.until("shop", |status| status.failures == 3).await;
    assert!(failing.last_error.unwrap().contains("the disk is full"));
    assert!(world.authority.known.lock().accounts.is_empty(), "no account without a kept key");
    world.memory.fails.store(false, Ordering::SeqCst);
    gateway.good("shop").await;
    assert_eq!(world.authority.known.lock().accounts.len(), 1);
    assert_eq!(DIRECTORY, gateway.status("shop").directory);
}
