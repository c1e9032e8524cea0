//! What a change of the set leaves and what it does: state, slow start, priorities, zones, adaptive weights.

use super::*;
use crate::balance::{Error, Panic, Report, Tiers, Weighting, weights};

#[test]
fn who_stays_keeps_its_state_and_who_comes_back_in_time_too() {
    let balancer = balancer(Kind::LeastRequests, &[1, 1]);
    let mut random = Random::new(0);
    let leases: Vec<_> =
        (0..4).map(|_| balancer.pick(Request::default(), ms(0), &mut random).unwrap()).collect();
    let in_flight = |index: usize| {
        balancer.status(ms(0)).iter().find(|s| *s.spec.name == *name(index)).unwrap().in_flight
    };
    balancer.replace(&specs(&[3, 1, 1]), ms(1)).unwrap();
    assert_eq!((in_flight(0), in_flight(1), in_flight(2)), (2, 2, 0));
    balancer.replace(&specs(&[1]), ms(2)).unwrap();
    balancer.replace(&specs(&[1, 1]), ms(3)).unwrap();
    assert_eq!(in_flight(1), 2, "its requests are still under way");
    drop(leases);
    assert_eq!((in_flight(0), in_flight(1)), (0, 0));
    assert!(balancer.set_condition(&name(1), Condition::Unwell, ms(4)));
    balancer.replace(&specs(&[1, 2]), ms(5)).unwrap();
    assert_eq!(balancer.status(ms(5))[1].condition, Condition::Unwell);
    assert!(!balancer.set_condition("nobody", Condition::Well, ms(5)));
}

#[test]
fn wrong_sets_are_refused_and_change_nothing() {
    let balancer = balancer(Kind::RoundRobin, &[1, 1]);
    let twice = [Spec::new("a"), Spec::new("b"), Spec::new("a")];
    let many: Vec<Spec> = (0..10_001).map(|n| Spec::new(&n.to_string())).collect();
    for (set, expected) in [
        (&twice[..], Error::Duplicate("a".to_owned())),
        (&[Spec::new("a").weight(0)], Error::Weight { name: "a".to_owned(), weight: 0 }),
        (&[Spec::new("a").weight(65_536)], Error::Weight { name: "a".to_owned(), weight: 65_536 }),
        (&many, Error::TooMany(10_001)),
    ] {
        assert_eq!(balancer.replace(set, ms(0)), Err(expected));
        assert_eq!(balancer.status(ms(0)).len(), 2);
    }
}

#[test]
fn the_new_and_the_recovered_start_slowly() {
    let slow_start = SlowStart { window: Duration::from_mins(1), aggression: 1.0, least: 0.1 };
    for row in ALGORITHMS.iter().filter(|row| !row.keyed) {
        let settings = Settings { algorithm: row.kind, slow_start, ..Settings::default() };
        let balancer = Balancer::new(settings);
        balancer.replace(&specs(&[1, 1, 1, 1]), ms(0)).unwrap();
        assert!(share(&load(&balancer, 1_000, 40, ms(0)), 3) > 0.2, "{}: the first set is warm", row.name);
        balancer.replace(&specs(&[1, 1, 1, 1, 1]), ms(2_000)).unwrap();
        let fresh = share(&load(&balancer, 4_000, 200, ms(2_000)), 4);
        assert!((0.005..0.06).contains(&fresh), "{}: {fresh}", row.name);
        let warm = share(&load(&balancer, 4_000, 200, ms(70_000)), 4);
        assert!((0.17..0.23).contains(&warm), "{}: {warm}", row.name);
        balancer.set_condition(&name(4), Condition::Unwell, ms(80_000));
        balancer.set_condition(&name(4), Condition::Well, ms(81_000));
        let again = share(&load(&balancer, 4_000, 200, ms(81_000)), 4);
        assert!((0.005..0.06).contains(&again), "{}: {again}", row.name);
    }
}

/// Two of priority 0 here, two of priority 0 there, two of priority 1 here.
fn tiered(tiers: Tiers, algorithm: Kind) -> Balancer {
    let balancer = Balancer::new(Settings { algorithm, tiers, ..Settings::default() });
    let spec = |index: usize| {
        let spec = Spec::new(&name(index)).zone(if index == 2 || index == 3 { "there" } else { "here" });
        spec.priority(u8::from(index >= 4))
    };
    balancer.replace(&(0..6).map(spec).collect::<Vec<_>>(), ms(0)).unwrap();
    balancer
}

