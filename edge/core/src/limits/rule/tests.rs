//! Rules against models that keep every admitted request.

use super::*;
use proptest::prelude::*;

/// Asks at these times (microseconds) with these costs; the admitted ones and all decisions.
fn run(rule: &Rule, asks: &[(u64, u32)]) -> (Vec<(u64, u32)>, Vec<Decision>) {
    let (mut state, mut admitted, mut decisions) = (None, Vec::new(), Vec::new());
    for &(at, cost) in asks {
        let (decision, next) = rule.decide(state.as_ref(), cost, Duration::from_micros(at));
        assert_eq!(decision.admitted, next.is_some());
        if decision.admitted {
            admitted.push((at, cost));
            state = next;
        }
        decisions.push(decision);
    }
    (admitted, decisions)
}

/// Times that come in bursts and pauses, and their costs.
fn asks(gap_max: u64) -> impl Strategy<Value = Vec<(u64, u32)>> {
    let gap = prop_oneof![4 => 0_u64..3, 4 => 0..gap_max / 50, 1 => 0..gap_max * 2];
    prop::collection::vec((gap, 0_u32..4), 1..400).prop_map(|gaps| {
        let mut at = 1_767_225_600_000_000;
        let mut next = |(gap, cost)| {
            at += gap;
            (at, cost)
        };
        gaps.into_iter().map(&mut next).collect()
    })
}

proptest! {
    #[test]
    fn a_bucket_decides_as_exact_arithmetic_does(
        limit in 1_u32..2_000, period in 1_u64..5_000_000, burst in 1_u32..50, asks in asks(1_000_000),
    ) {
        let rule = Rule::bucket(limit, Duration::from_micros(period), burst).unwrap();
        let (_, decisions) = run(&rule, &asks);
        // Tokens as a fraction with the period as denominator, from a full bucket.
        let (mut tokens, mut last) = (u128::from(burst) * u128::from(period), asks[0].0);
        for ((at, cost), decision) in asks.iter().zip(decisions) {
            tokens += u128::from(at - last) * u128::from(limit);
            tokens = tokens.min(u128::from(burst) * u128::from(period));
            last = *at;
            let price = u128::from(*cost) * u128::from(period);
            prop_assert_eq!(decision.admitted, tokens >= price);
            if decision.admitted {
                tokens -= price;
            }
            prop_assert_eq!(u128::from(decision.remaining), tokens / u128::from(period));
        }
    }

    #[test]
    fn a_window_is_never_passed(limit in 1_u32..200, window in 100_u64..1_000_000, asks in asks(300_000)) {
        let rule = Rule::window(limit, Duration::from_micros(window)).unwrap();
        let (admitted, _) = run(&rule, &asks);
        for (index, (begin, _)) in admitted.iter().enumerate() {
            let inside = admitted[index..].iter().take_while(|(at, _)| at - begin < window);
            let total: u64 = inside.map(|(_, cost)| u64::from(*cost)).sum();
            prop_assert!(total <= u64::from(limit), "{} of {} from {}", total, limit, begin);
        }
    }

    #[test]
    fn what_is_refused_is_admitted_when_it_says(
        limit in 1_u32..30, period in 1_000_u64..1_000_000, window in any::<bool>(), asks in asks(100_000),
    ) {
        let period = Duration::from_micros(period);
        let rule = if window { Rule::window(limit, period) } else { Rule::bucket(limit, period, limit) }.unwrap();
        let mut state = None;
        for (at, cost) in asks {
            let now = Duration::from_micros(at);
            let (decision, next) = rule.decide(state.as_ref(), cost, now);
            if let Some(wait) = decision.retry_after {
                let ask = |after| rule.decide(state.as_ref(), cost, now + after).0.admitted;
                prop_assert!(ask(wait), "{wait:?}");
                prop_assert!(!ask(wait.saturating_sub(Duration::from_micros(1))), "{wait:?} is not the first moment");
            } else {
                prop_assert!(decision.admitted || cost > limit);
            }
            state = next.or(state);
            let full = rule.decide(state.as_ref(), 0, now + decision.full_after).0;
            prop_assert_eq!(full.remaining, limit);
        }
    }

    #[test]
    fn states_survive_bytes_and_any_bytes_are_survived(asks in asks(100_000), junk in prop::collection::vec(prop_oneof![any::<u8>(), Just(0xFF), Just(0)], 0..64)) {
        for rule in [Rule::bucket(7, Duration::from_secs(1), 9), Rule::window(50, Duration::from_millis(30))] {
            let rule = rule.unwrap();
            let mut state = None;
            for (at, cost) in &asks {
                state = rule.decide(state.as_ref(), *cost, Duration::from_micros(*at)).1.or(state);
                let bytes = state.as_ref().map(|state| state.to_bytes(&rule));
                prop_assert_eq!(bytes.and_then(|bytes| State::from_bytes(&bytes, &rule)), state.clone());
            }
            let mut bytes = vec![VERSION];
            bytes.extend(rule.fingerprint().to_be_bytes());
            bytes.extend(junk.clone());
            if let Some(state) = State::from_bytes(&bytes, &rule) {
                rule.decide(Some(&state), 1, Duration::from_secs(5));
            }
        }
    }
}

