//! What goes well: a first certificate, its renewals over a year, changes of the document.

use crate::support::*;
use bole_gateway_acme::kept::Record;
use bole_gateway_acme::status::Phase;
use bole_gateway_acme::wanted::External;
use bole_gateway_document::tls::Challenge;
use std::time::Duration;

const DAY: i64 = 86_400;

#[tokio::test(start_paused = true)]
async fn a_certificate_is_ordered_proved_kept_and_shown() {
    let world = World::new();
    let gateway = world.gateway();
    let settings =
        bole_gateway_document::tls::Acme { contact: Some("ops@example.com".to_owned()), ..settings() };
    let slot = gateway.acme.slot("shop");
    assert!(slot.find(Some("a.test")).is_none(), "nothing is shown before");
    gateway.acme.want(wanted(&settings, &[("shop", &["A.test", "b.test"])])).await;
    let status = gateway.good("shop").await;
    assert_eq!(status.shown_hosts, ["a.test", "b.test"]);
    assert_eq!((status.failures, &status.last_error), (0, &None));
    assert!(slot.find(Some("B.TEST")).is_some() && slot.find(None).is_some());
    assert!(slot.find(Some("c.test")).is_none(), "no other host gets it");
    {
        let known = world.authority.known.lock();
        assert_eq!((known.accounts.len(), known.issued), (1, 1));
        assert_eq!(known.contacts, ["mailto:ops@example.com"]);
    }
    assert_eq!(
        gateway.acme.proofs().file("a.test", "/.well-known/acme-challenge/token-0-0"),
        None,
        "proofs go"
    );
    let text = gateway.metrics.render();
    for line in [
        "bole_gateway_certificate_good{certificate=\"shop\"} 1.0",
        "bole_gateway_certificate_orders_total{certificate=\"shop\",result=\"issued\"} 1",
        "bole_gateway_certificate_failing{certificate=\"shop\"} 0.0",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }

    // Another start asks nobody for anything.
    drop(gateway);
    let before = world.authority.known.lock().seen.len();
    let gateway = world.gateway();
    gateway.acme.want(wanted(&settings, &[("shop", &["a.test", "b.test"])])).await;
    assert!(gateway.acme.slot("shop").find(Some("a.test")).is_some(), "what is kept is shown at once");
    gateway.good("shop").await;
    let seen = world.authority.known.lock().seen[before..].to_vec();
    assert!(!seen.iter().any(|path| path.starts_with("/new-")), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn handshakes_prove_as_well_and_profiles_and_external_accounts_are_told() {
    let world = World::new();
    let gateway = world.gateway();
    let mut settings = settings();
    settings.challenge = Challenge::TlsAlpn;
    settings.profile = Some("short".to_owned());
    let mut all = wanted(&settings, &[("shop", &["a.test"])]);
    let external = External { id: "me".to_owned(), key: vec![7; 32] };
    all.get_mut("shop").unwrap().external = Some(external);
    gateway.acme.want(all.clone()).await;
    gateway.good("shop").await;
    {
        let known = world.authority.known.lock();
        assert_eq!(
            (&known.bound[..], known.profiles.clone()),
            (&["me".to_owned()][..], vec![Some("short".to_owned())])
        );
    }
    drop(gateway);
    let gateway = world.gateway();
    all.get_mut("shop").unwrap().profile = None;
    gateway.acme.want(all).await;
    gateway.until("shop", |_| world.authority.known.lock().issued == 2).await;
    assert_eq!(world.authority.known.lock().accounts.len(), 1, "the account is kept");
}

#[tokio::test(start_paused = true)]
async fn a_year_of_renewals() {
    let world = World::new();
    let gateway = world.gateway();
    gateway.acme.want(wanted(&settings(), &[("shop", &["a.test"])])).await;
    let (mut last, mut count) = (gateway.good("shop").await.not_after.unwrap(), 1);
    let began = world.time.seconds();
    while world.time.seconds() < began + 365 * DAY {
        let status = gateway.until("shop", |status| status.not_after.is_some_and(|end| end > last)).await;
        let left = last - world.time.seconds();
        assert!((29 * DAY..=33 * DAY).contains(&left), "a third of its life was left, and not {left} s");
        assert_eq!(status.failures, 0);
        (last, count) = (status.not_after.unwrap(), count + 1);
    }
    let known = world.authority.known.lock();
    assert_eq!((known.issued, known.accounts.len()), (count, 1));
    assert!((6..=8).contains(&count), "{count}");
}

#[tokio::test(start_paused = true)]
async fn an_authority_has_its_say_on_when() {
    let world = World::new();
    world.authority.known.lock().suggestion = Some((10 * DAY, 11 * DAY));
    let gateway = world.gateway();
    gateway.acme.want(wanted(&settings(), &[("shop", &["a.test"])])).await;
    let first = gateway.good("shop").await;
    let begin = world.time.seconds();
    let planned =
        gateway.until("shop", |status| status.next.is_some_and(|next| next < begin + 13 * DAY)).await;
    assert!(planned.next.unwrap() >= begin + 10 * DAY, "{planned:?}");
    // From now on it wants them at once, each of them: that is seen within a day, and once.
    let changed = world.time.seconds();
    world.authority.known.lock().suggestion = Some((-100, -50));
    gateway.until("shop", |status| status.not_after > first.not_after).await;
    let after = world.time.seconds() - changed;
    // The test looks every ten minutes only.
    assert!(after <= DAY + 1_200, "{after}");
    assert_eq!(world.authority.known.lock().replacing, 1);
}

#[tokio::test(start_paused = true)]
async fn a_changed_document_keeps_the_old_one_until_the_new_one_is_there() {
    let world = World::new();
    let gateway = world.gateway();
    gateway.acme.want(wanted(&settings(), &[("shop", &["a.test"]), ("other", &["c.test"])])).await;
    gateway.good("shop").await;
    gateway.good("other").await;
    let slot = gateway.acme.slot("shop");
    let old = slot.find(Some("a.test")).unwrap();
    world.authority.fault("/new-order", crate::authority::Fault::Unreached);
    gateway.acme.want(wanted(&settings(), &[("shop", &["a.test", "b.test"])])).await;
    gateway.until("shop", |status| status.phase == Phase::Failing).await;
    assert_eq!(slot.find(Some("a.test")).unwrap().cert, old.cert, "the old one stays");
    assert!(slot.find(Some("b.test")).is_none(), "and is not shown for a host that it is not for");
    gateway.until("shop", |status| status.phase == Phase::Good && status.shown_hosts.len() == 2).await;
    assert!(slot.find(Some("b.test")).is_some());
    assert!(!gateway.acme.status().contains_key("other"), "nobody wants it any more");

    // It is back at once, and nobody was asked.
    let issued = world.authority.known.lock().issued;
    gateway.acme.want(wanted(&settings(), &[("other", &["c.test"])])).await;
    assert!(gateway.acme.slot("other").find(Some("c.test")).is_some());
    gateway.good("other").await;
    assert_eq!(world.authority.known.lock().issued, issued);
    // What ended long ago is forgotten with the next change.
    tokio::time::sleep(Duration::from_hours(24 * 100)).await;
    gateway.acme.want(wanted(&settings(), &[("other", &["c.test"]), ("third", &["d.test"])])).await;
    gateway.good("third").await;
    let names: Vec<String> = world.memory.texts.lock().keys().cloned().collect();
    assert!(!names.contains(&"certificate/shop".to_owned()), "{names:?}");
    for text in world.memory.texts.lock().iter().filter(|(name, _)| name.starts_with("certificate/")) {
        let record: Record = serde_json::from_str(text.1).unwrap();
        assert!(record.pending.is_none());
    }
}