#[test]
fn priorities_zones_and_panic_divide_the_traffic() {
    let plain = Tiers::default();
    let local = Tiers { zone: Some("here".into()), ..Tiers::default() };
    let refuse = Tiers { panic: Panic::Refuse, ..Tiers::default() };
    // Who is unwell; percent that go to 0 and 1, 2 and 3, 4 and 5; whether it panics.
    let rows: &[(&Tiers, &[usize], [i32; 3], bool)] = &[
        (&plain, &[], [50, 50, 0], false),
        (&local, &[], [100, 0, 0], false),
        (&local, &[0], [70, 30, 0], false),
        (&local, &[0, 1], [0, 70, 30], false),
        (&plain, &[0, 1], [0, 70, 30], false),
        (&plain, &[0, 1, 2, 3], [0, 0, 100], false),
        (&plain, &[0, 1, 2, 3, 4], [0, 0, 100], false),
        (&plain, &[0, 1, 2, 3, 4, 5], [50, 50, 0], true),
        (&refuse, &[0, 1, 2, 3, 4], [0, 0, 100], false),
    ];
    for row in ALGORITHMS {
        for (tiers, unwell, expected, panics) in rows {
            let balancer = tiered((*tiers).clone(), row.kind);
            for index in *unwell {
                balancer.set_condition(&name(*index), Condition::Unwell, ms(0));
            }
            let counts = load(&balancer, 20_000, 12, ms(0));
            let percent = |a, b| (share(&counts, a) + share(&counts, b)) * 100.0;
            let found = [percent(0, 1), percent(2, 3), percent(4, 5)];
            let near = found.iter().zip(expected).all(|(found, expected)| {
                // Where one group is divided, the algorithm's own evenness shows.
                (found - f64::from(*expected)).abs() < if row.keyed { 8.0 } else { 3.0 }
            });
            assert!(near, "{}: {unwell:?} {found:?}, not {expected:?}", row.name);
            assert_eq!(balancer.panics(), *panics, "{}: {unwell:?}", row.name);
        }
        let refusing = tiered(refuse.clone(), row.kind);
        (0..6).for_each(|index| assert!(refusing.set_condition(&name(index), Condition::Unwell, ms(0))));
        assert!(refusing.pick(Request::default(), ms(0), &mut Random::new(0)).is_none(), "{}", row.name);
    }
}

#[test]
fn a_retry_leaves_its_group_if_it_must() {
    for row in ALGORITHMS {
        let balancer = tiered(Tiers { zone: Some("here".into()), ..Tiers::default() }, row.kind);
        // One of two here is unwell: 70 % of the traffic stays with the other, the rest goes there.
        balancer.set_condition(&name(0), Condition::Unwell, ms(0));
        let avoid = [Token::of(&name(1))];
        let mut random = Random::new(2);
        for n in 0..200 {
            let request = Request { key: Some(hash::mix(n)), avoid: &avoid, ..Request::default() };
            let lease = balancer.pick(request, ms(n), &mut random).unwrap();
            assert!(*lease.endpoint().name() == name(2).into() || *lease.endpoint().name() == name(3).into());
        }
    }
}

#[test]
fn weights_follow_reports() {
    let reports = weights::Reports { blackout: Duration::ZERO, ..weights::Reports::default() };
    for algorithm in [Kind::RoundRobin, Kind::Weighted, Kind::RandomOfTwo, Kind::LeastRequests] {
        let weighting = Weighting::Reports(reports.clone());
        let balancer = Balancer::new(Settings { algorithm, weighting, ..Settings::default() });
        balancer.replace(&specs(&[1, 1, 1]), ms(0)).unwrap();
        // The third endpoint says nothing and is taken for the mean.
        for (index, utilisation) in [(0, 0.25), (1, 0.75)] {
            let report = Report { utilisation, requests_per_second: 100.0, errors_per_second: 0.0 };
            assert!(balancer.report(&name(index), report, ms(1)));
            assert!(!balancer.report("nobody", report, ms(1)));
        }
        // The first one's is wrong; its next answer brings a better one.
        let wrong = Report { utilisation: 9.0, requests_per_second: 1.0, errors_per_second: 0.0 };
        balancer.report(&name(0), wrong, ms(2));
        let mut random = Random::new(0);
        while let Some(lease) = balancer.pick(Request::default(), ms(3), &mut random) {
            if *lease.endpoint().name() == name(0).into() {
                lease.report(
                    Report { utilisation: 0.25, requests_per_second: 100.0, errors_per_second: 0.0 },
                    ms(3),
                );
                break;
            }
        }
        (0..20).for_each(|n| balancer.refresh(ms(10 + n)));
        let counts = load(&balancer, 20_000, 60, ms(100));
        let shares = [0, 1, 2].map(|index| (share(&counts, index) * 100.0).round() as i32);
        assert!((48..=52).contains(&shares[0]) && (15..=18).contains(&shares[1]), "{algorithm:?} {shares:?}");
    }
}

#[test]
fn weights_follow_latency() {
    let settings =
        Settings { algorithm: Kind::RoundRobin, weighting: Weighting::Latency, ..Settings::default() };
    let balancer = Balancer::new(settings);
    balancer.replace(&specs(&[1, 1]), ms(0)).unwrap();
    let mut random = Random::new(0);
    let mut late = 0;
    for n in 0..10_000_u64 {
        let lease = balancer.pick(Request::default(), ms(n), &mut random).unwrap();
        let slow = **lease.endpoint().name() == *name(1);
        late += u32::from(slow && n > 5_000);
        lease.finish(Ending::Success, ms(n + if slow { 40 } else { 10 }));
        if n % 100 == 0 {
            balancer.refresh(ms(n));
        }
    }
    assert!((900..1_100).contains(&late), "a fifth of 5,000: {late}");
}
