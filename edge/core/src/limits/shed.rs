//! Load shedding by priority, after DAGOR (Zhou et al., 2018): while requests wait too long for their turn, the least
//! important are refused at the door, before they cost anything.
//!
//! A bar lies at some priority: what is more important passes. Each interval it moves. With overload it is set to where 5 %
//! fewer would have passed than were worked on, without to where 1 % more would have than could: down at once, up
//! slowly. How many ask at each priority is known from the interval itself, so the bar jumps to the right place and does
//! not search for it; and while a queue drains, what is worked on stays what it was, so the bar does not fall further.

use std::time::Duration;

/// Priorities are 0, the most important, to 63.
pub const PRIORITIES: usize = 64;

/// When there is overload and how it is answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How long the bar stays where it is.
    pub interval: Duration,
    /// An interval with more requests than this ends early.
    pub requests_max: u64,
    /// Overload is when requests wait longer than this on average before they are worked on.
    pub wait: Duration,
    /// How much less than what is worked on an overload lets in, as a part of it.
    pub fall: f64,
    /// How much more a quiet interval lets in, as a part of what it did.
    pub rise: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(1),
            requests_max: 2_000,
            wait: Duration::from_millis(20),
            fall: 0.05,
            rise: 0.01,
        }
    }
}

/// Decides who is let in. One owner, or a short lock.
#[derive(Clone, Debug)]
pub struct Shedder {
    settings: Settings,
    /// Up to this priority all pass.
    bar: usize,
    /// Of the next priority, so many of 1,024 pass.
    part: u32,
    asked: [u64; PRIORITIES],
    /// How many might have passed in the last interval.
    allowed: f64,
    /// The sum and the number of the waits of this interval.
    waited: (Duration, u32),
    began: Duration,
}

impl Shedder {
    /// One that lets all pass.
    pub fn new(settings: Settings, now: Duration) -> Self {
        let waited = (Duration::ZERO, 0);
        let (asked, allowed) = ([0; PRIORITIES], f64::INFINITY);
        Self { settings, bar: PRIORITIES, part: 0, asked, allowed, waited, began: now }
    }

    /// Whether a request of this priority passes. `ticket` divides those at the bar: a hash of the user, so that one user's
    /// requests fare alike, or a random number.
    pub fn admit(&mut self, priority: u8, ticket: u64, now: Duration) -> bool {
        let priority = usize::from(priority).min(PRIORITIES - 1);
        self.asked[priority] += 1;
        let at_bar = priority == self.bar && (ticket >> 54) < u64::from(self.part);
        let passes = priority < self.bar || at_bar;
        let over = now.saturating_sub(self.began) >= self.settings.interval;
        if over || self.asked.iter().sum::<u64>() >= self.settings.requests_max {
            self.move_bar(now);
        }
        passes
    }

    /// A request begins to be worked on, after it waited so long.
    pub fn waited(&mut self, wait: Duration) {
        self.waited.0 += wait;
        self.waited.1 += 1;
    }

    /// The priority from which on requests are refused; [`PRIORITIES`] if none are.
    pub fn bar(&self) -> usize {
        self.bar
    }

    fn move_bar(&mut self, now: Duration) {
        let (sum, count) = self.waited;
        let asked = self.asked.iter().sum::<u64>() as f64;
        self.allowed = if count > 0 && sum / count > self.settings.wait {
            f64::from(count) * (1.0 - self.settings.fall)
        } else {
            // One more in any case, or a bar at the bottom would stay there.
            self.allowed.min(asked) * (1.0 + self.settings.rise) + 1.0
        };
        let mut left = self.allowed;
        (self.bar, self.part) = (PRIORITIES, 0);
        for (priority, asked) in self.asked.iter().enumerate() {
            if *asked as f64 > left {
                (self.bar, self.part) = (priority, (left / *asked as f64 * 1_024.0) as u32);
                break;
            }
            left -= *asked as f64;
        }
        self.asked = [0; PRIORITIES];
        self.waited = (Duration::ZERO, 0);
        self.began = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Random;
    use std::collections::VecDeque;

    /// A server that does 1,000 requests a second, first come first served, asked `rate` times a second with priorities
    /// 0 to 9 alike. Shares admitted by priority in the last half, the longest wait there.
    fn drive(rate: u64, seconds: u64) -> ([f64; 10], Duration) {
        let mut shedder = Shedder::new(Settings::default(), Duration::ZERO);
        let mut random = Random::new(5);
        let (mut free_at, mut longest) = (Duration::ZERO, Duration::ZERO);
        let mut queue = VecDeque::new();
        let (mut asked, mut passed) = ([0.0; 10], [0.0; 10]);
        for n in 0..rate * seconds {
            let now = Duration::from_secs_f64(n as f64 / rate as f64);
            let priority = random.below(10);
            let passes = shedder.admit(priority as u8, random.bits(), now);
            let late = n > rate * seconds / 2;
            while queue.front().is_some_and(|(begins, _)| *begins <= now) {
                let (_, wait) = queue.pop_front().unwrap();
                shedder.waited(wait);
                longest = if late { longest.max(wait) } else { longest };
            }
            if passes {
                queue.push_back((free_at.max(now), free_at.saturating_sub(now)));
                free_at = free_at.max(now) + Duration::from_millis(1);
            }
            asked[priority] += f64::from(u8::from(late));
            passed[priority] += f64::from(u8::from(late && passes));
        }
        (std::array::from_fn(|priority| passed[priority] / asked[priority]), longest)
    }

    #[test]
    fn the_important_pass_and_the_wait_stays_short() {
        for (rate, safe, lost) in [(900, 10, 10), (1_500, 6, 7), (2_000, 4, 6), (5_000, 1, 4)] {
            let (shares, longest) = drive(rate, 120);
            // All but the bar's own movement.
            assert!(shares[..safe].iter().all(|share| *share > 0.93), "{rate}: {shares:?}");
            assert!(shares[lost..].iter().all(|share| *share < 0.10), "{rate}: {shares:?}");
            assert!(longest < Duration::from_millis(500), "{rate}: {longest:?}");
        }
    }

    #[test]
    fn the_bar_rises_again_when_the_load_is_gone() {
        let mut shedder = Shedder::new(Settings { fall: 0.5, ..Settings::default() }, Duration::ZERO);
        let mut now = Duration::ZERO;
        for _ in 0..20_000 {
            now += Duration::from_millis(1);
            shedder.admit(7, 1 << 60, now);
            shedder.waited(Duration::from_secs(1));
        }
        assert!(shedder.bar() <= 7);
        let mut passed_at = None;
        for n in 0..2_000_000_u64 {
            now += Duration::from_millis(1);
            if shedder.admit(7, u64::MAX, now) && passed_at.is_none() {
                passed_at = Some(n);
            }
        }
        assert!(shedder.bar() > 7 && passed_at.is_some(), "{}", shedder.bar());
    }
}
