//! The scenarios: which hosts there are, what happens to them, and how requests come.

use bole_edge_core::Random;
use bole_edge_core::balance::SlowStart;
use std::time::Duration;

/// How long hosts work on requests; the mean is [`MEAN_MS`] in each case.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Durations {
    /// Exponential: many short, some long.
    Exponential,
    /// Bounded Pareto with exponent 1.3, up to a thousand times the shortest: most are short, a few take seconds.
    HeavyTail,
}

/// The mean duration in milliseconds.
pub(super) const MEAN_MS: f64 = 10.0;

/// What happens to some hosts when the trouble begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// It takes ten times as long.
    Slow,
    /// It answers with an error after a millisecond.
    Failing,
    /// Every other request is answered so.
    HalfFailing,
    /// Each five seconds another host is replaced by a new one that takes four times as long in its first five seconds.
    Churn,
}

/// One scenario.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// In file names and options.
    pub name: &'static str,
    /// In headings.
    pub title: &'static str,
    /// What it is, in a sentence or two.
    pub about: &'static str,
    /// Requests that each host works on at a time.
    pub workers: &'static [usize],
    /// Whether balancers know the hosts' sizes as weights.
    pub sized: bool,
    /// The arrivals, as a part of what all hosts can do in good order.
    pub load: f64,
    /// How long requests take.
    pub durations: Durations,
    /// What happens.
    pub trouble: Trouble,
    /// To how many hosts, from the first on.
    pub troubled: usize,
    /// Balancers that each see their part of the requests.
    pub gateways: usize,
    /// Whether outliers are ejected.
    pub ejection: bool,
    /// How new hosts begin.
    pub slow_start: SlowStart,
}

const TEN: &[usize] = &[4; 10];
const PLAIN: Scenario = Scenario {
    name: "even",
    title: "Ten equal hosts",
    about: "Nothing is wrong. 80 % of what the hosts can do.",
    workers: TEN,
    sized: false,
    load: 0.8,
    durations: Durations::Exponential,
    trouble: Trouble::None,
    troubled: 1,
    gateways: 1,
    ejection: false,
    slow_start: SlowStart::OFF,
};
const WARM: SlowStart = SlowStart { window: Duration::from_secs(5), aggression: 1.0, least: 0.1 };

const SCENARIOS: &[Scenario] = &[
    PLAIN,
    Scenario {
        name: "slow",
        title: "One slow host in ten",
        about: "One host takes ten times as long. 70 % load.",
        load: 0.7,
        trouble: Trouble::Slow,
        ..PLAIN
    },
    Scenario {
        name: "slow-many-gateways",
        title: "One slow host in ten, seen by eight gateways",
        about: "As before, but each of eight balancers sees an eighth of the requests and nothing of the others'.",
        load: 0.7,
        trouble: Trouble::Slow,
        gateways: 8,
        ..PLAIN
    },
    Scenario {
        name: "failing",
        title: "One failing host in ten",
        about: "One host answers with an error after 1 ms. Nobody is ejected. 70 % load.",
        load: 0.7,
        trouble: Trouble::Failing,
        ..PLAIN
    },
    Scenario {
        name: "failing-ejected",
        title: "One failing host in ten, with outlier ejection",
        about: "As before, with the default outlier detection.",
        load: 0.7,
        trouble: Trouble::Failing,
        ejection: true,
        ..PLAIN
    },
    Scenario {
        name: "failing-two-ejected",
        title: "Two failing hosts in ten, with outlier ejection",
        about: "Two hosts answer with an error after 1 ms. With the default outlier detection. 70 % load.",
        load: 0.7,
        trouble: Trouble::Failing,
        troubled: 2,
        ejection: true,
        ..PLAIN
    },
    Scenario {
        name: "half-failing",
        title: "One host in ten fails every other request",
        about: "It answers half of its requests with an error after 1 ms, so there are few rows of failures. With the \
                    default outlier detection. 70 % load.",
        load: 0.7,
        trouble: Trouble::HalfFailing,
        ejection: true,
        ..PLAIN
    },
    Scenario {
        name: "unequal",
        title: "Unequal hosts, sizes unknown",
        about: "Three hosts with 2 workers, four with 4, three with 8; all have weight 1. 70 % load.",
        workers: &[2, 2, 2, 4, 4, 4, 4, 8, 8, 8],
        load: 0.7,
        ..PLAIN
    },
    Scenario {
        name: "unequal-weighted",
        title: "Unequal hosts, sizes known",
        about: "The same hosts with their workers as weights. 70 % load.",
        workers: &[2, 2, 2, 4, 4, 4, 4, 8, 8, 8],
        sized: true,
        load: 0.7,
        ..PLAIN
    },
    Scenario {
        name: "heavy-tail",
        title: "Heavy-tailed durations",
        about: "Equal hosts; most requests take 3 ms, a few take seconds. 60 % load.",
        load: 0.6,
        durations: Durations::HeavyTail,
        ..PLAIN
    },
    Scenario {
        name: "churn",
        title: "Hosts come and go, cold",
        about: "Each 5 s a host is replaced by a new one, which takes four times as long in its first 5 s. 60 % load.",
        load: 0.6,
        trouble: Trouble::Churn,
        ..PLAIN
    },
    Scenario {
        name: "churn-slow-start",
        title: "Hosts come and go, cold, with slow start",
        about: "The same with a slow start of 5 s from a tenth of the weight.",
        load: 0.6,
        trouble: Trouble::Churn,
        slow_start: WARM,
        ..PLAIN
    },
];

/// All scenarios.
pub fn scenarios() -> &'static [Scenario] {
    SCENARIOS
}

impl Durations {
    /// Draws a duration in nanoseconds.
    pub fn draw(self, random: &mut Random) -> f64 {
        let uniform = 1.0 - random.unit();
        let ms = match self {
            Self::Exponential => -uniform.ln() * MEAN_MS,
            Self::HeavyTail => {
                // The inverse of the bounded Pareto distribution from 1 to `RANGE`, scaled to the mean.
                const ALPHA: f64 = 1.3;
                const RANGE: f64 = 1_000.0;
                let tail = RANGE.powf(-ALPHA);
                let unscaled = (tail + uniform * (1.0 - tail)).powf(-1.0 / ALPHA);
                let mean = ALPHA / (ALPHA - 1.0) * (1.0 - RANGE.powf(1.0 - ALPHA)) / (1.0 - tail);
                unscaled / mean * MEAN_MS
            }
        };
        ms * 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_their_mean() {
        for (durations, allowed) in [(Durations::Exponential, 0.05), (Durations::HeavyTail, 0.5)] {
            let mut random = Random::new(1);
            let drawn: f64 = (0..1_000_000).map(|_| durations.draw(&mut random)).sum();
            let mean = drawn / 1_000_000.0 / 1e6;
            assert!((mean - MEAN_MS).abs() < allowed, "{durations:?}: {mean} ms");
        }
    }

    #[test]
    fn names_are_unique() {
        let names: std::collections::BTreeSet<_> = scenarios().iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), scenarios().len());
    }
}
