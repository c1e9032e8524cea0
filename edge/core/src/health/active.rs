//! Active checks: a target goes up after `rise` good probes in a row and down after `fall` bad ones. Intervals are
//! jittered, so that a hundred targets are not probed at the same moment, nor one target by all nodes.
//!
//! At the start nothing is known. `start` says how such a target is treated; the first probe, which is due at once (within
//! a tenth of the interval), then decides alone. Who begins with everybody down, as some DNS servers do, answers with
//! nothing for the first seconds of each restart.

use crate::Random;
use std::time::Duration;

/// How a target is checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Between two probes of a target that is up.
    pub interval: Duration,
    /// Between two probes of a target that is down, or whose last probe disagreed with its state.
    pub interval_doubtful: Duration,
    /// How much intervals vary, as a part of themselves: 0 to 1.
    pub jitter: f64,
    /// Good probes in a row that take a target up; at least 1.
    pub rise: u32,
    /// Bad probes in a row that take it down; at least 1.
    pub fall: u32,
    /// Whether a target counts as up before its first probe.
    pub start_up: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(5),
            interval_doubtful: Duration::from_secs(1),
            jitter: 0.1,
            rise: 2,
            fall: 3,
            start_up: true,
        }
    }
}

/// What is known of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// No probe has ended yet.
    Unknown,
    /// It answers.
    Up,
    /// It does not.
    Down,
}

/// The checks of one target.
#[derive(Clone, Debug)]
pub struct Check {
    state: State,
    /// Probes in a row that disagree with the state.
    against: u32,
    due_at: Duration,
    under_way: bool,
}

impl Check {
    /// A check whose first probe is due within a tenth of the interval after `now`.
    pub fn new(settings: &Settings, now: Duration, random: &mut Random) -> Self {
        let due_at = now + settings.interval.mul_f64(0.1 * random.unit());
        Self { state: State::Unknown, against: 0, due_at, under_way: false }
    }

    /// What is known.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether the target counts as up.
    pub fn is_up(&self, settings: &Settings) -> bool {
        match self.state {
            State::Unknown => settings.start_up,
            State::Up => true,
            State::Down => false,
        }
    }

    /// When the next probe is due; `None` while one is under way.
    pub fn due_at(&self) -> Option<Duration> {
        (!self.under_way).then_some(self.due_at)
    }

    /// Begins a probe if one is due. It must be answered by [`Check::probed`]; a timeout is a bad probe.
    pub fn begin(&mut self, now: Duration) -> bool {
        let due = !self.under_way && self.due_at <= now;
        self.under_way |= due;
        due
    }

    /// A probe ended. `true` if the state changed.
    pub fn probed(&mut self, good: bool, settings: &Settings, now: Duration, random: &mut Random) -> bool {
        let before = self.state;
        let agrees = (before == State::Up && good) || (before == State::Down && !good);
        self.against = if agrees { 0 } else { self.against + 1 };
        let needed = match before {
            State::Unknown => 1,
            State::Up => settings.fall,
            State::Down => settings.rise,
        };
        if self.against >= needed {
            self.state = if good { State::Up } else { State::Down };
            self.against = 0;
        }
        let settled = self.state == State::Up && self.against == 0;
        let interval = if settled { settings.interval } else { settings.interval_doubtful };
        self.due_at = now + random.jittered(interval, settings.jitter);
        self.under_way = false;
        self.state != before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probes as `+` and `-`, states after each as `?`, `U` and `D`.
    fn check(probes: &str, expected: &str) {
        let (settings, mut random) = (Settings::default(), Random::new(1));
        let mut check = Check::new(&settings, Duration::ZERO, &mut random);
        let mut now = Duration::ZERO;
        let mut states = String::new();
        for probe in probes.chars() {
            now = check.due_at().unwrap();
            assert!(check.begin(now) && check.due_at().is_none() && !check.begin(now));
            let before = check.state();
            let changed = check.probed(probe == '+', &settings, now, &mut random);
            assert_eq!(changed, before != check.state());
            states.push(match check.state() {
                State::Unknown => '?',
                State::Up => 'U',
                State::Down => 'D',
            });
        }
        assert_eq!(states, expected, "{probes}");
        assert!(!check.begin(now), "the next probe is not due at once");
    }

    #[test]
    fn rise_and_fall_are_counted_in_a_row() {
        for (probes, expected) in [
            ("+", "U"),
            ("-", "D"),
            ("+---", "UUUD"),
            ("+--+--+---", "UUUUUUUUUD"),
            ("-++", "DDU"),
            ("-+-+-++", "DDDDDDU"),
            ("+---++---", "UUUDDUUUD"),
        ] {
            check(probes, expected);
        }
    }

    #[test]
    fn the_start_is_as_it_was_chosen() {
        let mut random = Random::new(3);
        for start_up in [true, false] {
            let settings = Settings { start_up, ..Settings::default() };
            let mut check = Check::new(&settings, Duration::from_secs(9), &mut random);
            assert_eq!((check.state(), check.is_up(&settings)), (State::Unknown, start_up));
            assert!(check.due_at().unwrap() <= Duration::from_millis(9_500));
            check.probed(!start_up, &settings, Duration::from_secs(10), &mut random);
            assert_eq!(check.is_up(&settings), !start_up);
        }
    }

    #[test]
    fn intervals_are_jittered_and_short_in_doubt() {
        let (settings, mut random) = (Settings::default(), Random::new(3));
        let mut check = Check::new(&settings, Duration::ZERO, &mut random);
        let mut wait = |good| {
            check.probed(good, &settings, Duration::ZERO, &mut random);
            check.due_at().unwrap()
        };
        let settled: Vec<_> = (0..100).map(|_| wait(true)).collect();
        assert!(settled.iter().all(|wait| (4_500..=5_500).contains(&wait.as_millis())));
        assert!(settled.iter().max().unwrap().as_millis() - settled.iter().min().unwrap().as_millis() > 500);
        assert!((900..=1_100).contains(&wait(false).as_millis()), "one bad probe");
    }
}
