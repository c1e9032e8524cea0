//! What single algorithms promise beyond the others.

use super::*;

/// Serves requests one at a time at `index`-dependent latency and tells the shares.
fn serve(balancer: &Balancer, requests: u64, latency: impl Fn(&str) -> (u64, Ending)) -> Counts {
    let mut counts = Counts::new();
    let mut under_way: Vec<(u64, Lease, Ending)> = Vec::new();
    let mut random = Random::new(4);
    for now in 0..requests {
        let (done, rest): (Vec<_>, Vec<_>) = under_way.into_iter().partition(|(at, ..)| *at <= now);
        under_way = rest;
        done.into_iter().for_each(|(_, lease, ending)| lease.finish(ending, ms(now)));
        let lease = balancer.pick(Request::default(), ms(now), &mut random).unwrap();
        *counts.entry(lease.endpoint().name().to_string()).or_default() += 1;
        let (took, ending) = latency(lease.endpoint().name());
        under_way.push((now + took, lease, ending));
    }
    counts
}

#[test]
fn the_slow_get_less_where_load_or_latency_counts() {
    let slow = |endpoint: &str| (if endpoint == name(0) { 100 } else { 10 }, Ending::Success);
    for (kind, most) in [
        (Kind::RoundRobin, 0.11),
        (Kind::LeastRequests, 0.03),
        (Kind::RandomOfTwo, 0.05),
        (Kind::PeakEwma, 0.02),
    ] {
        let found = share(&serve(&balancer(kind, &[1; 10]), 20_000, slow), 0);
        assert!(found < most && found > 0.0, "{kind:?}: {found}");
    }
}

#[test]
fn who_fails_fast_attracts_nothing_where_errors_count() {
    let failing =
        |endpoint: &str| if endpoint == name(0) { (1, Ending::Failure) } else { (10, Ending::Success) };
    let found = share(&serve(&balancer(Kind::PeakEwma, &[1; 10]), 20_000, failing), 0);
    assert!(found < 0.01, "{found}");
    // Requests in flight alone are deceived: this is why errors count.
    let deceived = share(&serve(&balancer(Kind::RandomOfTwo, &[1; 10]), 20_000, failing), 0);
    assert!(deceived > 0.1, "{deceived}");
}

#[test]
fn loads_stay_within_their_bound() {
    let balancer = balancer(Kind::BoundedLoad, &[1, 1, 1, 2]);
    let mut random = Random::new(8);
    let mut leases = Vec::new();
    // Every request has the same key.
    for n in 1..=1_000_usize {
        let request = Request { key: Some(77), ..Request::default() };
        leases.push(balancer.pick(request, ms(0), &mut random).unwrap());
        for status in balancer.status(ms(0)) {
            let bound = (1.25 * n as f64 * f64::from(status.spec.weight) / 5.0).ceil();
            assert!(f64::from(status.in_flight) <= bound, "{n}: {status:?}");
        }
    }
}

#[test]
fn clients_stick_also_to_who_drains() {
    let balancer = balancer(Kind::Sticky, &[1; 5]);
    let mut random = Random::new(8);
    let home = Token::of(&name(3));
    let mut at_home = |sticky, avoid: &[Token]| {
        let request = Request { sticky, avoid, ..Request::default() };
        (0..200)
            .filter(|_| balancer.pick(request, ms(0), &mut random).unwrap().endpoint().token() == home)
            .count()
    };
    assert!((10..80).contains(&at_home(None, &[])));
    assert_eq!(at_home(Some(home), &[]), 200);
    assert_eq!(at_home(Some(home), &[home]), 0, "it was tried");
    assert!((10..80).contains(&at_home(Some(Token(1)), &[])), "nobody of that name");
    balancer.set_condition(&name(3), Condition::Draining, ms(0));
    assert_eq!((at_home(Some(home), &[]), at_home(None, &[])), (200, 0));
    balancer.set_condition(&name(3), Condition::Unwell, ms(0));
    assert_eq!(at_home(Some(home), &[]), 0);
}
