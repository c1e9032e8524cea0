//! What the requests of a load say: how many failed, how long answers took before, right after and at the end, and when all was well again.

use std::fmt::Write as _;
use std::ops::Range;
use std::time::Duration;

use super::load::Sample;
use super::trouble::Course;

/// The time right after a trouble.
const AFTER: Duration = Duration::from_secs(1);

/// The percentile of requests that were due within a time; those that failed count with the time that they took.
pub fn percentile(samples: &[Sample], within: &Range<Duration>, share: f64) -> Option<Duration> {
    let mut took: Vec<Duration> =
        samples.iter().filter(|sample| within.contains(&sample.due)).map(|sample| sample.took).collect();
    took.sort_unstable();
    let at = ((took.len() as f64 * share).ceil() as usize).max(1) - 1;
    took.get(at).copied()
}

/// What a trouble cost.
#[derive(Clone, Debug)]
pub struct Cost {
    /// p50 and p99 before it.
    pub before: (Duration, Duration),
    /// From its begin to a second after it was made.
    pub during: (Duration, Duration),
    /// After that.
    pub rest: (Duration, Duration),
    /// From its begin to the end of the last request that failed, or took more than five times of p99 before; none if there is no such.
    pub recovery: Option<Duration>,
}

impl Cost {
    /// Of a course.
    pub fn of(course: &Course) -> Self {
        let (begun, ended) = course.made;
        let both = |within: Range<Duration>| {
            let at = |share| percentile(&course.samples, &within, share).unwrap_or_default();
            (at(0.5), at(0.99))
        };
        let before = both(Duration::ZERO..begun);
        let bound = before.1 * 5;
        let bad = course
            .samples
            .iter()
            .filter(|sample| sample.due + sample.took >= begun && (!sample.is_good() || sample.took > bound));
        let recovery = bad.map(|sample| (sample.due + sample.took).saturating_sub(begun)).max();
        Self {
            before,
            during: both(begun..ended + AFTER),
            rest: both(ended + AFTER..Duration::MAX),
            recovery,
        }
    }
}

/// The head of the table of [`row`]s.
pub const HEAD: &str = "| what happens | requests | failed GET, POST | how | p50, p99 before (ms) | from then to 1 s after | later | well again after |\n|---|---|---|---|---|---|---|---|\n";

/// A row of a table.
pub fn row(course: &Course) -> String {
    let cost = Cost::of(course);
    let (gets, posts) = course.failures();
    let kinds: Vec<String> = course.kinds().iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    let ms = |span: Duration| format!("{:.1}", span.as_secs_f64() * 1e3);
    let both = |(half, most): (Duration, Duration)| format!("{}, {}", ms(half), ms(most));
    let recovery = cost.recovery.map_or_else(|| "-".to_owned(), |span| format!("{} ms", span.as_millis()));
    let mut row = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(
        row,
        "| {} | {} | {gets}, {posts} | {} | {} | {} | {} | {recovery} |",
        course.trouble.name(),
        course.samples.len(),
        if kinds.is_empty() { "-".to_owned() } else { kinds.join("; ") },
        both(cost.before),
        both(cost.during),
        both(cost.rest),
    );
    row
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storm::load::Outcome;
    use crate::storm::trouble::Trouble;

    fn sample(due_ms: u64, took_ms: u64, status: u16) -> Sample {
        Sample {
            due: Duration::from_millis(due_ms),
            took: Duration::from_millis(took_ms),
            is_post: due_ms % 20 == 10,
            outcome: Outcome::Answered(status, String::new()),
        }
    }

    #[test]
    fn costs_are_counted_from_the_trouble_on() {
        let mut samples: Vec<Sample> = (0..400).map(|number| sample(number * 10, 2, 200)).collect();
        // One failed before, which is not the trouble's; one fails, one is slow after it.
        samples[50] = sample(500, 1, 502);
        samples[101] = sample(1_010, 30, 504);
        samples[120] = sample(1_200, 100, 200);
        let made = (Duration::from_secs(1), Duration::from_secs(1));
        let course = Course { trouble: Trouble::Hung, made, samples };
        assert_eq!(course.failures(), (1, 1));
        let cost = Cost::of(&course);
        let ms = Duration::from_millis;
        assert_eq!((cost.before, cost.rest), ((ms(2), ms(2)), (ms(2), ms(2))));
        assert_eq!((cost.during.0, cost.during.1), (ms(2), ms(30)));
        assert_eq!(cost.recovery, Some(ms(300)));
        assert!(row(&course).contains("| 400 | 1, 1 | 1 GET 502 ; 1 POST 504  |"), "{}", row(&course));
        assert_eq!(percentile(&course.samples, &(ms(0)..ms(0)), 0.5), None);
    }
}
