//! Quotas against a clock that the tests move.

use super::*;

/// A part of an entity's name: not named, the default, or a name.
type Part<'a> = Option<Option<&'a str>>;

fn entity(user: Part<'_>, client: Part<'_>) -> Entity {
    let parts = [(table::USER, user), (table::CLIENT_ID, client)];
    let named =
        parts.into_iter().filter_map(|(part, name)| Some((part.to_owned(), name?.map(str::to_owned))));
    named.collect()
}

fn with(rows: &[(Entity, Kind, f64)]) -> Table {
    rows.iter().fold(Table::default(), |table, (entity, kind, quota)| {
        table.with(entity, *kind, Some(*quota)).unwrap()
    })
}

#[test]
fn the_most_specific_quota_holds() {
    let kind = Kind::ProducerByteRate;
    let (ann, any, app) = (Some(Some("ann")), Some(None), Some(Some("app")));
    let all = [
        (entity(ann, app), kind, 1.0),
        (entity(ann, any), kind, 2.0),
        (entity(ann, None), kind, 3.0),
        (entity(any, app), kind, 4.0),
        (entity(any, any), kind, 5.0),
        (entity(any, None), kind, 6.0),
        (entity(None, app), kind, 7.0),
        (entity(None, any), kind, 8.0),
    ];
    for from in 0..all.len() {
        let found = with(&all[from..]).find(kind, "ann", "app");
        let by = (!matches!(from, 6 | 7), !matches!(from, 2 | 5));
        assert_eq!(found, Some((from as f64 + 1.0, by.0, by.1)), "from {from}");
    }
    let table = with(&all[..1]);
    assert_eq!(table.find(kind, "ann", "other"), None);
    assert_eq!(table.find(Kind::ConsumerByteRate, "ann", "app"), None);
    assert_eq!(Table::parse(&table.render()).unwrap(), table);
    assert!(table.with(&all[0].0, kind, None).unwrap().is_empty());
}

#[test]
fn impossible_quotas_are_refused() {
    for quota in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let entity = entity(Some(None), None);
        assert!(Table::default().with(&entity, Kind::ConsumerByteRate, Some(quota)).is_err(), "{quota}");
    }
    assert!(Kind::find("connection_creation_rate").unwrap_err().to_string().contains("not enforced"));
}

#[tokio::test(start_paused = true)]
async fn the_rate_holds_in_the_long_run() {
    let kind = Kind::ProducerByteRate;
    for (request, seconds) in [(100.0, 60), (1_000.0, 60), (7_000.0, 60)] {
        let quotas = Quotas::of(with(&[(entity(Some(None), None), kind, 1_000.0)]));
        let begin = Instant::now();
        let mut sent = 0.0;
        while begin.elapsed() < Duration::from_secs(seconds) {
            let held_ms = quotas.charge(kind, "ann", "app", request);
            sent += request;
            // A client that sends as fast as it may, 1 ms a request.
            tokio::time::advance(Duration::from_millis(held_ms.max(1))).await;
        }
        let rate = sent / begin.elapsed().as_secs_f64();
        assert!((950.0..=1_150.0).contains(&rate), "{request} bytes at a time: {rate} a second");
    }
}

#[tokio::test(start_paused = true)]
async fn each_user_has_a_share_of_its_own_and_a_burst_of_a_second() {
    let kind = Kind::ConsumerByteRate;
    let quotas = Quotas::of(with(&[(entity(Some(None), None), kind, 1_000.0)]));
    assert_eq!(quotas.charge(kind, "ann", "a", 1_000.0), 0);
    assert_eq!(quotas.charge(kind, "ann", "b", 500.0), 500);
    assert_eq!(quotas.charge(kind, "bob", "a", 1_000.0), 0);
    tokio::time::advance(Duration::from_mins(10)).await;
    assert_eq!(quotas.charge(kind, "ann", "a", 2_000.0), 1_000);
    assert_eq!(quotas.charge(Kind::ProducerByteRate, "ann", "a", 1e9), 0);
}

#[tokio::test(start_paused = true)]
async fn a_connection_waits_as_long_as_it_is_told() {
    let throttle = Throttle::default();
    throttle.passed().await;
    let begin = Instant::now();
    throttle.add(300);
    throttle.add(100);
    assert_eq!((throttle.take(), throttle.take()), (300, 0));
    throttle.passed().await;
    assert_eq!(begin.elapsed(), Duration::from_millis(300));
}

#[tokio::test(start_paused = true)]
async fn buckets_are_bounded_and_debtors_stay() {
    let kind = Kind::ProducerByteRate;
    let quotas = Quotas::of(with(&[(entity(Some(None), None), kind, 1_000.0)]));
    quotas.charge(kind, "debtor", "a", 1e6);
    for user in 0..QUOTA_BUCKETS_MAX + 10 {
        quotas.charge(kind, &user.to_string(), "a", 1.0);
    }
    assert!(quotas.buckets.lock().len() <= QUOTA_BUCKETS_MAX);
    assert!(quotas.owed_ms(kind, "debtor", "a") > 900_000);
}
