//! Outlier ejection: who answers live requests much worse than it should, or than its neighbours do, gets none for a
//! while. The rules are Envoy's: failures in a row, gateway errors in a row, a success rate far below the mean, a share of
//! failures; each ejection is longer than the last; only a part of all may be ejected.
//!
//! Answers are counted in a [`Tally`] of atomics, one a target, without a lock. Only when a tally says that a row is
//! full, and in the sweep, does the [`Detector`] decide.

use crate::Random;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// When a target is ejected and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Failures in a row, of any kind; 0 for never.
    pub consecutive_failures: u32,
    /// Gateway errors in a row; 0 for never.
    pub consecutive_gateway_errors: u32,
    /// Between two sweeps, in which rates are compared.
    pub interval: Duration,
    /// Targets with fewer answers in an interval are not judged by rate.
    pub answers_min: u32,
    /// With fewer targets that can be judged nobody is compared.
    pub targets_min: usize,
    /// Ejected is whose success rate is below the mean by so many standard deviations; 0 for nobody.
    pub deviations: f64,
    /// Ejected is whose share of failures reaches this; above 1 for nobody.
    pub failure_share: f64,
    /// How long the first ejection lasts; the n-th lasts n times as long.
    pub ejection_base: Duration,
    /// How long one lasts at most.
    pub ejection_max: Duration,
    /// How much ejections vary, so that not all come back at once.
    pub jitter: f64,
    /// The part of all targets that may be ejected at a time; one always may.
    pub ejected_max: f64,
}

impl Default for Settings {
    /// Envoy's, but three in ten may be ejected, not one: with two failing hosts of ten one too many would go on failing.
    fn default() -> Self {
        Self {
            consecutive_failures: 5,
            consecutive_gateway_errors: 5,
            interval: Duration::from_secs(10),
            answers_min: 100,
            targets_min: 5,
            deviations: 1.9,
            failure_share: 0.85,
            ejection_base: Duration::from_secs(30),
            ejection_max: Duration::from_mins(5),
            jitter: 0.1,
            ejected_max: 0.3,
        }
    }
}

/// How a request went, as far as its target is to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Well; an error that is the client's as well.
    Good,
    /// The target answered that it failed.
    Failure,
    /// The target could not be reached, did not answer in time, or said so of what is behind it (502, 503, 504).
    GatewayError,
}

/// Counts one target's answers.
#[derive(Debug, Default)]
pub struct Tally {
    failures_in_a_row: AtomicU32,
    gateway_errors_in_a_row: AtomicU32,
    good: AtomicU32,
    bad: AtomicU32,
}

impl Tally {
    /// Counts an answer. `true` if a row has just become full: the detector should look.
    pub fn count(&self, answer: Answer, settings: &Settings) -> bool {
        if answer == Answer::Good {
            self.good.fetch_add(1, Ordering::Relaxed);
            // Not written where it is zero: the line stays shared between cores while all is well.
            for row in [&self.failures_in_a_row, &self.gateway_errors_in_a_row] {
                if row.load(Ordering::Relaxed) != 0 {
                    row.store(0, Ordering::Relaxed);
                }
            }
            return false;
        }
        self.bad.fetch_add(1, Ordering::Relaxed);
        let failures = self.failures_in_a_row.fetch_add(1, Ordering::Relaxed) + 1;
        let gateway = if answer == Answer::GatewayError {
            self.gateway_errors_in_a_row.fetch_add(1, Ordering::Relaxed) + 1
        } else {
            self.gateway_errors_in_a_row.store(0, Ordering::Relaxed);
            0
        };
        let full = |count: u32, limit: u32| limit > 0 && count > 0 && count.is_multiple_of(limit);
        full(failures, settings.consecutive_failures) || full(gateway, settings.consecutive_gateway_errors)
    }

    fn restart_rows(&self) {
        self.failures_in_a_row.store(0, Ordering::Relaxed);
        self.gateway_errors_in_a_row.store(0, Ordering::Relaxed);
    }

    /// Good and bad answers since the last call.
    fn take(&self) -> (u32, u32) {
        (self.good.swap(0, Ordering::Relaxed), self.bad.swap(0, Ordering::Relaxed))
    }
}