#[test]
fn who_always_asks_gets_the_limit_and_not_a_hundredth_less() {
    for (limit, window_ms) in [(10, 1_000), (1_000, 1_000), (100, 60_000), (7, 333)] {
        let window = Duration::from_millis(window_ms);
        let asks: Vec<(u64, u32)> = (0..200_000).map(|n| (n * window_ms / 20, 1)).collect();
        let windows = 200_000.0 / 20_000.0;
        for rule in [Rule::bucket(limit, window, 1), Rule::window(limit, window)] {
            let rule = rule.unwrap();
            let admitted = run(&rule, &asks).0.len() as f64 / windows;
            // The last window of ten is full from its beginning, hence one tenth more than nine of ten.
            let (least, most) = (f64::from(limit) * 0.99 - 0.2, f64::from(limit) * 1.01 + 0.2);
            assert!((least..=most).contains(&admitted), "{rule:?}: {admitted} a window");
        }
    }
}

#[test]
fn wrong_rules_are_refused_by_name() {
    let second = Duration::from_secs(1);
    let year = second * 86_400 * 365;
    assert_eq!(Rule::bucket(0, second, 1), Err(Error::Zero { limit: 0, period: second }));
    assert_eq!(Rule::bucket(1, second, 0), Err(Error::Zero { limit: 0, period: second }));
    assert_eq!(
        Rule::window(1, Duration::from_nanos(10)),
        Err(Error::Zero { limit: 1, period: Duration::from_nanos(10) })
    );
    assert_eq!(Rule::bucket(1, year, 1_000), Err(Error::TooLarge { burst: 1_000, period: year }));
    assert!(Rule::bucket(1, year, 100).is_ok());
}

#[test]
fn a_clock_that_steps_back_gives_nothing_away() {
    for rule in [Rule::bucket(10, Duration::from_secs(1), 10), Rule::window(10, Duration::from_secs(1))] {
        let rule = rule.unwrap();
        let (mut state, mut admitted) = (None, 0);
        for n in 0..100 {
            let now = Duration::from_secs(if n % 2 == 0 { 100 } else { 5 });
            let (decision, next) = rule.decide(state.as_ref(), 1, now);
            admitted += u32::from(decision.admitted);
            state = next.or(state);
        }
        assert_eq!(admitted, 10, "{rule:?}");
    }
}

#[test]
fn a_state_of_another_rule_counts_for_nothing() {
    let one = Rule::bucket(10, Duration::from_secs(1), 10).unwrap();
    let other = Rule::bucket(10, Duration::from_secs(2), 10).unwrap();
    let window = Rule::window(10, Duration::from_secs(1)).unwrap();
    let state = one.decide(None, 10, Duration::from_secs(1)).1.unwrap();
    assert_eq!(State::from_bytes(&state.to_bytes(&one), &other), None);
    assert_eq!(State::from_bytes(&state.to_bytes(&one), &window), None);
    assert!(window.decide(Some(&state), 10, Duration::from_secs(1)).0.admitted);
}

#[test]
fn states_of_the_end_of_time_are_survived() {
    for (rule, length) in
        [(Rule::bucket(7, Duration::from_secs(1), 9), 16), (Rule::window(50, Duration::from_secs(1)), 12)]
    {
        let rule = rule.unwrap();
        let mut bytes = vec![VERSION];
        bytes.extend(rule.fingerprint().to_be_bytes());
        bytes.extend(vec![0xFF; length]);
        let state = State::from_bytes(&bytes, &rule).unwrap();
        let (decision, _) = rule.decide(Some(&state), 1, Duration::MAX);
        assert!(!decision.admitted, "{rule:?}");
    }
}

/// The layout of version 1, byte by byte.
#[test]
fn the_layout_is_as_it_was() {
    let rule = Rule::bucket(2, Duration::from_secs(1), 2).unwrap();
    let state = rule.decide(None, 1, Duration::from_micros(0x0102)).1.unwrap();
    let bytes = state.to_bytes(&rule);
    assert_eq!(bytes[0], 1);
    assert_eq!(bytes[1..9], rule.fingerprint().to_be_bytes());
    assert_eq!(bytes[9..], [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 0x0F, 0x42, 0x40]);
    assert_eq!(rule.fingerprint(), 7_499_544_630_962_783_824);
}
