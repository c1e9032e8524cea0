//! What holds for every algorithm.

use super::*;

fn each(check: impl Fn(&Row)) {
    ALGORITHMS.iter().for_each(check);
}

#[test]
fn nobody_is_picked_from_nobody() {
    each(|row| {
        let balancer = balancer(row.kind, &[]);
        assert!(balancer.pick(Request::default(), ms(0), &mut Random::new(0)).is_none(), "{}", row.name);
    });
}

#[test]
fn everybody_gets_a_share_by_weight() {
    for weights in [&[1, 1, 1, 1, 1][..], &[1, 2, 3, 4], &[100, 1000], &[7]] {
        let total: u32 = weights.iter().sum();
        each(|row| {
            let balancer = balancer(row.kind, weights);
            let counts = load(&balancer, 40_000, 100 * weights.len(), ms(0));
            for (index, weight) in weights.iter().enumerate() {
                let (found, expected) = (share(&counts, index), f64::from(*weight) / f64::from(total));
                // A ring's arcs differ by 6 %; one standard deviation is not all.
                let allowed = expected * if row.keyed && row.kind != Kind::Maglev { 0.25 } else { 0.08 };
                assert!((found - expected).abs() < allowed, "{}: {weights:?} {counts:?}", row.name);
            }
        });
    }
}

#[test]
fn the_unwell_and_the_draining_get_nothing() {
    for condition in [Condition::Unwell, Condition::Draining] {
        each(|row| {
            let balancer = balancer(row.kind, &[1, 1, 1, 1]);
            assert!(balancer.set_condition(&name(2), condition, ms(0)));
            assert!(!load(&balancer, 2_000, 10, ms(0)).contains_key(&name(2)), "{}", row.name);
            assert!(balancer.set_condition(&name(2), Condition::Well, ms(0)));
            assert!(share(&load(&balancer, 2_000, 10, ms(3_000)), 2) > 0.1, "{}", row.name);
        });
    }
}

#[test]
fn those_tried_are_avoided_while_there_are_others() {
    each(|row| {
        let balancer = balancer(row.kind, &[1, 1, 1]);
        let mut random = Random::new(5);
        let tokens = [Token::of(&name(0)), Token::of(&name(1)), Token::of(&name(2))];
        for key in 0..500 {
            let pick = |avoid: &[Token], random: &mut Random| {
                let request = Request { key: Some(hash::mix(key)), avoid, ..Request::default() };
                balancer.pick(request, ms(key), random).unwrap().endpoint().token()
            };
            assert_eq!(pick(&tokens[..2], &mut random), tokens[2], "{}", row.name);
            assert_ne!(pick(&tokens[1..2], &mut random), tokens[1], "{}", row.name);
            // With nobody else left the request is tried there again.
            assert!(tokens.contains(&pick(&tokens, &mut random)), "{}", row.name);
        }
    });
}

#[test]
fn the_same_seed_gives_the_same_picks() {
    each(|row| {
        let run = || load(&balancer(row.kind, &[1, 2, 3]), 1_000, 10, ms(0));
        assert_eq!(run(), run(), "{}", row.name);
    });
}

#[test]
fn requests_in_flight_are_counted_and_end() {
    each(|row| {
        let balancer = balancer(row.kind, &[1, 1]);
        let mut random = Random::new(1);
        let in_flight = || balancer.status(ms(9)).iter().map(|status| status.in_flight).sum::<u32>();
        let leases: Vec<_> =
            (0..10).map(|n| balancer.pick(Request::default(), ms(n), &mut random).unwrap()).collect();
        assert_eq!(in_flight(), 10, "{}", row.name);
        let (finished, cancelled): (Vec<_>, Vec<_>) =
            leases.into_iter().enumerate().partition(|(n, _)| n % 2 == 0);
        finished.into_iter().for_each(|(_, lease)| lease.finish(Ending::Failure, ms(20)));
        assert_eq!(in_flight(), 5, "{}", row.name);
        drop(cancelled);
        assert_eq!(in_flight(), 0, "{}", row.name);
    });
}

#[test]
fn picks_go_on_while_the_set_changes() {
    each(|row| {
        let balancer = balancer(row.kind, &[1, 1, 1, 1]);
        let (balancer, row) = (&balancer, row.name);
        std::thread::scope(|scope| {
            for seed in 0..2 {
                scope.spawn(move || {
                    let mut random = Random::new(seed);
                    for n in 0..5_000 {
                        let lease = balancer.pick(Request::default(), ms(n), &mut random);
                        lease.unwrap_or_else(|| panic!("{row}")).finish(Ending::Success, ms(n + 1));
                    }
                });
            }
            for n in 0..40 {
                let weights = vec![1; 2 + n % 3];
                balancer.replace(&specs(&weights), ms(n as u64)).unwrap();
            }
        });
        assert!(balancer.status(ms(0)).iter().all(|status| status.in_flight == 0), "{row}");
    });
}