/// One target's ejections.
#[derive(Clone, Debug, Default)]
pub struct Record {
    tally: Arc<Tally>,
    /// When the ejection ends, if there is one.
    until: Option<Duration>,
    /// How many ejections the next one's length counts; falls again with each sweep in good order.
    times: u32,
}

impl Record {
    /// Where answers are counted.
    pub fn tally(&self) -> &Arc<Tally> {
        &self.tally
    }

    /// When the ejection ends, if there is one.
    pub fn ejected_until(&self) -> Option<Duration> {
        self.until
    }

    fn eject(&mut self, settings: &Settings, now: Duration, random: &mut Random) {
        self.times += 1;
        let length = settings.ejection_base.saturating_mul(self.times).min(settings.ejection_max);
        self.until = Some(now + random.jittered(length, settings.jitter));
        self.tally.restart_rows();
    }
}

/// Decides over the records of one set of targets. Which record is whose is its caller's.
#[derive(Clone, Debug, Default)]
pub struct Detector {
    swept_at: Duration,
}

impl Detector {
    /// A detector whose first interval begins at `now`.
    pub fn new(now: Duration) -> Self {
        Self { swept_at: now }
    }

    /// A row of `index` is full: ejects it, unless it is ejected already or too many are. `true` if it did.
    pub fn tripped(
        records: &mut [&mut Record],
        index: usize,
        settings: &Settings,
        now: Duration,
        random: &mut Random,
    ) -> bool {
        let ejected = records.iter().filter(|record| record.until.is_some()).count();
        let room = ((records.len() as f64 * settings.ejected_max) as usize).max(1);
        if records[index].until.is_some() || ejected >= room {
            return false;
        }
        records[index].eject(settings, now, random);
        true
    }

    /// Ends ejections whose time is over and, once an interval, compares rates. Tells whose state changed, in order.
    pub fn sweep(
        &mut self,
        records: &mut [&mut Record],
        settings: &Settings,
        now: Duration,
        random: &mut Random,
    ) -> Vec<usize> {
        let mut changed = Vec::new();
        for (index, record) in records.iter_mut().enumerate() {
            if record.until.is_some_and(|until| until <= now) {
                record.until = None;
                record.tally.take();
                changed.push(index);
            }
        }
        if now.saturating_sub(self.swept_at) < settings.interval {
            return changed;
        }
        self.swept_at = now;
        for (index, worst) in judge(records, settings) {
            if worst && Self::tripped(records, index, settings, now, random) {
                changed.push(index);
            } else if !worst && records[index].until.is_none() {
                records[index].times = records[index].times.saturating_sub(1);
            }
        }
        changed.sort_unstable();
        changed.dedup();
        changed
    }
}

/// Each record's verdict for the interval that ends: whether it should be ejected. The worst come first, because not
/// all may be.
fn judge(records: &mut [&mut Record], settings: &Settings) -> Vec<(usize, bool)> {
    let success = |record: &&mut Record| {
        let (good, bad) = record.tally.take();
        let enough = record.until.is_none() && good + bad >= settings.answers_min.max(1);
        enough.then(|| f64::from(good) / f64::from(good + bad))
    };
    let rates: Vec<Option<f64>> = records.iter().map(success).collect();
    let known: Vec<f64> = rates.iter().flatten().copied().collect();
    let mean = known.iter().sum::<f64>() / known.len() as f64;
    let variance = known.iter().map(|rate| (rate - mean).powi(2)).sum::<f64>() / known.len() as f64;
    let comparable = settings.deviations > 0.0 && known.len() >= settings.targets_min;
    let floor = if comparable { mean - settings.deviations * variance.sqrt() } else { f64::NEG_INFINITY };
    let is_bad = |rate: f64| rate < floor || 1.0 - rate >= settings.failure_share;
    let mut verdicts: Vec<(usize, Option<f64>)> = rates.into_iter().enumerate().collect();
    verdicts.sort_by(|(_, one), (_, other)| {
        let order = |rate: &Option<f64>| rate.unwrap_or(f64::INFINITY);
        order(one).total_cmp(&order(other))
    });
    verdicts.into_iter().map(|(index, rate)| (index, rate.is_some_and(is_bad))).collect()
}

#[cfg(test)]
mod tests;
