//! When something is done: pure, in seconds since 1970. Randomness comes in as a `roll` in 0..1, so that many gateways do not ask at the same time.

use crate::error::Failure;
use crate::limits;
use std::time::Duration;

/// Pauses double with each failure, from the first to the last of these.
const UNREACHED: (Duration, Duration) = (Duration::from_secs(5), Duration::from_hours(1));
/// A refused try counts against the account: public authorities bound them at a few an hour.
const REFUSED: (Duration, Duration) = (Duration::from_mins(1), Duration::from_hours(6));

/// When a certificate is renewed of which the authority says nothing: after two thirds of its life, or up to a fiftieth of it earlier.
pub fn two_thirds((not_before, not_after): (i64, i64), roll: f64) -> i64 {
    let life = not_after.saturating_sub(not_before).max(0);
    let early = (life as f64 / 50.0 * roll) as i64;
    not_before.saturating_add(life / 3 * 2).saturating_sub(early)
}

/// When it is renewed if the authority suggests a time from `start` to `end` (RFC 9773, section 4.2). The last twelfth of its life is for tries that
/// fail: a suggestion of a time in there is none.
pub fn suggested((start, end): (i64, i64), (not_before, not_after): (i64, i64), roll: f64) -> Option<i64> {
    let life = not_after.saturating_sub(not_before).max(0);
    let last = not_before.saturating_add(life / 12 * 11);
    (start < end && start < last).then(|| {
        let end = end.min(last);
        start.saturating_add((end.saturating_sub(start) as f64 * roll) as i64)
    })
}

/// How long is waited after a failure that is the `failures`th in a row.
pub fn pause(failure: &Failure, failures: u32, roll: f64) -> Duration {
    let (first, last) = match failure {
        Failure::Unreached(_) | Failure::Here(_) => UNREACHED,
        Failure::Refused { .. } => REFUSED,
    };
    let doubled = first.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(last);
    let spread = doubled.mul_f64(0.75 + roll / 2.0);
    match failure {
        Failure::Refused { retry_after: Some(wanted), .. } => {
            let wanted = (*wanted).min(limits::RETRY_AFTER_MAX);
            spread.max(wanted.mul_f64(1.0 + roll / 20.0))
        }
        _ => spread,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    #[test]
    fn certificates_are_renewed_in_time() {
        assert_eq!(two_thirds((0, 90 * DAY), 0.0), 60 * DAY);
        for roll in [0.0, 0.5, 0.999] {
            let at = two_thirds((0, 90 * DAY), roll);
            assert!((58 * DAY..=60 * DAY).contains(&at), "{at}");
            let at = two_thirds((1_000, 1_060), roll);
            assert!((1_038..=1_040).contains(&at), "of a minute: {at}");
        }
        assert_eq!(two_thirds((10, 5), 0.5), 10, "what ends before it begins is renewed at once");
    }

    #[test]
    fn suggestions_are_followed_if_they_leave_time() {
        for (window, roll, expected) in [
            ((10, 20), 0.0, Some(10)),
            ((10, 20), 0.5, Some(15)),
            ((10, 200), 1.0, Some(110)),
            ((110, 200), 0.5, None),
            ((20, 10), 0.5, None),
            ((-50, -40), 0.5, Some(-45)),
            ((i64::MIN, i64::MAX), 0.0, Some(i64::MIN)),
        ] {
            assert_eq!(suggested(window, (0, 120), roll), expected, "{window:?}");
        }
    }

    #[test]
    fn pauses_grow_to_a_bound_and_authorities_have_their_say() {
        let seconds = |failure: &Failure, failures, roll| pause(failure, failures, roll).as_secs_f64();
        let unreached = Failure::Unreached(String::new());
        let refused = |retry_after: Option<u64>| Failure::Refused {
            text: String::new(),
            retry_after: retry_after.map(Duration::from_secs),
        };
        for (failure, failures, roll, expected) in [
            (&unreached, 1, 0.5, 5.0),
            (&unreached, 2, 0.5, 10.0),
            (&unreached, 1, 0.0, 3.75),
            (&unreached, 100, 0.5, 3_600.0),
            (&refused(None), 1, 0.5, 60.0),
            (&refused(None), 4, 0.5, 480.0),
            (&refused(None), u32::MAX, 0.5, 21_600.0),
            (&refused(Some(7_200)), 1, 0.0, 7_200.0),
            (&refused(Some(7_200)), 1, 1.0, 7_560.0),
            (&refused(Some(1)), 1, 0.5, 60.0),
            (&refused(Some(1 << 40)), 1, 0.0, 691_200.0),
        ] {
            let got = seconds(failure, failures, roll);
            assert!((got - expected).abs() < 0.01, "{failure:?} {failures}: {got}");
        }
    }
}
